"""Log-probabilities from a local network: the sequels of a prompt in one pass over their tree. torch is imported here.

Every token is read once: a position-wise 4D mask lets a node see the trunk and its own ancestors only. Prompts that
begin alike (a few-shot header, a system prompt) share one key-value cache of that beginning. Log-softmax is always
computed in float32, whatever the precision of the weights.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from shipworthy.models._likelihood import NO_PARENT, Score, Sequel, Target, Tree, grow, shared_tokens

WORTH_A_CACHE = 16
"""Shared tokens from which on a key-value cache pays for its own pass and its copies."""
PADDED_TOKENS = {"cpu": 768, "cuda": 16_384}
"""At most so many tokens, padding included, are read in one pass (a single longer prompt passes alone). What fits a
processor's cache is fastest there: 768 needed a fifth less than 4,096 with the demo's model."""
AGREES = {"float32": 1e-3, "bfloat16": 0.2, "float16": 0.05}
"""How far two ways to score may lie apart, nats a token, before the faster one is not believed."""

Groups = Sequence[Sequence[Sequel]]
"""Sequels by prompt."""

Way = Callable[[Any, Groups], list[list[Score]]]
"""(network, sequels by prompt) -> their scores, in the same order."""


def way_for(network: Any, dtype: str) -> tuple[Way, str]:
    """The fastest way to score that is right for this network, and its name: `tree` or `plain`.

    Some architectures take no positions or no 4D mask (ALiBi, state spaces, some attention kernels). A probe decides:
    both ways score one prompt with options, and must agree.
    """
    if _trees_agree(network, AGREES[dtype]):
        return (lambda network, groups: _in_batches(network, groups, _tree_or_plain)), "tree"
    return (lambda network, groups: _in_batches(network, groups, plain_scores)), "plain"


def _tree_or_plain(network: Any, groups: Groups) -> list[list[Score]]:
    """A tree where there is anything to share."""
    alone = all(len(group) == 1 for group in groups)
    if alone and shared_tokens([grow(group) for group in groups]) < WORTH_A_CACHE:
        return plain_scores(network, groups)
    return tree_scores(network, groups)


def plain_scores(network: Any, groups: Groups) -> list[list[Score]]:
    """Each sequel with its whole prompt, padded at the end: nothing shared. What any causal network can do."""
    import torch

    rows = [sequel for group in groups for sequel in group]
    width = max(len(row.ids) for row in rows) - 1
    first = min(row.start for row in rows) - 1
    ids = torch.zeros((len(rows), width), dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for at, row in enumerate(rows):
        ids[at, : len(row.ids) - 1] = torch.tensor(row.ids[:-1])
        mask[at, : len(row.ids) - 1] = 1
    with torch.inference_mode():
        logits = network(
            input_ids=ids.to(network.device),
            attention_mask=mask.to(network.device),
            use_cache=False,
            logits_to_keep=width - first,
        ).logits
    targets = [[Target(at - 1 - first, row.ids[at]) for at in range(row.start, len(row.ids))] for row in rows]
    scores = iter(_read(logits, [[wanted] for wanted in targets]))
    return [[next(scores)[0] for _ in group] for group in groups]


def tree_scores(network: Any, groups: Groups) -> list[list[Score]]:
    """The sequels of each prompt as one row: the trunk, padded in front, then the nodes, padded behind."""
    import torch

    trees = [grow(group) for group in groups]
    shared = shared_tokens(trees)
    if shared < WORTH_A_CACHE or len(trees) == 1:
        shared = 0
    ids, positions, mask, nodes = _packed(trees, shared, network)
    with torch.inference_mode():
        past = {}
        if shared:
            trunk = torch.tensor([trees[0].trunk[:shared]], device=network.device)
            cache = network(input_ids=trunk, use_cache=True, logits_to_keep=1).past_key_values
            cache.batch_repeat_interleave(len(trees))
            past = {"past_key_values": cache}
        logits = network(
            input_ids=ids,
            position_ids=positions,
            attention_mask=mask,
            use_cache=bool(shared),
            logits_to_keep=nodes + 1,
            **past,
        ).logits
    return _read(logits, [tree.targets for tree in trees])


def _packed(trees: Sequence[Tree], shared: int, network: Any) -> tuple[Any, Any, Any, int]:
    """(B, T) ids and positions, the (B, 1, T, shared + T) additive mask, and how many columns the nodes have."""
    import numpy as np
    import torch

    trunk = max(len(tree.trunk) for tree in trees) - shared
    nodes = max(len(tree.tokens) for tree in trees)
    width = trunk + nodes
    ids = np.zeros((len(trees), width), dtype=np.int64)
    positions = np.zeros((len(trees), width), dtype=np.int64)
    seen = np.zeros((len(trees), width, shared + width), dtype=bool)
    own = np.arange(width)
    seen[:, own, shared + own] = True  # a padded place sees itself: a softmax over nothing is NaN
    causal = np.tri(trunk, dtype=bool)
    for row, tree in enumerate(trees):
        begin, depth = trunk - (len(tree.trunk) - shared), len(tree.trunk)
        ids[row, begin:trunk] = tree.trunk[shared:]
        positions[row, begin:trunk] = np.arange(shared, depth)
        seen[row, begin:, :shared] = True
        seen[row, begin:trunk, shared + begin : shared + trunk] = causal[begin:, begin:]
        ids[row, trunk : trunk + len(tree.tokens)] = tree.tokens
        for node, parent in enumerate(tree.parents):
            at = trunk + node
            if parent == NO_PARENT:
                positions[row, at] = depth
                seen[row, at, shared + begin : shared + trunk] = True
            else:
                positions[row, at] = positions[row, trunk + parent] + 1
                seen[row, at, shared + begin :] |= seen[row, trunk + parent, shared + begin :]
    dtype = network.dtype
    mask = torch.zeros(seen.shape, dtype=dtype).masked_fill_(torch.from_numpy(~seen), torch.finfo(dtype).min)
    device = network.device
    return (
        torch.from_numpy(ids).to(device),
        torch.from_numpy(positions).to(device),
        mask[:, None].to(device),
        nodes,
    )


def _read(logits: Any, targets: Sequence[Sequence[Sequence[Target]]]) -> list[list[Score]]:
    """(B, K, V) logits and the targets of each row's sequels -> their scores."""
    import torch

    flat = [(row, target) for row, sequels in enumerate(targets) for sequel in sequels for target in sequel]
    rows = torch.tensor([row for row, _ in flat], device=logits.device)
    columns = torch.tensor([target.at for _, target in flat], device=logits.device)
    tokens = torch.tensor([target.token for _, target in flat], device=logits.device)
    with torch.inference_mode():
        wanted = logits.float()
        top = wanted.amax(-1, keepdim=True)
        total = ((wanted - top).exp_().sum(-1, keepdim=True).log_() + top)[rows, columns, 0]
        given = wanted[rows, columns, tokens]
        values = iter((given - total).tolist())
        tops = iter((given >= top[rows, columns, 0]).tolist())
    return [
        [_score([next(values) for _ in sequel], [next(tops) for _ in sequel]) for sequel in sequels]
        for sequels in targets
    ]


def _score(logprobs: list[float], tops: list[bool]) -> Score:
    return Score(sum(logprobs), len(logprobs), all(tops))


def _in_batches(network: Any, groups: Groups, way: Way) -> list[list[Score]]:
    """Prompts of similar length together; the answers come back in the order of the prompts."""
    found: list[list[Score]] = [[] for _ in groups]
    for batch in _batches(groups, PADDED_TOKENS.get(network.device.type, PADDED_TOKENS["cuda"])):
        for at, scores in zip(batch, way(network, [groups[at] for at in batch]), strict=True):
            found[at] = scores
    return found


def _batches(groups: Groups, most: int) -> Iterator[list[int]]:
    """Groups whose trunks, and among those whose options, are of similar length: what is padded is read for nothing."""
    trunks = [min(sequel.start for sequel in group) for group in groups]
    nodes = [sum(len(sequel.ids) - sequel.start for sequel in group) for group in groups]
    order = sorted(range(len(groups)), key=lambda at: (trunks[at], nodes[at], groups[at][0].ids))
    batch: list[int] = []
    for at in order:
        width = max(trunks[one] for one in (at, *batch)) + max(nodes[one] for one in (at, *batch))
        if batch and width * (len(batch) + 1) > most:
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch


def _trees_agree(network: Any, tolerance: float) -> bool:
    """Whether the tree gives the same log-probabilities as sequels scored one by one, with and without a cache."""
    size = int(network.get_input_embeddings().num_embeddings)
    trunk = tuple(at * 7 % size for at in range(1, WORTH_A_CACHE + 4))
    endings = ((3, 5, 2), (3, 5, 4, 1), (6,))
    one = [Sequel((*trunk, *(token % size for token in ending)), len(trunk)) for ending in endings]
    other = [Sequel((*trunk, 8 % size, *sequel.ids[len(trunk) :]), len(trunk) + 1) for sequel in one]
    try:
        ours = [score for group in tree_scores(network, [one, other]) for score in group]
    except (TypeError, ValueError, RuntimeError, NotImplementedError):
        return False  # no positions, no 4D mask or no such cache: this architecture is scored plainly
    plain = [score for sequel in (*one, *other) for group in plain_scores(network, [[sequel]]) for score in group]
    return all(abs(a.logprob - b.logprob) <= tolerance * a.tokens for a, b in zip(ours, plain, strict=True))

"""Log-probabilities from a local network: the sequels of a prompt in one pass over their tree. torch is imported here.

Every token is read once: a position-wise 4D mask lets a node see the trunk and its own ancestors only. Prompts that
begin alike (a few-shot header, a system prompt) share one key-value cache of that beginning, read once for all passes.
Log-softmax is always computed in float32, whatever the precision of the weights.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from shipworthy.models._likelihood import NO_PARENT, Score, Sequel, Target, Tree, families, grow

WORTH_A_CACHE = {"cpu": 256, "cuda": 2_048}
"""How many tokens a key-value cache of a common beginning must spare: it costs a pass of its own, and passes that are
less full."""
PADDED_TOKENS = {"cpu": 768, "cuda": 16_384}
"""At most so many tokens, padding included, are read in one pass (a single longer prompt passes alone). What fits a
processor's cache is fastest there: 768 needed a fifth less than 4,096 with the demo's model."""
AGREES = {"float32": 1e-3, "bfloat16": 0.2, "float16": 0.05}
"""How far two ways to score may lie apart, nats a token, before the faster one is not believed."""
PROBED = 16
"""Tokens that the prompts of the probe share."""

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
        return scores_by_family, "tree"
    return plain_scores, "plain"


def scores_by_family(network: Any, groups: Groups) -> list[list[Score]]:
    """Trees where there is anything to share; prompts that begin alike have that beginning read once."""
    found: list[list[Score]] = [[] for _ in groups]
    reach = _reach(network)
    near = [at for at, group in enumerate(groups) if max(len(sequel.ids) for sequel in group) <= reach]
    trees = {at: grow(groups[at]) for at in near}
    worth = WORTH_A_CACHE.get(network.device.type, WORTH_A_CACHE["cuda"])
    plain = sorted(set(range(len(groups))) - trees.keys())
    for family in families([trees[at].trunk for at in near], worth=worth) if near else ():
        members = [near[place] for place in family.members]
        if not family.shared:
            plain += [at for at in members if len(groups[at]) == 1]
            members = [at for at in members if len(groups[at]) > 1]
        scores = tree_scores(network, [trees[at] for at in members], family.shared)
        for at, of_it in zip(members, scores, strict=True):
            found[at] = of_it
    for at, of_it in zip(plain, plain_scores(network, [groups[at] for at in plain]), strict=True):
        found[at] = of_it
    return found


def _reach(network: Any) -> float:
    """How long a text a mask of ours may cover: layers with a sliding window would see beyond it."""
    config = network.config.get_text_config()
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    chunk = getattr(config, "attention_chunk_size", None)
    return min(window or float("inf"), chunk or float("inf"))


def plain_scores(network: Any, groups: Groups) -> list[list[Score]]:
    """Each sequel with its whole prompt: nothing shared. What any causal network can do."""
    rows = [sequel for group in groups for sequel in group]
    found: list[Score] = [Score(0.0, 0, True)] * len(rows)
    for batch in _batches([(sequel.start, len(sequel.ids) - sequel.start) for sequel in rows], _most(network)):
        for at, score in zip(batch, _plain_pass(network, [rows[at] for at in batch]), strict=True):
            found[at] = score
    scores = iter(found)
    return [[next(scores) for _ in group] for group in groups]


def _plain_pass(network: Any, rows: Sequence[Sequel]) -> list[Score]:
    """One pass over sequels, padded at the end."""
    import torch

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
    return [scores[0] for scores in _read(logits, [[wanted] for wanted in targets])]


def tree_scores(network: Any, trees: Sequence[Tree], shared: int = 0) -> list[list[Score]]:
    """The scores of trees whose trunks begin with the same `shared` tokens; those are read once."""
    import torch

    opening = None
    if shared:
        with torch.inference_mode():
            ids = torch.tensor([trees[0].trunk[:shared]], device=network.device)
            opening = network(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
    found: list[list[Score]] = [[] for _ in trees]
    for batch in _batches([(len(tree.trunk) - shared, len(tree.tokens)) for tree in trees], _most(network)):
        for at, scores in zip(batch, _tree_pass(network, [trees[at] for at in batch], shared, opening), strict=True):
            found[at] = scores
    return found


def _tree_pass(network: Any, trees: Sequence[Tree], shared: int, opening: Any) -> list[list[Score]]:
    """One pass: each tree a row, the trunk padded in front, then the nodes, padded behind."""
    import torch

    ids, positions, mask, nodes = _packed(trees, shared, network)
    with torch.inference_mode():
        past = {}
        if opening is not None:
            cache = copy.deepcopy(opening)  # a pass adds to the cache that it is given
            cache.batch_repeat_interleave(len(trees))
            past = {"past_key_values": cache}
        logits = network(
            input_ids=ids,
            position_ids=positions,
            attention_mask=mask,
            use_cache=opening is not None,
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
    seen = np.zeros((len(trees), width, shared + width), dtype=bool)
    causal = np.tri(trunk, dtype=bool)
    for row, tree in enumerate(trees):
        begin, end = trunk + shared - len(tree.trunk), trunk + len(tree.tokens)
        ids[row, begin:trunk] = tree.trunk[shared:]
        ids[row, trunk:end] = tree.tokens
        seen[row, begin:end, :shared] = True
        seen[row, begin:trunk, shared + begin : shared + trunk] = causal[begin:, begin:]
        seen[row, trunk:end, shared + begin : shared + trunk] = True
        if tree.tokens:
            seen[row, trunk:end, shared + trunk : shared + end] = _lineage(tree.parents)
    own = np.arange(width)
    seen[:, own, shared + own] = True  # a padded place sees itself: a softmax over nothing is NaN
    positions = seen.sum(-1) - 1  # what a token sees is its history
    mask = torch.zeros(seen.shape, dtype=network.dtype)
    mask.masked_fill_(torch.from_numpy(~seen), torch.finfo(network.dtype).min)
    device = network.device
    return torch.from_numpy(ids).to(device), torch.from_numpy(positions).to(device), mask[:, None].to(device), nodes


def _lineage(parents: Sequence[int]) -> Any:
    """(nodes, nodes) booleans: whether a node (row) has another (column) among its ancestors, or is it."""
    import numpy as np

    bits: list[int] = []
    for node, parent in enumerate(parents):
        bits.append((bits[parent] if parent != NO_PARENT else 0) | 1 << node)
    size = (len(parents) + 7) // 8
    packed = np.frombuffer(b"".join(each.to_bytes(size, "little") for each in bits), dtype=np.uint8)
    return np.unpackbits(packed.reshape(len(parents), size), axis=1, count=len(parents), bitorder="little")


def _read(logits: Any, targets: Sequence[Sequence[Sequence[Target]]]) -> list[list[Score]]:
    """(B, K, V) logits and the targets of each row's sequels -> their scores."""
    import torch

    flat = [(row, *target) for row, sequels in enumerate(targets) for sequel in sequels for target in sequel]
    rows, columns, tokens = torch.tensor(flat, device=logits.device).unbind(1)
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


def _most(network: Any) -> int:
    return PADDED_TOKENS.get(network.device.type, PADDED_TOKENS["cuda"])


def _batches(sizes: Sequence[tuple[int, int]], most: int) -> Iterator[list[int]]:
    """Rows whose (trunks, nodes) are of similar length together: what is padded is read for nothing."""
    batch: list[int] = []
    trunk = nodes = 0
    for at in sorted(range(len(sizes)), key=sizes.__getitem__):
        trunk, nodes = max(trunk, sizes[at][0]), max(nodes, sizes[at][1])
        if batch and (trunk + nodes) * (len(batch) + 1) > most:
            yield batch
            batch = []
            trunk, nodes = sizes[at]
        batch.append(at)
    if batch:
        yield batch


def _trees_agree(network: Any, tolerance: float) -> bool:
    """Whether the tree gives the same log-probabilities as sequels scored one by one, with and without a cache."""
    size = int(network.get_input_embeddings().num_embeddings)
    trunk = tuple(at * 7 % size for at in range(1, PROBED + 4))
    endings = ((3, 5, 2), (3, 5, 4, 1), (6,))
    one = [Sequel((*trunk, *(token % size for token in ending)), len(trunk)) for ending in endings]
    other = [Sequel((*trunk, 8 % size, *sequel.ids[len(trunk) :]), len(trunk) + 1) for sequel in one]
    trees = [grow(one), grow(other)]
    try:
        ours = [score for shared in (0, PROBED) for group in tree_scores(network, trees, shared) for score in group]
    except (TypeError, ValueError, RuntimeError, NotImplementedError):
        return False  # no positions, no 4D mask or no such cache: this architecture is scored plainly
    plain = [scores[0] for sequel in (*one, *other) for scores in plain_scores(network, [[sequel]])]
    return all(abs(a.logprob - b.logprob) <= tolerance * a.tokens for a, b in zip(ours, plain * 2, strict=True))

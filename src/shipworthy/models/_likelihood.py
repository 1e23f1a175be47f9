"""What is scored and how it is shared: token sequences, the tree of one prompt's continuations, windows over long text.

Pure: tokens in, plans and numbers out; `_hf_scores` runs them. The options of one prompt share its tokens, and their
own common beginnings: each node of the tree is a token that the model reads once. Prompts that begin alike are a
family, whose beginning is read once for all of them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

ChooseBy = Literal["sum", "bytes", "tokens"]
NO_PARENT = -1
LARGEST_FAMILY = 1_024
"""More prompts are several families: looking for them stays linear in their number."""


@dataclass(frozen=True, slots=True)
class Sequel:
    """Tokens whose part from `start` on is scored given what stands before it; 1 <= start < len(ids)."""

    ids: tuple[int, ...]
    start: int

    def __post_init__(self) -> None:
        if not 1 <= self.start < len(self.ids):
            raise ValueError(f"a sequel of {len(self.ids)} tokens cannot be scored from token {self.start} on")


@dataclass(frozen=True, slots=True)
class Score:
    """Log-probability (nats, summed) of the scored tokens, how many they are, and whether each was the likeliest."""

    logprob: float
    tokens: int
    greedy: bool


class Target(NamedTuple):
    """One scored token: where the logits that predict it stand (0: the end of the trunk, i + 1: node i)."""

    at: int
    token: int


@dataclass(frozen=True, slots=True)
class Tree:
    """Several sequels as one trunk (shared by all) and nodes (tokens read after it), parents before children.

    `parents[i]` is the node before node i, NO_PARENT where the trunk is. `targets[s]` are the scored tokens of sequel
    s. The last token of a sequel is only ever a target: the model need not read it.
    """

    trunk: tuple[int, ...]
    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    targets: tuple[tuple[Target, ...], ...]

    def __len__(self) -> int:
        return len(self.trunk) + len(self.tokens)


@dataclass(frozen=True, slots=True)
class Family:
    """Prompts, by their place in a list, that begin with the same `shared` tokens (0: nothing worth sharing)."""

    members: tuple[int, ...]
    shared: int


def grow(sequels: Sequence[Sequel]) -> Tree:
    """The tree of the sequels of one prompt. Raises: ValueError: there is none, or two differ in their first token."""
    trunk = sequels[0].ids[: min(_alike([sequel.ids for sequel in sequels]), min(s.start for s in sequels))]
    if not trunk:
        raise ValueError("sequels of one prompt must begin with the same token")
    following: list[dict[int, int]] = [{}]  # by place (0: the end of the trunk, i + 1: node i), token -> next place
    tokens: list[int] = []
    parents: list[int] = []
    targets = []
    for sequel in sequels:
        place, scored = 0, []
        for at, token in enumerate(sequel.ids[len(trunk) : -1], start=len(trunk)):
            if at >= sequel.start:
                scored.append(Target(place, token))
            known = following[place].get(token)
            if known is None:
                tokens.append(token)
                parents.append(place - 1)
                following.append({})
                known = following[place][token] = len(tokens)
            place = known
        targets.append((*scored, Target(place, sequel.ids[-1])))
    return Tree(trunk, tuple(tokens), tuple(parents), tuple(targets))


def families(trunks: Sequence[tuple[int, ...]], *, worth: int) -> list[Family]:
    """The trunks in families that save the most tokens in all; a family costs as much as reading `worth` tokens.

    The last token of a trunk, whose logits are needed, is never shared. In alphabetical order the best families are
    intervals, found by dynamic programming. Whoever is in none is in the first, where nothing is shared.
    """
    import numpy as np

    order = sorted(range(len(trunks)), key=trunks.__getitem__)
    alike_N = np.array([_shared(trunks[one], trunks[other]) for one, other in pairwise(order)])
    saved_N = np.zeros(len(order) + 1)
    begins = list(range(len(order)))  # of the interval that ends with each; its own place where it is alone
    for last in range(1, len(order)):
        first = max(0, last - LARGEST_FAMILY + 1)
        shared = np.minimum.accumulate(alike_N[first:last][::-1])[::-1]
        gains = saved_N[first:last] + shared * np.arange(last - first, 0, -1) - worth
        best = int(gains.argmax())
        saved_N[last + 1] = saved_N[last]
        if gains[best] > saved_N[last]:
            saved_N[last + 1], begins[last] = gains[best], first + best
    alone, found, last = [], [], len(order) - 1
    while last >= 0:
        begin = begins[last]
        if begin == last:
            alone.append(order[last])
        else:
            found.append(Family(tuple(order[begin : last + 1]), int(alike_N[begin:last].min())))
        last = begin - 1
    return [*([Family(tuple(sorted(alone)), 0)] if alone else []), *reversed(found)]


def _shared(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    return min(_alike([one, other]), len(one) - 1, len(other) - 1)


def _alike(rows: Sequence[tuple[int, ...]]) -> int:
    """The length of the longest beginning that all rows share."""
    low, high = min(rows), max(rows)
    if low == high:
        return len(low)
    return next((at for at, (one, other) in enumerate(zip(low, high, strict=False)) if one != other), len(low))


def windows(ids: Sequence[int], *, size: int, stride: int) -> list[Sequel]:
    """Every token of `ids` but the first, scored once, in windows that the model can read.

    Args:
        ids: the text after one token that opens it; that one is context only.
        size: tokens the model reads at once.
        stride: how many tokens a window scores (the first scores `size`); the rest of it is context. `size` gives
            windows that do not overlap: fewest forward passes, and the worst context.

    Raises: ValueError: not 1 <= stride <= size.
    Source: the sliding window of the transformers guide to perplexity; with stride = size, lm-eval's rolling windows
        (but those give the first token of a window one token of context, as here).
    """
    if not 1 <= stride <= size:
        raise ValueError(f"stride must lie between 1 and the window of {size} tokens, not {stride}")
    done, last, found = 0, len(ids) - 1, []
    while done < last:
        end = min(last, done + (stride if done else size))
        begin = max(0, end - size)
        found.append(Sequel(tuple(ids[begin : end + 1]), done + 1 - begin))
        done = end
    return found


def sequel_of(prompt: Sequence[int], whole: Sequence[int]) -> Sequel:
    """The tokens of a prompt and its continuation encoded together; what lies behind the prompt's length is scored.

    A tokenizer may merge across the seam: as in lm-eval, the joint encoding decides.
    """
    return Sequel(tuple(whole), min(len(prompt), len(whole) - 1))


def preference(scores: Sequence[Score], texts: Sequence[str], choose_by: ChooseBy) -> list[float]:
    """What the choice is made by: the log-probability, or its mean a UTF-8 byte or a token."""
    match choose_by:
        case "bytes":
            return [s.logprob / max(1, len(text.encode())) for s, text in zip(scores, texts, strict=True)]
        case "tokens":
            return [score.logprob / score.tokens for score in scores]
    return [score.logprob for score in scores]


def shares(labels: Sequence[str], preferences: Sequence[float]) -> Mapping[str, float]:
    """Label -> probability among the labels: the softmax of the preferences."""
    top = max(preferences)
    weights = [math.exp(value - top) for value in preferences]
    total = sum(weights)
    return {label: weight / total for label, weight in zip(labels, weights, strict=True)}

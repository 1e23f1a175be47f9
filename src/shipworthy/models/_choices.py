"""What scoring means wherever log-probabilities come from: settings, options, choice, identity. Pure."""

import math
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from string import ascii_uppercase
from typing import Any, Literal

import msgspec

from shipworthy.models._likelihood import ChooseBy, Score, preference, shares
from shipworthy.models._options import as_text
from shipworthy.records import Example, Record

Mode = Literal["generate", "choices", "likelihood", "perplexity"]
AnswerAs = Literal["text", "index", "letter"]
Key = tuple[str, str]
"""(dataset, example id)."""


class Scoring(Record):
    """What is asked of the rows: `mode` for all datasets, or {dataset: mode} (`generate` where it names none).

    `choices`: a column that lists a row's options, or the options of every row. `choose_by` the summed log-probability,
    or its mean a byte or a token; `answer_as` the option's text, its index from 0 or its letter; `join` stands between
    prompt and option.
    """

    mode: Mode | Mapping[str, Mode] = "generate"
    choices: str | tuple[str, ...] = "choices"
    choose_by: ChooseBy = "sum"
    answer_as: AnswerAs = "text"
    join: str = ""

    def mode_of(self, dataset: str) -> Mode:
        """What is asked on one dataset."""
        return self.mode if isinstance(self.mode, str) else self.mode.get(dataset, "generate")

    @property
    def scores(self) -> bool:
        """Whether log-probabilities are asked for anywhere."""
        modes = (self.mode,) if isinstance(self.mode, str) else self.mode.values()
        return any(mode != "generate" for mode in modes)

    @property
    def how(self) -> dict[str, Any]:
        """What decides about scores, by name, without the other options of a backend."""
        return {name: getattr(self, name) for name in Scoring.__struct_fields__}


def target_of(row: Example, mode: str, choices: str | Sequence[str]) -> Any:
    """What is scored of a row: its reference, or its options, where a column or the settings list them."""
    if mode == "likelihood":
        return row.reference
    return row.fields.get(choices) if isinstance(choices, str) else list(choices)


def options_in(target: Any, choices: str | Sequence[str]) -> tuple[tuple[str, ...], str | None]:
    """The options as texts, and why they cannot be scored where they cannot."""
    if not isinstance(target, list) or not target:
        return (), f"the row has no list of options in its column {choices!r}"
    if not all(isinstance(one, str | int | float) for one in target):
        return (), f"an option in the row's column {choices!r} is no text or number"
    texts = tuple(map(as_text, target))
    if "" in texts or len(set(texts)) < len(texts):
        return (), "an option of the row is empty, or two are the same"
    return texts, None


def chosen(
    texts: Sequence[str], scores: Sequence[Score], choose_by: ChooseBy, answer_as: AnswerAs
) -> tuple[int, str, dict[str, Any]]:
    """Which option is likeliest, how the answer names it, and what metrics read of the choice."""
    labels = _LABELS[answer_as](texts)
    liked = preference(scores, texts, choose_by)
    best = max(range(len(texts)), key=liked.__getitem__)
    probabilities = shares(labels, liked)
    extra = {
        "probabilities": dict(probabilities),
        "confidence": probabilities[labels[best]],
        "logprobs": {label: score.logprob for label, score in zip(labels, scores, strict=True)},
    }
    return best, labels[best], extra


def unsound(scores: Sequence[Score]) -> str | None:
    """Why scores decide nothing: NaN is larger than nothing and smaller than nothing, so whatever came first won."""
    odd = next((score.logprob for score in scores if not math.isfinite(score.logprob)), None)
    return None if odd is None else f"a log-probability is not finite ({odd}), so nothing can be told by it"


def summed(scores: Sequence[Score]) -> dict[str, Any]:
    """What metrics read of the likelihood of one text, which was scored in one piece or in several."""
    return {
        "nll": max(0.0, -sum(score.logprob for score in scores)),  # a certain token may round to above 0
        "tokens": sum(score.tokens for score in scores),
        "greedy": all(score.greedy for score in scores),
    }


def asked_identity(how: Mapping[str, Any], targets: Mapping[Key, Any]) -> dict[str, str]:
    """What is scored and how, in the words of an identity."""
    rows = [[*key, value] for key, value in sorted(targets.items())]
    return {
        "asked": msgspec.json.encode(how, order="sorted").decode(),
        "scored_sha256": sha256(msgspec.json.encode(rows, order="sorted")).hexdigest(),
    }


_LABELS: Mapping[AnswerAs, Callable[[Sequence[str]], list[str]]] = {
    "text": list,
    "index": lambda texts: [str(at) for at in range(len(texts))],
    "letter": lambda texts: [ascii_uppercase[at] if at < len(ascii_uppercase) else str(at) for at in range(len(texts))],
}

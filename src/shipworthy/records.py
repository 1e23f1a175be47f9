"""The vocabulary: frozen values that are stored, sent or judged. Twelve nouns, no synonyms (see ARCHITECTURE.md).

`Record` is the base of everything that is written down; it refuses unknown fields, so a misspelt key can never
silently drop a gate. `Evidence` holds columns and is a frozen dataclass: its arrays come in from outside, this module
imports no numpy.
"""

from collections.abc import Mapping, Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, dataclass_transform

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every value that is stored or sent."""


# --- Examples, prompts and answers -----------------------------------------------------------------------------------

ModelRole = Literal["candidate", "trivial", "pretrained", "production", "peft", "full", "published", "human"]
DatasetRole = Literal["test", "golden", "safety", "regression", "stress", "unit"]
Direction = Literal["higher", "lower"]
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class Message(Record):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str


class Example(Record):
    """One row of a dataset. `where` is file:line. `cluster` names what the row rises and falls with (None: itself);
    `crossed` names the second of two such ways (user x document), None where there is one."""

    id: str
    dataset: str
    messages: tuple[Message, ...]
    reference: Any = None
    slices: dict[str, str] = {}
    cluster: str | None = None
    time: str | None = None
    where: str = ""
    fields: dict[str, Any] = {}
    crossed: str | None = None


class Prompt(Record):
    """What one model is asked for one example: the rendered conversation."""

    example_id: str
    dataset: str
    messages: tuple[Message, ...]


class Response(Record):
    """One model's answer to one prompt under one seed; exactly one of `text` and `error` is set.

    `latency_s` seconds to the whole answer, `first_token_s` to its first token; tokens are counted by the model's own
    tokenizer or its server; `cost_usd` is None where no price is declared.
    """

    example_id: str
    dataset: str
    model: str
    seed: int = 0
    text: str | None = None
    error: str | None = None
    prompt_sha256: str = ""
    latency_s: float | None = None
    first_token_s: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    extra: dict[str, Any] = {}

    def __post_init__(self) -> None:
        if (self.text is None) == (self.error is None):
            raise ValueError(f"response of {self.model!r} to {self.example_id!r} needs either a text or an error")


# --- Evidence: columns over one dataset ------------------------------------------------------------------------------

ANSWERED, FAILED, ABSENT = 0, 1, 2
"""Status of one unit for one model: answered; errored or never came (its counts are the metric's failure); no row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """One slice column: `names[code_N[i]]` is the label of unit i; code -1 means that the unit has none."""

    names: tuple[str, ...]
    code_N: "NDArray[np.int64]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossed:
    """A second way in which units rise and fall together, crossed with the first: users x documents.

    Attributes:
        ways: the columns of the first and of the second way. code_N: (N,) codes 0..H-1 of the second.
    """

    ways: tuple[str, str]
    code_N: "NDArray[np.int64]"

    def __len__(self) -> int:
        return len(self.code_N)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was observed on one dataset: N units (an example under one seed) x models x metrics.

    Attributes:
        dataset: name of the dataset.
        example_N: (N,) example ids. The same id stands once per seed.
        seed_N: (N,) seeds.
        cluster_N: (N,) codes 0..G-1; units of one code rise and fall together (seeds of one example always do).
        slices: column -> labels of the units.
        status: model -> (N,) ANSWERED, FAILED or ABSENT.
        counts: (model, metric) -> (N, K) additive counts, finite; rows of ABSENT units hold those of a failed answer
            (zeros where nobody knows them) and are dropped or ruled by the coverage policy before they are judged.
        crossed: the second way of clusters; None where there is one, or where one lies within the other.

    Raises: ValueError: lengths differ, or a count is not finite.
    """

    dataset: str
    example_N: "NDArray[np.object_]"
    seed_N: "NDArray[np.int64]"
    cluster_N: "NDArray[np.int64]"
    slices: Mapping[str, Labels]
    status: Mapping[str, "NDArray[np.uint8]"]
    counts: Mapping[tuple[str, str], "NDArray[np.float64]"]
    crossed: Crossed | None = None

    def __post_init__(self) -> None:
        n = len(self.example_N)
        labels = [label.code_N for label in self.slices.values()]
        columns: list[Sized] = [self.seed_N, self.cluster_N, *labels, *self.status.values(), *self.counts.values()]
        if self.crossed is not None:
            columns.append(self.crossed)
        if any(len(column) != n for column in columns):
            raise ValueError(f"evidence on {self.dataset!r}: every column needs {n} rows")
        for (model, metric), counts in self.counts.items():
            if counts.ndim != 2 or not abs(counts).max(initial=0.0) < float("inf"):  # NaN compares false too
                raise ValueError(f"evidence on {self.dataset!r}: {metric!r} of {model!r} needs finite (N, K) counts")


# --- Estimates, findings, verdict (the JSON of CONTRACT.md) ----------------------------------------------------------


class Estimate(Record):
    """A measured quantity in its metric's unit; `n` counts examples, never tokens."""

    value: float
    low: float
    high: float
    n: int
    method: str

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:  # refuses NaN too
            raise ValueError(f"value {self.value} lies outside [{self.low}, {self.high}]")


Outcome = Literal["pass", "fail", "inconclusive"]
Decision = Literal["promote", "block", "sign_off", "inconclusive"]
Method = Literal[
    "tango",
    "fieller",
    "cr1_t",
    "two_way_t",
    "cluster_bootstrap",
    "order_statistic",
    "clopper_pearson",
    "wilson",
    "newcombe_unpaired",
    "welch",
    "none",
]


class Interval(Record):
    """A value and its limits as they are printed; limits are None where a small sample is refused, not guessed."""

    value: float | None
    low: float | None
    high: float | None


class Effect(Record):
    """An effect size with its name: risk_difference, cohens_h, d_z, odds_ratio."""

    name: str
    value: float


class Finding(Record):
    """What one gate (or one monitored cell) found: the row of `metrics` in the verdict's JSON.

    `gain` is oriented, positive is better whatever the metric's direction, in the metric's unit. `n` counts examples,
    `clusters` what was resampled. `level` is hard, soft or monitored. `p_worse` and `p_better` are one-sided.
    Where `margin_kind` is relative, `margin` and `gain` are shares of the baseline's value.
    """

    gate: str
    metric: str
    dataset: str
    slice: dict[str, str] | None
    level: Literal["hard", "soft", "monitored"]
    rule: Literal["non_inferior", "superior", "at_least", "at_most"]
    baseline_model: str | None
    n: int
    clusters: int
    candidate: Interval
    baseline: Interval | None
    gain: Interval | None
    method: Method
    p_worse: float | None
    p_better: float | None
    effect: Effect | None
    outcome: Outcome
    margin: float
    n_needed: int | None
    because: str
    unit: str = ""
    better: Direction = "higher"
    margin_kind: Literal["absolute", "relative"] = "absolute"


class Coverage(Record):
    """How many examples each side answered, how many both, and by which policy the rest was counted."""

    candidate: int
    baseline: int
    common: int
    policy: Literal["fail", "wrong", "common"]


class Warning(Record):
    """Something a reader must know before the numbers; `code` is stable, `count` says how often.

    `ungated` is the model it is about where no gate names that model (the judge clears it where one does); reports fold
    such warnings into one line.
    """

    code: str
    message: str
    count: int = 1
    ungated: str = ""


class Verdict(Record):
    """Promote, block, sign-off or inconclusive, with every finding, the reasons, and what would settle it."""

    verdict: Decision
    reasons: tuple[str, ...]
    metrics: tuple[Finding, ...]
    coverage: Coverage
    warnings: tuple[Warning, ...] = ()


EXIT_CODE: Mapping[Decision, int] = {"promote": 0, "block": 10, "sign_off": 11, "inconclusive": 12}
"""Exit codes of a verdict (CONTRACT.md); 1 is an internal error, 2 usage or bad input."""

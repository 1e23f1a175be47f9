"""`Page`: everything a report says, as plain values. Renderers read a Page and nothing else."""

from collections.abc import Iterable
from typing import Literal

from shipworthy.records import Decision, Direction, Finding, Message, ModelRole, Record, Verdict


class Measured(Record):
    """One quantity of one model in its column's unit; `value` is None where nothing was measured."""

    value: float | None
    low: float | None
    high: float | None
    n: int


class Column(Record):
    """What one column of the ladder shows: a metric on a dataset, or cost and latency."""

    name: str
    dataset: str = ""
    unit: str = ""
    better: Direction = "higher"


class LadderRow(Record):
    """One model of the ladder; `cells` follow the ladder's columns."""

    model: str
    role: ModelRole | None
    cells: tuple[Measured, ...]


class Ladder(Record):
    """Every compared model, quality beside cost and latency."""

    columns: tuple[Column, ...]
    rows: tuple[LadderRow, ...]


UNNAMED = "the candidate"
"""What a candidate is called where nobody gave its name."""
Place = Literal["frontier", "within_noise", "dominated"]
"""Nobody beats it; somebody does by value, but the intervals touch; somebody does beyond the intervals."""


class ParetoPoint(Record):
    """One model as quality against price (cost or latency), each with its interval; `says` is its place in words."""

    model: str
    role: ModelRole | None
    quality: Measured
    price: Measured
    place: Place
    says: str


class Pareto(Record):
    """Quality against one price for every model that has both."""

    quality: Column
    price: Column
    points: tuple[ParetoPoint, ...]


class Answer(Record):
    """What one model said to one example, and its score (None: not scored)."""

    model: str
    text: str | None
    error: str | None
    score: float | None


class Regression(Record):
    """One example on which the candidate lost most against a baseline; `where` is file:line."""

    example_id: str
    dataset: str
    metric: str
    candidate: Answer
    baseline: Answer
    unit: str = ""
    where: str = ""
    seed: int = 0
    slices: dict[str, str] = {}
    prompt: tuple[Message, ...] = ()
    reference: str | None = None


Failed = Literal["lost", "unanswered", "wrong"]
"""Worse than the baseline; no answer came; not right, and the baseline is no better (or there is none)."""


class Failure(Record):
    """One example that the candidate fails on one metric, side by side with its baseline (None: it has none)."""

    example_id: str
    dataset: str
    metric: str
    outcome: Failed
    candidate: Answer
    baseline: Answer | None = None
    unit: str = ""
    where: str = ""
    seed: int = 0
    slices: dict[str, str] = {}
    prompt: tuple[Message, ...] = ()
    reference: str | None = None


class Failures(Record):
    """Failing examples, worst first; `total` counts those that are not shown too."""

    shown: tuple[Failure, ...]
    total: int


class Fact(Record):
    """One line of provenance."""

    name: str
    value: str
    is_code: bool = False


class Facts(Record):
    """A titled group of provenance lines."""

    title: str
    rows: tuple[Fact, ...]


class Page(Record):
    """A report. `created` is ISO 8601; `next_command` what a reader may type next; `alpha` the gates' error rate,
    `notes` why each gate exists, by gate."""

    title: str
    question: str
    verdict: Verdict
    candidate: str
    baselines: tuple[str, ...] = ()
    description: str = ""
    run_id: str = ""
    created: str = ""
    status: str = "complete"
    alpha: float | None = None
    ladder: Ladder | None = None
    paretos: tuple[Pareto, ...] = ()
    regressions: tuple[Regression, ...] = ()
    failures: Failures | None = None
    provenance: tuple[Facts, ...] = ()
    next_command: str = ""
    notes: dict[str, str] = {}

    @classmethod
    def from_verdict(
        cls,
        verdict: Verdict,
        *,
        title: str,
        candidate: str = UNNAMED,
        alpha: float | None = None,
        provenance: tuple[Facts, ...] = (),
        next_command: str = "",
    ) -> "Page":
        """The page of a verdict that has no run folder, as `compare` gives it: no answers, no ladder."""
        baselines = baselines_of(verdict.metrics)
        return cls(
            title=title,
            question=question_of(candidate, baselines),
            verdict=verdict,
            candidate=candidate,
            baselines=baselines,
            alpha=alpha,
            provenance=provenance,
            next_command=next_command,
        )

    @property
    def gates(self) -> tuple[Finding, ...]:
        """Findings over all examples that decide (hard and soft), failing ones first."""
        return tuple(sorted((f for f in self.verdict.metrics if f.slice is None and f.level != "monitored"), key=_rank))

    @property
    def cells(self) -> tuple[Finding, ...]:
        """Findings on one slice each, worst first."""
        return tuple(sorted((f for f in self.verdict.metrics if f.slice is not None), key=_rank))

    @property
    def monitored(self) -> tuple[Finding, ...]:
        """Findings over all examples that decide nothing."""
        return tuple(f for f in self.verdict.metrics if f.slice is None and f.level == "monitored")


def baselines_of(findings: Iterable[Finding]) -> tuple[str, ...]:
    """The baselines that findings name, in order of first appearance."""
    return tuple(dict.fromkeys(f.baseline_model for f in findings if f.baseline_model is not None))


def question_of(candidate: str, baselines: tuple[str, ...]) -> str:
    """What the run was asked, in words."""
    if not baselines:
        return f"May {candidate} ship?"
    return f"May {candidate} ship, compared with {_listed(baselines)}?"


def answer_of(page: Page) -> str:
    """The verdict as one sentence."""
    name = "The candidate" if page.candidate == UNNAMED and page.verdict.verdict != "inconclusive" else page.candidate
    return _ANSWERS[page.verdict.verdict].format(candidate=name)


_ANSWERS: dict[Decision, str] = {
    "promote": "{candidate} may ship: every hard gate passes.",
    "block": "{candidate} must not ship: a hard gate fails.",
    "sign_off": "{candidate} may ship only when a person signs for it: a soft gate fails.",
    "inconclusive": "The evidence does not settle whether {candidate} may ship.",
}
_OUTCOMES = ("fail", "inconclusive", "pass")
_LEVELS = ("hard", "soft", "monitored")


def _rank(finding: Finding) -> tuple[int, int, float]:
    """Failing before unsettled before passing, hard before soft, then the lowest limit of the gain first."""
    low = finding.gain.low if finding.gain else None
    value = finding.gain.value if finding.gain else None
    worst = next((limit for limit in (low, value) if limit is not None), 0.0)
    return _OUTCOMES.index(finding.outcome), _LEVELS.index(finding.level), worst


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

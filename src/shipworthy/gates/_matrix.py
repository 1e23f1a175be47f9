"""Several candidates against several baselines on one metric: one declared family, one error rate."""

from collections.abc import Sequence

import numpy as np

from shipworthy.errors import MissingEvidence
from shipworthy.gates._compare import contrast
from shipworthy.gates._generators import Generators
from shipworthy.gates._pairs import Rows
from shipworthy.gates.question import Question
from shipworthy.records import Evidence, Interval, Record
from shipworthy.stats.multiplicity import matrix_holm


class Versus(Record):
    """One entry of the matrix: `gain` of `model` over `baseline`, oriented, with its own interval.

    `p_better`, `p_worse`: one-sided, adjusted by Holm over the whole family. `says`: better, worse or undecided at the
    question's alpha; None limits and undecided where the sample is refused.
    """

    model: str
    baseline: str
    metric: str
    n: int
    gain: Interval
    p_better: float
    p_worse: float
    says: str


def matrix(
    question: Question,
    evidence: Sequence[Evidence],
    *,
    metric: str,
    pairs: Sequence[tuple[str, str]],
    rng: np.random.Generator,
) -> list[Versus]:
    """The pre-registered comparisons: (model, baseline) pairs that were declared before any result was seen.

    Both directions count, so the family holds two one-sided tests a pair: P(any wrong "better" or "worse") <= alpha.

    Raises: MissingEvidence: a model has no evidence on the metric, or no pair is declared.
    Source: Holm 1979.
    """
    if not pairs:
        raise MissingEvidence("a comparison matrix needs at least one declared pair of models")
    rows = Rows(evidence, question)
    decisions = question.decisions
    found = []
    generators = Generators(rng)
    for model, baseline in pairs:
        pair = rows.pair(metric, baseline, decisions.missing, model)
        refused = decisions.missing == "fail" and (pair.missing > 0 or pair.lone > 0)
        one = contrast(
            pair, (), alpha=decisions.alpha, draws=decisions.draws, rng=generators.of(metric, model, baseline)
        )
        found.append((one, refused or one.refused[0] is not None))
    raw = [(float(one.p_at_most(0.0)[0]), float(one.p_at_least(0.0)[0])) for one, _ in found]
    adjusted = matrix_holm([[1.0, 1.0] if gone else list(p) for p, (_, gone) in zip(raw, found, strict=True)])
    return [
        Versus(
            model=model,
            baseline=baseline,
            metric=metric,
            n=int(one.n_S[0]),
            gain=one.tested.at(0, refused=gone),
            p_better=float(p_better),
            p_worse=float(p_worse),
            says="better" if p_better <= decisions.alpha else "worse" if p_worse <= decisions.alpha else "undecided",
        )
        for (model, baseline), (one, gone), (p_better, p_worse) in zip(pairs, found, adjusted, strict=True)
    ]

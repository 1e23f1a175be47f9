"""Whether the baseline keeps the absolute limit that the candidate broke: a gate nobody keeps blames the wrong one."""

from collections.abc import Sequence

import numpy as np

from shipworthy.gates._compare import Comparison, contrast
from shipworthy.gates._pairs import Rows
from shipworthy.gates._rule_cells import Judged, cell_of
from shipworthy.gates.numbers import plain
from shipworthy.gates.question import Question


def baseline_too(question: Question, rows: Rows, judged: Sequence[Judged], rng: np.random.Generator) -> dict[int, str]:
    """id of a cell -> the sentence that its baseline fails the same gate, for absolute gates that are failed."""
    failed = [one for one in judged if one.outcome == "fail" and one.cell.slice is None and not one.cell.rule.compares]
    told = {}
    for one in failed:
        if (said := _told(question, rows, one, rng)) is not None:
            told[id(one.cell)] = said
    return told


def _told(question: Question, rows: Rows, judged: Judged, rng: np.random.Generator) -> str | None:
    rule, decisions = judged.cell.rule, question.decisions
    measured = (n for n in question.baselines() if question.roles[n] not in ("trivial", "published"))
    baseline = next((name for name in measured if rows.has(name, rule.metric)), None)
    if baseline is None or judged.forbidden:
        return None
    pair = rows.pair(rule.metric, None, decisions.missing, baseline)
    if not len(pair):
        return None
    found = contrast(pair, (), alpha=decisions.alpha, draws=decisions.draws, rng=rng)
    cell = cell_of(question, rule, Comparison(metric=rule.metric, baseline=None, pair=pair, contrast=found), 0, None)
    if not cell.judged or cell.passes or cell.p_fail > decisions.alpha:
        return None
    value = plain(float(f"{float(found.ours.value_S[0]):.4g}"))
    return (
        f"; {baseline} fails the same gate with {value}, so this says nothing about the change: "
        f"`margin: 0` against {baseline} asks that nothing is lost"
    )

"""A judge beside people: only what people rated, items as clusters, ordered labels by value."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shipworthy import records
from shipworthy.errors import BadInput
from shipworthy.evaluation.scoring import Scores
from shipworthy.evaluation.scoring.agreement import Raters, agreement
from shipworthy.evaluation.scoring.types import Rated
from shipworthy.records import Example
from shipworthy.stats.agreement import krippendorff_alpha
from tests.evaluation_scoring import test_drive as drive
from tests.evaluation_scoring.conftest import example


def _labels(scores: Sequence[float]) -> list[str]:
    return [f"{score:g}" for score in scores]


def test_labels_from_one_to_ten_lie_in_the_order_of_their_value() -> None:
    """As text "10" comes before "2": a judge that is never more than a point off had a kappa of .3."""
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(7)
    human = rng.integers(1, 11, 1_000)
    judge = np.clip(human + rng.integers(-1, 2, 1_000), 1, 10)
    found = agreement(_labels(judge.tolist()), _labels(human.tolist()), ordered=True)

    assert metrics.cohen_kappa_score(judge, human, weights="quadratic") == pytest.approx(found.kappa)
    assert found.alpha == pytest.approx(krippendorff_alpha([judge.tolist(), human.tolist()], level="interval"))
    assert found.kappa > 0.9
    assert found.correlation is not None and found.correlation.low > 0.9


@pytest.mark.parametrize(
    ("judge", "human"),
    [
        (["1", "2", "10"], ["1", "2", "10"]),
        (["-1", "0", "1"], ["-1", "0", "1"]),
        (["0.5", "1", "0"], ["0.5", "1", "0"]),
    ],
)
def test_full_agreement_is_one_on_any_scale(judge: list[str], human: list[str]) -> None:
    found = agreement(judge * 5, human * 5, ordered=True)

    assert (1.0, 1.0) == (pytest.approx(found.kappa), found.alpha)


def test_an_unread_verdict_lies_as_far_off_as_the_labels_reach() -> None:
    human = ["1", "2", "9", "10"] * 5
    judge: list[str | None] = [*human]
    judge[0] = None
    worst: list[str | None] = [*human]
    worst[0] = "10"

    assert agreement(judge, human, ordered=True).kappa == pytest.approx(agreement(worst, human, ordered=True).kappa)
    assert 0.8 < agreement(judge, human, ordered=True).kappa < 1


def test_ten_ratings_of_an_item_are_not_ten_items() -> None:
    rng = np.random.default_rng(8)
    human = rng.choice(["a", "b"], 40).tolist()
    judge = [one if rng.random() < 0.8 else "a" for one in human]
    once = agreement(judge, human)
    items = list(range(40)) * 10
    often = agreement(judge * 10, human * 10, raters=Raters(items=items, answers=items))

    assert (400, 40) == (often.n, often.clusters)
    assert once.agreement.value == pytest.approx(often.agreement.value)
    assert once.agreement.high - once.agreement.low == pytest.approx(
        often.agreement.high - often.agreement.low, rel=0.15
    )
    assert once.gain.high - once.gain.low == pytest.approx(often.gain.high - often.gain.low, rel=0.25)
    assert "400 ratings of 40 items" in often.text()


def test_items_that_do_not_vary_prove_nothing() -> None:
    found = agreement(["a"] * 20, ["a"] * 20, raters=Raters(items=[0, 1] * 10, answers=range(20)))

    assert (0.0, 1.0) == (found.agreement.low, found.agreement.high)


def test_alpha_counts_every_person_who_rated_an_answer() -> None:
    """Two people rated both answers; the judge's verdict on the second could not be read."""
    found = agreement(
        ["1", "1", None, None], ["1", "2", "3", "3"], ordered=True, raters=Raters(items="aabb", answers="aabb")
    )

    assert found.alpha == pytest.approx(krippendorff_alpha([[1, None], [1, 3], [2, 3]], level="interval"))


# --- In a run --------------------------------------------------------------------------------------------------------

RATED = Rated(
    column="human", ours=lambda counts, _: f"{counts[0]:g}", theirs=lambda v: f"{float(v):g}", says="a number"
)


def _run(
    folder: Path, cells: Sequence[Any], monkeypatch: pytest.MonkeyPatch, *, rated: Rated = RATED, seeds: int = 1
) -> tuple[Scores, list[records.Warning]]:
    """Model `new` is right on every example, `old` on none."""
    examples: list[Example] = [example(str(at), gold="a", human=cell) for at, cell in enumerate(cells)]
    monkeypatch.setattr(drive, "EXAMPLES", examples)
    answers = [
        drive.answer(one.id, text if seed == 0 else "a", model, seed)
        for one in examples
        for model, text in (("new", "a"), ("old", "x"))
        for seed in range(seeds)
    ]
    return drive.run(folder, drive.loaded(drive.Right(), rated=rated), answers, seeds=tuple(range(seeds)))


def test_a_label_that_names_no_model_is_not_put_on_two_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores, told = _run(tmp_path, [1] * 6, monkeypatch)

    assert {} == scores.agreements
    assert [("judge_agreement", 12)] == [(one.code, one.count) for one in told]
    assert "`human_model`" in told[0].message


@pytest.mark.parametrize(("model", "value"), [("new", 1.0), ("old", 0.0)])
def test_only_the_answers_of_the_model_that_people_rated_count(
    model: str, value: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rated = Rated(column="human", ours=RATED.ours, theirs=RATED.theirs, says="", model=model)
    scores, _ = _run(tmp_path, [1] * 6, monkeypatch, rated=rated)

    assert (6, value) == (scores.agreements["m"].n, scores.agreements["m"].agreement.value)


def test_an_object_says_whose_answer_has_which_label_and_a_list_who_else_rated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [{"new": [1, 1, 0], "old": 0}, {"new": 1}, {"old": [0]}, None]
    found = _run(tmp_path, cells, monkeypatch)[0].agreements["m"]

    assert (6, 3, 5 / 6) == (found.n, found.clusters, found.agreement.value)


def test_answers_that_differ_by_seed_are_not_what_people_rated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [{"new": 1, "old": 0}] * 3
    scores, told = _run(tmp_path, cells, monkeypatch, seeds=2)

    assert 3 == scores.agreements["m"].n
    assert [3, 3] == [one.count for one in told if one.code == "judge_agreement"]


def test_a_model_that_is_not_there_is_refused_with_its_name() -> None:
    from shipworthy.evaluation.scoring.step import _refuse_unread_labels

    one = drive.loaded(drive.Right(), rated=RATED)
    with pytest.raises(BadInput, match="'newer', which is no model here; known: new, old"):
        _refuse_unread_labels(one, [example("1", human={"newer": 1})], ["new", "old"])


# --- Public judges ---------------------------------------------------------------------------------------------------


def test_a_judge_of_summaries_is_compared_within_systems_and_by_document(shared_data: Path) -> None:
    """SummEval's people on relevance beside their own coherence: much of the pooled correlation is the systems'."""
    path = shared_data / "summ_meta_summeval" / "summaries.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    human = _labels([row["scores"]["relevance"] for row in rows])
    other = _labels([row["scores"]["coherence"] for row in rows])
    documents, systems = [row["doc"] for row in rows], [row["system"] for row in rows]
    found = agreement(
        other, human, ordered=True, raters=Raters(items=documents, answers=range(len(rows)), groups=systems)
    )

    assert (1600, 100) == (found.n, found.clusters)
    assert found.correlation is not None and found.within is not None
    assert found.within.value < found.correlation.value
    assert found.within.low > 0
    assert "within a model" in found.text()

"""What was answered is scored once, kept, and looked up."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from shipworthy import records
from shipworthy.errors import BackendError, BadInput, MissingEvidence
from shipworthy.evaluation.budget import Purse
from shipworthy.evaluation.scoring import Item, Loaded, Score, Scores, score
from shipworthy.evaluation.scoring._waiting import waiting
from shipworthy.evaluation.scoring.code import pooled
from shipworthy.evaluation.scoring.log import ScoreLog
from shipworthy.evaluation.scoring.types import Pool, Rated
from shipworthy.protocol.types import Budget
from shipworthy.records import Response
from tests.evaluation_scoring.conftest import example

EXAMPLES = [example("1", gold="a", human=1.0), example("2", gold="b", human=0.0)]


class Right:
    """Scores 1 where the text is the gold column; fails, or dies, on what it is told to."""

    def __init__(self, *, requests: int = 0, fails: str = "", dies: str = "", version: str = "1") -> None:
        self.identity: Mapping[str, str] = {"v": version}
        self.requests = requests
        self.seen: list[str] = []
        self._fails, self._dies = fails, dies

    async def check(self, examples: Sequence[Any]) -> None:
        pass

    async def score(self, items: Sequence[Item]) -> AsyncIterator[Score]:
        for one in items:
            if one.text == self._dies:
                raise BackendError("the judge is gone")
            self.seen.append(one.text)
            if one.text == self._fails:
                yield Score(key=one.key, error="HTTP 500")
            else:
                note = "odd" if one.text == "odd" else None
                right = float(one.text == one.example.fields["gold"])
                yield Score(key=one.key, counts=(right, 1.0), note=note, cost_usd=0.5)

    async def close(self) -> None:
        pass


def loaded(
    scorer: Right, *, against: str | None = None, pool: Pool | None = None, rated: Rated | None = None
) -> Loaded:
    metric = waiting("m", source="test")
    return Loaded(name="m", dataset="d", metric=metric, scorer=scorer, against=against, pool=pool, rated=rated)


def answer(id: str, text: str | None, model: str = "new", seed: int = 0) -> Response:
    error = None if text is not None else "e"
    return Response(example_id=id, dataset="d", model=model, seed=seed, text=text, error=error)


def run(
    folder: Path,
    one: Loaded,
    responses: Sequence[Response],
    *,
    budget: Budget | None = None,
    seeds: Sequence[int] = (0,),
) -> tuple[Scores, list[records.Warning]]:
    warnings: list[records.Warning] = []
    with ScoreLog(folder) as log:
        purse = Purse(budget or Budget())
        found = score([one], EXAMPLES, responses, seeds=seeds, log=log, purse=purse, warn=warnings.append)
        return asyncio.run(found), warnings


def looked_up(scores: Scores, one: Loaded, response: Response) -> tuple[float, ...]:
    metric = scores.metrics({"m": one.metric})["m"]
    return metric.observe(next(row for row in EXAMPLES if row.id == response.example_id), response)


def test_counts_are_found_once_and_looked_up(tmp_path: Path) -> None:
    one = loaded(Right())
    responses = [answer("1", "a"), answer("2", "x"), answer("1", None, "old"), answer("2", "b", "old")]
    scores, _ = run(tmp_path, one, responses)

    assert [1, 0, 1] == [looked_up(scores, one, response)[0] for response in responses if response.text]
    assert () == scores.unscored


def test_what_was_scored_is_not_scored_again(tmp_path: Path) -> None:
    run(tmp_path, loaded(Right()), [answer("1", "a")])
    again = Right()
    scores, _ = run(tmp_path, loaded(again), [answer("1", "a"), answer("2", "b")])

    assert ["b"] == again.seen
    assert 2 == len(scores.counts["m"])


def test_another_version_of_the_scorer_scores_again(tmp_path: Path) -> None:
    run(tmp_path, loaded(Right()), [answer("1", "a")])
    other = Right(version="2")
    run(tmp_path, loaded(other), [answer("1", "a")])

    assert ["a"] == other.seen


def test_the_same_answer_of_two_models_or_seeds_is_scored_once(tmp_path: Path) -> None:
    scorer = Right()
    scores, _ = run(
        tmp_path, loaded(scorer), [answer("1", "a"), answer("1", "a", "old"), answer("1", "a", seed=1)], seeds=(0, 1)
    )

    assert (["a"], 3) == (scorer.seen, len(scores.counts["m"]))


def test_an_error_leaves_the_run_unscored_until_it_is_scored_again(tmp_path: Path) -> None:
    scores, _ = run(tmp_path, loaded(Right(fails="b")), [answer("1", "a"), answer("2", "b")])

    assert [("m", 1, "HTTP 500")] == [(one.metric, one.missing, one.reason) for one in scores.unscored]
    with pytest.raises(MissingEvidence, match="has no score"):
        looked_up(scores, loaded(Right()), answer("2", "b"))

    again = Right()
    scores, _ = run(tmp_path, loaded(again), [answer("1", "a"), answer("2", "b")])

    assert (["b"], ()) == (again.seen, scores.unscored)


def test_a_judge_that_goes_keeps_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(BackendError):
        run(tmp_path, loaded(Right(dies="b")), [answer("1", "a"), answer("2", "b")])
    again = Right()
    run(tmp_path, loaded(again), [answer("1", "a"), answer("2", "b")])

    assert ["b"] == again.seen


def test_a_torn_last_line_is_cut_and_scored_again(tmp_path: Path) -> None:
    run(tmp_path, loaded(Right()), [answer("1", "a"), answer("2", "b")])
    path = tmp_path / "scores.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    again = Right()
    scores, _ = run(tmp_path, loaded(again), [answer("1", "a"), answer("2", "b")])

    assert (["b"], ()) == (again.seen, scores.unscored)
    assert 2 == path.read_bytes().count(b"\n")


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "scores.jsonl").write_text("{}\n")
    with pytest.raises(BadInput, match=r"scores\.jsonl:1: not a score"):
        run(tmp_path, loaded(Right()), [])


@pytest.mark.parametrize("budget", [Budget(max_requests=1), Budget(max_cost_usd=0.5)])
def test_a_judge_spends_from_the_budget(tmp_path: Path, budget: Budget) -> None:
    scorer = Right(requests=1)
    scores, _ = run(tmp_path, loaded(scorer), [answer("1", "a"), answer("2", "b")], budget=budget)

    assert (["a"], 1) == (scorer.seen, scores.unscored[0].missing)
    assert "budget" in scores.unscored[0].reason


def test_a_model_ties_with_itself_and_others_are_compared_with_it(tmp_path: Path) -> None:
    one = loaded(Right(), against="old")
    responses = [answer("1", "a"), answer("1", "z", "old")]
    scores, _ = run(tmp_path, one, responses)

    assert [(1.0, 1.0), (0.5, 1.0)] == [looked_up(scores, one, response) for response in responses]


def test_trials_are_pooled_over_the_seeds_with_missing_ones_as_failures(tmp_path: Path) -> None:
    one = loaded(Right(), pool=lambda counts: pooled(2, "any", counts))
    responses = [answer("1", "a"), answer("1", "x", seed=1), answer("1", None, seed=2)]
    scores, _ = run(tmp_path, one, responses, seeds=(0, 1, 2))

    assert [pytest.approx(2 / 3)] * 2 == [looked_up(scores, one, response)[0] for response in responses[:2]]


def test_notes_are_counted_and_told(tmp_path: Path) -> None:
    _, warnings = run(tmp_path, loaded(Right()), [answer("1", "odd"), answer("2", "odd")])

    assert [("odd", 2)] == [(warning.code, warning.count) for warning in warnings]
    assert "2 answers of new" in warnings[0].message


def test_agreement_with_people_is_told_beside_the_constant(tmp_path: Path) -> None:
    rated = Rated(
        column="human", ours=lambda counts, _: f"{counts[0]:g}", theirs=lambda value: f"{value:g}", says="a number"
    )
    scores, warnings = run(tmp_path, loaded(Right(), rated=rated), [answer("1", "a"), answer("2", "x")])

    assert 1.0 == scores.agreements["m"].agreement.value
    assert [("judge_agreement", True)] == [(one.code, "always saying" in one.message) for one in warnings]

"""Judges: what they say is read or counted as unread, in both orders, and set beside people."""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from shipworthy.errors import BadInput
from shipworthy.evaluation.scoring import Context, load
from shipworthy.evaluation.scoring.agreement import agreement, people
from shipworthy.evaluation.scoring.asking import Judge, fill, score_of
from shipworthy.evaluation.scoring.pairwise import PairwiseOptions, PairwiseScorer, preference
from shipworthy.evaluation.scoring.rubric import RubricOptions, RubricScorer
from shipworthy.evaluation.scoring.verdicts import answers_in, choice_in, number_in
from shipworthy.records import Prompt, Response
from tests import mock_openai
from tests.evaluation_scoring.conftest import example, item, scored

MODEL = {"base_url": "http://127.0.0.1:1/v1", "model": "judge"}


class Fixed:
    """A judge that answers by a function of what it is asked."""

    def __init__(self, says: Callable[[str], str | None], name: str = "fixed") -> None:
        self._says = says
        self.identity: Mapping[str, str] = {"kind": "test", "name": name}
        self.asked: list[str] = []

    async def answer(self, prompts: Sequence[Prompt], *, seed: int) -> AsyncIterator[Response]:
        for prompt in prompts:
            self.asked.append(prompt.messages[0].content)
            text = self._says(self.asked[-1])
            error = None if text is not None else "HTTP 500"
            yield Response(example_id=prompt.example_id, dataset=prompt.dataset, model="j", text=text, error=error)

    async def close(self) -> None:
        pass


def rubric(says: Callable[[str], str | None], **options: Any) -> RubricScorer:
    chosen = RubricOptions(judge=PairwiseOptions(judge=_model(), against="x").judge, **options)
    return RubricScorer(chosen, Judge(Fixed(says), version="1", template=chosen.prompt))


def pairwise(says: Callable[[str], str | None]) -> PairwiseScorer:
    chosen = PairwiseOptions(judge=_model(), against="old")
    return PairwiseScorer(chosen, Judge(Fixed(says), version="1", template=chosen.prompt))


def _model() -> Any:
    from shipworthy.evaluation.scoring.asking import JudgeModel

    return JudgeModel(**MODEL)


# --- Reading verdicts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Good. Rating: [[8]]", 8),
        ("First [[3]], but then: [[7.5]]", None),
        ("[[7.5]], as I said: [[7.5]]", 7.5),
        ('{"reason": "x", "score": 4}', 4),
        ("[[8/10]]", 8),
        ("Rating: 8", None),
        ("[[11]]", None),
        ("[[good]]", None),
        ("", None),
    ],
)
def test_a_score_is_read_or_is_none(text: str, number: float | None) -> None:
    assert number == number_in(text, low=1, high=10)


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("A is better. [[A]]", "first"),
        ("[[A]] no, [[b]]", None),
        ("[[B]], that is [[second]]", "second"),
        ('{"winner": "A", "why": "[[B]] is longer"}', "first"),
        ('{"winner": {"name": "B"}}', None),
        ("<think>[[A]] perhaps</think>[[B]]", "second"),
        ("[[C]]", "tie"),
        ("Tie", "tie"),
        ("1", "first"),
        ('{"winner": "B"}', "second"),
        ("garbage", None),
        ("A is better", None),
        ("[[D]]", None),
    ],
)
def test_a_choice_is_read_or_is_none(text: str, choice: str | None) -> None:
    assert choice == choice_in(text)


SAID: list[tuple[str, float | None]] = [
    ("[[8]]", 8), ('{"score": 8}', 8), ('```json\n{"score": 8, "reason": "x"}\n```', 8),
    ("<think>maybe [[3]]</think> [[8]]", 8), ("I give [[8]]. A worse one might get [[2]].", None),
    ("Rating: 8/10", None),
    ("**Score: 8**", None), ("[[8/10]]", 8), ("[[8.5]]", 8.5), ("[[ 8 ]]", 8), ('{"score": "8"}', 8), ("[[85]]", None),
    ('{"rating": 8, "max_score": 10}', 8), ("[8]", None), ("", None), ("I'm sorry, I can't help with that.", None),
    ('{"score": 8, "confidence": {"score": 3}}', 8), ("It quotes [[10]] but is bad. [[1]]", None), ('{"Score": 8}', 8),
    ("\uff3b\uff3b8\uff3d\uff3d", 8), ('{"score": 8', None), ('{"score": null}', None), ("[[Score: 8]]", 8),
    ("Final: \\boxed{8}", None), ('{"score": 8.0}', 8), ('{"overall": {"score": 8}}', None), ('[{"score": 8}]', None),
    ("[[8]]\n\nExplanation: out of [[10]]", None), ('{"score": 8, "reason": "would be [[3]] otherwise"}', 8),
    ('{"reason": "the answer says {\\"score\\": 10}", "score": 2}', 2), ("[[0]]", None), ("[[-8]]", None),
    ("[[eight]]", None),
    # further members
    ('{"score": 8, "score": 3}', None), ('{"score": 8, "rating": 3}', None), ('{"score": 8, "rating": 8.0}', 8),
    ('Here it is: {"score": 8, "reason": "[[3]]"} as asked', 8), ('{"score": 10} said the answer. [[2]]', None),
    ('{"score": true}', None), ('{"score": [8]}', None), ('{"score": NaN}', None), ("[[8/5]]", None), ("[[4/5]]", None),
    ("<think>[[3]]", None), ("so [[3]]?</think>\n[[8]]", 8), ("[[see below]] [[8]]", 8), ("[[1_0]]", None),
    ('{"score": "8/10"}', 8), ('{"score": "eight"}', None), ('{"scores": 8}', None), ("[[8]] [[8.0]]", 8),
    ('{"score": 8}\n{"score": 8}', 8), ('{"score": 8}\n{"score": 2}', None), ("[[85]] or [[8]]", None),
    ('{"criteria": [{"score": 3}, {"score": 4}], "score": 7}', 7), ("[[٨]]", 8),
]  # fmt: skip


@pytest.mark.parametrize(("text", "number"), SAID)
def test_a_judges_answer_is_read_by_its_key_or_its_brackets_or_not_at_all(text: str, number: float | None) -> None:
    assert number == number_in(text, low=1, high=10)


def test_a_declared_key_is_the_only_one_that_is_read() -> None:
    said = '{"quality": 4, "score": 9}'

    assert (4, 9) == (number_in(said, low=1, high=10, keys=("quality",)), number_in(said, low=1, high=10))


def test_numbered_answers_are_read_by_their_numbers() -> None:
    assert [True, None, False] == answers_in("1: yes\n3. No, it is not\nyes", 3)
    assert [None, None, True] == answers_in("1: yes\n1: no\n2: no doubt\n3: yes", 3)


def test_all_320_judgements_of_mt_bench_are_read(shared_data: Path) -> None:
    rows = _lines(shared_data / "mtbench_gpt4_judgements" / "judgements.jsonl")
    read = [(number_in(row["judgment"], low=1, high=10), row["score"]) for row in rows]

    assert (320, 320) == (len(read), sum(one == other for one, other in read))


# --- Scores and preferences -------------------------------------------------------------------------------------------


def test_a_score_becomes_a_share_of_its_scale_and_an_unread_one_is_counted() -> None:
    says = {"good": "[[10]]", "middling": "[[4]]", "odd": "I like it"}
    scorer = rubric(lambda asked: next(said for word, said in says.items() if f"\n{word}\n" in asked), low=1, high=10)
    scores = scored(scorer, [item(word, key=word) for word in says])

    assert {"good": 1.0, "middling": pytest.approx(1 / 3), "odd": 0.0} == {
        key: one.counts[0] for key, one in scores.items() if one.counts
    }
    assert [None, None, "unparsed_verdict"] == [scores[key].note for key in says]
    assert "I like it" in scores["odd"].detail["why"]


def test_a_judge_that_fails_gives_no_counts() -> None:
    one = scored(rubric(lambda _: None), [item("x")])["k"]

    assert (None, "HTTP 500") == (one.counts, one.error)


def test_the_reference_is_shown_where_asked_and_missing_is_one_sentence() -> None:
    backend = Fixed(lambda _: "[[1]]")
    options = RubricOptions(judge=_model(), reference="reference")
    scorer = RubricScorer(options, Judge(backend, version="1", template=options.prompt))
    scored(scorer, [item("x", example(reference="the truth"))])

    assert "<reference>\nthe truth\n</reference>" in backend.asked[0]
    with pytest.raises(BadInput, match=r"d\.jsonl:e: example 'e' has no reference for its judge"):
        options.slots(example(), "x")


@pytest.mark.parametrize(
    ("as_first", "as_second", "expected"),
    [
        ("first", "second", (1.0, None)),
        ("second", "first", (0.0, None)),
        ("first", "first", (0.5, "order_flip")),
        ("tie", "tie", (0.5, None)),
        ("first", "tie", (0.75, None)),
        (None, "second", (0.75, "unparsed_verdict")),
        (None, None, (0.5, "unparsed_verdict")),
    ],
)
def test_both_orders_make_one_preference(as_first: Any, as_second: Any, expected: Any) -> None:
    assert expected == preference(as_first, as_second)


def test_a_judge_that_prefers_the_first_place_gives_ties_and_is_told() -> None:
    one = scored(pairwise(lambda _: "[[A]]"), [item("new", opponent="old")])["k"]

    assert ((0.5, 1.0), "order_flip") == (one.counts, one.note)


def test_the_same_answer_is_a_tie_and_no_answer_a_loss_without_asking() -> None:
    scores = scored(pairwise(lambda _: pytest.fail("asked")), [item("x", opponent="x", key="a"), item("x", key="b")])

    assert {"a": (0.5, 1.0), "b": (1.0, 1.0)} == {key: one.counts for key, one in scores.items()}


def test_a_better_answer_wins_in_either_order() -> None:
    says = lambda asked: "[[A]]" if asked.index("NEW") < asked.index("OLD") else "[[B]]"  # noqa: E731
    one = scored(pairwise(says), [item("NEW", opponent="OLD")])["k"]

    assert (1.0, 1.0) == one.counts


def test_an_answer_cannot_fill_other_slots() -> None:
    assert "{second} b" == fill("{first} {second}", {"first": "{second}", "second": "b"})


# --- Identity and options ---------------------------------------------------------------------------------------------


def test_judge_prompt_and_rubric_are_part_of_the_identity() -> None:
    base = rubric(lambda _: "").identity
    other_rubric = rubric(lambda _: "", rubric="Is it short?").identity
    other_prompt = rubric(lambda _: "", prompt="{question} {answer} [[{low}]]").identity
    options = RubricOptions(judge=_model())
    other_judge = RubricScorer(
        options, Judge(Fixed(lambda _: "", "other"), version="1", template=options.prompt)
    ).identity

    assert 4 == len({json.dumps(dict(one), sort_keys=True) for one in (base, other_rubric, other_prompt, other_judge)})


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        ("judge_score", {}, "missing required field `judge`"),
        ("judge_score", {"judge": {"model": "m"}}, "needs `base_url` and `model`"),
        ("judge_score", {"judge": {"backend": "huggingface"}}, "needs `path`"),
        ("judge_score", {"judge": MODEL, "low": 5, "high": 5}, "`low` .5. must be below `high` .5."),
        ("judge_score", {"judge": MODEL, "prompt": "{question}"}, "`prompt` lacks {answer}"),
        ("judge_score", {"judge": MODEL, "prompt": "{question}{answer}{x}"}, "`prompt` has {x}; known: "),
        ("judge_pairwise", {"judge": MODEL}, "missing required field `against`"),
        ("judge_pairwise", {"judge": MODEL, "agianst": "old"}, "did you mean 'against'"),
    ],
)
def test_a_wrong_option_is_one_sentence(kind: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        load(kind, options, dataset="d", context=Context(name="quality"))


# --- Over HTTP --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def endpoint() -> Iterator[mock_openai.Endpoint]:
    with mock_openai.endpoint() as running:
        yield running


def test_a_judge_behind_an_endpoint_is_asked(endpoint: mock_openai.Endpoint) -> None:
    judge = {
        "base_url": endpoint.base_url,
        "model": "echo",
        "usd_per_million_input": 1.0,
        "usd_per_million_output": 1.0,
    }
    score = load("judge_score", {"judge": judge}, dataset="d", context=Context(name="q"))
    duel = load("judge_pairwise", {"judge": judge, "against": "old"}, dataset="d", context=Context(name="q"))
    assert score is not None and duel is not None
    one = scored(score.scorer, [item("x")])["k"]  # the echo ends with the prompt's own example, [[1]]
    two = scored(duel.scorer, [item("x", opponent="y")])["k"]  # and with [[C]]

    assert ((0.0, 1.0), 1) == (one.counts, score.scorer.requests)
    assert ((0.5, 1.0), 2) == (two.counts, duel.scorer.requests)
    assert one.cost_usd is not None and one.cost_usd > 0


# --- Beside people ----------------------------------------------------------------------------------------------------


def test_agreement_stands_beside_the_constant_predictor() -> None:
    human = ["a"] * 6 + ["b"] * 4
    found = agreement(["a"] * 5 + ["b"] * 4 + [None], human)

    assert (10, 1, "a") == (found.n, found.unparsed, found.constant)
    assert (0.8, 0.6) == (found.agreement.value, found.constant_agreement.value)
    assert 0.2 == pytest.approx(found.gain.value)
    assert "always saying 'a' agrees on 0.600" in found.text()


def test_a_constant_judge_gains_nothing_over_the_constant() -> None:
    found = agreement(["a"] * 10, ["a"] * 7 + ["b"] * 3)

    assert (0.0, 0.0) == (found.gain.value, found.kappa)


@pytest.mark.parametrize(
    ("judge", "accuracy", "precision", "recall", "f1", "unparsed"),
    [("gpt-3.5-turbo", 0.7107, 0.5879, 0.5736, 0.5755, 25), ("pandalm-7b", 0.6677, 0.5738, 0.5750, 0.5743, 0)],
)
def test_published_scores_of_pandalms_judges_with_garbage_as_a_tie(
    shared_data: Path, judge: str, accuracy: float, precision: float, recall: float, f1: float, unparsed: int
) -> None:
    folder = shared_data / "pandalm_judges"
    votes = json.loads((folder / "testset-v1.json").read_text())
    said = [
        str(next(v for k, v in row.items() if k != "idx"))
        for row in json.loads((folder / f"{judge}-testset-v1.json").read_text())
    ]
    human = people([[spelled(row[f"annotator{i}"]) for i in (1, 2, 3)] for row in votes])
    found = agreement([choice_in(one) for one in said], [str(one) for one in human], unparsed_as="tie")

    assert (unparsed, "second", 0.4725) == (found.unparsed, found.constant, round(found.constant_agreement.value, 4))
    assert [accuracy, precision, recall, f1] == pytest.approx(
        [found.agreement.value, found.macro_precision, found.macro_recall, found.macro_f1], abs=6e-5
    )
    assert found.gain.low > 0.1


def spelled(label: int) -> str:
    return {0: "tie", 1: "first", 2: "second"}[label]


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


CUT_OFF = [
    '{"draft": {"score": 1}, "final": {"sc',
    '{"result": {"score": 5}',
    '[{"score": 5}, {"score"',
    '{"a": [{"score": 5}',
]


@pytest.mark.parametrize("text", CUT_OFF)
def test_a_part_of_a_verdict_that_was_cut_off_is_no_verdict(text: str) -> None:
    assert number_in(text, low=0, high=10) is None
    assert number_in('In {1, 2, 3 is odd. {"score": 5}', low=0, high=10) == 5


@pytest.mark.parametrize("ended", ["length", "max_tokens", "content_filter"])
def test_a_verdict_that_was_cut_is_none(ended: str) -> None:
    cut = Response(
        example_id="k", dataset="judged", model="j", text="[[1]] would be harsh, so", extra={"finish_reason": ended}
    )
    whole = Response(example_id="k", dataset="judged", model="j", text="[[1]]", extra={"finish_reason": "stop"})

    def read(text: str) -> tuple[float | None, tuple[float, ...]]:
        score = number_in(text, low=1, high=10)
        return score, (0.0 if score is None else score, 1.0)

    found = [score_of("k", one, name="score", read=read) for one in (cut, whole)]
    assert ["unparsed_verdict", None] == [one.note for one in found]
    assert f"finish_reason {ended}" in found[0].detail["why"]

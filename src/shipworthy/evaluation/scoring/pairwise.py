"""A judge compares every answer with another model's answer to the same example, in both orders."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta

from shipworthy.evaluation.scoring._waiting import waiting
from shipworthy.evaluation.scoring.asking import (
    UNPARSED,
    Judge,
    JudgeModel,
    checked_template,
    column_text,
    conversation,
    unread,
    verdict_text,
)
from shipworthy.evaluation.scoring.rubric import RUBRIC, judges_heavily
from shipworthy.evaluation.scoring.types import Context, Counts, Item, Kind, Rated, Score
from shipworthy.evaluation.scoring.verdicts import Choice, choice_in
from shipworthy.metrics.types import Metric
from shipworthy.records import Example, Record, Response

VERSION = "3"
PROMPT = """You compare the answers of two assistants to a question.

Criteria: {rubric} Neither the order of the answers nor their length may matter.
{reference}
<question>
{question}
</question>

<answer_a>
{first}
</answer_a>

<answer_b>
{second}
</answer_b>

Explain your judgement in one or two sentences. Then give your verdict in double square brackets: [[A]] if answer A is \
better, [[B]] if answer B is better, [[C]] if they are equally good."""
_TIE: Counts = (0.5, 1.0)
_SLOTS = ("rubric", "reference", "question", "first", "second")
_OURS: Mapping[Choice, float] = {"first": 1.0, "second": 0.0, "tie": 0.5}
_BACKWARDS: Mapping[Choice, Choice] = {"first": "second", "second": "first", "tie": "tie"}


class PairwiseOptions(Record):
    """Who judges, and whose answers the others are compared with."""

    judge: Annotated[
        JudgeModel, Meta(description="The judging model.", examples=[{"base_url": "http://127.0.0.1/v1", "model": "m"}])
    ]
    against: Annotated[str, Meta(description="Which of `models` all others are compared with.", examples=["old"])]
    rubric: Annotated[str, Meta(min_length=1, description="The criteria, in words.")] = RUBRIC
    reference: Annotated[
        str | None, Meta(description="Column with a right answer to show to the judge; `reference`: the reference.")
    ] = None
    prompt: Annotated[str, Meta(description="The judge's prompt, with {question}, {first} and {second}.")] = PROMPT
    human: Annotated[
        str | None,
        Meta(
            description="Column with people's preference: 1 our answer, 0 the other, 0.5 a tie; agreement is reported."
        ),
    ] = None
    human_model: Annotated[
        str | None, Meta(description="The model whose answers people rated, where several answer.")
    ] = None

    def __post_init__(self) -> None:
        checked_template(self.prompt, ("question", "first", "second"), _SLOTS)

    def reference_of(self, example: Example) -> str | None:
        """The reference to show, if any is to be shown. Raises: BadInput: it is missing."""
        if self.reference is None:
            return None
        return column_text(example, None if self.reference == "reference" else self.reference)

    def slots(self, example: Example, first: str, second: str) -> dict[str, str]:
        """What fills the prompt."""
        shown = self.reference_of(example)
        reference = f"\n<reference>\n{shown}\n</reference>\n" if shown is not None else ""
        shared = {"rubric": self.rubric, "reference": reference, "question": conversation(example)}
        return {**shared, "first": first, "second": second}


def preference(as_first: Choice | None, as_second: Choice | None) -> tuple[float, str | None]:
    """Our score from both orders, and what is to be noted.

    Args:
        as_first: the verdict when our answer stood first; `as_second`: when it stood second, as the judge said it.

    Returns: 1 when we win in both orders, 0 when we lose in both, .5 when they contradict one another; their mean
        else. A verdict that cannot be read is a tie of its order, and is noted.
    Source: Zheng et al. 2023, section 3.4 (swapping positions).
    """
    second = _BACKWARDS[as_second] if as_second is not None else None
    score = (_OURS[as_first or "tie"] + _OURS[second or "tie"]) / 2
    if as_first is None or as_second is None:
        return score, UNPARSED
    return score, "order_flip" if {as_first, second} == {"first", "second"} else None


class PairwiseScorer:
    """Asks the judge twice an answer, once in each order."""

    def __init__(self, options: PairwiseOptions, judge: Judge) -> None:
        self._options = options
        self._judge = judge

    @property
    def identity(self) -> Mapping[str, str]:
        """The judge, the prompt, and all that fills it. The other model's answer is part of every item's key."""
        filled = f"{self._options.rubric}|{self._options.reference}"
        return {"kind": "judge_pairwise", "filled": filled, **self._judge.identity}

    @property
    def requests(self) -> int:
        """Two an answer, where the judge is an endpoint."""
        return 2 * int(self._judge.remote)

    async def check(self, examples: Sequence[Example]) -> None:
        """Raises: BadInput: an example lacks what the judge is to be shown."""
        for example in examples:
            self._options.reference_of(example)

    async def score(self, items: Sequence[Item]) -> AsyncIterator[Score]:
        """(preference, 1): 1 the answer is preferred, 0 the other one, .5 neither or contradicting verdicts."""
        filled: dict[str, dict[str, str]] = {}
        for item in items:
            if item.opponent is None:
                yield Score(key=item.key, counts=(1.0, 1.0), detail={"why": "the other model gave no answer"})
                continue
            if item.opponent == item.text:
                yield Score(key=item.key, counts=(0.5, 1.0), detail={"why": "both answers are the same"})
                continue
            filled[f"{item.key}/first"] = self._options.slots(item.example, item.text, item.opponent)
            filled[f"{item.key}/second"] = self._options.slots(item.example, item.opponent, item.text)
        halves: dict[str, dict[str, Response]] = {}
        async for id, response in self._judge.ask(filled):
            key, _, order = id.rpartition("/")
            both = halves.setdefault(key, {})
            both[order] = response
            if len(both) == 2:
                yield _read(key, halves.pop(key))

    async def reach(self) -> None:
        """Raises: BackendError: the judge is not there."""
        await self._judge.reach()

    async def close(self) -> None:
        """Close the judge."""
        await self._judge.close()


def _read(key: str, both: Mapping[str, Response]) -> Score:
    cost_usd = sum(one.cost_usd or 0.0 for one in both.values())
    texts = {order: response.text for order, response in both.items()}
    if texts["first"] is None or texts["second"] is None:
        error = both["first"].error or both["second"].error
        return Score(key=key, error=error, cost_usd=cost_usd)
    as_first, as_second = (choice_in(verdict_text(both[order])) for order in ("first", "second"))
    score, note = preference(as_first, as_second)
    detail: dict[str, Any] = {"as_first": as_first, "as_second": as_second, "said": texts}
    if note == UNPARSED:
        detail["why"] = unread(both["first"] if as_first is None else both["second"])
    if note == "order_flip":
        detail["why"] = f"the judge preferred the {as_first} answer in both orders"
    return Score(key=key, counts=(score, 1.0), note=note, detail=detail, cost_usd=cost_usd)


def _metric(options: PairwiseOptions) -> Metric:
    return waiting(
        "judge_pairwise",
        source="Zheng et al. 2023 (LLM-as-a-judge), pairwise comparison in both orders; .5 is a tie",
        check=options.reference_of,
        version=VERSION,
        unread=_TIE,
    )


def _load(options: PairwiseOptions, context: Context) -> PairwiseScorer:
    return PairwiseScorer(options, Judge.load(options.judge, context, version=VERSION, template=options.prompt))


def _rated(options: PairwiseOptions) -> Rated | None:
    if options.human is None:
        return None
    return Rated(
        column=options.human,
        ours=_ours,
        theirs=lambda value: _label(float(value)),
        says="write 1 (this one is better), 0.5 (a tie) or 0",
        model=options.human_model,
    )


def _ours(counts: Counts, detail: Mapping[str, Any]) -> str | None:
    unread = "said" in detail and (detail["as_first"] is None or detail["as_second"] is None)
    return None if unread else _label(counts[0])


def _label(score: float) -> str:
    return "ours" if score > 0.5 else "other" if score < 0.5 else "tie"


JUDGE_PAIRWISE = Kind(
    options=PairwiseOptions,
    metric=_metric,
    load=_load,
    against=lambda options: str(options.against),
    rated=_rated,
    heavy=judges_heavily,
    reach=PairwiseScorer.reach,
)

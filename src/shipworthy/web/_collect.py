"""A run folder as a Page: everything is read here, nothing is drawn."""

import shlex
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from shipworthy.errors import BadInput
from shipworthy.evaluation.main_job import question_of as gates_question
from shipworthy.evaluation.prompts import render
from shipworthy.gates import Question
from shipworthy.gates.question import notes
from shipworthy.protocol import Protocol
from shipworthy.records import Decision, Example, Message, Response
from shipworthy.store.run_folder import EXAMPLES, RunFolder
from shipworthy.web._ladder import ladder, paretos
from shipworthy.web._page import Answer, Failure, Failures, Page, Regression, baselines_of, question_of
from shipworthy.web._prices import Prices
from shipworthy.web._provenance import metric_facts, provenance
from shipworthy.web.failing import Failing, failing
from shipworthy.web.worst import Loss, worst

MOST_REGRESSIONS, MOST_FAILURES = 3, 500
_LONGEST_TEXT, _MOST_TEXT = 1_500, 1_600_000
"""Characters of one text of a failing example, and of all of them: a page of at most about 2 MB."""
_NEXT: dict[Decision, str] = {
    "promote": "shipworthy release promote {run}",
    "block": "shipworthy run {protocol}",
    "sign_off": "shipworthy gate {run} --sign-off",
    "inconclusive": "shipworthy validate {protocol}",
}


def page_of(run: RunFolder) -> Page:
    """The page of a judged run.

    Raises: BadInput: it has no verdict yet, or one of its files is broken.
    """
    verdict, locked = run.verdict(), run.manifest
    promised = msgspec.convert(locked.protocol, Protocol)
    baselines = baselines_of(verdict.metrics)
    page = Page(
        title=promised.name,
        question=question_of(locked.candidate, baselines),
        verdict=verdict,
        candidate=locked.candidate,
        baselines=baselines,
        description=promised.description,
        run_id=locked.run_id,
        created=locked.created,
        status=locked.status,
        alpha=promised.decisions.alpha,
        provenance=provenance(locked, promised),
        next_command=_NEXT[verdict.verdict].format(
            run=shlex.quote(str(run.path)), protocol=shlex.quote(locked.protocol_path)
        ),
    )
    return page if locked.status != "complete" else _with_answers(page, run, promised)


def _with_answers(page: Page, run: RunFolder, promised: Protocol) -> Page:
    """The page with what only a complete run has: worst examples, ladder, Pareto charts."""
    question, evidence = gates_question(promised, run.manifest), run.evidence()
    losses = worst(
        (*page.gates, *page.cells), evidence, question.metrics, candidate=page.candidate, most=MOST_REGRESSIONS
    )
    floor = [name for name, role in question.roles.items() if role == "trivial"]
    failed, total = failing(
        page.gates, evidence, question.metrics, candidate=page.candidate, most=MOST_FAILURES, floor=floor
    )
    units: list[Loss | Failing] = [*losses, *failed]
    prices, answers = _responses(run.responses(), {(one.dataset, one.example_id, one.seed) for one in units})
    examples = _wanted(run, units)
    table = ladder(question, evidence, prices)
    return msgspec.structs.replace(
        page,
        regressions=_regressions(losses, examples, answers, promised, question),
        failures=Failures(shown=_failures(failed, examples, answers, promised, question), total=total),
        ladder=table,
        notes=notes(question),
        paretos=paretos(table, page.verdict.metrics),
        provenance=(*page.provenance, metric_facts(question.metrics)),
    )


Key = tuple[str, str, int]


def _responses(responses: Iterable[Response], wanted: set[Key]) -> tuple[Prices, dict[tuple[str, Key], Response]]:
    """Prices of every answer, and the answers that are shown, in one pass over the file."""
    prices, kept = Prices(), {}
    for response in responses:
        prices.add(response)
        key = (response.dataset, response.example_id, response.seed)
        if key in wanted:
            kept[response.model, key] = response
    return prices, kept


def _wanted(run: RunFolder, losses: Sequence[Loss | Failing]) -> dict[tuple[str, str], Example]:
    wanted = {(loss.dataset, loss.example_id) for loss in losses}
    found = {(e.dataset, e.id): e for e in run.examples() if (e.dataset, e.id) in wanted}
    for _, id in sorted(wanted - found.keys()):
        told = f"example {id[:80]!r} of the evidence does not stand here; the file was cut or edited, restore it"
        raise BadInput(told, where=str(run.path / EXAMPLES))
    return found


def _regressions(
    losses: Sequence[Loss],
    examples: Mapping[tuple[str, str], Example],
    answers: Mapping[tuple[str, Key], Response],
    promised: Protocol,
    question: Question,
) -> tuple[Regression, ...]:
    shown = []
    for loss in losses:
        example, key = examples[loss.dataset, loss.example_id], (loss.dataset, loss.example_id, loss.seed)
        shown.append(
            Regression(
                example_id=example.id,
                dataset=example.dataset,
                metric=loss.metric,
                unit=question.metrics[loss.metric].unit,
                where=example.where.rpartition("/")[2],
                seed=loss.seed,
                slices=example.slices,
                prompt=render(promised, [example])[0].messages,
                reference=_text(example.reference),
                candidate=_answer(question.candidate, loss.ours, answers.get((question.candidate, key))),
                baseline=_answer(loss.baseline, loss.theirs, answers.get((loss.baseline, key))),
            )
        )
    return tuple(shown)


def _failures(
    failed: Sequence[Failing],
    examples: Mapping[tuple[str, str], Example],
    answers: Mapping[tuple[str, Key], Response],
    promised: Protocol,
    question: Question,
) -> tuple[Failure, ...]:
    """As many of the failing examples as the page has room for."""
    shown, room = [], _MOST_TEXT
    for one in failed:
        example, key = examples[one.dataset, one.example_id], (one.dataset, one.example_id, one.seed)
        theirs = answers.get((one.baseline, key))
        failure = Failure(
            example_id=example.id,
            dataset=example.dataset,
            metric=one.metric,
            outcome=one.outcome,
            unit=question.metrics[one.metric].unit,
            where=example.where.rpartition("/")[2],
            seed=one.seed,
            slices=example.slices,
            prompt=tuple(_cut_turn(turn) for turn in render(promised, [example])[0].messages[-4:]),
            reference=_cut(_text(example.reference)),
            candidate=_cut_answer(_answer(question.candidate, one.ours, answers.get((question.candidate, key)))),
            baseline=_cut_answer(_answer(one.baseline, one.theirs, theirs)) if one.baseline else None,
        )
        room -= len(msgspec.json.encode(failure))
        if room < 0:
            break
        shown.append(failure)
    return tuple(shown)


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= _LONGEST_TEXT:
        return text
    return f"{text[:_LONGEST_TEXT]} … and {len(text) - _LONGEST_TEXT:,} more characters"


def _cut_turn(turn: Message) -> Message:
    return msgspec.structs.replace(turn, content=_cut(turn.content) or "")


def _cut_answer(answer: Answer) -> Answer:
    return msgspec.structs.replace(answer, text=_cut(answer.text), error=_cut(answer.error))


def _answer(model: str, score: float | None, response: Response | None) -> Answer:
    if response is None:
        return Answer(model=model, text=None, error="it never came", score=score)
    return Answer(model=model, text=response.text, error=response.error, score=score)


def _text(reference: object) -> str | None:
    if reference is None or isinstance(reference, str):
        return reference
    return msgspec.json.encode(reference).decode()

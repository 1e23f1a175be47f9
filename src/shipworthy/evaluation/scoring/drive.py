"""Scores what was answered and not scored yet, and hands out metrics that look the counts up."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from shipworthy import records
from shipworthy.errors import MissingEvidence
from shipworthy.evaluation.budget import Purse
from shipworthy.evaluation.scoring.agreement import Agreement, Raters, agreement
from shipworthy.evaluation.scoring.asking import UNPARSED
from shipworthy.evaluation.scoring.catalogue import Loaded
from shipworthy.evaluation.scoring.log import ScoreLine, ScoreLog
from shipworthy.evaluation.scoring.types import Counts, Item, Rated, Score
from shipworthy.metrics.types import Metric
from shipworthy.records import Example, Response
from shipworthy.store import digests

Warn = Callable[[records.Warning], None]
NOT_READ: Counts = (0.0, 0.0)
"""Counts of an answer whose verdict could not be read: no measurement. The gates say what that may decide."""
Unit = tuple[str, str, int]
"""(model, example id, seed) within one dataset."""


@dataclasses.dataclass(frozen=True, slots=True)
class Unscored:
    """A metric that has no counts for some answers: how many, and why. Such a run is incomplete."""

    metric: str
    missing: int
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Scores:
    """The counts of every answer, by metric; `unscored` is empty when all are there.

    `agreements` of judges with people, where people's labels are given.
    """

    counts: Mapping[str, Mapping[tuple[Unit, str], Counts]]
    unscored: tuple[Unscored, ...]
    agreements: Mapping[str, Agreement]

    def metrics(self, metrics: Mapping[str, Metric]) -> dict[str, Metric]:
        """The same metrics; those of scorers look their counts up, and are pure from here on."""
        return {
            name: dataclasses.replace(metric, observe=_lookup(name, self.counts[name]))
            if name in self.counts
            else metric
            for name, metric in metrics.items()
        }


async def score(
    loaded: Sequence[Loaded],
    examples: Sequence[Example],
    responses: Iterable[Response],
    *,
    seeds: Sequence[int],
    log: ScoreLog,
    purse: Purse,
    warn: Warn = lambda _: None,
) -> Scores:
    """Score every answer, each distinct one once; equal answers of two models to one example share a score.

    Args:
        examples: of every dataset, with the conversations that were asked.
        responses: in the order in which they were written; the last answer to a prompt counts.
        purse: what may still be spent on requests; a spent one leaves items unscored.
        warn: is told every note of a score, with its count, per metric and model.

    Raises: BackendError, Refused: a scorer cannot score anything at all; what was scored is kept.
    """
    answers = _last_answers(responses)
    known = {line.key: line for line in log.lines() if line.counts is not None}
    counts: dict[str, dict[tuple[Unit, str], Counts]] = {}
    unscored: list[Unscored] = []
    agreements: dict[str, Agreement] = {}
    for one in loaded:
        table = _Table(one, [example for example in examples if example.dataset == one.dataset], answers)
        reason = await _fill(table, known, log, purse)
        if missing := sum(item.key not in known for item in table.items.values()):
            unscored.append(Unscored(one.name, missing, reason))
        _tell(table, known, warn)
        counts[one.name] = table.counts(known, seeds)
        if (found := _agreement(table, known, warn)) is not None:
            agreements[one.name] = found
            warn(records.Warning(code="judge_agreement", message=f"{one.name}: {found.text()}", count=found.n))
    return Scores(counts=counts, unscored=tuple(unscored), agreements=agreements)


def identity_digest(loaded: Loaded) -> str:
    """sha256 of what makes the same answer score otherwise: the scorer's identity and its metric's version."""
    return digests.of_value({"scorer": dict(loaded.scorer.identity), "version": loaded.metric.version})


class _Table:
    """The units of one metric and what is to be scored for them."""

    def __init__(self, loaded: Loaded, examples: Sequence[Example], answers: Mapping[tuple[str, Unit], str]) -> None:
        self.loaded = loaded
        self.texts: dict[Unit, str] = {}
        self.items: dict[Unit, Item] = {}
        self._first: dict[tuple[str, str], Unit] = {}
        self._several: set[tuple[str, str]] = set()
        by_id = {example.id: example for example in examples}
        identity = identity_digest(loaded)
        insides = {id: digests.of_value([one.messages, one.reference, one.fields]) for id, one in by_id.items()}
        for (dataset, unit), text in answers.items():
            model, example_id, seed = unit
            if dataset != loaded.dataset or example_id not in by_id:
                continue
            self.texts[unit] = text
            if model == loaded.against:
                continue
            rival = None if loaded.against is None else answers.get((dataset, (loaded.against, example_id, seed)))
            key = digests.of_value([identity, insides[example_id], text, rival])
            self.items[unit] = Item(key=key, example=by_id[example_id], text=text, opponent=rival)
            first = self._first.setdefault(unit[:2], unit)
            if self.items[first].key != key:
                self._several.add(unit[:2])

    def is_first(self, unit: Unit) -> bool:
        """Whether this is its model's answer to its example under the first seed."""
        return self._first.get(unit[:2]) == unit

    def has_several(self, unit: Unit) -> bool:
        """Whether the model answered the example otherwise under another seed."""
        return unit[:2] in self._several

    def counts(self, known: Mapping[str, ScoreLine], seeds: Sequence[int]) -> dict[tuple[Unit, str], Counts]:
        """Counts by unit and text; a model that the others are compared with ties with itself."""
        found: dict[Unit, Counts] = {unit: (0.5, 1.0) for unit in self.texts if unit not in self.items}
        for unit, item in self.items.items():
            line = known.get(item.key)
            if line is not None and line.counts is not None:
                found[unit] = NOT_READ if line.note == UNPARSED else line.counts
        if self.loaded.pool is not None:
            found = self._pooled(found, seeds)
        return {(unit, self.texts[unit]): one for unit, one in found.items()}

    def _pooled(self, found: Mapping[Unit, Counts], seeds: Sequence[int]) -> dict[Unit, Counts]:
        assert self.loaded.pool is not None
        pooled: dict[Unit, Counts] = {}
        for model, example_id in {unit[:2]: None for unit in found}:
            units = [(model, example_id, seed) for seed in seeds]
            together = self.loaded.pool([found.get(unit, self.loaded.metric.failure) for unit in units])
            pooled |= {unit: one for unit, one in zip(units, together, strict=True) if unit in found}
        return pooled


async def _fill(table: _Table, known: dict[str, ScoreLine], log: ScoreLog, purse: Purse) -> str:
    """Score what has no score, in parcels that the purse allows; the last reason why something has none."""
    scorer, reason = table.loaded.scorer, "the scorer gave no score"
    firsts: dict[str, Unit] = {}
    for unit, item in table.items.items():
        if item.key not in known:
            firsts.setdefault(item.key, unit)
    left = len(firsts)
    try:
        for parcel in _parcels(table, list(firsts.values()), purse):
            left -= len(parcel)
            async for one in scorer.score(parcel):
                line = _line(one, table, firsts[one.key])
                log.append(line)
                known[one.key] = line
                if one.counts is None:
                    reason = one.error or ""
                    del known[one.key]
                for _ in range(scorer.requests):
                    purse.pay((one.cost_usd or 0.0) / scorer.requests)
    finally:
        await scorer.close()
    return purse.reason() if left else reason


def _parcels(table: _Table, units: Sequence[Unit], purse: Purse) -> Iterator[list[Item]]:
    """Items that may be scored now; those that cost nothing at once, others as far as the purse goes."""
    each = table.loaded.scorer.requests
    left = [table.items[unit] for unit in units]
    while left:
        size = len(left)
        if each:
            granted = purse.take(each * size)
            size = granted // each
            purse.put_back(granted - each * size)
        if not size:
            return
        yield left[:size]
        left = left[size:]


def _line(one: Score, table: _Table, unit: Unit) -> ScoreLine:
    model, example_id, seed = unit
    return ScoreLine(
        metric=table.loaded.name,
        dataset=table.loaded.dataset,
        model=model,
        example_id=example_id,
        seed=seed,
        key=one.key,
        counts=one.counts,
        error=one.error,
        note=one.note,
        detail=one.detail,
        cost_usd=one.cost_usd,
    )


def _tell(table: _Table, known: Mapping[str, ScoreLine], warn: Warn) -> None:
    """One warning a note, with its count and the first reason."""
    counted: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], str] = {}
    for (model, example_id, _), item in table.items.items():
        line = known.get(item.key)
        if line is not None and line.note is not None:
            counted[line.note, model] += 1
            first.setdefault((line.note, model), f"{example_id}: {line.detail.get('why', '')}".strip(": "))
    for (note, model), count in counted.items():
        message = f"{table.loaded.name}: {note.replace('_', ' ')} for {count} answers of {model}; first: "
        warn(records.Warning(code=note, message=message + first[note, model], count=count))


def _agreement(table: _Table, known: Mapping[str, ScoreLine], warn: Warn) -> Agreement | None:
    """The judge beside people on the answers that people rated, and on no others; None: there is none, or nobody can
    say whose they are, which is told."""
    rated = table.loaded.rated
    if rated is None:
        return None
    models = {model for model, _, _ in table.items}
    rows: list[tuple[Unit, str | None, str]] = []
    unclaimed = 0
    for unit, item in table.items.items():
        line = known.get(item.key)
        cell = item.example.fields.get(rated.column)
        if line is None or line.counts is None or cell is None:
            continue
        labels = rated.labels(cell)
        theirs = labels.get(unit[0], labels.get(None, []))
        nobodys = unit[0] not in labels and len(models) > 1
        if not table.is_first(unit) or not theirs:
            continue
        if nobodys or table.has_several(unit):
            unclaimed += 1
            continue
        rows += [(unit, rated.ours(line.counts, line.detail), label) for label in theirs]
    if unclaimed:
        warn(records.Warning(code="judge_agreement", message=_whose(table.loaded.name, rated, models), count=unclaimed))
    return _beside_people(table, rows, ordered=rated.ordered) if rows else None


def _whose(name: str, rated: Rated, models: Collection[str]) -> str:
    return (
        f"{name}: some answers are not compared with people: column {rated.column!r} holds a label an example, and "
        f"{len(models)} models or several seeds answered; name one with `human_model`, or write an object "
        "{model: label}; under several seeds only equal answers are compared"
    )


def _beside_people(table: _Table, rows: Sequence[tuple[Unit, str | None, str]], *, ordered: bool) -> Agreement:
    """Ratings of one example, or of examples that rise and fall together, are one item."""
    examples = [table.items[unit].example for unit, _, _ in rows]
    raters = Raters(
        items=[one.cluster or one.id for one in examples],
        answers=[table.items[unit].key for unit, _, _ in rows],
        groups=[unit[0] for unit, _, _ in rows],
    )
    return agreement([ours for _, ours, _ in rows], [theirs for _, _, theirs in rows], ordered=ordered, raters=raters)


def _last_answers(responses: Iterable[Response]) -> dict[tuple[str, Unit], str]:
    return {(one.dataset, (one.model, one.example_id, one.seed)): one.text for one in responses if one.text is not None}


def _lookup(name: str, table: Mapping[tuple[Unit, str], Counts]) -> Callable[[Example, Response], tuple[float, ...]]:
    def observe(example: Example, response: Response) -> tuple[float, ...]:
        counts = table.get(((response.model, example.id, response.seed), response.text or ""))
        if counts is None:
            raise MissingEvidence(f"{name}: the answer of {response.model!r} to {example.id!r} has no score")
        return counts

    return observe

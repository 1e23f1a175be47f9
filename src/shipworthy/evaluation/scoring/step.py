"""The scoring step of a run: which scorers a protocol needs, and their scores in its run folder."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from shipworthy.errors import BadInput
from shipworthy.evaluation.budget import Purse
from shipworthy.evaluation.scoring.catalogue import Loaded, is_heavy, load
from shipworthy.evaluation.scoring.drive import Scores, Warn, identity_digest, score
from shipworthy.evaluation.scoring.log import ScoreLog
from shipworthy.evaluation.scoring.types import Context, Counts
from shipworthy.metrics.types import Metric
from shipworthy.protocol.types import Protocol
from shipworthy.records import Example, Prompt
from shipworthy.store import RunFolder


def load_all(
    promised: Protocol, examples: Sequence[Example], *, folder: Path, environ: Mapping[str, str], heavy: bool = True
) -> tuple[Loaded, ...]:
    """The scorers of a protocol, ready, each having looked at its examples; nothing is asked or spent.

    Without `heavy`, those that take weights into memory are left out: a protocol can be checked, not run.

    Raises: BadInput: an option is wrong, or an example cannot be scored. Refused: code cannot be isolated here.
        BackendError, MissingExtra: a local judge or classifier cannot be loaded.
    """
    found = []
    for name, spec in promised.metrics.items():
        rows = [example for example in examples if example.dataset == spec.dataset]
        context = Context(name=name, folder=folder, environ=environ, examples=rows)
        kind = spec.metric or name
        if not heavy and is_heavy(name, kind, spec.options):
            continue
        if (one := load(kind, spec.options, dataset=spec.dataset, context=context)) is not None:
            _refuse_misfits(one, promised)
            _refuse_unread_labels(one, rows, list(promised.models))
            found.append(one)
            asyncio.run(one.scorer.check(rows))
    return tuple(found)


def _refuse_misfits(one: Loaded, promised: Protocol) -> None:
    """A model to compare with that is none, or more trials than there are seeds."""
    answering = [name for name, spec in promised.models.items() if spec.role != "published"]
    if one.against is not None and one.against not in answering:
        raise BadInput(
            f"metric {one.name!r} compares with {one.against!r}, which is no model that answers; "
            f"known: {', '.join(answering)}"
        )
    if one.pool is not None:
        try:
            one.pool([one.metric.failure] * len(promised.seeds))
        except ValueError as error:
            raise BadInput(
                f"metric {one.name!r}: {len(promised.seeds)} seeds are too few ({error}); add `seeds`"
            ) from error


def _refuse_unread_labels(one: Loaded, rows: Sequence[Example], models: Sequence[str]) -> None:
    """People's labels are read now: a wrong one must not end the run once every judge has been paid."""
    rated = one.rated
    if rated is None:
        return
    labels = {row.id: row.fields[rated.column] for row in rows if row.fields.get(rated.column) is not None}
    if not labels:
        raise BadInput(f"metric {one.name!r}: no example of {one.dataset!r} has a label in a column {rated.column!r}")
    for example, label in labels.items():
        try:
            named = rated.labels(label)
        except (TypeError, ValueError):
            raise BadInput(
                f"metric {one.name!r}: {label!r} in column {rated.column!r} of example {example!r} is no label that "
                f"people give here: {rated.says}"
            ) from None
        unknown = [model for model in named if model is not None and model not in models]
        if unknown:
            raise BadInput(
                f"metric {one.name!r}: people's labels (column {rated.column!r}, example {example!r}) name "
                f"{unknown[0]!r}, which is no model here; known: {', '.join(models)}"
            )


def reach(loaded: Sequence[Loaded]) -> None:
    """Hear from every judge and classifier behind an endpoint, all at once; each is asked one short question.

    Raises: BackendError: one is not there.
    """

    async def every() -> None:
        await asyncio.gather(*(one.reach(one.scorer) for one in loaded))

    asyncio.run(every())


def weighing(metrics: Mapping[str, Metric], loaded: Sequence[Loaded]) -> dict[str, Metric]:
    """The same metrics; an example that a scorer leaves out has no weight for a failed answer either."""
    found = dict(metrics)
    for one in loaded:
        if left_out := one.left_out(one.scorer):
            found[one.name] = replace(found[one.name], failure_of=_weighed(one.metric.failure, left_out))
    return found


def _weighed(failure: Counts, left_out: frozenset[str]) -> Callable[[Example], Counts]:
    nothing = (0.0,) * len(failure)
    return lambda example: nothing if example.id in left_out else failure


def identities(loaded: Sequence[Loaded]) -> dict[str, str]:
    """Metric -> digest of what makes the same answer score otherwise, for the manifest."""
    return {one.name: identity_digest(one) for one in loaded}


def score_run(
    promised: Protocol,
    loaded: Sequence[Loaded],
    asked: Sequence[tuple[Example, Prompt]],
    run: RunFolder,
    *,
    remote: frozenset[str],
    warn: Warn,
) -> Scores:
    """Score every answer of a run that has no score yet.

    Args:
        asked: every example with the conversation that was asked.
        remote: the models behind an endpoint; their requests have been spent from the budget.
        warn: is told notes of scores and agreement with people.

    Raises: BackendError: a judge cannot be reached; what was scored is kept.
    """
    if not loaded:
        return Scores(counts={}, unscored=(), agreements={})
    examples = [msgspec.structs.replace(example, messages=prompt.messages) for example, prompt in asked]
    with ScoreLog(run.path) as log:
        purse = _purse(promised, loaded, run, log, remote)
        found = score(loaded, examples, run.responses(), seeds=promised.seeds, log=log, purse=purse, warn=warn)
        return asyncio.run(found)


def _purse(
    promised: Protocol, loaded: Sequence[Loaded], run: RunFolder, log: ScoreLog, remote: frozenset[str]
) -> Purse:
    """What the answers and earlier scores have left of the budget."""
    each = {one.name: one.scorer.requests for one in loaded}
    requests, cost_usd = 0, 0.0
    for response in run.responses():
        if response.model in remote:
            requests += 1
            cost_usd += response.cost_usd or 0.0
    for line in log.lines():
        requests += each.get(line.metric, 0)
        cost_usd += line.cost_usd or 0.0
    return Purse(promised.budget, requests=requests, cost_usd=cost_usd)

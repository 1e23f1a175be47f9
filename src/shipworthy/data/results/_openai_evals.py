"""OpenAI evals (`oaieval`): a log of events, one a line, that begins with the run's spec and ends with its report.

A `match` event says `correct`; a `metrics` event gives numbers by name. Several of them for one sample are repeats of
it. A sample with an `error` event and no score failed. A log without a final report did not finish.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from shipworthy.data import _rows
from shipworthy.data.results._formats import Format
from shipworthy.data.results._logs import Score, called, finite, long_rows, same_input
from shipworthy.data.results._long import Long
from shipworthy.data.results._peek import Start
from shipworthy.data.results._query import Query, known
from shipworthy.errors import BadInput

ACCURACY = "accuracy"


def is_file(start: Start) -> bool:
    """A first line with the spec of a run, or events alone."""
    spec = start.has("spec.eval_name") or start.has("spec.completion_fns") or start.has("spec.run_id")
    return spec or start.has("run_id", "event_id", "sample_id", "type")


@dataclass(slots=True)
class Log:
    """One run: its model and eval, and what its events say of each sample."""

    model: str
    eval_name: str
    scores: dict[str, list[tuple[str, Any, str]]] = field(default_factory=lambda: defaultdict(list))
    asked: dict[str, Any] = field(default_factory=dict)
    answered: dict[str, Any] = field(default_factory=dict)
    gold: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, tuple[str, str]] = field(default_factory=dict)
    finished: bool = False


def read(paths: Sequence[Path], query: Query) -> Long:
    """Raises: BadInput: a log that is broken or did not finish, another input or right answer under one sample id."""
    where = ", ".join(map(str, paths))
    scores: list[Score] = []
    models: list[str] = []
    asked: dict[str, Score] = {}
    for name in (*query.slices, *filter(None, [query.cluster])):
        known("column of the events", name, (), where)
    for path in paths:
        log = log_of(path)
        options = [log.model, path.stem, path.name, str(path)]
        model = called(query, options)
        models.append(model)
        if model in (query.candidate, query.baseline):
            found = list(_scores(log, model))
            same_input(found, asked)
            scores += found
    for name in (query.candidate, query.baseline):
        known("model", name, models, where)
    if query.metric is not None:
        known("metric", query.metric, [score.metric for score in scores], where)
        scores = [score for score in scores if score.metric == query.metric]
    return long_rows(scores, source="OpenAI evals log", where=where, better={ACCURACY: "higher"})


def log_of(path: Path) -> Log:
    """What a log says. Raises: BadInput: a broken line, two runs in one file, no final report."""
    log = Log(model=path.stem, eval_name="eval")
    runs: set[str] = set()
    for row in _rows.rows(path):
        where = f"{path}:{row.line}"
        if isinstance(row, _rows.Bad):
            raise BadInput(row.why, where=where)
        fields = row.fields
        if isinstance(spec := fields.get("spec"), Mapping):
            log.model, log.eval_name = _model(spec) or path.stem, str(spec.get("eval_name") or spec.get("base_eval"))
        elif "final_report" in fields:
            log.finished = True
        elif fields.get("sample_id") is not None:
            runs.add(str(fields.get("run_id")))
            _event(log, fields, where)
    if len(runs) > 1:
        raise BadInput(f"{len(runs)} runs stand in one log; give a file a run", where=str(path))
    if not log.finished:
        raise BadInput("the evaluation did not finish (no final_report); run oaieval to its end", where=str(path))
    if not log.scores:
        message = "no event of this log is a match or has metrics, so it holds no score of a sample"
        raise BadInput(f"{message}; its report is an average alone", where=str(path))
    return log


def _model(spec: Mapping[str, Any]) -> str | None:
    named = spec.get("completion_fns") or spec.get("model_name")
    if isinstance(named, Mapping):
        named = named.get("completions") or next(iter(named.values()), None)
    if isinstance(named, list):
        return ",".join(map(str, named)) or None
    return str(named) if named else None


def _event(log: Log, fields: Mapping[str, Any], where: str) -> None:
    sample, data = str(fields["sample_id"]), fields.get("data")
    said: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
    match fields.get("type"):
        case "match":
            if not isinstance(said.get("correct"), bool):
                raise BadInput("this match says not whether it is correct", where=where)
            log.scores[sample].append((ACCURACY, said["correct"], where))
            log.gold.setdefault(sample, said.get("expected"))
            log.answered.setdefault(sample, said.get("sampled") or said.get("picked"))
        case "metrics":
            log.scores[sample] += [
                (str(name), value, where) for name, value in said.items() if isinstance(value, bool | int | float)
            ]
        case "sampling":
            log.asked.setdefault(sample, said.get("prompt"))
            sampled = said.get("sampled")
            log.answered[sample] = sampled[0] if isinstance(sampled, list) and sampled else sampled
        case "error":
            log.errors.setdefault(sample, (str(said.get("message") or said), where))


def _scores(log: Log, model: str) -> Iterator[Score]:
    metrics = list(dict.fromkeys(name for found in log.scores.values() for name, _, _ in found))
    samples = dict.fromkeys((*log.scores, *log.errors, *log.asked))
    for sample in samples:
        found = log.scores.get(sample, [])
        told: Counter[str] = Counter()
        failed = not found and sample in log.errors
        for name, value, where in found or [(name, None, log.errors[sample][1]) for name in metrics if failed]:
            yield Score(
                example=sample,
                model=model,
                metric=name,
                value=None if value is None else finite(value, name, where),
                where=where,
                seed=told[name],
                labels={"eval": log.eval_name},
                asked=_text(log.asked.get(sample)),
                gold=_text(log.gold.get(sample)),
            )
            told[name] += 1


def _text(said: Any) -> str | None:
    return None if said is None else msgspec.json.encode(said, order="sorted").decode()


FORMAT = Format(
    title="OpenAI evals log",
    version="`oaieval` of evals 1 to 3: events as JSON lines",
    recognised="a first line with `spec`, or lines with `run_id`, `event_id`, `sample_id` and `type`",
    direction="`correct` of a match is `accuracy`, higher; numbers of `metrics` events by name, else `--better`",
    failures="a sample with an `error` event and no score; a log without `final_report` did not finish",
    ties="none",
    repeats="several matches of a sample are a seed each, in one cluster",
    test="tests/data/test_openai_evals.py::test_two_logs_are_paired_on_their_samples",
    read=read,
    is_file=is_file,
)

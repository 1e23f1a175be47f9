"""inspect_ai logs: `.eval` (a ZIP whose `summaries.json` suffices) and `.json`. Own code, no dependency on inspect.

Format: inspect_ai log version 2. Scores are letters (C 1, P 0.5, I and N 0, as inspect's `value_to_float`), numbers,
booleans, or a mapping of those (then each key is a metric); no score, null and NaN are inspect's "unscored", a gap;
epochs are seeds; a sample that errored counts against its model.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from shipworthy.data import _files
from shipworthy.data.results._formats import Format
from shipworthy.data.results._logs import Score, called, long_rows, same_input
from shipworthy.data.results._long import Long
from shipworthy.data.results._peek import Start
from shipworthy.data.results._query import Query, known
from shipworthy.errors import BadInput
from shipworthy.records import Direction
from shipworthy.store import loose_json
from shipworthy.store import zip_members as _zip

_LETTERS = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
_WORDS = {"yes": 1.0, "true": 1.0, "correct": 1.0, "no": 0.0, "false": 0.0, "incorrect": 0.0}
_GRADES = frozenset((*_LETTERS, "correct", "incorrect", "CORRECT", "INCORRECT"))
_UP: Direction = "higher"
_SHORTENED = ("(content truncated)", "attachment://")
_NO_TEXT = frozenset(f"({kind})" for kind in ("Image", "Audio", "Video", "Data", "Document", "Reasoning", "Tool_use"))
LATENCY = "latency_s"


def read(paths: Sequence[Path], query: Query) -> Long:
    """Raises: BadInput: a log that is damaged or did not finish, a score that is no number, inputs that differ."""
    logs = [log for given in paths for log in (logs_in(given) if given.is_dir() else [given])]
    where = ", ".join(map(str, paths))
    scores: list[Score] = []
    models: list[str] = []
    measured: dict[str, None] = {}
    graded: set[str] = set()
    asked: dict[str, Score] = {}
    for path in logs:
        header, samples = _open(path)
        run = header["eval"]
        model = called(query, [str(run.get("model", path.stem)), path.name, path.stem, str(path), path.parent.name])
        models.append(model)
        if model in (query.candidate, query.baseline):
            measured |= dict.fromkeys(_metrics(samples))
            graded |= _graded(header, samples)
            found = list(_scores(path, run, samples, model, query))
            same_input(found, asked)
            scores += found
    for name in (query.candidate, query.baseline):
        known("model", name, models, where)
    if not measured:
        raise BadInput("no sample of these logs has a score", where=where)
    if query.metric is not None:
        known("metric", query.metric, [*measured, *(score.metric for score in scores)], where)
    better: dict[str, Direction] = dict.fromkeys(graded, _UP)
    better[LATENCY] = "lower"
    return long_rows(scores, source="inspect_ai log", where=where, better=better, extras=(LATENCY,))


def logs_in(folder: Path) -> list[Path]:
    """Every log of the folder and of those below it."""
    written = [path for path in folder.rglob("*.json") if path.is_file() and path.stat().st_size]
    return sorted([*folder.rglob("*.eval"), *(path for path in written if is_log(_files.head(path)))])


def is_log(start: bytes) -> bool:
    """Whether a JSON file that begins so is a log of inspect."""
    return b'"eval"' in start and b'"status"' in start and b'"version"' in start[:200]


def _open(path: Path) -> tuple[Mapping[str, Any], list[dict[str, Any]]]:
    """Header and samples of one finished log."""
    if not _files.head(path).startswith(b"PK"):
        header = _json(path.read_bytes(), str(path))
        samples = header.get("samples")
    else:
        inside = _zip.names(path)
        if "header.json" not in inside:
            raise BadInput(
                "the evaluation did not finish (no header.json, status started); run it to its end", where=str(path)
            )
        header = _json(_zip.member(path, "header.json"), f"{path}!header.json")
        samples = (
            _json(_zip.member(path, "summaries.json"), f"{path}!summaries.json") if "summaries.json" in inside else None
        )
    if not isinstance(header, dict) or not isinstance(header.get("eval"), dict):
        raise BadInput("this is not a log of inspect_ai: it has no 'eval'", where=str(path))
    if header.get("status") != "success":
        raise BadInput(
            f"the evaluation did not finish (status {header.get('status')}); run it to its end", where=str(path)
        )
    if not samples:
        raise BadInput("the log holds no samples; run inspect with log_samples", where=str(path))
    return header, samples


def _json(raw: bytes, where: str) -> Any:
    try:
        return loose_json.loads(raw)
    except ValueError:
        raise BadInput("this is not the JSON of an inspect_ai log, or it was cut off", where=where) from None


def _scores(
    path: Path, run: Mapping[str, Any], samples: Sequence[Mapping[str, Any]], model: str, query: Query
) -> Iterator[Score]:
    task = str(run.get("task", "task"))
    metrics = [name for name in _metrics(samples) if query.metric in (None, name)]
    _check_columns(path, samples, query)
    for sample in samples:
        where = f"{path}!sample {sample.get('id')} epoch {sample.get('epoch', 1)}"
        values: dict[str, float | None]
        if sample.get("error"):
            values = dict.fromkeys(metrics, None)
        else:
            values = {name: _number(value, name, where) for name, value in _values(sample) if name in metrics}
            if isinstance(seconds := sample.get("total_time"), int | float):
                values[LATENCY] = float(seconds)
        metadata = sample.get("metadata") or {}
        labels = _labels(metadata, task, query)
        asked, gold = _whole([_spoken(sample.get("input")), sample.get("choices")]), _whole(sample.get("target"))
        for name, value in values.items():
            yield Score(
                example=f"{task}/{sample.get('id')}",
                model=model,
                metric=name,
                value=value,
                where=where,
                seed=int(sample.get("epoch", 1)),
                labels=labels,
                cluster=None if query.cluster is None else str(metadata.get(query.cluster, "")) or None,
                asked=asked,
                gold=gold,
            )


def _spoken(said: Any) -> Any:
    """An input without what each run makes anew, such as the ids of messages; None where a part is not text."""
    if not isinstance(said, list):
        return said
    turns = [(turn.get("role"), turn.get("content")) for turn in said if isinstance(turn, dict)]
    parts = [part for _, content in turns if isinstance(content, list) for part in content]
    words = [part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text"]
    if len(words) < len(parts) or any(word in _NO_TEXT for word in words):
        return None
    return [[role, content if isinstance(content, str) else words] for role, content in turns]


def _whole(said: Any) -> str | None:
    """The text of an input or a target; None where it is not told, or a summary may have shortened it."""
    text = msgspec.json.encode(said).decode()
    return None if said in (None, [None, None]) or any(mark in text for mark in _SHORTENED) else text


def _metrics(samples: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for sample in samples for name, _ in _values(sample)))


def _graded(header: Mapping[str, Any], samples: Sequence[Mapping[str, Any]]) -> set[str]:
    """Metrics whose direction the log says itself: grades of correctness, and scorers summed up as an accuracy."""
    grades = {
        name for sample in samples for name, value in _values(sample) if isinstance(value, str) and value in _GRADES
    }
    results = header.get("results")
    scores = results.get("scores") if isinstance(results, dict) else None
    summed = {
        str(score.get("name"))
        for score in (scores if isinstance(scores, list) else ())
        if isinstance(score, dict) and isinstance(score.get("metrics"), dict) and "accuracy" in score["metrics"]
    }
    return grades | summed


def _values(sample: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(metric, value) of one sample: the scorer's name, or scorer/key where it gives a mapping."""
    for scorer, score in (sample.get("scores") or {}).items():
        value = score.get("value") if isinstance(score, dict) else score
        pairs = {f"{scorer}/{key}": part for key, part in value.items()} if isinstance(value, dict) else {scorer: value}
        yield from ((name, part) for name, part in pairs.items() if not _unscored(part))


def _unscored(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _number(value: Any, metric: str, where: str) -> float:
    if isinstance(value, str) and value in _LETTERS:
        return _LETTERS[value]
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        return _WORDS[value.strip().lower()]
    try:
        number = float(value)
    except (TypeError, ValueError):
        message = f"{metric} is {str(value)[:40]!r}, which is no score (C, I, P, N or a number)"
        raise BadInput(f"{message}; choose another scorer with --metric", where=where) from None
    if not math.isfinite(number):
        raise BadInput(f"{metric} is {number}, which is not a score", where=where)
    return number


def _check_columns(path: Path, samples: Sequence[Mapping[str, Any]], query: Query) -> None:
    keys = dict.fromkeys(key for sample in samples for key in sample.get("metadata") or {})
    for name in (*query.slices, *filter(None, [query.cluster])):
        known("key of the samples' metadata", name, ["task", *keys], str(path))


def _labels(metadata: Mapping[str, Any], task: str, query: Query) -> dict[str, str]:
    return {"task": task} | {name: str(metadata[name]) for name in query.slices if name in metadata}


def _is_file(start: Start) -> bool:
    return start.body.startswith(b"PK\x03\x04") or (start.body[:1] == b"{" and is_log(start.body))


FORMAT = Format(
    title="inspect_ai log",
    version="log version 2: `.eval` and `.json`, or folders of them",
    recognised="a ZIP with `header.json`, or JSON with `version`, `status` and `eval`",
    direction="higher, as inspect's own `value_to_float`; a number's direction by the metric's name",
    failures='a sample with an `error`; no score, null and NaN are inspect\'s "unscored", a gap',
    ties="`P` is half",
    repeats="`epoch` is the seed; epochs of a sample are one cluster",
    test="tests/data/test_logs.py::test_a_log_of_inspect_with_zstandard_members_is_read",
    read=read,
    is_file=_is_file,
    is_folder=lambda folder: bool(logs_in(folder)),
)

"""lm-evaluation-harness: `samples_*.jsonl` (with `results_*.json` beside them for the model's name and directions).

Format: lm_eval's `evaluate` with `--log_samples`. Rows are paired on task and doc_id; the same doc_id must be the same
document, asked by the same prompt (doc_hash, prompt_hash, target_hash), or the comparison is refused.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shipworthy import records
from shipworthy.data import _files, _rows
from shipworthy.data.results._formats import Format
from shipworthy.data.results._logs import Score, called, long_rows
from shipworthy.data.results._long import Long
from shipworthy.data.results._peek import Start
from shipworthy.data.results._query import Query, known
from shipworthy.errors import BadInput
from shipworthy.records import Direction
from shipworthy.store import loose_json

_NAME = re.compile(r"^samples_(?P<task>.+?)(?:_(?P<time>\d{4}-\d{2}-\d{2}T[\d.:\-]+))?$")
_NOT_METRICS = frozenset(
    (
        *("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"),
        *("doc_hash", "prompt_hash", "target_hash", "task_name", "model_name"),
    )
)
_HASHES = {
    "doc_hash": "is another document",
    "prompt_hash": "was asked with another prompt",
    "target_hash": "has another right answer",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Samples:
    """One samples file: which model and task, and what the results file beside it says."""

    path: Path
    model: str
    task: str
    better: Mapping[str, Direction]
    task_hash: str | None


def read(paths: Sequence[Path], query: Query) -> Long:
    """Raises: BadInput: averages without samples, a broken line, other documents, prompts or tasks for one model."""
    files = [_describe(path, given, query) for given in paths for path in _samples(given)]
    where = ", ".join(map(str, paths))
    for name in (query.candidate, query.baseline):
        known("model", name, [file.model for file in files], where)
    _same_tasks(files, query)
    hashes: dict[tuple[str, str], tuple[str, str]] = {}
    chosen = [file for file in files if file.model in (query.candidate, query.baseline)]
    left_out: Counter[str] = Counter()
    scores = [score for file in chosen for score in _read(file, query, hashes, left_out)]
    if not scores:
        raise BadInput("no sample has a number as its score; corpus metrics cannot be paired", where=where)
    better = {name: side for file in files for name, side in file.better.items()}
    long = long_rows(scores, source="lm-evaluation-harness samples", where=where, better=better)
    return replace(long, warnings=tuple(_not_compared(name, count) for name, count in sorted(left_out.items())))


def _not_compared(name: str, count: int) -> records.Warning:
    message = f"{name} has no number a sample, only one for the whole task ({count:,} samples); it is not compared"
    return records.Warning(code="not_per_sample", message=message, count=count)


def _samples(given: Path) -> list[Path]:
    """The samples files behind a path that somebody gave: itself, those in the folder, those beside the averages."""
    if given.is_dir():
        found = sorted(given.rglob("samples_*.jsonl"))
    elif given.suffix == ".json":
        time = given.stem.removeprefix("results_")
        found = sorted(given.parent.glob(f"samples_*_{time}.jsonl"))
    else:
        return [given]
    if not found:
        raise BadInput(
            "only averages are here; run lm_eval with --log_samples and compare its samples", where=str(given)
        )
    return found


def _describe(path: Path, given: Path, query: Query) -> _Samples:
    match = _NAME.match(path.stem)
    task, time = (match["task"], match["time"]) if match else (path.stem, None)
    beside = path.with_name(f"results_{time}.json")
    results = _averages(beside) if time and beside.is_file() else {}
    arguments = _mapping(results.get("config")).get("model_args")
    spoken = [results.get("model_name"), results.get("model_name_sanitized"), _pretrained(arguments)]
    names = [str(name) for name in spoken if name] + [path.parent.name, given.name, given.stem, str(given), path.stem]
    higher = _mapping(_mapping(results.get("higher_is_better")).get(task))
    return _Samples(
        path=path,
        model=called(query, names),
        task=task,
        better={name: "higher" if up else "lower" for name, up in higher.items() if up is not None},
        task_hash=_mapping(results.get("task_hashes")).get(task),
    )


def _averages(path: Path) -> Mapping[str, Any]:
    """`results_*.json`, where an average may be NaN. Raises: BadInput: no JSON object."""
    try:
        return dict(loose_json.loads(_files.text(path).encode()))
    except (ValueError, TypeError):
        raise BadInput("this is not the JSON of lm_eval, or it was cut off", where=str(path)) from None


def _mapping(said: Any) -> Mapping[str, Any]:
    return said if isinstance(said, Mapping) else {}


def _pretrained(arguments: Any) -> str | None:
    if isinstance(arguments, Mapping):
        return arguments.get("pretrained")
    found = re.search(r"(?:^|,)pretrained=([^,]+)", str(arguments or ""))
    return found[1] if found else None


def _same_tasks(files: Sequence[_Samples], query: Query) -> None:
    """Raises: BadInput: one task, two definitions."""
    seen: dict[str, _Samples] = {}
    for file in files:
        if file.task_hash is None or file.model not in (query.candidate, query.baseline):
            continue
        other = seen.setdefault(file.task, file)
        if other.task_hash != file.task_hash and other.model != file.model:
            message = f"task {file.task!r} differs from the one of {other.model!r} (task_hash); run both on one version"
            raise BadInput(message, where=str(file.path))


def _read(
    file: _Samples, query: Query, hashes: dict[tuple[str, str], tuple[str, str]], left_out: Counter[str]
) -> Iterator[Score]:
    for number, row in enumerate(_rows.rows(file.path)):
        where = f"{file.path}:{row.line}"
        if isinstance(row, _rows.Bad):
            raise BadInput(row.why, where=where)
        if "doc_id" not in row.fields:
            raise BadInput("this sample has no 'doc_id'; is the file from lm_eval?", where=where)
        if number == 0:
            _check_columns(row.fields, query, where)
        example = f"{file.task}/{row.fields['doc_id']}"
        _same_document(example, row.fields, where, hashes)
        left_out.update(_not_per_sample(row.fields))
        yield from _scores(file, row.fields, query, example, where)


def _not_per_sample(fields: Mapping[str, Any]) -> list[str]:
    """Metrics that the sample lists without a number: what lm_eval sums up at the end (mcc, perplexity, BLEU)."""
    names = fields.get("metrics") or ()
    return [str(name) for name in names if not isinstance(fields.get(name), int | float)]


def _same_document(
    example: str, fields: Mapping[str, Any], where: str, hashes: dict[tuple[str, str], tuple[str, str]]
) -> None:
    for name, said in _HASHES.items():
        if name in fields:
            found, place = hashes.setdefault((example, name), (str(fields[name]), where))
            if found != str(fields[name]):
                raise BadInput(
                    f"{example!r} {said} than at {place} ({name} differs); compare one set of prompts", where=where
                )


def _scores(file: _Samples, fields: Mapping[str, Any], query: Query, example: str, where: str) -> Iterator[Score]:
    said = fields.get("doc")
    doc: Mapping[str, Any] = said if isinstance(said, dict) else {}
    labels = {"task": file.task} | {name: str(doc[name]) for name in query.slices if name in doc}
    chosen = str(fields.get("filter") or "none")
    cluster = str(doc[query.cluster]) if query.cluster is not None and query.cluster in doc else None
    for name in fields.get("metrics") or [key for key in fields if key not in _NOT_METRICS]:
        value = fields.get(name)
        if not isinstance(value, int | float):
            continue
        if not math.isfinite(value):
            raise BadInput(f"{name} is {value}, which is not a score", where=where)
        yield Score(
            example=example,
            model=file.model,
            metric=name if chosen == "none" else f"{name},{chosen}",
            value=float(value),
            where=where,
            labels=labels,
            cluster=cluster,
            asked=fields.get("prompt_hash"),
            gold=json.dumps(fields["target"], sort_keys=True) if "target" in fields else None,
        )


def _check_columns(fields: Mapping[str, Any], query: Query, where: str) -> None:
    doc = fields.get("doc")
    for name in (*query.slices, *filter(None, [query.cluster])):
        known("column of the documents", name, ["task", *(doc if isinstance(doc, dict) else ())], where)


def _is_file(start: Start) -> bool:
    if start.has("doc_id") and any(start.has(key) for key in ("doc_hash", "resps", "filtered_resps")):
        return True
    return start.has("results") and any(start.has(key) for key in ("configs", "versions", "higher_is_better", "config"))


def _is_folder(folder: Path) -> bool:
    return any(folder.rglob("samples_*.jsonl")) or any(folder.rglob("results_*.json"))


FORMAT = Format(
    title="lm-evaluation-harness samples",
    version="lm_eval 0.4: `samples_*.jsonl` of `--log_samples`, with `results_*.json` beside them",
    recognised="lines with `doc_id` and `resps` or hashes; folders that hold such files",
    direction="`higher_is_better` of the results beside the samples, else the metric's name",
    failures="none: lm_eval ends where a request fails",
    ties="none",
    repeats="none: a document that stands twice is refused",
    test="tests/data/test_logs.py::test_two_runs_of_a_task_are_paired_on_the_document",
    read=read,
    is_file=_is_file,
    is_folder=_is_folder,
)

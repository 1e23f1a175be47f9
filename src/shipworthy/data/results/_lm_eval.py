"""lm-evaluation-harness: `samples_*.jsonl` (with `results_*.json` beside them for the model's name and directions).

Format: lm_eval's `evaluate` with `--log_samples`. Rows are paired on task and doc_id; the same doc_id must be the same
document, asked by the same prompt, with the same right answer, or the comparison is refused: by the hashes of the log,
and by `doc` and `arguments` themselves, which older logs without hashes hold too.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
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
_DIFFERS = {
    "doc_hash": "is another document",
    "doc": "is another document",
    "prompt_hash": "was asked with another prompt",
    "arguments": "was asked with another prompt",
    "target_hash": "has another right answer",
}
_PROMPTS = ("prompt_hash", "arguments")
"""What another chat template changes, and nothing else that is checked."""
_REQUEST = ("gen_args_", "arg_")
_TEMPLATE = ("chat_template_sha", "chat_template")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Samples:
    """One samples file: which model and task, and what the results file beside it says."""

    path: Path
    model: str
    task: str
    better: Mapping[str, Direction]
    task_hash: str | None
    template: str | None
    setting: Mapping[str, str]


@dataclass(slots=True)
class _Seen:
    """What was seen under (example, field): its digest and where; and what was allowed to differ."""

    digests: dict[tuple[str, str], tuple[str, str]]
    fields: dict[str, set[str]]
    templates_may_differ: bool
    templates_do_differ: bool
    allowed: int = 0


def read(paths: Sequence[Path], query: Query) -> Long:
    """Raises: BadInput: averages without samples, a broken line, other documents, prompts or tasks for one model."""
    files = [_describe(path, given, query) for given in paths for path in _samples(given)]
    where = ", ".join(map(str, paths))
    for name in (query.candidate, query.baseline):
        known("model", name, [file.model for file in files], where)
    _same_tasks(files, query)
    chosen = [file for file in files if file.model in (query.candidate, query.baseline)]
    hashes = _Seen({}, {}, "template" in query.allow, _only_templates_differ(chosen))
    left_out: Counter[str] = Counter()
    scores = [score for file in chosen for score in _read(file, query, hashes, left_out)]
    unchecked = _unchecked(hashes, where)
    if not scores:
        raise BadInput("no sample has a number as its score; corpus metrics cannot be paired", where=where)
    better = {name: side for file in files for name, side in file.better.items()}
    long = long_rows(scores, source="lm-evaluation-harness samples", where=where, better=better)
    notes = [_not_compared(name, count) for name, count in sorted(left_out.items())]
    notes += unchecked
    notes += [_allowed(hashes.allowed, query)] if hashes.allowed else []
    return replace(long, warnings=tuple(notes))


def _allowed(count: int, query: Query) -> records.Warning:
    message = (
        f"the chat templates of {query.candidate} and {query.baseline} differ, so that {count:,} prompts do; compared "
        "as --allow template asks: the difference is of model and template together"
    )
    return records.Warning(code="allowed", message=message, count=count)


def _unchecked(seen: _Seen, where: str) -> list[records.Warning]:
    """Raises: BadInput: nothing in the logs shows that both models were asked the same."""
    common = set.intersection(*seen.fields.values()) if seen.fields else set()
    if not common:
        raise BadInput(
            "the samples hold no doc, no arguments and no hashes in common: nothing shows that both models were asked "
            "the same; log them again with --log_samples",
            where=where,
        )
    if common & set(_PROMPTS):
        return []
    message = "the samples do not hold the prompts of both models, so that nothing shows that they were asked alike"
    return [records.Warning(code="not_comparable", message=message)]


def _only_templates_differ(files: Sequence[_Samples]) -> bool:
    """Whether the results files say that the templates differ, and that shots and system prompts do not."""
    templates = {file.template for file in files}
    settings: dict[str, set[tuple[tuple[str, str], ...]]] = {}
    for file in files:
        settings.setdefault(file.task, set()).add(tuple(sorted(file.setting.items())))
    return None not in templates and len(templates) > 1 and all(len(found) == 1 for found in settings.values())


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
        template=_template(results),
        setting=_setting(results, task),
    )


def _template(results: Mapping[str, Any]) -> str | None:
    """What the results file says of the chat template: its digest, "none" where it says that there is none."""
    there = [name for name in _TEMPLATE if name in results]
    return next((str(results[name]) for name in there if results[name]), "none") if there else None


def _setting(results: Mapping[str, Any], task: str) -> dict[str, str]:
    """What else makes a prompt another one: the number of shots, the system prompt, shots as turns."""
    told = {"n-shot": _mapping(results.get("n-shot")).get(task)}
    told |= {name: results.get(name) for name in ("system_instruction", "fewshot_as_multiturn")}
    return {name: str(value) for name, value in told.items()}


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


def _read(file: _Samples, query: Query, hashes: _Seen, left_out: Counter[str]) -> Iterator[Score]:
    for number, row in enumerate(_rows.rows(file.path)):
        where = f"{file.path}:{row.line}"
        if isinstance(row, _rows.Bad):
            raise BadInput(row.why, where=where)
        if "doc_id" not in row.fields:
            raise BadInput("this sample has no 'doc_id'; is the file from lm_eval?", where=where)
        if number == 0:
            _check_columns(row.fields, query, where)
        example = f"{file.task}/{row.fields['doc_id']}"
        hashes.fields.setdefault(file.model, set()).update(_same_document(example, row.fields, where, hashes))
        left_out.update(_not_per_sample(row.fields))
        yield from _scores(file, row.fields, query, example, where)


def _not_per_sample(fields: Mapping[str, Any]) -> list[str]:
    """Metrics that the sample lists without a number: what lm_eval sums up at the end (mcc, perplexity, BLEU)."""
    names = fields.get("metrics") or ()
    return [str(name) for name in names if not isinstance(fields.get(name), int | float)]


def _same_document(example: str, fields: Mapping[str, Any], where: str, seen: _Seen) -> Mapping[str, str]:
    """What this row says of its document and prompt.

    Raises: BadInput: the other model's row of this example is another document, prompt or right answer.
    """
    told = _identity(fields)
    for name, digest in told.items():
        found, place = seen.digests.setdefault((example, name), (digest, where))
        if found == digest:
            continue
        if name in _PROMPTS and seen.templates_may_differ and seen.templates_do_differ:
            seen.allowed += name == _PROMPTS[0] or _PROMPTS[0] not in fields
            continue
        said = f"{example!r} {_DIFFERS[name]} than at {place} ({name} differs)"
        raise BadInput(f"{said}; {_remedy(name, seen)}", where=where)
    return told


def _remedy(name: str, seen: _Seen) -> str:
    if name not in _PROMPTS:
        return "compare one set of prompts"
    if seen.templates_do_differ:
        return "the chat templates differ: compare one set of prompts, or say --allow template"
    if seen.templates_may_differ:
        return "--allow template needs the results_*.json of both, which must say that the templates alone differ"
    return "compare one set of prompts"


def _identity(fields: Mapping[str, Any]) -> dict[str, str]:
    """Field -> digest of what the log says of document, prompt and right answer."""
    told = {name: str(fields[name]) for name in ("doc_hash", "prompt_hash", "target_hash") if name in fields}
    if fields.get("doc") is not None:
        told["doc"] = _digest(fields["doc"])
    if fields.get("arguments") is not None:
        told["arguments"] = _digest(list(_spoken(fields["arguments"])))
    return told


def _spoken(arguments: Any) -> Iterator[str]:
    """The texts that a request is made of, in order; settings such as where to stop are none."""
    if isinstance(arguments, str):
        yield arguments
    elif isinstance(arguments, Mapping):
        parts = arguments.values() if any(str(name).startswith(_REQUEST) for name in arguments) else ()
        for part in parts:
            yield from _spoken(part)
    elif isinstance(arguments, Sequence):
        for part in arguments:
            yield from _spoken(part)


def _digest(value: Any) -> str:
    return blake2b(json.dumps(value, sort_keys=True, default=str).encode(), digest_size=16).hexdigest()


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
            asked=fields.get("prompt_hash") or _identity(fields).get("arguments"),
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

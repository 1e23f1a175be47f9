"""promptfoo: what `promptfoo eval -o output.json` (or .jsonl) writes, a row a test, provider and prompt.

A test is known by its variables (and its assertions, where two tests share variables), so that two evaluations pair
whatever the order of their tests. `--repeat` gives the same test again: a seed each. `error` also holds the reason of
an assertion that failed, so a failure of the model is told by `failureReason` 2, or where older versions lack it by a
row that was never graded.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from shipworthy.data import _rows
from shipworthy.data.results._formats import Format
from shipworthy.data.results._logs import Score, called, finite, long_rows
from shipworthy.data.results._long import Long
from shipworthy.data.results._peek import Start
from shipworthy.data.results._query import Query, known
from shipworthy.errors import BadInput
from shipworthy.records import Direction
from shipworthy.store import loose_json

_ERROR = 2
_MADE_BY_A_RUN = ("_conversation", "sessionId")
_SHORT = 60
EXTRAS = ("latency_s", "cost")


def is_file(start: Start) -> bool:
    """The evaluation as one object, its table alone, or a row a line."""
    whole = start.has("results.results") or start.has("results.prompts", "results.version")
    older = start.has("results", "table.head") or start.has("results.table") or start.has("head.prompts", "body")
    flat = start.has("results.[].provider", "results.[].success")
    line = start.has("success", "namedScores", "provider") and start.has("testIdx")
    return whole or older or flat or line


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One answer of one provider to one test under one prompt."""

    where: str
    providers: tuple[str, ...]
    prompt: str
    asked: str
    answer: Any
    variables: Mapping[str, Any]
    assertions: str
    labels: Mapping[str, Any]
    values: Mapping[str, float]
    error: str | None
    extras: Mapping[str, float]


def read(paths: Sequence[Path], query: Query) -> Long:
    """Raises: BadInput: no promptfoo output, a row without a result, an unknown model, metric or column."""
    where = ", ".join(map(str, paths))
    files = {path: rows_of(path) for path in paths}
    several = _ambiguous([row for rows in files.values() for row in rows])
    scores: list[Score] = []
    models: list[str] = []
    for path, rows in files.items():
        alone = len(paths) > 1
        found, named = _scores(path, rows, query, several, by_file=alone)
        scores += found
        models += named
    for name in (query.candidate, query.baseline):
        known("model", name, models, where)
    names = dict.fromkeys(score.metric for score in scores)
    if query.metric is not None:
        known("metric", query.metric, names, where)
    better: dict[str, Direction] = {name: "lower" if name in EXTRAS else "higher" for name in names}
    return long_rows(_without_twins(scores), source="promptfoo output", where=where, better=better, extras=EXTRAS)


# --- rows ------------------------------------------------------------------------------------------------------------


def rows_of(path: Path) -> list[Row]:
    """Every row of an output, in its order."""
    return [_row(fields, where) for fields, where in _objects(path)]


def _objects(path: Path) -> Iterator[tuple[Mapping[str, Any], str]]:
    whole = _whole(path)
    if whole is None:
        for row in _rows.rows(path):
            if isinstance(row, _rows.Bad):
                raise BadInput(row.why, where=f"{path}:{row.line}")
            yield row.fields, f"{path}:{row.line}"
        return
    results = whole.get("results", whole)
    listed = results.get("results") if isinstance(results, Mapping) else results
    table = results.get("table") if isinstance(results, Mapping) else None
    if isinstance(listed, list) and listed:
        yield from ((row, f"{path}!result {at}") for at, row in enumerate(listed, start=1))
    elif table := table or whole.get("table") or (whole if "body" in whole else None):
        yield from _cells(table, path)
    else:
        raise BadInput("this output of promptfoo holds no results; run `promptfoo eval` to its end", where=str(path))


def _whole(path: Path) -> Mapping[str, Any] | None:
    """The file as one object; None where it holds a row a line."""
    try:
        found = loose_json.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        return None
    if not isinstance(found, Mapping):
        raise BadInput("this is not an output of promptfoo", where=str(path))
    return None if "results" not in found and "body" not in found and "table" not in found else found


def _cells(table: Mapping[str, Any], path: Path) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Version 2's table: `head` names variables and prompts (a column a provider and prompt), `body` holds the rows."""
    names, prompts = table["head"]["vars"], table["head"]["prompts"]
    for at, row in enumerate(table["body"], start=1):
        variables = dict(zip(names, row.get("vars", ()), strict=False))
        for column, (cell, prompt) in enumerate(zip(row["outputs"], prompts, strict=True), start=1):
            yield (
                {
                    **cell,
                    "success": cell.get("pass"),
                    "provider": cell.get("provider") or prompt.get("provider"),
                    "prompt": {"raw": cell.get("prompt"), "label": prompt.get("label") or prompt.get("raw")},
                    "vars": variables,
                    "testCase": row.get("test"),
                    "response": cell.get("response") or {"output": cell.get("text")},
                },
                f"{path}!row {at}, output {column}",
            )


def _row(fields: Mapping[str, Any], where: str) -> Row:
    if not isinstance(fields, Mapping) or not isinstance(fields.get("success"), bool):
        raise BadInput("this result says neither success nor failure; is the file from promptfoo?", where=where)
    test, prompt = _mapping(fields.get("testCase")), _mapping(fields.get("prompt"))
    response, grading = _mapping(fields.get("response")), _mapping(fields.get("gradingResult"))
    variables = {
        name: value
        for name, value in (_mapping(test.get("vars")) or _mapping(fields.get("vars"))).items()
        if name not in _MADE_BY_A_RUN
    }
    error = _error(fields, response, grading)
    return Row(
        where=where,
        providers=_providers(fields.get("provider")),
        prompt=str(prompt.get("label") or prompt.get("raw") or ""),
        asked=str(prompt.get("raw") or ""),
        answer=response.get("output"),
        variables=variables,
        assertions=_canonical(test.get("assert")),
        labels={**_mapping(test.get("metadata")), **variables},
        values={} if error is not None else _values(fields, where),
        error=error,
        extras={} if error is not None or response.get("cached") else _measured(fields),
    )


def _providers(said: Any) -> tuple[str, ...]:
    """The label and the id, whichever there are."""
    names = [said.get("label"), said.get("id")] if isinstance(said, Mapping) else [said]
    return tuple(str(name) for name in names if name) or ("provider",)


def _error(fields: Mapping[str, Any], response: Mapping[str, Any], grading: Mapping[str, Any]) -> str | None:
    said = fields.get("error") or response.get("error")
    reason = fields.get("failureReason")
    if reason is not None:
        return str(said or "an error without a message") if reason == _ERROR else None
    return str(said) if said and not grading else None


def _values(fields: Mapping[str, Any], where: str) -> dict[str, float]:
    values = {"pass": float(fields["success"])}
    for name, value in {"score": fields.get("score"), **_mapping(fields.get("namedScores"))}.items():
        if value is not None:
            values[name] = finite(value, name, where)
    return values


def _measured(fields: Mapping[str, Any]) -> dict[str, float]:
    """Seconds and dollars; a cached answer took no time of its own."""
    measured = {}
    if isinstance(ms := fields.get("latencyMs"), int | float) and ms >= 0:
        measured["latency_s"] = ms / 1000
    if isinstance(cost := fields.get("cost"), int | float) and cost >= 0:
        measured["cost"] = float(cost)
    return measured


def _mapping(said: Any) -> Mapping[str, Any]:
    return said if isinstance(said, Mapping) else {}


def _canonical(said: Any) -> str:
    return msgspec.json.encode(said, order="sorted").decode()


# --- pairing ---------------------------------------------------------------------------------------------------------


def variables_of(row: Row) -> str:
    """What a test is known by: the value of its only variable, its variables, or its prompt where it has none."""
    if len(row.variables) == 1 and isinstance(only := next(iter(row.variables.values())), str):
        return only
    return _canonical(row.variables) if row.variables else row.asked


def _ambiguous(rows: Sequence[Row]) -> frozenset[str]:
    """Variables under which several tests stand, told apart by their assertions."""
    seen: dict[tuple[str, tuple[str, ...], str], set[str]] = defaultdict(set)
    for row in rows:
        place = row.where.partition("!")[0]
        seen[place, (*row.providers, row.prompt), variables_of(row)].add(row.assertions)
    return frozenset(key[2] for key, asserted in seen.items() if len(asserted) > 1)


def test_id(row: Row, several: frozenset[str]) -> str:
    """The example's id."""
    name = variables_of(row)
    return f"{name} [{sha256(row.assertions.encode()).hexdigest()[:8]}]" if name in several else name


def _scores(
    path: Path, rows: Sequence[Row], query: Query, several: frozenset[str], *, by_file: bool
) -> tuple[list[Score], list[str]]:
    """The scores of the two models in one file, and every name that a model of it goes by."""
    prompts = list(dict.fromkeys(row.prompt for row in rows))
    labels = {prompt: prompt_name(prompt, at) for at, prompt in enumerate(prompts, start=1)}
    only = len({row.providers for row in rows}) == 1
    metrics: dict[str, dict[str, None]] = defaultdict(dict)
    for row in rows:
        metrics[test_id(row, several)] |= dict.fromkeys(row.values)
    told: Counter[tuple[str, str]] = Counter()
    scores: list[Score] = []
    names: list[str] = []
    for row in rows:
        split = [f"{name}|{labels[row.prompt]}" for name in row.providers] if len(prompts) > 1 else []
        files = [f"{stem}/{name}" for stem in (path.stem, path.name) for name in (*row.providers, *split)]
        alone = [path.stem, path.name, str(path)] if only and by_file else []
        options = [*row.providers, *split, *(files if by_file else ()), *alone]
        model = called(query, options)
        names += [options[0], *split, model]
        if model not in (query.candidate, query.baseline):
            continue
        test = test_id(row, several)
        by_prompt = len(prompts) > 1 and "|" not in model.removeprefix(row.providers[0])
        example = f"{test} | {labels[row.prompt]}" if by_prompt else test
        seed = told[model, example]
        told[model, example] += 1
        scores += _of_row(row, query, (example, model, seed), tuple(metrics[test]))
    return scores, names


def prompt_name(prompt: str, at: int) -> str:
    """A prompt's own label where it is short, else its number."""
    return prompt if 0 < len(prompt) <= _SHORT and "\n" not in prompt else f"prompt {at}"


def _of_row(row: Row, query: Query, key: tuple[str, str, int], metrics: tuple[str, ...]) -> Iterator[Score]:
    for name in (*query.slices, *filter(None, [query.cluster])):
        known("variable or metadata of the tests", name, row.labels, row.where)
    example, model, seed = key
    values: dict[str, float | None] = {**row.values, **row.extras}
    if row.error is not None:
        values = dict.fromkeys(metrics or ("pass",))
    for name, value in values.items():
        if query.metric in (None, name) or name in EXTRAS:
            yield Score(
                example=example,
                model=model,
                metric=name,
                value=value,
                where=row.where,
                seed=seed,
                labels={column: str(row.labels[column]) for column in query.slices},
                cluster=None if query.cluster is None else str(row.labels[query.cluster]),
                asked=_canonical(row.variables) if row.variables else row.asked,
                gold=row.assertions,
            )


def _without_twins(scores: list[Score]) -> list[Score]:
    """Without `score` where it says what `pass` says, as without partial credit."""
    passed = {(one.example, one.model, one.seed): one.value for one in scores if one.metric == "pass"}
    scored = {(one.example, one.model, one.seed): one.value for one in scores if one.metric == "score"}
    return [one for one in scores if one.metric != "score"] if passed and passed == scored else scores


FORMAT = Format(
    title="promptfoo output",
    version="`-o output.json` or `.jsonl`: results of version 3, tables of version 2, older rows",
    recognised="`results.results`, or a table's `head` and `body`; lines with `success`, `namedScores` and `testIdx`",
    direction="higher: `pass`, `score` and named scores by promptfoo's own rule; latency and cost lower",
    failures="`failureReason` 2; in older files an `error` without a `gradingResult`",
    ties="none",
    repeats="`--repeat`: the same variables and assertions again are a seed each, in one cluster",
    test="tests/data/test_promptfoo.py::test_an_output_is_read_by_what_it_says",
    read=read,
    is_file=is_file,
)

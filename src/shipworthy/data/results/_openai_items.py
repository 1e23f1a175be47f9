"""Output items of the OpenAI Evals API: a list of `eval.run.output_item`, whole (`data`) or one a line.

Each item holds the results of its graders (name, score, passed) and the sample's model. `datasource_item_id` pairs two
runs, `datasource_item` must be the same for both. An item whose sample has an `error` failed.
"""

from collections.abc import Iterator, Mapping, Sequence
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
from shipworthy.records import Direction
from shipworthy.store import loose_json

_MARKS = ("datasource_item_id", "datasource_item", "run_id")


def is_file(start: Start) -> bool:
    """A page of items, a list of them, or one a line."""
    return any(start.has(*(prefix + name for name in _MARKS)) for prefix in ("data.[].", "[].", ""))


def items(path: Path) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Every item with its place."""
    found = _whole(path)
    if found is None:
        for row in _rows.rows(path):
            if isinstance(row, _rows.Bad):
                raise BadInput(row.why, where=f"{path}:{row.line}")
            yield row.fields, f"{path}:{row.line}"
        return
    listed = found.get("data", [found]) if isinstance(found, Mapping) else found
    if isinstance(found, Mapping) and found.get("has_more"):
        message = "this page is not the last (has_more is true); join the `data` of all pages"
        raise BadInput(message, where=str(path))
    yield from ((item, f"{path}!item {at}") for at, item in enumerate(listed, start=1))


def _whole(path: Path) -> Any:
    """The file as one value; None where it holds one a line."""
    try:
        return loose_json.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        return None


def read(paths: Sequence[Path], query: Query) -> Long:
    """Raises: BadInput: a page that is not all, a grader without a score, another item under one id."""
    where = ", ".join(map(str, paths))
    scores: list[Score] = []
    models: list[str] = []
    asked: dict[str, Score] = {}
    for path in paths:
        found = list(items(path))
        graders = list(dict.fromkeys(str(one["name"]) for item, _ in found for one in item.get("results") or ()))
        for item, place in found:
            sample = item.get("sample") or {}
            options = [*filter(None, [sample.get("model")]), path.stem, path.name, str(path), str(item.get("run_id"))]
            model = called(query, options)
            models.append(model)
            if model in (query.candidate, query.baseline):
                scores += _scores(item, query, (model, place), graders)
    same_input(scores, asked)
    for name in (query.candidate, query.baseline):
        known("model", name, models, where)
    names = dict.fromkeys(score.metric for score in scores)
    if query.metric is not None:
        known("metric", query.metric, names, where)
        scores = [score for score in scores if score.metric == query.metric]
    better: dict[str, Direction] = dict.fromkeys(names, "higher")
    return long_rows(scores, source="OpenAI Evals API items", where=where, better=better)


def _scores(item: Mapping[str, Any], query: Query, at: tuple[str, str], graders: Sequence[str]) -> Iterator[Score]:
    model, where = at
    row = item.get("datasource_item") or {}
    for name in (*query.slices, *filter(None, [query.cluster])):
        known("key of the items", name, row, where)
    failed = bool((item.get("sample") or {}).get("error")) or item.get("status") == "error"
    results = {str(one["name"]): one for one in item.get("results") or ()}
    for name in graders if failed else results:
        result = results.get(name, {})
        said = None if failed else result.get("passed") if result.get("score") is None else result["score"]
        if said is None and not failed:
            raise BadInput(f"grader {name!r} gives neither score nor passed", where=where)
        yield Score(
            example=str(item["datasource_item_id"]),
            model=model,
            metric=name,
            value=None if said is None else finite(said, name, where),
            where=where,
            labels={column: str(row[column]) for column in query.slices},
            cluster=None if query.cluster is None else str(row[query.cluster]),
            asked=msgspec.json.encode(row, order="sorted").decode() if row else None,
        )


FORMAT = Format(
    title="OpenAI Evals API items",
    version="`eval.run.output_item`: pages, lists, or one a line",
    recognised="`datasource_item_id`, `datasource_item` and `run_id` in `data`, in a list, or in lines",
    direction="higher: a grader passes from a threshold upwards",
    failures="a `sample.error`, or status `error`: in every grader of its run",
    ties="none",
    repeats="none: an item that stands twice is refused",
    test="tests/data/test_openai_evals.py::test_items_of_the_api_are_paired_on_the_datasource",
    read=read,
    is_file=is_file,
)

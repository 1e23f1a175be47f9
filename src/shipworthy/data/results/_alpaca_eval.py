"""AlpacaEval's `annotations.json`: which of two outputs an annotator prefers, as a win rate of each model.

`output_1` is the reference's (`generator_1`), `output_2` the model's. `preference` is 1 (the reference wins) to 2 (the
model wins), fractions where the annotator is weighted; 1.5 is a tie and so is 0, which older versions write; null is an
annotation that failed, and nobody's loss. Two models are compared through the same reference, or with one another where
one is the other's reference: then both shares of each example are counted, and a gain is wins less losses.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from shipworthy import records
from shipworthy.data.results._formats import Format
from shipworthy.data.results._logs import Score, called, finite, long_rows
from shipworthy.data.results._long import Long
from shipworthy.data.results._peek import Start
from shipworthy.data.results._query import Query, known
from shipworthy.errors import BadInput
from shipworthy.store import loose_json

METRIC = "win_rate"
ANNOTATIONS = "annotations.json"
_TIE = 0


def is_file(start: Start) -> bool:
    """A list of annotations."""
    return start.has("[].preference", "[].generator_1", "[].generator_2", "[].instruction")


def is_folder(folder: Path) -> bool:
    """A model's folder, or that of one of its annotators."""
    return any(folder.rglob(ANNOTATIONS))


@dataclass(slots=True)
class _Found:
    """What the annotations say of the two models: scores, every name, who was judged against whom by which annotator,
    and where an annotator gave no preference."""

    scores: list[Score] = field(default_factory=list)
    models: dict[str, None] = field(default_factory=dict)
    judged_by: dict[tuple[str, str], str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def read(paths: Sequence[Path], query: Query) -> Long:
    """Raises: BadInput: annotators or references that differ, a preference off the scale, an unknown model."""
    where = ", ".join(map(str, paths))
    if query.metric not in (None, METRIC, "preference"):
        known("metric", str(query.metric), [METRIC], where)
    found = _Found()
    for path in [file for given in paths for file in files_in(given)]:
        for fields, place in annotations(path):
            _collect(fields, place, query, found)
    for name in (query.candidate, query.baseline):
        known("model", name, found.models, where)
    _one_judge(found.judged_by)
    long = long_rows(found.scores, source="AlpacaEval annotations", where=where, better={METRIC: "higher"})
    return long if not found.failed else _told(long, found.failed)


def files_in(given: Path) -> list[Path]:
    """The annotations behind a path. Raises: BadInput: several annotators judged this model."""
    if not given.is_dir():
        return [given]
    found = sorted(given.rglob(ANNOTATIONS))
    folders = {path.parent.parent for path in found}
    if len(folders) < len(found):
        raise BadInput(
            f"several annotators judged here ({', '.join(path.parent.name for path in found[:6])}); give one "
            f"{ANNOTATIONS} a model",
            where=str(given),
        )
    return found


def annotations(path: Path) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Every annotation with its place."""
    try:
        found = loose_json.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        raise BadInput("this is not the JSON of AlpacaEval, or it was cut off", where=str(path)) from None
    for at, fields in enumerate(found, start=1):
        where = f"{path}!annotation {at}"
        if not isinstance(fields, Mapping) or not {"preference", "generator_1", "generator_2"} <= set(fields):
            raise BadInput("this is not an annotation: it needs preference, generator_1 and generator_2", where=where)
        yield fields, where


def share_of_second(fields: Mapping[str, Any], where: str) -> float | None:
    """What the second output won, 0..1; None where the annotator gave no preference."""
    said = fields["preference"]
    if said is None or said != said:  # NaN
        return None
    value = finite(said, "preference", where)
    if value == _TIE:
        return 0.5
    if not 1 <= value <= 2:
        raise BadInput(f"preference is {value}, which is neither 1..2 nor 0 for a tie", where=where)
    return value - 1


def _collect(fields: Mapping[str, Any], where: str, query: Query, found: _Found) -> None:
    share = share_of_second(fields, where)
    folders = [parent.name for parent in list(Path(where.partition("!")[0]).parents)[:2]]
    second = called(query, [str(fields["generator_2"]), *folders])
    first = str(fields["generator_1"])
    found.models |= dict.fromkeys((first, second))
    shares = {second: (share, first), first: (None if share is None else 1 - share, second)}
    wanted = [name for name in (query.candidate, query.baseline) if name in shares]
    for name in wanted if len(wanted) == 2 or second in wanted else []:
        value, against = shares[name]
        if len(wanted) < 2:
            found.judged_by.setdefault((name, against), str(fields.get("annotator")))
        if value is None:
            found.failed.append(where)
        else:
            found.scores.append(_score(fields, where, query, (name, value)))


def _score(fields: Mapping[str, Any], where: str, query: Query, won: tuple[str, float]) -> Score:
    for name in (*query.slices, *filter(None, [query.cluster])):
        known("column of the annotations", name, fields, where)
    labels = {"dataset": str(fields.get("dataset"))} | {column: str(fields.get(column)) for column in query.slices}
    return Score(
        example=str(fields.get("instruction")),
        model=won[0],
        metric=METRIC,
        value=won[1],
        where=where,
        labels=labels,
        cluster=None if query.cluster is None else str(fields.get(query.cluster)),
    )


def _one_judge(judged_by: Mapping[tuple[str, str], str]) -> None:
    """Raises: BadInput: the two models were not judged by one annotator against one reference."""
    references = sorted({against for _, against in judged_by})
    if len(references) > 1:
        raise BadInput(
            f"the models were judged against different references ({', '.join(references)}); annotate both against one"
        )
    annotators = sorted(set(judged_by.values()))
    if len(annotators) > 1:
        raise BadInput(f"the models were judged by different annotators ({', '.join(annotators)}); use one for both")


def _told(long: Long, failed: Sequence[str]) -> Long:
    message = f"{len(failed)} annotations hold no preference (the annotator failed), first at {failed[0]}"
    note = records.Warning(code="missing_examples", message=message, count=len(failed))
    return replace(long, warnings=(*long.warnings, note))


FORMAT = Format(
    title="AlpacaEval annotations",
    version="AlpacaEval 1 and 2: `annotations.json`, or a model's folder that holds one",
    recognised="a JSON list with `preference`, `generator_1` and `generator_2`",
    direction="higher: the win rate against the reference, which is `preference` - 1",
    failures="none: an annotation without a preference is the annotator's failure and a gap, which is counted",
    ties="1.5, and 0 in older files: half a win",
    repeats="none: an instruction that stands twice is refused",
    test="tests/data/test_alpaca_eval.py::test_two_models_meet_through_one_reference",
    read=read,
    is_file=is_file,
    is_folder=is_folder,
)

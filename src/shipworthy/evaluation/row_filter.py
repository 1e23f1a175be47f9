"""A judge rates training rows, is set beside people, and only then sorts them: kept, below, unread.

The rows that people have rated are judged first. A judge that does not beat saying people's commonest decision every
time sorts nothing, and has cost no more than those rows. Answers are kept in `scores.jsonl` of the folder; a judge is
not asked twice about the same row.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Literal

import msgspec

from shipworthy.data.training.originals import Original, originals
from shipworthy.data.training.review import Rating, content
from shipworthy.data.training.types import Row
from shipworthy.errors import BadInput, Refused
from shipworthy.evaluation._row_judge import Progress, RowJudge, RowScore, key_of
from shipworthy.evaluation.scoring.agreement import Agreement, agreement
from shipworthy.evaluation.scoring.log import SCORES
from shipworthy.evaluation.scoring.rubric import RubricOptions
from shipworthy.evaluation.scoring.types import Context
from shipworthy.protocol import decode
from shipworthy.protocol._shape import convert
from shipworthy.protocol._yaml import parse
from shipworthy.records import Record
from shipworthy.store.files import make_folder, one_sentence, write_atomic

Pile = Literal["kept", "below", "unread"]
PILES: tuple[Pile, ...] = ("kept", "below", "unread")
REPORT = "filter.json"


class SetAside(Record):
    """A row that was not kept: its place, its score (None: the verdict could not be read), what the judge said."""

    where: str
    pile: Pile
    score: float | None
    said: str


class FilterReport(Record):
    """What a judge made of training rows.

    Attributes:
        judge: who judged, by which prompt.
        below, low, high: the limit and the judge's scale.
        rows: pile -> rows of the files; together all of them. `distinct`: rows that had to be judged.
        agreement: the judge's decisions (kept, below) beside people's, over `rated` rows; None: nobody rated.
        unmatched: ratings of rows that are in none of the files.
        trusted: the lower limit of the judge's gain over the constant predictor lies above 0.
    """

    judge: dict[str, str]
    below: float
    low: float
    high: float
    rows: dict[str, int]
    distinct: int
    rated: int
    unmatched: int
    agreement: Agreement | None
    trusted: bool
    set_aside: tuple[SetAside, ...]
    cost_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is judged, by whom, and how strictly.

    Attributes:
        paths: training files. `kind`: format of their rows, by default recognised.
        options: judge, rubric and scale, as of the metric `judge_score`. `folder`: where its paths start.
        below: rows under this score are set aside.
        ratings: place (file:line) -> what a person said of a row, on the judge's scale.
        force: sort even where the judge does not beat the constant predictor, or nobody rated.
    """

    paths: Sequence[str]
    options: RubricOptions
    below: float
    kind: str | None = None
    ratings: Mapping[str, Rating] = field(default_factory=dict)
    force: bool = False
    folder: Path = field(default_factory=Path)
    environ: Mapping[str, str] = field(default_factory=dict)


def filter_rows(wanted: Wanted, out: Path, *, resume: bool = False, progress: Progress | None = None) -> FilterReport:
    """Judge every row and write `kept.jsonl`, `below.jsonl`, `unread.jsonl` and `filter.json` into the folder `out`.

    Rows of equal content are judged once. Where the judge is not `trusted` and nothing is forced, only the rated rows
    are judged and no row is written.

    Raises: BadInput: a file, a rating or the folder is not usable, or some row has no score (an answer failed; resume);
        Refused: nobody rated and nothing is forced; BackendError: the judge cannot be reached. Answers are kept.
    """
    _refuse(wanted, out, resume=resume)
    people = _people(wanted)
    rows, rated_as = _rows(wanted, people)
    make_folder(out)
    context = Context(name="training rows", folder=wanted.folder, environ=wanted.environ)
    judging = RowJudge(wanted.options, context, out, progress or _silent)
    verdicts = judging.verdicts({key: rows[key] for key in rated_as}, "rated rows")
    means = {key: fmean(one for same in sorted(all_same) for one in people[same]) for key, all_same in rated_as.items()}
    found = _beside(wanted.below, verdicts, means)
    trusted = found is not None and (found.gain.low or 0.0) > 0
    sorted_rows: list[_Sorted] = []
    if trusted or wanted.force:
        verdicts = judging.verdicts(rows, "rows")
        sorted_rows = [_sorted(original, verdicts, wanted.below) for original in _originals(wanted)]
    report = FilterReport(
        judge=judging.identity,
        below=wanted.below,
        low=wanted.options.low,
        high=wanted.options.high,
        rows={pile: sum(one.pile == pile for one in sorted_rows) for pile in PILES} if sorted_rows else {},
        distinct=len(rows),
        rated=len(rated_as),
        unmatched=len(people.keys() - set().union(*rated_as.values())),
        agreement=found,
        trusted=trusted,
        set_aside=tuple(_told(one) for one in sorted_rows if one.pile != "kept"),
        cost_usd=sum(verdict.cost_usd for verdict in verdicts.values()),
    )
    if sorted_rows:
        _write(out, sorted_rows, report)
    return report


def judge_options(path: Path) -> RubricOptions:
    """Judge, rubric and scale, from a YAML file with the options of the metric `judge_score`.

    Raises: BadInput: it cannot be read; ProtocolError: the first mistake in it, with line and column.
    """
    with one_sentence(path):
        text = decode(path.read_bytes(), where=str(path))
    options: RubricOptions = convert(parse(text, where=str(path)), RubricOptions)
    return options


def _silent(stage: str, done: int, total: int) -> None:
    """Says nothing of the progress."""
    del stage, done, total


# --- What is refused before anything is spent ------------------------------------------------------------------------


def _refuse(wanted: Wanted, out: Path, *, resume: bool) -> None:
    low, high = wanted.options.low, wanted.options.high
    if not low < wanted.below <= high:
        raise BadInput(f"the limit {wanted.below:g} sets nothing aside, or all, on a scale from {low:g} to {high:g}")
    if wanted.options.reference is not None:
        raise BadInput("`reference` has no meaning here: the completion of a training row is what is judged; drop it")
    if not any(rating.rating is not None for rating in wanted.ratings.values()) and not wanted.force:
        raise Refused(
            "no person has rated a row, so nothing says whether the judge is any good; rate the sample that "
            "`shipworthy data check --review-sample` writes and name it with --rated, or --force"
        )
    if out.exists() and not out.is_dir():
        raise BadInput("this is a file; --out names a folder", where=str(out))
    if out.exists() and any(out.iterdir()) and not (resume and (out / SCORES).exists()):
        hint = "add --resume to use the answers in it" if (out / SCORES).exists() else "choose another --out"
        raise BadInput(f"this folder is not empty; {hint}", where=str(out))


def _originals(wanted: Wanted) -> Iterator[Original]:
    return originals(wanted.paths, kind=wanted.kind)


def _rows(wanted: Wanted, people: Collection[str]) -> tuple[dict[str, Row], dict[str, set[str]]]:
    """What the judge would be shown -> a row that shows it, and the contents of such rows that people have rated.

    Rows may differ in what the judge is not shown (a rejected answer). Raises: BadInput: a row cannot be judged.
    """
    found: dict[str, Row] = {}
    rated_as: dict[str, set[str]] = {}
    for original in _originals(wanted):
        if not original.rows:
            raise BadInput("this row holds nothing to judge; delete it", where=original.where)
        for row in original.rows:
            if row.completion is None:
                raise BadInput("this row has no completion that could be judged", where=row.where)
            key, same = key_of(row), content(row)
            found.setdefault(key, row)
            if same in people:
                rated_as.setdefault(key, set()).add(same)
    if not found:
        raise BadInput("there is no row to judge", where=", ".join(wanted.paths))
    return found, rated_as


def _people(wanted: Wanted) -> dict[str, list[float]]:
    """Content of a row -> people's ratings of it. Raises: BadInput: a rating lies off the judge's scale."""
    low, high = wanted.options.low, wanted.options.high
    said: dict[str, list[float]] = {}
    for place, rating in wanted.ratings.items():
        if rating.rating is not None:
            if not low <= rating.rating <= high:
                told = f"the rating {rating.rating:g} lies off the judge's scale, {low:g} to {high:g}; correct it"
                raise BadInput(told, where=place)
            said.setdefault(content(rating), []).append(rating.rating)
    return said


# --- Beside people, and apart ----------------------------------------------------------------------------------------


def _beside(below: float, verdicts: Mapping[str, RowScore], people: Mapping[str, float]) -> Agreement | None:
    """The judge's decisions beside people's; None: nobody rated these rows."""
    if not people:
        return None
    ours = [_decision(verdicts[key].score, below) for key in people]
    theirs = ["below" if rating < below else "kept" for rating in people.values()]
    return agreement([None if one == "unread" else one for one in ours], theirs)


def _decision(score: float | None, below: float) -> Pile:
    if score is None:
        return "unread"
    return "below" if score < below else "kept"


@dataclass(frozen=True, slots=True)
class _Sorted:
    original: Original
    pile: Pile
    verdict: RowScore


def _sorted(original: Original, verdicts: Mapping[str, RowScore], below: float) -> _Sorted:
    """Where a row goes; one that holds several questions goes where the worst of them does, unread ones first."""
    found = [verdicts[key_of(row)] for row in original.rows]
    worst = min(found, key=_rank)
    return _Sorted(original, _decision(worst.score, below), worst)


def _rank(verdict: RowScore) -> float:
    return float("-inf") if verdict.score is None else verdict.score


def _told(one: _Sorted) -> SetAside:
    return SetAside(where=one.original.where, pile=one.pile, score=one.verdict.score, said=one.verdict.said)


def _write(out: Path, found: Sequence[_Sorted], report: FilterReport) -> None:
    for pile in PILES:
        lines = (msgspec.json.encode(one.original.fields) + b"\n" for one in found if one.pile == pile)
        write_atomic(out / f"{pile}.jsonl", b"".join(lines))
    write_atomic(out / REPORT, msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")

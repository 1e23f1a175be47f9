"""A data file -> a folder with one file a part, `split.json`, and lineage; whole or not at all."""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

import shipworthy
from shipworthy.data import rows as _table
from shipworthy.data._rows import Row
from shipworthy.data.split._groups import groups
from shipworthy.data.split._plan import Unit, assign, few_shot, time_of
from shipworthy.data.split._report import Part, SplitReport, balance, detects
from shipworthy.data.split._rule import ASIDE, Rule
from shipworthy.data.split._twins import twins
from shipworthy.data.split._written import REPORT, read_split
from shipworthy.data.versions import Source, digest_of_rows, pointer_at
from shipworthy.data.versions._digest import row_digest
from shipworthy.errors import BadInput
from shipworthy.store.files import make_folder, one_sentence

SYNTHETIC = "synthetic"
SOURCE_ID = "source_id"
Progress = Callable[[str, int, int], None]


def split_file(
    path: Path,
    out: Path,
    rule: Rule,
    *,
    now: datetime,
    keep: Path | None = None,
    stress: Sequence[str] = (),
    progress: Progress | None = None,
) -> SplitReport:
    """Split the rows of `path` into the folder `out`: a JSONL file a part, `split.json` beside them.

    The rows are held in memory. Args: keep: folder of an earlier split whose rows stay where they are. stress: kinds of
    perturbation (see `shipworthy.data.perturb`) of which `stress.jsonl` holds a copy of every test row, each marked
    `synthetic: template`.

    Raises: BadInput: the file, the rule or the folder is not usable; nothing is written then.
    """
    progress = progress or _silent
    rule.parts()
    _refuse_time(rule.since)
    _refuse_folder(out)
    path = _table.data_path(path)
    progress("reading", 0, 3)
    rows = list(_table.rows(path))
    if not rows:
        raise BadInput("the file has no rows", where=str(path))
    progress("grouping", 1, 3)
    texts = [_table.asked(row.fields, rule.text, where=f"{path}:{row.line}") for row in rows]
    units = _units(path, rows, texts, rule)
    group_N = groups(texts, [unit.content for unit in units], _declared(path, rows, rule), near=rule.near)
    earlier = _earlier(keep) if keep is not None else {}
    part_N = assign(units, group_N, rule, kept=earlier)
    _refuse_empty(path, part_N, rule)
    progress("writing", 2, 3)
    files = _contents(path, rows, units, part_N, rule)
    if stress:
        files["stress"] = _stressed(files.get("test", []), stress, rule)
    near = twins(texts, part_N, rule.parts()) if rule.near else {}
    report = _report(
        path, rows, units, group_N, part_N, files, rule, now, kept=sum(u.content in earlier for u in units)
    )
    report = msgspec.structs.replace(report, twins=near, notes=(*report.notes, *_twins_told(near, part_N)))
    _write(out, files, report)
    progress("writing", 3, 3)
    return report


def _silent(stage: str, done: int, total: int) -> None:
    """Says nothing of the progress."""
    del stage, done, total


# --- What the rows say -----------------------------------------------------------------------------------------------


def _units(path: Path, rows: Sequence[Row], texts: Sequence[str], rule: Rule) -> list[Unit]:
    columns = [_column(path, rows, name) for name in rule.stratify]
    if rule.length_buckets:
        columns.append(_lengths(texts, rule.length_buckets))
    strata = list(zip(*columns, strict=True)) if columns else [()] * len(rows)
    times = _times(path, rows, rule.time) if rule.time is not None else [None] * len(rows)
    return [
        Unit(content=row_digest(row.fields).hex(), stratum=stratum, time_s=time)
        for row, stratum, time in zip(rows, strata, times, strict=True)
    ]


def _column(path: Path, rows: Sequence[Row], name: str) -> list[str]:
    if not any(name in row.fields for row in rows):
        known = ", ".join(dict.fromkeys(str(column) for row in rows[:100] for column in row.fields))
        raise BadInput(f"no column {name!r}; the columns are {known}", where=str(path))
    return [_table.said(row.fields.get(name)) for row in rows]


def _lengths(texts: Sequence[str], buckets: int) -> list[str]:
    """Length classes by words; the limits are powers of two, so that they do not move as rows are added."""
    words_N = np.array([len(text.split()) for text in texts])
    class_N = np.minimum(np.log2(words_N + 1).astype(int), buckets - 1)
    names = [f"{2**k - 1}-{2 ** (k + 1) - 2} words" for k in range(buckets - 1)] + [f"{2 ** (buckets - 1) - 1}+ words"]
    return [names[k] for k in class_N.tolist()]


def _times(path: Path, rows: Sequence[Row], name: str) -> list[float | None]:
    said = _column(path, rows, name)
    times: list[float | None] = []
    for row, text in zip(rows, said, strict=True):
        try:
            times.append(time_of(text) if text else None)
        except ValueError:
            message = f"{name!r} is {text[:40]!r}, neither a number nor an ISO 8601 time such as 2025-03-31T12:00"
            raise BadInput(message, where=f"{path}:{row.line}") from None
    return times


def _declared(path: Path, rows: Sequence[Row], rule: Rule) -> list[tuple[str, ...]]:
    """The groups that a row says it is in; a synthetic copy goes where the row with its `source_id` goes."""
    columns = {name: _column(path, rows, name) for name in rule.group}
    sources = {_table.said(row.fields[SOURCE_ID]) for row in rows if row.fields.get(SOURCE_ID) is not None}
    declared = []
    for number, row in enumerate(rows):
        names = [f"{name}={values[number]}" for name, values in columns.items() if values[number]]
        of = row.fields.get(SOURCE_ID, row.fields.get("id"))
        if of is not None and _table.said(of) in sources:
            names.append(f"source={_table.said(of)}")
        declared.append(tuple(names))
    return declared


def _earlier(folder: Path) -> dict[str, str]:
    """content -> part of an earlier split."""
    return {
        row_digest(row.fields).hex(): part.name
        for part in read_split(folder).parts
        if part.rows
        for row in _table.rows(folder / part.file)
    }


# --- What is written -------------------------------------------------------------------------------------------------


def _contents(
    path: Path, rows: Sequence[Row], units: Sequence[Unit], part_N: Sequence[str], rule: Rule
) -> dict[str, list[dict[str, Any]]]:
    """name of a file -> its rows."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in sorted(rule.parts())}
    for row, part in zip(rows, part_N, strict=True):
        found.setdefault(part, []).append(row.fields)
    if rule.few_shot:
        label = rule.label or (rule.stratify[0] if rule.stratify else None)
        label_N = _column(path, rows, label) if label else [""] * len(rows)
        trained = [number for number, part in enumerate(part_N) if part == "train"]
        for size in sorted(set(rule.few_shot)):
            chosen = few_shot(units, label_N, trained, size, rule.seed)
            found[f"train.{size}-shot"] = [rows[number].fields for number in chosen]
    return found


def _stressed(tests: Sequence[dict[str, Any]], kinds: Sequence[str], rule: Rule) -> list[dict[str, Any]]:
    from shipworthy.data import perturb

    columns = (rule.text, "input", "prompt", "question", "text", "instruction")
    column = next((name for name in columns if name and all(name in row for row in tests)), None)
    if column is None:
        raise BadInput("no column of text that could be changed for the stress set; name it as the text")
    return list(perturb.rows(tests, kinds, column=column))


def _report(
    path: Path,
    rows: Sequence[Row],
    units: Sequence[Unit],
    group_N: Sequence[str],
    part_N: Sequence[str],
    files: Mapping[str, Sequence[Mapping[str, Any]]],
    rule: Rule,
    now: datetime,
    *,
    kept: int,
) -> SplitReport:
    largest = max(Counter(group_N).values())
    dealt = sum(part != ASIDE for part in part_N)
    shares = rule.parts()
    part_groups = Counter(part for part, _ in set(zip(part_N, group_N, strict=True)))
    parts = tuple(
        Part(
            name=name,
            rows=len(found),
            groups=part_groups[name],
            share=len(found) / dealt if name in shares and dealt else 0.0,
            wanted=shares.get(name, 0.0),
            file=f"{name}.jsonl",
            version=digest_of_rows(found),
            detects=detects(len(found)) if name != "train" and name in shares else {},
        )
        for name, found in files.items()
    )
    return SplitReport(
        source=Source(path=str(path), version=digest_of_rows(row.fields for row in rows), tracked=pointer_at(path)),
        rule=rule,
        made=now.isoformat(timespec="seconds"),
        made_by=f"shipworthy {shipworthy.__version__}",
        parts=parts,
        balance=balance(units, part_N, rule, largest_group=largest),
        aside=len(rows) - dealt,
        groups=len(set(group_N)),
        largest_group=largest,
        synthetic=sum(SYNTHETIC in row.fields for row in rows),
        kept=kept,
        notes=_notes(len(rows), largest, kept),
    )


def _notes(rows: int, largest: int, kept: int) -> tuple[str, ...]:
    notes = []
    if largest > rows / 4:
        notes.append(f"one group holds {largest} of {rows} rows, which stay together; see whether its column is an id")
    if kept:
        notes.append(f"{kept} rows stay where an earlier split put them")
    return tuple(notes)


def _twins_told(near: Mapping[str, int], part_N: Sequence[str]) -> list[str]:
    have = Counter(part_N)
    return [
        f"{n} of {have[name]} rows of {name} have a near twin in another part (at most 20% of the words differ, or "
        "numbers alone): on rows made from a template a score says little about new questions; keep them together "
        "with --group COL, or collect other wordings"
        for name, n in near.items()
    ]


def _refuse_folder(out: Path) -> None:
    with one_sentence(out):
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise BadInput("this exists already and is not an empty folder; choose another --out", where=str(out))


def _refuse_time(since: str | None) -> None:
    try:
        if since is not None:
            time_of(since)
    except ValueError:
        message = f"the first time to test is {since!r}, neither a number nor an ISO 8601 time such as 2025-03-31T12:00"
        raise BadInput(message) from None


def _refuse_empty(path: Path, part_N: Sequence[str], rule: Rule) -> None:
    have = Counter(part_N)
    lacking = [name for name in rule.parts() if not have[name]]
    if lacking:
        said = f"{len(part_N)} row{'s' * (len(part_N) != 1)} in whole groups leave the part {lacking[0]!r} empty"
        raise BadInput(f"{said}; give it a larger share, use --balance exact, or collect more rows", where=str(path))


def _write(out: Path, files: Mapping[str, Sequence[Mapping[str, Any]]], report: SplitReport) -> None:
    """Fill a folder beside `out`, then rename it: `out` is whole or not there."""
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    make_folder(temporary.parent)
    try:
        with one_sentence(out):
            temporary.mkdir()
            for name, found in files.items():
                _write_lines(temporary / f"{name}.jsonl", found)
            (temporary / REPORT).write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
            if out.exists():
                out.rmdir()
            temporary.rename(out)
    finally:
        with suppress(FileNotFoundError):
            shutil.rmtree(temporary)


def _write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    encoder = msgspec.json.Encoder()
    with path.open("wb") as stream:
        for row in rows:
            stream.write(encoder.encode(row) + b"\n")
        stream.flush()
        os.fsync(stream.fileno())

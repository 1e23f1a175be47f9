"""Files or rows -> everything that is known about them, in one pass."""

import importlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from shipworthy.data.training._catalogue import CATALOGUE, GROUPS
from shipworthy.data.training._findings import Findings
from shipworthy.data.training._read import ROWS, Reader
from shipworthy.data.training.batch import Batch, of_rows
from shipworthy.data.training.checks import TABLE, Check, Desk
from shipworthy.data.training.types import Bad, DataReport, Histogram, Options, Progress, Row, Source
from shipworthy.errors import UnknownName

if TYPE_CHECKING:
    from shipworthy.data.training.memory import Memory


def check(
    paths: Sequence[str],
    options: Options | None = None,
    *,
    progress: Progress | None = None,
    memory: "Memory | None" = None,
) -> DataReport:
    """Read training files and look at every row.

    Args:
        paths: files, folders, patterns or URLs; `.gz` and `.zst` are unpacked.
        progress: called with (path, bytes read, bytes in all).
        memory: where dear looks are remembered, so that a check that was stopped can go on.

    Raises: BadInput: a file cannot be read as a whole, holds no good row, or an option names something unusable;
        UnknownName: a check, a kind; MissingExtra: an optional package is needed.
    """
    options = options or Options()
    reader = Reader(paths, kind=options.kind, progress=progress)
    return _report(reader, options, reader.sources, reader.bom, memory)


def check_rows(rows: Iterable[Row], options: Options | None = None) -> DataReport:
    """The same over rows that a program holds; neighbours of one kind and file are looked at together."""
    sources: list[Source] = []
    return _report(_batches(rows, sources), options or Options(), sources, [])


def _batches(rows: Iterable[Row], sources: list[Source]) -> Iterable[Batch]:
    some: list[Row] = []
    counts: dict[tuple[str, str], int] = {}
    for row in rows:
        if some and ((row.path, row.kind) != (some[0].path, some[0].kind) or len(some) >= ROWS):
            yield of_rows(some)
            some = []
        some.append(row)
        counts[row.path, row.kind] = counts.get((row.path, row.kind), 0) + 1
    if some:
        yield of_rows(some)
    sources += [Source(path=path, kind=kind, rows=n, bad=0, bytes=0) for (path, kind), n in counts.items()]


def _report(
    items: Iterable[Batch | Bad],
    options: Options,
    sources: list[Source],
    bom: list[str],
    memory: "Memory | None" = None,
) -> DataReport:
    known(options.only)
    known(options.skip)
    found = Findings(keep=options.examples, only=options.only, skip=options.skip)
    desk = Desk(options=options, found=found, memory=memory)
    checks = _checks(desk)
    bad = 0
    for item in items:
        if isinstance(item, Bad):
            bad += 1
            also = "; ".join(item.faults[1:])
            found.at(item.code, item.where, "row", item.faults[0], f"also: {also}" if also else "")
            continue
        if item.lines.path in bom:  # the mark stands before the first row, and that row may hold another one
            bom.remove(item.lines.path)
            found.add("byte_order_mark", item, 0, "file", "", "EF BB BF")
        desk.rows += len(item)
        desk.kinds[item.kind] = desk.kinds.get(item.kind, 0) + len(item)
        for one in checks.values():
            one.look(item)
    for one in checks.values():
        one.close()
    return DataReport(
        sources=tuple(sources),
        rows=desk.rows,
        bad=bad,
        findings=found.all(desk.rows + bad),
        measures=desk.measures,
        labels=desk.labels,
        histograms=_histograms(checks),
        checks=tuple(code for code in CATALOGUE if found.wanted(code)),
        skipped=tuple(desk.skipped),
    )


def known(names: Sequence[str]) -> None:
    """Raises: UnknownName: one of these is neither a group of checks nor a code."""
    for name in names:
        if name not in CATALOGUE and name not in GROUPS:
            import difflib

            near = difflib.get_close_matches(name, [*CATALOGUE, *GROUPS], n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise UnknownName(f"there is no check {name!r}; {hint}groups are {', '.join(GROUPS)}")


def _checks(desk: Desk) -> dict[str, Check]:
    """The groups that have at least one wanted code; only their modules are imported."""
    made = {}
    for group, target in TABLE.items():
        if any(CATALOGUE[code].group == group and desk.found.wanted(code) for code in CATALOGUE):
            module, _, name = target.partition(":")
            made[group] = getattr(importlib.import_module(module), name)(desk)
    return made


def _histograms(checks: dict[str, Any]) -> tuple[Histogram, ...]:
    return tuple(one for name in ("length", "template") if name in checks for one in checks[name].histograms())

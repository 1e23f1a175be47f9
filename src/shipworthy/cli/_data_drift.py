"""`shipworthy data drift REFERENCE CURRENT`: did the rows change, by more than chance and more than matters?

Exit code 0: no drift that matters; 10: something drifted; 12: too few rows to tell.
"""

import argparse
from typing import TYPE_CHECKING, get_args

from shipworthy.cli._reports import add_output, can_be_written
from shipworthy.records import Outcome

if TYPE_CHECKING:
    from shipworthy.data._drift_report import DriftReport
    from shipworthy.stats.drift.types import Drift, Look

HELP = "test whether the rows of a file changed since a reference"
EXIT: dict[Outcome, int] = {"pass": 0, "fail": 10, "inconclusive": 12}
_WORD: dict[Outcome, str] = {"pass": "same", "fail": "DRIFT", "inconclusive": "unsure"}
_HEAD: dict[Outcome, str] = {"pass": "NO DRIFT", "fail": "DRIFT", "inconclusive": "INCONCLUSIVE"}
_SHOWN = 40


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "reference",
        metavar="REFERENCE",
        help="the rows as they were: file, folder, pattern or URL; JSONL, JSON, CSV, Parquet; .gz, .zst",
    )
    parser.add_argument("current", metavar="CURRENT", help="the rows as they are now")
    parser.add_argument("--column", action="append", default=[], metavar="COL", help="only this column; repeats")
    parser.add_argument(
        "--kind",
        action="append",
        default=[],
        metavar="COL=KIND",
        help="what a column is: numeric, categorical, text, embedding or skip; repeats",
    )
    parser.add_argument("--slice", action="append", default=[], metavar="COL", help="also every label of it; repeats")
    parser.add_argument(
        "--cluster",
        metavar="COL",
        help="rows of one value belong together (a user's, a session's): whole clusters are dealt out at random",
    )
    parser.add_argument("--alpha", type=float, default=0.05, help="chance of a false alarm in the look (default 0.05)")
    parser.add_argument(
        "--floor",
        action="append",
        default=[],
        metavar="KIND=SIZE",
        help="the smallest effect that matters for a kind of test, as its lines name it; repeats",
    )
    add_output(parser)
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn at random (default 0)")


def run(args: argparse.Namespace) -> int:
    from shipworthy.data.drift import DriftQuery, compare, examine
    from shipworthy.errors import BadInput

    if not 0 < args.alpha <= 0.5:
        raise BadInput(f"--alpha is {args.alpha:g}; give a chance above 0 and at most 0.5")
    if args.seed < 0:
        raise BadInput(f"--seed is {args.seed}; give 0 or more")
    query = DriftQuery(
        columns=tuple(args.column),
        kinds=_kinds(args.kind),  # type: ignore[arg-type]
        slices=tuple(args.slice),
        alpha=args.alpha,
        floors=_floors(args.floor),  # type: ignore[arg-type]
        cluster=args.cluster,
        seed=args.seed,
    )
    can_be_written(args.output)
    if not (args.json or args.output):
        found = compare(args.reference, args.current, query)
    else:
        report = examine(args.reference, args.current, query)
        found = report.look
        _write(report, args)
    if not args.json:
        print("\n".join(_lines(found)))
        print(f"Next: {_next(args, found)}")
    return EXIT[found.outcome]


def _write(report: "DriftReport", args: argparse.Namespace) -> None:
    from shipworthy.store.files import write_atomic
    from shipworthy.web.drift_report import render

    for path in args.output:
        write_atomic(path, render(report, path.suffix.removeprefix(".")).encode())
    if args.json:
        print(render(report, "json"), end="")


def _kinds(given: list[str]) -> dict[str, str]:
    from shipworthy.data.drift import ColumnKind

    pairs = [_pair(text, "--kind") for text in given]
    for name, kind in pairs:
        _one_of(kind, get_args(ColumnKind), f"--kind {name}={kind}")
    return dict(pairs)


def _floors(given: list[str]) -> dict[str, float]:
    from shipworthy.errors import BadInput
    from shipworthy.stats.drift.look import FLOORS

    floors = {}
    for kind, size in (_pair(text, "--floor") for text in given):
        _one_of(kind, tuple(FLOORS), f"--floor {kind}={size}")
        try:
            floors[kind] = float(size)
        except ValueError:
            raise BadInput(f"--floor {kind}={size}: the size must be a number") from None
        if not 0 <= floors[kind] <= 1:
            raise BadInput(f"--floor {kind}={size}: effects lie between 0 and 1")
    return floors


def _pair(text: str, option: str) -> tuple[str, str]:
    from shipworthy.errors import BadInput

    name, equals, value = text.rpartition("=")
    if not equals or not name:
        raise BadInput(f"{option} {text!r} needs a name, '=' and a value")
    return name, value


def _one_of(word: str, known: tuple[str, ...], where: str) -> None:
    from shipworthy.errors import BadInput

    if word not in known:
        raise BadInput(f"{where}: unknown {word!r}; known: {', '.join(known)}")


def _lines(found: "Look") -> list[str]:
    order = {"fail": 0, "inconclusive": 1, "pass": 2}
    rows = sorted(found.findings, key=lambda one: (order[one.outcome], one.p_adjusted or 0.0))
    lines = [_HEAD[found.outcome], *(f"  - {reason}" for reason in found.reasons), ""]
    lines += [_line(one) for one in rows[:_SHOWN]]
    if len(rows) > _SHOWN:
        lines.append(f"... and {len(rows) - _SHOWN} more tests; --json prints all")
    return lines + [f"warning {warning.code}: {warning.message}" for warning in found.warnings]


def _line(one: "Drift") -> str:
    from shipworthy.stats.drift.look import name

    said = f"{_WORD[one.outcome]:<6}  {name(one)}, n {one.n_reference:,} and {one.n_current:,}: {one.because}"
    return said + "".join(f" ({warning.message})" for warning in one.warnings if warning.message != one.because)


def _next(args: argparse.Namespace, found: "Look") -> str:
    if found.outcome == "fail":
        return "open the report" if args.output else "add -o drift.html to see how the rows are spread now"
    if found.outcome == "inconclusive":
        return "collect more rows, or raise what matters with --floor KIND=SIZE"
    return "keep the reference; look again when new rows came"

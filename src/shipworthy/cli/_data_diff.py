"""`shipworthy data diff A B`: rows added, removed and changed, whatever their order. Exit 0 also where they differ."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shipworthy.data.versions import Diff

HELP = "name the rows that two versions of a dataset do not share"
MOST_LINES = 20


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", type=Path, metavar="A", help="the earlier file")
    parser.add_argument("after", type=Path, metavar="B", help="the later file")
    parser.add_argument("--id", metavar="COL", help="column that identifies a row; default `id` where there is one")


def run(args: argparse.Namespace) -> int:
    from shipworthy.data import versions

    found = versions.diff(args.before, args.after, id=args.id)
    if args.json:
        import msgspec

        document = {"same": found.same, **msgspec.to_builtins(found)}
        print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
        return 0
    print("\n".join(_lines(found, args)))
    return 0


def _lines(found: "Diff", args: argparse.Namespace) -> list[str]:
    lines = [
        f"A {args.before}: {found.before.rows} rows, sha256 {found.before.sha256}",
        f"B {args.after}: {found.after.rows} rows, sha256 {found.after.sha256}",
        f"{found.kept} rows are the same, {len(found.changed)} changed, {len(found.added)} added, "
        f"{len(found.removed)} removed",
    ]
    rows = [f"  changed {_id(one.id)}{one.before} -> {one.after}: {', '.join(one.columns)}" for one in found.changed]
    rows += [f"  added   {_id(place.id)}{place.where}" for place in found.added]
    rows += [f"  removed {_id(place.id)}{place.where}" for place in found.removed]
    lines += rows[:MOST_LINES]
    if len(rows) > MOST_LINES:
        lines.append(f"  … and {len(rows) - MOST_LINES} more (all of them with --json)")
    lines.append(
        f"Next: shipworthy data {'seal' if found.same else 'check'} {args.after}{' --budget 5' if found.same else ''}"
    )
    return lines


def _id(name: str | None) -> str:
    return f"id {name[:60]}  " if name is not None else ""

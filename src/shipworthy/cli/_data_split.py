"""`shipworthy data split FILE --out DIR`: training, validation and test data that share nobody."""

import argparse
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from shipworthy.errors import BadInput

if TYPE_CHECKING:
    from shipworthy.data.split import Part, Rule, SplitReport

HELP = "split into training, validation and test data without leakage"
MOST_STRATA = 12
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help="JSONL (also .gz, .zst), JSON, CSV or Parquet")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for the parts; must not exist, or be empty")
    add("--test", type=float, default=0.125, metavar="SHARE", help="share held out for tests (default 0.125)")
    add("--validation", type=float, default=0.0, metavar="SHARE", help="share held out to tune on (default none)")
    add("--folds", type=int, default=0, metavar="K", help="K equal folds instead of train and test")
    add(
        "--balance",
        choices=("stable", "exact"),
        default="stable",
        help="stable: adding rows moves no other row, shares are met up to chance; exact: met within a row per stratum",
    )
    add("--stratify", action="append", default=[], metavar="COL", help="balance this column; repeats, or commas")
    add("--length-buckets", type=int, default=0, metavar="K", help="balance K classes of length too")
    add("--group", action="append", default=[], metavar="COL", help="user, document: never in two parts; repeats")
    add("--no-near", action="store_true", help="let likely copies part (exact copies never do)")
    add("--time", metavar="COL", help="test on the latest rows by this column (a number or ISO 8601)")
    add("--since", metavar="TIME", help="the first time that is tested, instead of a share")
    add("--gap", default="0", metavar="TIME", help="set aside rows within this time before a cut: 90, 12h, 7d")
    add("--few-shot", default="", metavar="K,K", help="also write nested training subsets of K rows a label")
    add("--label", metavar="COL", help="labels for --few-shot; default the first of --stratify")
    add("--keep", type=Path, metavar="DIR", help="an earlier split: its rows stay where they are")
    add("--stress", default="", metavar="KIND,KIND", help="also write perturbed copies of the test rows: typo, casing")
    add("--text", metavar="COL", help="column that makes a row another question; default by the row's format")
    add("--seed", type=int, default=0, metavar="N", help="another number, another equally good split (default 0)")


def run(args: argparse.Namespace) -> int:
    from shipworthy.cli._progress import Progress
    from shipworthy.data.split import split_file

    rule = _rule(args)
    bar = Progress(quiet=args.quiet)
    try:
        report = split_file(
            args.file,
            args.out,
            rule,
            now=datetime.now(UTC),
            keep=args.keep,
            stress=_names([args.stress]),
            progress=bar.update,
        )
    finally:
        bar.close()
    if args.json:
        import msgspec

        print(
            msgspec.json.format(
                msgspec.json.encode({"out": str(args.out), **msgspec.to_builtins(report)}), indent=2
            ).decode()
        )
        return 0
    print("\n".join(_lines(report, args.out)))
    return 0


def _rule(args: argparse.Namespace) -> "Rule":
    import msgspec

    from shipworthy.data.split import Rule

    asked = {
        "test": args.test,
        "validation": args.validation,
        "folds": args.folds,
        "balance": args.balance,
        "stratify": _names(args.stratify),
        "length_buckets": args.length_buckets,
        "group": _names(args.group),
        "near": not args.no_near,
        "time": args.time,
        "since": args.since,
        "gap_s": _seconds(args.gap),
        "few_shot": _sizes(args.few_shot),
        "label": args.label,
        "seed": args.seed,
        "text": args.text,
    }
    try:
        return msgspec.convert(asked, Rule)
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at `$.")
        option = "--" + place.rstrip("`").replace("_", "-")
        raise BadInput(f"{option}: {said[0].lower()}{said[1:]}; see `shipworthy data split --help`") from None


def _names(given: list[str]) -> tuple[str, ...]:
    return tuple(name.strip() for one in given for name in one.split(",") if name.strip())


def _sizes(given: str) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in _names([given]))
    except ValueError:
        raise BadInput(f"--few-shot wants numbers such as 1,5,10, not {given!r}") from None


def _seconds(given: str) -> float:
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw]?)\s*", given)
    if found is None:
        raise BadInput(f"--gap wants a time such as 90, 12h or 7d, not {given!r}")
    return float(found.group(1)) * _UNITS[found.group(2)]


def _lines(report: "SplitReport", out: Path) -> list[str]:
    source = report.source
    lines = [
        f"{source.path}: {source.version.rows} rows in {report.groups} groups, sha256 {source.version.sha256[:16]}"
    ]
    lines += [_part(part) for part in report.parts]
    off = report.balance
    lines.append(f"Balance: at most {off.off_by:.1f} rows from the wanted shares ({off.because})")
    worst = sorted(off.strata, key=lambda one: -one.off_by)[:MOST_STRATA]
    for one in worst:
        name = ", ".join(f"{column}={value}" for column, value in one.values.items())
        parts = ", ".join(f"{part} {n}" for part, n in one.parts.items())
        lines.append(f"  {name}: {one.rows} rows, {parts} ({one.off_by:.1f} off)")
    if len(off.strata) > len(worst):
        lines.append(f"  … and {len(off.strata) - len(worst)} strata that are nearer to it (all with --json)")
    if report.synthetic:
        lines.append(f"{report.synthetic} rows are marked synthetic; each stands beside its source")
    lines += [f"Note: {note}" for note in report.notes]
    tested = next((part for part in report.parts if part.name == "test"), report.parts[0])
    lines.append(f"Next: shipworthy data seal {os.fspath(out / tested.file)} --budget 5")
    return lines


def _part(part: "Part") -> str:
    wanted = f" (wanted {part.wanted:.1%})" if part.wanted else ""
    share = f" {part.share:.1%}{wanted}" if part.share else ""
    found = [
        f"{margin * 100:.1f} points at {float(share):.0%} disagreement"
        for share, margin in part.detects.items()
        if margin is not None
    ]
    detects = f"; rules out a loss of {', '.join(found)} (n={part.rows}, power 80 %)" if found else ""
    return f"  {part.file:<20} {part.rows:>8} rows{share}{detects}"

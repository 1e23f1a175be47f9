"""`shipworthy data filter FILE... --judge JUDGE.yaml --rated RATED.jsonl --below 6 --out DIR`: let a judge sort rows.

JUDGE.yaml holds the options of the metric `judge_score`: `judge` (base_url, model, api_key_env), and if you like
`rubric`, `low`, `high`, `prompt`. RATED.jsonl is a review sample of `data check` that people have filled in. Rows that
score under --below go to below.jsonl, rows whose verdict cannot be read to unread.jsonl, all others to kept.jsonl.

Exit codes: 0 sorted · 2 bad input, or the judge failed on some rows (--resume asks again) · 10 the judge does not beat
saying people's commonest decision every time: no row was sorted.
"""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from shipworthy.cli._plain import plain, quoted

if TYPE_CHECKING:
    from shipworthy.evaluation.row_filter import FilterReport, Wanted

SORTED, BLOCK = 0, 10
_SHOWN = 5
_EXCERPT = 100
_REFUSED = (
    "Refused: no row was sorted; always saying what people say most often does as well as this judge",
    "Next: rate more rows or mend the rubric, then repeat with --resume; --force sorts all the same",
)
_RESUME = "the answers are kept, --resume goes on"


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", help="files, folders or patterns of training rows, as for `data check`")
    add("--judge", type=Path, required=True, metavar="YAML", help="who judges, by which rubric, on which scale")
    add("--below", type=float, required=True, metavar="SCORE", help="rows under this score are set aside")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for the three parts and the judge's answers")
    add("--rated", type=Path, metavar="FILE", help="review sample in which people filled in `rating`, on that scale")
    add("--kind", metavar="NAME", help="format of the rows; default: recognised from their columns")
    add("--force", action="store_true", help="sort without ratings, or by a judge that does not beat the constant")
    add("--resume", action="store_true", help="go on with the answers in --out; only new rows are asked about")


def run(args: argparse.Namespace) -> int:
    from shipworthy.cli._progress import Progress
    from shipworthy.evaluation.row_filter import filter_rows

    bar = Progress(quiet=args.quiet)
    try:
        report = filter_rows(_wanted(args), args.out, resume=args.resume, progress=bar.update)
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(f"interrupted; {_RESUME}") from interrupt
    finally:
        bar.close()
    print(_document(report) if args.json else "\n".join(map(plain, _lines(report, args))))
    return SORTED if report.rows else BLOCK


def _wanted(args: argparse.Namespace) -> "Wanted":
    from shipworthy.data.training.review import read_ratings
    from shipworthy.evaluation.row_filter import Wanted, judge_options

    return Wanted(
        paths=args.files,
        options=judge_options(args.judge),
        below=args.below,
        kind=args.kind,
        ratings=read_ratings(args.rated) if args.rated is not None else {},
        force=args.force,
        folder=args.judge.parent,
        environ=os.environ,
    )


def _document(report: "FilterReport") -> str:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()


def _lines(report: "FilterReport", args: argparse.Namespace) -> list[str]:
    lines = []
    if report.agreement is not None:
        lines.append(f"{report.rated} rated rows, kept or below {report.below:g}: {report.agreement.text()}")
    if report.unmatched:
        lines.append(f"Note: {report.unmatched} rated rows stand in none of the files (changed or deleted since)")
    if not report.rows:
        return [*lines, *_REFUSED]
    if not report.trusted:
        why = "nobody rated a row" if report.agreement is None else "the judge does not beat the constant predictor"
        lines.append(f"Warning: sorted by --force; {why}")
    total = sum(report.rows.values())
    lines.append(
        f"{total:,} rows ({report.distinct:,} distinct), scored {report.low:g} to {report.high:g}{_cost(report)}"
    )
    says = {"kept": f"score {report.below:g} or more", "below": "score less", "unread": "have no verdict to read"}
    lines += [f"  {args.out / f'{pile}.jsonl'}: {n:,} rows {says[pile]}" for pile, n in report.rows.items()]
    for one in report.set_aside[:_SHOWN]:
        score = "unread" if one.score is None else f"{one.score:g}"
        lines.append(f"    {one.where} {score}: {_excerpt(one.said)}")
    if len(report.set_aside) > _SHOWN:
        lines.append(f"    … and {len(report.set_aside) - _SHOWN:,} more, all in {args.out / 'filter.json'}")
    below, kept = (quoted(args.out / f"{pile}.jsonl") for pile in ("below", "kept"))
    return [*lines, f"Next: look at {below}, then shipworthy data split {kept} --out split"]


def _cost(report: "FilterReport") -> str:
    return f", ${report.cost_usd:.4f}" if report.cost_usd else ""


def _excerpt(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= _EXCERPT else one_line[: _EXCERPT - 1] + "…"

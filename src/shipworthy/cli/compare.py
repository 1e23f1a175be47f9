"""Judge a candidate against a baseline over results you already have; no protocol needed.

RESULTS are tables (JSONL, CSV, Parquet; tidy or wide), lm-evaluation-harness samples, inspect logs or outputs of other
tools, told apart by what is in them: docs/reference/readers.md lists them all.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from shipworthy.cli._plain import direction, quoted
from shipworthy.records import EXIT_CODE, Verdict

if TYPE_CHECKING:
    from shipworthy.data.results import Results
    from shipworthy.gates import Question

HELP = "judge results you already have, no protocol needed"
SEED = 20_240_229
ALPHA = 0.05


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", nargs="+", type=Path, metavar="RESULTS", help="one or more files or folders")
    parser.add_argument("--candidate", required=True, metavar="M", help="the model that would ship")
    parser.add_argument("--baseline", required=True, metavar="M", help="the model it would replace")
    parser.add_argument("--id", metavar="COL,…", help="columns that identify an example (default: example_id)")
    parser.add_argument("--metric", metavar="X", help="judge this metric only; names the value of a wide table")
    parser.add_argument(
        "--margin",
        type=_margin,
        help="what may be lost at most: 0.02, '2 points' of a share, 5%% of the baseline (default: the metric's own, "
        "0.02 of a share, 2 points in percent, 0.2 s, 0.001 usd, 10 tokens)",
    )
    parser.add_argument(
        "--better",
        action="append",
        default=[],
        type=direction,
        metavar="[X=]higher|lower",
        help="which direction is better: of metric X, or of all whose name and log do not say it; repeats",
    )
    parser.add_argument(
        "--scale",
        choices=("plain", "alpaca", "signed"),
        help="what preferences are written as: alpaca 1 loss, 2 win, 0 or 1.5 tie; signed -1, 0, 1; plain: scores",
    )
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        choices=("template",),
        help="compare although the chat templates, and so the prompts, differ; the verdict says so",
    )
    parser.add_argument(
        "--unpaired", action="store_true", help="the models are two arms of different rows, dealt by chance"
    )
    parser.add_argument(
        "--split",
        type=_share,
        metavar="SHARE",
        help="with --unpaired: the share of rows meant for the candidate, tested",
    )
    parser.add_argument(
        "--cluster",
        action="append",
        default=[],
        metavar="COL",
        help="rows with the same value rise and fall together; twice, or COL,COL, where two columns are crossed",
    )
    parser.add_argument("--slice", action="append", default=[], metavar="COL", help="watch every value of it; repeats")
    parser.add_argument("--gate-slices", action="store_true", help="a slice that is shown worse blocks (margin 0.05)")
    parser.add_argument("--missing", choices=("fail", "wrong", "common"), default="fail", help="what a gap counts as")
    parser.add_argument("-o", "--output", action="append", default=[], type=Path, help="also write a report; repeats")


def run(args: argparse.Namespace) -> int:
    from shipworthy.cli._text import verdict_text
    from shipworthy.web import report

    for path in args.output:
        report.kind_of(path)  # a wrong name is refused before anything is read
    verdict = _judge(args)
    title = f"{args.candidate} against {args.baseline}"
    if args.output:
        report.write(report.Page.from_verdict(verdict, title=title, candidate=args.candidate, alpha=ALPHA), args.output)
    if args.json:
        print(report.verdict_json(verdict))
    else:
        print(verdict_text(verdict, title=title))
        print(f"Next: {_next(args)}")
    return EXIT_CODE[verdict.verdict]


def _judge(args: argparse.Namespace) -> Verdict:
    import numpy as np

    from shipworthy.errors import BadInput

    if args.split is not None and not args.unpaired:
        raise BadInput("--split says how rows were dealt to two arms; it needs --unpaired")
    if args.gate_slices and not args.slice:
        raise BadInput("--gate-slices lets slices block; it needs --slice COL to say which")

    from shipworthy.data import results
    from shipworthy.gates import judge

    ways = [column for said in args.cluster for column in said.split(",")]
    if len(ways) > 2:
        raise BadInput(f"--cluster takes one column or two that are crossed, got {len(ways)}")
    query = results.Query(
        candidate=args.candidate,
        baseline=args.baseline,
        id_columns=tuple(args.id.split(",")) if args.id else (),
        metric=args.metric,
        cluster=ways[0] if ways else None,
        crossed=ways[1] if len(ways) > 1 else None,
        slices=tuple(args.slice),
        better=dict(args.better),
        scale=args.scale,
        allow=tuple(args.allow),
        unpaired=args.unpaired,
    )
    found = results.read(args.results, query)
    return judge(_question(found, args), found.evidence, rng=np.random.default_rng(SEED))


def _question(found: "Results", args: argparse.Namespace) -> "Question":
    """One gate a metric of the table; cost, latency and, unless they were asked to gate, slices are watched."""
    from shipworthy.gates import Question
    from shipworthy.protocol.types import Decisions, GateSpec

    gating = tuple(args.slice) if args.gate_slices else ()
    gates = tuple(
        GateSpec(metric=metric, baseline=found.baseline, margin=args.margin, slices=gating) for metric in found.primary
    )
    return Question(
        candidate=found.candidate,
        roles={found.candidate: "candidate", found.baseline: "production"},
        gates=gates,
        metrics=found.metrics,
        datasets=found.datasets,
        decisions=Decisions(missing=args.missing, alpha=ALPHA),
        slices=tuple(args.slice),
        warnings=found.warnings,
        unpaired=args.unpaired,
        split=args.split,
    )


def _next(args: argparse.Namespace) -> str:
    if not args.output:
        return "add -o report.html to see every gain with its interval, or -o report.md for a pull request"
    return f"open {quoted(args.output[0])}"


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share: give a number between 0 and 1, such as 0.5")
    return share


def _margin(text: str) -> float | str:
    from shipworthy.errors import BadInput
    from shipworthy.protocol.margins import amount

    try:
        found = amount(text)
    except BadInput as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if found.value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a margin: give 0 or more")
    return found.value if found.form == "unit" else str(found)

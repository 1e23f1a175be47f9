"""Judge every checkpoint of a training run while it trains, on the protocol's golden and safety sets.

Polls DIR for new checkpoints, prints a line for each, keeps a history (DIR/shipworthy/checkpoints.jsonl) and writes
DIR/shipworthy.stop when the stop rule is met. With --port it waits for a trainer's notices over HTTP instead:
POST /checkpoint {event, step, checkpoint_dir, output_dir} answers {metrics, stop, verdict, because}.

A checkpoint that cannot be judged is named and left until it is written again. The exit code is the last verdict's, 2
where the last checkpoint could not be judged, 0 where there was nothing new.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shipworthy.cli._plain import plain
from shipworthy.records import EXIT_CODE

if TYPE_CHECKING:
    from shipworthy.evaluation.checkpoints import Examiner, Failed, Heard

HELP = "judge every checkpoint of a training run while it trains"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", type=Path, metavar="DIR", help="the trainer's output folder")
    parser.add_argument("--protocol", type=Path, metavar="PROTOCOL", help="default: shipworthy.yaml")
    parser.add_argument("--once", action="store_true", help="judge what is there, then end")
    parser.add_argument("--every", type=float, default=5.0, metavar="S", help="seconds between looks (default: 5)")
    parser.add_argument("--settle", type=float, default=10.0, metavar="S", help="without a trainer's marker, "
                        "a folder is complete when nothing changed for so long (default: 10)")  # fmt: skip
    parser.add_argument("--stop-when", choices=("block", "not_promoted", "never"), help="default: as the protocol says")
    parser.add_argument("--patience", type=int, metavar="N", help="so many such verdicts in a row say stop")
    parser.add_argument("--warmup", type=int, metavar="N", help="so many checkpoints a run may climb from below")
    parser.add_argument("--port", type=int, metavar="PORT", help="serve notices over HTTP instead (0: a free port)")
    parser.add_argument("--host", default="127.0.0.1", help="address to serve on (default: 127.0.0.1)")


def run(args: argparse.Namespace) -> int:
    from shipworthy.evaluation import checkpoints

    examiner = checkpoints.with_rule(
        _examiner(args), stop_when=args.stop_when, patience=args.patience, warmup=args.warmup
    )
    if args.port is not None:
        return asyncio.run(_serve(args, examiner))
    told: list[Heard | Failed] = []

    def tell(path: Path, heard: "Heard | Failed") -> None:
        told.append(heard)
        if isinstance(heard, checkpoints.Failed):
            print(plain(f"{path.name}: not judged  ({heard.error})"), file=sys.stderr, flush=True)
        elif not args.json:
            print(line(path, heard), flush=True)

    try:
        if not (args.quiet or args.once):
            print(f"Watching {args.dir} for checkpoints (Ctrl-C ends)", file=sys.stderr, flush=True)
        last = checkpoints.watch(examiner, args.dir, tell=tell, wait=lambda: _waited(args))
    except KeyboardInterrupt:
        if not args.quiet:
            print("stopped watching; a checkpoint that was under way goes on with the next watch", file=sys.stderr)
        last = told[-1] if told else None
    _sum_up(args, told, examiner.unfinished(args.dir))
    if isinstance(last, checkpoints.Failed):
        return 2
    return EXIT_CODE[last.verdict] if last is not None else 0


def line(path: Path, heard: "Heard") -> str:
    """One checkpoint on one line: what it is, the verdict in words, its numbers, and whether to stop."""
    numbers = " ".join(f"{name}={value:.4g}" for name, value in heard.metrics.items() if "/" not in name)
    stop = "  STOP" if heard.stop else ""
    return plain(f"{path.name}: {heard.verdict.upper()}{stop}  {numbers}  ({heard.because})")


def _examiner(args: argparse.Namespace) -> "Examiner":
    from shipworthy.cli._progress import Progress
    from shipworthy.cli.run import protocol_path, surroundings
    from shipworthy.errors import BadInput
    from shipworthy.evaluation.checkpoints import Examiner

    if not args.dir.is_dir():
        raise BadInput("is not a folder; name the trainer's output folder", where=str(args.dir))
    progress = Progress(quiet=args.quiet or args.json)
    return Examiner(
        protocol=protocol_path(args.protocol),
        out=args.dir / "shipworthy",
        within=surroundings(progress, "answers"),
        settle_s=args.settle,
    )


def _waited(args: argparse.Namespace) -> bool:
    if args.once:
        return False
    time.sleep(args.every)
    return True


def _sum_up(args: argparse.Namespace, told: "list[Heard | Failed]", unfinished: Sequence[Path]) -> None:
    import msgspec

    from shipworthy.evaluation.checkpoints import Heard

    for path in unfinished:
        print(plain(f"{path.name}: not judged, it is not written to the end"), file=sys.stderr)
    runs = [heard.run for heard in told if isinstance(heard, Heard)]
    if args.json:
        print(msgspec.json.encode(told).decode())
    elif not told:
        print(f"No new checkpoint below {args.dir}.\nNext: shipworthy watch {args.dir}")
    elif runs:
        print(f"History: {args.dir / 'shipworthy' / 'checkpoints.jsonl'}")
        print(f"Next: shipworthy report {runs[-1]} -o report.html")
    else:
        print(f"No checkpoint could be judged.\nNext: shipworthy watch {args.dir}")


async def _serve(args: argparse.Namespace, examiner: "Examiner") -> int:
    from shipworthy.evaluation.checkpoint_server import application, serving
    from shipworthy.evaluation.checkpoints import Heard, Notice

    def judge(notice: Notice) -> Heard:
        heard = examiner.judge(notice)
        if not args.json:
            print(line(Path(notice.checkpoint_dir), heard), flush=True)
        return heard

    async with serving(application(judge, roots=[args.dir], host=args.host), host=args.host, port=args.port) as url:
        print(f"Waiting for checkpoints at {url}/checkpoint (Ctrl-C ends)", flush=True)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            print(f"stopped{os.linesep if args.json else ''}", file=sys.stderr)
    return 0

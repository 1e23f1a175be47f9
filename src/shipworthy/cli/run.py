"""The main job: read the protocol, ask every model, judge the candidate, write the run folder and its reports.

The exit code is the verdict. Ctrl-C and kill -9 lose nothing: `--resume` goes on where the run stopped and asks no
answered question again.
"""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from shipworthy.cli._plain import plain, quoted
from shipworthy.errors import BadInput, ShipworthyError
from shipworthy.records import EXIT_CODE

if TYPE_CHECKING:
    from shipworthy.cli._progress import Progress
    from shipworthy.evaluation import Progress as Moment
    from shipworthy.evaluation import Surroundings
    from shipworthy.evaluation.released import Released
    from shipworthy.web.report import Page

HELP = "the main job: data, models, evidence, estimates, gates, verdict, report"
PROTOCOL = Path("shipworthy.yaml")
RUNS = Path("runs")
FAILED = 2
REPORTS = ("report.html", "report.md", "junit.xml")
CADENCES = ("commit", "checkpoint", "nightly", "predeploy", "weekly")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("protocol", nargs="?", type=Path, metavar="PROTOCOL", help="default: shipworthy.yaml")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the run folder (default: runs/<time>)")
    parser.add_argument(
        "--on", choices=CADENCES, metavar="WHEN", help=f"run only what is for this occasion: {', '.join(CADENCES)}"
    )
    parser.add_argument(
        "--purpose",
        choices=("decide", "tune"),
        default="decide",
        help="tune: results will be tuned towards; sealed test sets stay closed, nothing is released",
    )
    parser.add_argument("--resume", action="store_true", help="go on with --out, or with the newest unfinished run")


def run(args: argparse.Namespace) -> int:
    protocol = protocol_path(args.protocol)
    out = args.out or (_unfinished(protocol) if args.resume else RUNS / f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}")
    from shipworthy.cli._follow_ups import refuse_unknown
    from shipworthy.cli._progress import Progress
    from shipworthy.evaluation import run as main_job
    from shipworthy.evaluation.prepare import Occasion, read_protocol

    refuse_unknown(read_protocol(protocol))
    progress = Progress(quiet=args.quiet or args.json)
    within, occasion = surroundings(progress, "answers"), Occasion(when=args.on, purpose=args.purpose)
    try:
        verdict = main_job(protocol, out=out, resume=args.resume, within=within, occasion=occasion)
    finally:
        progress.close()
    return finish(out, args, EXIT_CODE[verdict.verdict])


def finish(out: Path, args: argparse.Namespace, code: int) -> int:
    """Render a judged run, print its verdict, then do what follows; a follow-up that fails hides no verdict."""
    from shipworthy.cli._text import verdict_text
    from shipworthy.web import report

    page = rendered(out)
    title = f"{page.title}: {page.question}"
    print(
        report.verdict_json(page.verdict) if args.json else verdict_text(page.verdict, title=title, notes=page.notes),
        flush=True,
    )
    done: list[str] = []
    try:
        done = followed(out)
    except ShipworthyError as error:
        print(plain(f"shipworthy: a follow-up failed after the verdict: {error}"), file=sys.stderr)
        code = code or FAILED
    if not args.json:
        next_command = _next(out, page.verdict.verdict, page.status, releasable=_releasable(out))
        print("\n".join([*map(plain, done), f"Report: {plain(str(out / 'report.html'))}", f"Next: {next_command}"]))
    return code


def rendered(out: Path) -> "Page":
    """The page of a judged run, written into its reports."""
    from shipworthy.store import RunFolder
    from shipworthy.web import report

    with RunFolder.open(out) as folder:
        page = report.page_of(folder)
        report.write(page, [out / name for name in REPORTS])
        return page


def followed(out: Path) -> list[str]:
    """Do what the protocol of a judged run asks for after such a verdict, a line each."""
    from shipworthy.cli._follow_ups import follow_up
    from shipworthy.store import RunFolder

    with RunFolder.open(out) as folder:
        return follow_up(folder, folder.verdict())


def protocol_path(given: Path | None) -> Path:
    """The protocol that is meant: given, named by SHIPWORTHY_PROTOCOL, or shipworthy.yaml here.

    Raises: BadInput: there is none.
    """
    named = os.environ.get("SHIPWORTHY_PROTOCOL")
    path = given or (Path(named) if named else PROTOCOL)
    if not given and not path.exists():
        raise BadInput(f"there is no {path} here; name a protocol, or write one with `shipworthy init`")
    return path / PROTOCOL if path.is_dir() and (path / PROTOCOL).is_file() else path


def surroundings(progress: "Progress", stage: str) -> "Surroundings":
    """Keys, ledger, cache and clock of this machine; progress is shown as `stage`."""
    from shipworthy.evaluation import Surroundings
    from shipworthy.store.cache import Cache
    from shipworthy.store.home import home
    from shipworthy.store.ledger import Ledger

    where = home(os.environ, Path.cwd())
    return Surroundings(
        environ=os.environ,
        ledger=Ledger(where),
        cache=Cache(where),
        in_production=in_production,
        report=lambda moment: progress.update(stage, moment.done, moment.total, _note(moment)),
    )


def in_production(name: str) -> "Released | None":
    """The release of this name that is in production here, for `backend: release`; None where there is none."""
    from shipworthy.evaluation.main_job import judge
    from shipworthy.evaluation.released import Released
    from shipworthy.registry import Registry, production
    from shipworthy.store.home import home

    found = production.in_production(Registry(home(os.environ, Path.cwd()), judge=judge), name)
    if found is None:
        return None
    return Released(id=found.release.id, spec=found.spec, folder=found.folder, identity=found.release.identity)


def _note(moment: "Moment") -> str:
    failed = f"{moment.failed} failed " if moment.failed else ""
    cost = f"${moment.cost_usd:.4f} " if moment.cost_usd else ""
    left = f"{moment.eta_s:.0f} s left" if moment.eta_s is not None and moment.done < moment.total else ""
    return f"{failed}{cost}{left}".strip()


def _unfinished(protocol: Path) -> Path:
    from shipworthy.store import RunFolder

    for path in sorted(RUNS.glob("*/manifest.json"), reverse=True):
        manifest = RunFolder.open(path.parent).manifest
        if manifest.status != "complete" and Path(manifest.protocol_path).resolve() == protocol.resolve():
            return path.parent
    raise BadInput(f"no unfinished run of {protocol} lies in {RUNS}/; start one with `shipworthy run`")


def _releasable(out: Path) -> bool:
    """Whether the protocol makes a release of what is promoted: recorded scores are none."""
    from shipworthy.store import RunFolder

    promised = RunFolder.open(out).manifest.protocol.get("follow_ups") or {}
    return "register" in promised.get("promote", ["register"])


def _next(out: Path, verdict: str, status: str, *, releasable: bool) -> str:
    if status != "complete":
        return f"shipworthy run --resume --out {quoted(out)}"
    if verdict == "promote" and releasable:
        return f"shipworthy release promote {quoted(out)}"
    if verdict == "sign_off":
        return f"shipworthy gate {quoted(out)} --sign-off --name … --reason … --expires 30d"
    return (
        f"open {quoted(out / 'report.html')}"
        if verdict in ("block", "promote")
        else "add the examples named above, then shipworthy run"
    )

"""Look at suites: which there are, the rows that one makes, and how a golden set fared from version to version.

shipworthy suite list
shipworthy suite rows NAME [PROTOCOL] -o rows.jsonl     what the suite NAME of a protocol makes
shipworthy suite history RUN RUN… --metric GOLDEN       cases that passed in one run and not in another
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from shipworthy.cli._plain import plain

if TYPE_CHECKING:
    from shipworthy.evaluation.suites.golden import Flip
    from shipworthy.store import RunFolder

HELP = "list suites, look at their rows, compare golden sets across runs"


def configure(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="what", required=True, metavar="list|rows|history", parser_class=type(parser))

    def command(name: str, help: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help, description=help)
        for flag in ("--json", "--quiet", "--debug"):  # also after the word; suppressed, so that one before it stands
            made.add_argument(flag, action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        return made

    command("list", "every suite that a protocol can name")
    rows = command("rows", "write the rows that a suite of a protocol makes")
    rows.add_argument("name", metavar="NAME", help="its key under `suites`")
    rows.add_argument("protocol", nargs="?", type=Path, metavar="PROTOCOL", help="default: shipworthy.yaml")
    rows.add_argument("-o", "--out", type=Path, metavar="FILE", help="a JSONL file (default: the terminal)")
    history = command("history", "which cases changed their result from run to run")
    history.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folders, oldest first")
    history.add_argument("--metric", required=True, help="the pass/fail metric of the set, as the protocol names it")


def run(args: argparse.Namespace) -> int:
    return {"list": _list, "rows": _rows, "history": _history}[args.what](args)


def _list(args: argparse.Namespace) -> int:
    import inspect
    import json

    from shipworthy import plugins
    from shipworthy.evaluation.suites import BUILT_IN

    names = plugins.names("suite", BUILT_IN)
    said = {name: (inspect.getdoc(plugins.find("suite", name, BUILT_IN)) or "").partition("\n")[0] for name in names}
    if args.json:
        print(json.dumps(said, indent=2))
        return 0
    print("\n".join(f"{name:<20} {text}" for name, text in said.items()))
    print("Next: name one under `suites:` of a protocol; see docs/guides/suites.md")
    return 0


def _rows(args: argparse.Namespace) -> int:
    import msgspec

    from shipworthy.cli.run import protocol_path
    from shipworthy.errors import UnknownName
    from shipworthy.evaluation.prepare import read_protocol
    from shipworthy.evaluation.suites.arrange import made_of
    from shipworthy.store.files import write_atomic

    path = protocol_path(args.protocol)
    promised = read_protocol(path)
    if args.name not in promised.suites:
        known = ", ".join(promised.suites) or "none"
        raise UnknownName(f"{path} has no suite {args.name!r}; it has: {known}")
    examples = made_of(promised, args.name, folder=path.parent).examples
    lines = b"".join(msgspec.json.encode(example) + b"\n" for example in examples)
    if args.out is None:
        print(lines.decode(), end="")
        return 0
    write_atomic(args.out, lines)
    print(f"Wrote {len(examples)} rows of {args.name} to {args.out}\nNext: shipworthy run {path}")
    return 0


def _history(args: argparse.Namespace) -> int:
    import msgspec

    from shipworthy.evaluation.suites.golden import flips
    from shipworthy.store import RunFolder

    tables = []
    for path in args.runs:
        with RunFolder.open(path) as folder:
            tables.append(_passes(folder, args.metric))
    changed = flips(tables)
    if args.json:
        print(msgspec.json.encode(changed).decode())
        return 0
    for path, table in zip(args.runs, tables, strict=True):
        print(f"{path}: {sum(table.values())} of {len(table)} cases pass")
    print("\n".join(map(_line, changed)) or "No case changed its result.")
    print(f"Next: shipworthy report {args.runs[-1]} -o report.html")
    return 0


def _passes(folder: "RunFolder", metric: str) -> dict[str, bool]:
    from shipworthy.errors import MissingEvidence
    from shipworthy.evaluation.suites.golden import passes

    metrics = folder.manifest.protocol["metrics"]
    if metric not in metrics:
        raise MissingEvidence(f"{folder.path} measured no {metric!r}; it has: {', '.join(metrics)}")
    return passes(folder.evidence(), metrics[metric]["dataset"], metric, folder.manifest.candidate)


def _line(flip: "Flip") -> str:
    words = {True: "pass", False: "FAIL", None: "-"}
    return f"  {plain(flip.example_id)}: {' → '.join(words[one] for one in flip.passed)}"

"""Render a judged run as HTML, Markdown, JUnit or JSON.

The ending of each -o says what it is: out.html, out.md, out.junit.xml, out.json. Without -o the run folder gets
report.html, report.md and junit.xml. The exit code says whether rendering worked; `shipworthy gate RUN` gives the
verdict's own.
"""

import argparse
import json
import sys
from pathlib import Path

from shipworthy.cli._plain import plain, quoted

HELP = "render a run as HTML, Markdown, JUnit or JSON"
_NAMES = ("report.html", "report.md", "junit.xml")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="RUN", help="the run folder")
    parser.add_argument(
        "-o", "--output", action="append", default=[], type=Path, metavar="FILE", help="what to write; repeats"
    )


def run(args: argparse.Namespace) -> int:
    from shipworthy.store.run_folder import RunFolder
    from shipworthy.web import report

    outputs = args.output or [args.folder / name for name in _NAMES]
    for path in outputs:
        report.kind_of(path)  # a wrong name is refused before anything is written
    page = report.page_of(RunFolder.open(args.folder))
    report.write(page, outputs)
    if not args.quiet:
        print("\n".join(plain(f"wrote {path}") for path in outputs), file=sys.stderr)
    verdict = page.verdict.verdict
    if args.json:
        written = [{"path": str(path), "kind": report.kind_of(path)} for path in outputs]
        print(json.dumps({"run": page.run_id, "verdict": verdict, "written": written}))
    else:
        print(plain(report.headline(page)))
        print(f"Next: {_next(outputs, page.next_command)}")
    return 0


def _next(outputs: list[Path], command: str) -> str:
    """Look at the page where there is one; else what the verdict asks for."""
    return next((f"open {quoted(path)}" for path in outputs if path.suffix.lower() in (".html", ".htm")), command)

"""The whole story on embedded models and data: no key, no GPU, no network. Needs the [train] extra.

The model in production is an earlier LoRA. Candidate A is fine-tuned on tickets alone; candidate B sees the same
tickets and a replay of everything else. Both are trained here and now, answer, and are judged by one protocol.
"""

import argparse
import os
import shutil
import sys
import time
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from shipworthy.errors import BadInput, MissingExtra

if TYPE_CHECKING:
    from shipworthy.cli._progress import Progress
    from shipworthy.records import Decision
    from shipworthy.web.report import Page

HELP = "the whole story on embedded models and data: no key, no GPU, no network"
EXPECTED: dict[str, "Decision"] = {"candidate_a": "block", "candidate_b": "promote"}
LONGEST_ANSWER = 160


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", nargs="?", type=Path, default=Path("demo-run"), metavar="DIR", help="made anew")


def run(args: argparse.Namespace) -> int:
    from shipworthy.cli._progress import Progress
    from shipworthy.demo import story

    folder: Path = args.directory
    _refuse(folder)
    os.environ.setdefault("SHIPWORTHY_HOME", str((folder / ".shipworthy").absolute()))
    progress = Progress(quiet=args.quiet or args.json)
    started = time.monotonic()
    told = story.write(folder)
    recipes = {"candidate_a": told.candidate_a, "candidate_b": told.candidate_b}
    pages = {name: _judged(folder, name, recipe, progress) for name, recipe in recipes.items()}
    progress.close()
    seconds = time.monotonic() - started
    if args.json:
        _print_json(folder, pages, seconds)
    else:
        _print_end(folder, pages, seconds)
    surprises = [name for name, page in pages.items() if page.verdict.verdict != EXPECTED[name]]
    return 1 if surprises else 0


def _refuse(folder: Path) -> None:
    missing = [name for name in ("torch", "transformers", "trl", "peft") if find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"the demo trains real models and needs {', '.join(missing)}: pip install 'shipworthy[train]'; "
            "without them, `shipworthy init` shows a verdict on recorded answers"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput("is there already and the demo overwrites nothing; name another DIR", where=str(folder))


def _judged(folder: Path, name: str, recipe: Path, progress: "Progress") -> "Page":
    """Train one candidate, run the protocol on it, print its verdict."""
    from shipworthy import training
    from shipworthy.cli._text import verdict_text
    from shipworthy.cli.run import followed, rendered, surroundings
    from shipworthy.evaluation import run as main_job

    label = f"Candidate {name[-1].upper()}"
    progress.say(f"{label}: {_STORY[name]}")
    lineage = training.launch(
        training.read_recipe(recipe),
        lambda step, steps, loss: progress.update(f"training {name}", step, steps, f"loss {loss:.2f}"),
    )
    progress.say(f"{label}: trained in {lineage.seconds:.0f} s; now every model answers")
    protocol, out = folder / f"{name}.protocol.yaml", folder / "runs" / name
    protocol.write_text(_protocol(name), encoding="utf-8")
    main_job(protocol, out=out, within=surroundings(progress, f"answers {name}"))
    progress.close()
    page, done = rendered(out), followed(out)
    if not progress.quiet:
        print(verdict_text(page.verdict, title=page.question, notes=page.notes))
        print("\n".join([*_worst(page), *done, ""]), flush=True)
    return page


def _protocol(candidate: str) -> str:
    """The demo's protocol with this candidate in it."""
    return (files("shipworthy.demo") / "protocol.yaml").read_text(encoding="utf-8").replace("CANDIDATE", candidate)


_STORY = {
    "candidate_a": "every weight is fine-tuned on tickets, nothing else is replayed",
    "candidate_b": "the same tickets, and a replay of what the base already knew",
}


def _worst(page: "Page") -> list[str]:
    """The worst examples of a blocked candidate, side by side."""
    if page.verdict.verdict != "block":
        return []
    lines = ["The worst examples:"]
    for loss in page.regressions:
        asked = loss.prompt[-1].content if loss.prompt else loss.example_id
        lines.append(f"  {loss.example_id} ({loss.metric}): {_short(asked)}")
        lines += [
            f"    {answer.model:<12} {_short(answer.text or answer.error or '')}"
            for answer in (loss.baseline, loss.candidate)
        ]
    return lines


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST_ANSWER else flat[: LONGEST_ANSWER - 1] + "…"


def _print_json(folder: Path, pages: "dict[str, Page]", seconds: float) -> None:
    import json

    verdicts = {name: page.verdict.verdict for name, page in pages.items()}
    print(json.dumps({"directory": str(folder), "verdicts": verdicts, "seconds": round(seconds, 1)}))


def _print_end(folder: Path, pages: "dict[str, Page]", seconds: float) -> None:
    from shipworthy.cli._text import WORDS

    print(f"The story took {seconds:.0f} s:")
    for name, page in pages.items():
        print(f"  {name}: {WORDS[page.verdict.verdict]}  {folder / 'runs' / name / 'report.html'}")
    print(f"Next: cd {folder} && {_program()} release promote {Path('runs') / 'candidate_b'}")


def _program() -> str:
    """How this program is called: `make demo` runs it from an environment that is not on the PATH."""
    return "shipworthy" if shutil.which("shipworthy") else str(Path(sys.argv[0]).absolute())

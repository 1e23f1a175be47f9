"""Write a commented protocol, sample rows, recorded answers and a README into DIR (default: here)."""

import argparse
import json
from collections.abc import Iterable
from contextlib import suppress
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from shipworthy.cli._plain import plain, quoted
from shipworthy.errors import BadInput
from shipworthy.store.files import one_sentence

HELP = "write a commented protocol, sample data and a README"
WORKFLOWS = {"github": ".github/workflows/shipworthy.yml", "gitlab": ".gitlab-ci.yml"}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", nargs="?", default=".", metavar="DIR", help="made where it does not exist")
    parser.add_argument("--ci", choices=sorted(WORKFLOWS), help="also write the workflow that gates a pull request")


def run(args: argparse.Namespace) -> int:
    folder = Path(args.directory)
    written = _write_all(folder, _contents(args.ci))
    enter = "" if folder.resolve() == Path.cwd() else f"cd {quoted(args.directory)} && "
    next_command = f"{enter}shipworthy run"
    if args.json:
        print(json.dumps({"directory": str(folder), "files": written, "next": next_command}))
        return 0
    print(f"Wrote {len(written)} files to {plain(str(folder))}:")
    print("\n".join(f"  {name}" for name in written))
    print(f"Next: {next_command}")
    return 0


def _contents(ci: str | None) -> dict[str, Traversable]:
    templates, sample = files("shipworthy.cli") / "templates", files("shipworthy.demo") / "sample"
    contents = {
        "shipworthy.yaml": templates / "shipworthy.yaml",
        "README.md": templates / "README.md",
        "data/tickets.jsonl": sample / "tickets.jsonl",
        "data/safety.jsonl": sample / "safety.jsonl",
        "responses/production.jsonl": sample / "responses" / "production.jsonl",
        "responses/candidate.jsonl": sample / "responses" / "candidate.jsonl",
    }
    if ci:
        contents[WORKFLOWS[ci]] = templates / f"{ci}.yml"
    return contents


def _write_all(folder: Path, contents: dict[str, Traversable]) -> list[str]:
    with one_sentence(folder):
        taken = [name for name in contents if (folder / name).exists()]
        if taken:
            raise BadInput(
                f"{', '.join(taken)} is there already and nothing is overwritten; choose another DIR", where=str(folder)
            )
        folders = _missing({folder, *((folder / name).parent for name in contents)})
        try:
            for name, source in contents.items():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read_bytes())
        except BaseException:
            _take_back(folder, contents, folders)
            raise
    return list(contents)


def _missing(folders: set[Path]) -> list[Path]:
    """Folders that are not there yet, with those above them, the deepest first."""
    every = {above for one in folders for above in (one, *one.parents)}
    return sorted((one for one in every if not one.exists()), key=lambda one: -len(one.parts))


def _take_back(folder: Path, names: Iterable[str], folders: Iterable[Path]) -> None:
    """Leave nothing of what was begun."""
    with suppress(OSError):
        for name in names:
            (folder / name).unlink(missing_ok=True)
        for made in folders:
            if made.exists():
                made.rmdir()

"""Write a commented protocol, sample rows, recorded answers and a README into DIR (default: here).

With --from the protocol is made from what you already have: results of any format that `compare` reads, a run of
Shipworthy, or a promptfoo configuration. It goes into a new folder, and says what was taken, guessed and left out.
"""

import argparse
import json
from collections.abc import Iterable
from contextlib import suppress
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from shipworthy.cli._plain import direction, plain, quoted
from shipworthy.errors import BadInput
from shipworthy.store.files import one_sentence

HELP = "write a commented protocol, from samples or from what you already have"
WORKFLOWS = {"github": ".github/workflows/shipworthy.yml", "gitlab": ".gitlab-ci.yml"}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", nargs="?", metavar="DIR", help="made where it does not exist (default: here)")
    parser.add_argument("--ci", choices=sorted(WORKFLOWS), help="also write the workflow that gates a pull request")
    parser.add_argument(
        "--from",
        dest="sources",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="begin from results, a run or a configuration",
    )
    parser.add_argument("--candidate", metavar="M", help="with --from: the model that would ship")
    parser.add_argument("--baseline", metavar="M", help="with --from: the model it would replace")
    parser.add_argument("--id", metavar="COL,…", help="with --from: columns that identify an example")
    parser.add_argument("--metric", metavar="X", help="with --from: take this metric only; names the value of a table")
    parser.add_argument("--cluster", metavar="COL", help="with --from: rows with the same value rise and fall together")
    parser.add_argument("--slice", action="append", default=[], metavar="COL", help="with --from: a slice; repeats")
    parser.add_argument(
        "--better",
        action="append",
        default=[],
        type=direction,
        metavar="[X=]higher|lower",
        help="with --from: which direction is better, where the name of a metric does not say it; repeats",
    )


def run(args: argparse.Namespace) -> int:
    if args.sources:
        return _run_from(args)
    if options := [name for name in _ONLY_FROM if getattr(args, name)]:
        raise BadInput(f"--{options[0]} says something about what --from names; give --from PATH too")
    args.directory = args.directory or "."
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


_ONLY_FROM = ("candidate", "baseline", "id", "metric", "cluster", "slice", "better")


def _run_from(args: argparse.Namespace) -> int:
    from shipworthy.cli._from import Asked, key, take

    folder = Path(args.directory or f"shipworthy-{key(args.sources[0].resolve().stem)}")
    asked = Asked(
        paths=tuple(args.sources),
        name=key(folder.resolve().name),
        candidate=args.candidate,
        baseline=args.baseline,
        metric=args.metric,
        id_columns=tuple(args.id.split(",")) if args.id else (),
        slices=tuple(args.slice),
        cluster=args.cluster,
        better=dict(args.better),
    )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput("this is there already and nothing is overwritten; name a new folder", where=str(folder))
    taken = take(asked)
    contents = {name: text.encode() for name, text in taken.files.items()}
    workflow = {WORKFLOWS[args.ci]: _workflow(args.ci).read_bytes()} if args.ci else {}
    written = _write_all(folder, {**contents, **workflow})
    next_command = f"cd {quoted(folder)} && shipworthy validate && shipworthy run"
    if args.json:
        told = {"taken": taken.taken, "guessed": taken.guessed, "left": taken.left}
        print(json.dumps({"directory": str(folder), "files": written, **told, "next": next_command}))
        return 0
    print("\n".join(plain(line) for line in taken.told()))
    print(f"Wrote {len(written)} files to {plain(str(folder))}:")
    print("\n".join(f"  {plain(name)}" for name in written))
    print(f"Next: {next_command}")
    return 0


def _workflow(ci: str) -> Traversable:
    return files("shipworthy.cli") / "templates" / f"{ci}.yml"


def _contents(ci: str | None) -> dict[str, bytes]:
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
        contents[WORKFLOWS[ci]] = _workflow(ci)
    return {name: source.read_bytes() for name, source in contents.items()}


def _write_all(folder: Path, contents: dict[str, bytes]) -> list[str]:
    with one_sentence(folder):
        taken = [name for name in contents if (folder / name).exists()]
        if taken:
            raise BadInput(
                f"{', '.join(taken)} is there already and nothing is overwritten; choose another DIR", where=str(folder)
            )
        folders = _missing({folder, *((folder / name).parent for name in contents)})
        try:
            for name, content in contents.items():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
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

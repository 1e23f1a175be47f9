"""List, show, promote, roll back and verify releases.

A release is made from a finished run whose verdict is promote (or sign_off with a valid signature) and never changes.
`promote` takes a release or the folder of such a run. `verify` computes every digest and judges every verdict anew.
"""

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shipworthy.cli._plain import plain
from shipworthy.cli.gate import user

if TYPE_CHECKING:
    from shipworthy.registry import Registry, Release
    from shipworthy.store.run_seal import Problem

HELP = "list, show, promote, roll back and verify releases"
TAMPERED = 2


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=type(parser))

    def action(name: str, help: str) -> argparse.ArgumentParser:
        made = actions.add_parser(name, help=help, description=help)
        for flag in ("--json", "--quiet", "--debug"):  # also after ACTION; suppressed, so that one before it stands
            made.add_argument(flag, action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        return made

    action("list", "every release, and which one is in production")
    action("show", "the manifest of one release").add_argument("release", metavar="RELEASE")
    promote = action("promote", "put a release into production; a run's folder is made a release first")
    promote.add_argument("release", metavar="RELEASE|RUN")
    rollback = action("rollback", "put the release before the present one back into production")
    rollback.add_argument(
        "name", nargs="?", metavar="NAME", help="whose release; may be left out where there is one name"
    )
    rollback.add_argument("--reason", required=True, help="why, for the ledger")
    verify = action("verify", "prove that ledger, manifests, runs, signatures and verdicts are what was recorded")
    verify.add_argument("release", nargs="?", metavar="RELEASE|RUN", help="default: all of them")


def run(args: argparse.Namespace) -> int:
    from shipworthy.evaluation.main_job import judge
    from shipworthy.registry import Registry
    from shipworthy.store.home import home

    registry = Registry(home(os.environ, Path.cwd()), judge=judge)
    return {"list": _list, "show": _show, "promote": _promote, "rollback": _rollback, "verify": _verify}[args.action](
        registry, args
    )


def _list(registry: "Registry", args: argparse.Namespace) -> int:
    found = registry.releases()
    if args.json:
        return _json({"releases": found})
    width = max((len(one.id) for one in found), default=0)
    for one in found:
        place = "production" if one.in_production else ""
        said = f"{one.created}  {one.candidate}  ({one.decision}, run {one.run_id})"
        print(f"{one.id:<{width}}  {place:<10}  {plain(said)}")
    if not found:
        print("no release yet")
    print(f"Next: shipworthy release {'show ' + found[-1].id if found else 'promote RUN'}")
    return 0


def _show(registry: "Registry", args: argparse.Namespace) -> int:
    release = registry.show(args.release)
    if args.json:
        return _json(release)
    place = "in production" if registry.production(release.name) == release.id else "not in production"
    print(f"{release.id}: {plain(release.candidate)}, {place}")
    for line in _lines(release):
        print(f"  {plain(line)}")
    print(f"Next: shipworthy release verify {release.id}")
    return 0


def _promote(registry: "Registry", args: argparse.Namespace) -> int:
    now, id = datetime.now(UTC), args.release
    if (Path(id) / "manifest.json").is_file():
        from shipworthy.store import RunFolder

        id = registry.create(RunFolder.open(Path(id)), actor=user(), now=now).id
    release = registry.promote(id, actor=user(), now=now)
    if args.json:
        return _json({"production": release.id, "name": release.name})
    print(f"{release.id} is in production for {release.name!r}")
    print(f"Next: shipworthy release verify {release.id}")
    return 0


def _rollback(registry: "Registry", args: argparse.Namespace) -> int:
    name = args.name or _only_name(registry)
    release = registry.rollback(name, reason=args.reason, actor=user(), now=datetime.now(UTC))
    if args.json:
        return _json({"production": release.id, "name": release.name})
    print(f"{release.id} is in production for {release.name!r} again")
    print(f"Next: shipworthy release verify {release.id}")
    return 0


def _verify(registry: "Registry", args: argparse.Namespace) -> int:
    problems = _problems(registry, args.release)
    if args.json:
        _json({"intact": not problems, "problems": problems})
        return TAMPERED if problems else 0
    for problem in problems:
        print(plain(f"CHANGED  {problem.where}: {problem.because}"))
    if not problems:
        print(plain(f"intact: {args.release or f'the ledger and {len(registry.releases())} releases'}"))
    print(f"Next: {'restore what is named above from a copy' if problems else 'shipworthy release list'}")
    return TAMPERED if problems else 0


def _problems(registry: "Registry", asked: str | None) -> "list[Problem]":
    if asked is None or not (Path(asked) / "manifest.json").is_file():
        return registry.verify(asked)
    from shipworthy.errors import BadInput
    from shipworthy.store import RunFolder
    from shipworthy.store.run_seal import Problem

    try:
        return registry.verify_run(RunFolder.open(Path(asked)))
    except BadInput as error:  # a manifest that cannot be read is what was looked for
        return [Problem(where=asked, because=str(error))]


def _only_name(registry: "Registry") -> str:
    from shipworthy.errors import BadInput

    names = sorted({one.name for one in registry.releases()})
    if len(names) != 1:
        raise BadInput(f"say whose release is rolled back: {', '.join(names) or 'there is none yet'}")
    return names[0]


def _lines(release: "Release") -> list[str]:
    parts = {
        "weights": release.weights,
        "adapter": release.adapter,
        "tokenizer": release.tokenizer,
        "chat template": release.chat_template,
        "recipe": release.recipe,
        "protocol": release.protocol_sha256,
        "evidence": release.evidence_sha256,
        "verdict": release.verdict_sha256,
    }
    lines = [f"made {release.created} by {release.created_by} from run {release.run_id} in {release.run_path}"]
    lines.append(f"verdict {release.decision}" + (f", signed off ({release.sign_off})" if release.sign_off else ""))
    lines += [f"{part:<13} sha256 {digest or 'not known'}" for part, digest in parts.items()]
    lines += [f"data {name}: n {one.n}, sha256 {one.sha256}" for name, one in release.datasets.items()]
    lines.append(f"seeds {', '.join(map(str, release.seeds))}; previous release: {release.previous or 'none'}")
    return lines


def _json(document: Any) -> int:
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
    return 0

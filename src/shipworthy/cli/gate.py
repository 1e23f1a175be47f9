"""Judge a finished run again, sign it off, or revoke a signature.

The exit code is the verdict. A run in which a byte was changed after it was sealed is refused. A valid sign-off turns a
verdict that asks for one into 0; nothing turns a block.
"""

import argparse
import getpass
import os
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from shipworthy.cli._plain import plain, quoted
from shipworthy.errors import BadInput
from shipworthy.records import EXIT_CODE, Verdict

if TYPE_CHECKING:
    from shipworthy.registry import SignOff
    from shipworthy.store import RunFolder
    from shipworthy.store.ledger import Ledger

HELP = "judge a finished run again, sign it off, or revoke a signature"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--sign-off", action="store_true", help="sign a run whose soft gates fail (needs the next three)")
    what.add_argument("--revoke", action="store_true", help="take the run's sign-offs back (needs --reason)")
    parser.add_argument("--name", help="who signs")
    parser.add_argument("--reason", help="why this may ship, or why the signature is taken back")
    parser.add_argument("--expires", type=_end, metavar="WHEN", help="30d, 12h, or a date such as 2030-01-31 (UTC)")


def run(args: argparse.Namespace) -> int:
    from shipworthy.evaluation.main_job import judge
    from shipworthy.registry import judged_again
    from shipworthy.registry.sign_off import sign_off_problems, valid_sign_off
    from shipworthy.store import RunFolder
    from shipworthy.store.home import home
    from shipworthy.store.ledger import Ledger
    from shipworthy.store.run_seal import require_intact

    ledger = Ledger(home(os.environ, Path.cwd()))
    with RunFolder.open(args.run) as folder:
        require_intact(folder, ledger, more=sign_off_problems)
        if args.sign_off:
            _sign(args, folder, ledger)
        if args.revoke:
            _revoke(args, folder, ledger)
        verdict = judged_again(folder, judge)
        if verdict != folder.verdict():
            print(
                "note: this version of Shipworthy judges the same evidence differently than the run did",
                file=sys.stderr,
            )
        _tell_rescored(folder)
        told = _notes(folder)
        signed = valid_sign_off(folder, ledger, now=datetime.now(UTC)) if verdict.verdict == "sign_off" else None
    _print(args, verdict, signed, told)
    return 0 if signed else EXIT_CODE[verdict.verdict]


def _tell_rescored(folder: "RunFolder") -> None:
    """Say which metrics score otherwise by now: this run is not to be laid beside a new one on them."""
    import msgspec

    from shipworthy.evaluation.comparable import rescored
    from shipworthy.evaluation.prepare import build_metrics
    from shipworthy.protocol import Protocol

    metrics = build_metrics(msgspec.convert(folder.manifest.protocol, Protocol))
    for name, (then, now) in rescored(folder.manifest, metrics).items():
        text = f"note: {name} is version {now} now and was version {then} in this run; run it again before comparing it"
        print(text, file=sys.stderr)


def _notes(folder: "RunFolder") -> dict[str, str]:
    import msgspec

    from shipworthy.evaluation.main_job import question_of
    from shipworthy.gates.question import notes
    from shipworthy.protocol import Protocol

    return notes(question_of(msgspec.convert(folder.manifest.protocol, Protocol), folder.manifest))


def _sign(args: argparse.Namespace, folder: "RunFolder", ledger: "Ledger") -> None:
    from shipworthy.registry import Wish, sign
    from shipworthy.registry.sign_off import key_path, load_key

    missing = [f"--{option}" for option in ("name", "reason", "expires") if not getattr(args, option)]
    if missing:
        raise BadInput(f"--sign-off needs {', '.join(missing)} too: who, why and until when")
    wish = Wish(name=args.name, reason=args.reason, expires=args.expires)
    signed = sign(folder, ledger, wish, key=load_key(key_path(os.environ)), now=datetime.now(UTC))
    text = f"signed by {signed.name} until {signed.expires} with the key {signed.public_key[:16]}"
    print(plain(text), file=sys.stderr)


def _revoke(args: argparse.Namespace, folder: "RunFolder", ledger: "Ledger") -> None:
    from shipworthy.registry import revoke

    if not args.reason:
        raise BadInput("--revoke needs --reason: why the signature is taken back")
    ids = revoke(folder, ledger, actor=user(), reason=args.reason, now=datetime.now(UTC))
    print(f"revoked: {', '.join(ids)}", file=sys.stderr)


def _print(args: argparse.Namespace, verdict: Verdict, signed: "SignOff | None", notes: dict[str, str]) -> None:
    import msgspec

    if args.json:
        document = {**msgspec.to_builtins(verdict), "sign_off": msgspec.to_builtins(signed)}
        print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
        return
    from shipworthy.cli._text import verdict_text

    print(verdict_text(verdict, title=str(args.run), notes=notes))
    if signed:
        print(plain(f"Signed off by {signed.name} until {signed.expires}: {signed.reason}"))
    print(f"Next: {_next(args.run, verdict, signed)}")


def _next(run: Path, verdict: Verdict, signed: "SignOff | None") -> str:
    if verdict.verdict == "promote" or signed:
        return f"shipworthy release promote {quoted(run)}"
    if verdict.verdict == "sign_off":
        return f"shipworthy gate {quoted(run)} --sign-off --name … --reason … --expires 30d"
    return f"shipworthy report {quoted(run)} -o report.html"


def user() -> str:
    """Who gives the command, for the ledger; the number of the account where it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that no one named
        return f"uid {os.getuid()}"


def _end(text: str) -> datetime:
    if match := re.fullmatch(r"(\d{1,5})([dh])", text):
        number = int(match[1])
        return datetime.now(UTC) + (timedelta(days=number) if match[2] == "d" else timedelta(hours=number))
    try:
        end = datetime.fromisoformat(text)
        return (end if end.tzinfo else end.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # the calendar has no such day, in UTC either
        raise argparse.ArgumentTypeError(f"{text!r} is no end: write 30d, 12h or a date such as 2030-01-31") from None

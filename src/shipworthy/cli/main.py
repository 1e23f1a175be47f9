"""`shipworthy COMMAND`: finds the command's file, parses, calls it, and turns errors into one sentence and a code.

Only the chosen command's module is imported, so `--help` and shell completion stay fast.
"""

import argparse
import importlib
import io
import os
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from shipworthy import __version__
from shipworthy.cli._plain import plain
from shipworthy.errors import ShipworthyError

COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("shipworthy.cli.init", "write a commented protocol, sample data and a README"),
    "validate": ("shipworthy.cli.validate", "check a protocol and its data; say what each gate can detect"),
    "run": ("shipworthy.cli.run", "the main job: data, models, evidence, estimates, gates, verdict, report"),
    "suite": ("shipworthy.cli.suite", "list suites, look at their rows, compare golden sets across runs"),
    "watch": ("shipworthy.cli.watch", "judge every checkpoint of a training run while it trains"),
    "compare": ("shipworthy.cli.compare", "judge results you already have, no protocol needed"),
    "gate": ("shipworthy.cli.gate", "judge a finished run again, sign it off, or revoke a signature"),
    "report": ("shipworthy.cli.report", "render a run as HTML, Markdown, JUnit or JSON"),
    "release": ("shipworthy.cli.release", "list, show, promote, roll back and verify releases"),
    "data": ("shipworthy.cli.data", "check, split and seal data"),
    "train": ("shipworthy.cli.train", "make a candidate from a recipe"),
    "demo": ("shipworthy.cli.demo", "the whole story on embedded models and data: no key, no GPU, no network"),
    "doctor": ("shipworthy.cli.doctor", "what is installed, and what is missing for which feature"),
}
INTERRUPTED, READER_LEFT = 130, 141
"""As shells say SIGINT and SIGPIPE; never 0, so that a cut pipe cannot turn a block into a promotion."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence instead of a page of usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {plain(message)}; see `{self.prog} --help`\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (CONTRACT: 0, 1, 2, 10, 11, 12)."""
    words = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr does: no name is lost for want of a letter
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0
    if words[0] == "--version":
        print(f"shipworthy {__version__}")
        return 0
    if words[0] not in COMMANDS:
        return _unknown_command(words[0])
    return _guarded(words[0], words[1:])


def _guarded(name: str, words: list[str]) -> int:
    debug = "--debug" in words
    try:
        command = importlib.import_module(COMMANDS[name][0])
        args = parser_for(name, os.environ).parse_args(words)
        code: int = command.run(args)
        sys.stdout.flush()
        return code
    except ShipworthyError as error:
        if debug:
            raise
        return _say(str(error), 2)
    except KeyboardInterrupt as interrupt:
        return _say(str(interrupt) or "interrupted", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left: no second error at exit
        return READER_LEFT
    except Exception as error:  # the last line of defence: a traceback only with --debug
        if debug:
            raise
        return _say(f"internal error: {type(error).__name__}: {error} (run again with --debug for the traceback)", 1)


def parser_for(name: str, environ: Mapping[str, str]) -> argparse.ArgumentParser:
    """The parser of one command; `SHIPWORTHY_<OPTION>` in `environ` replaces an option's default."""
    command = importlib.import_module(COMMANDS[name][0])
    common = Parser(add_help=False)
    common.add_argument("--json", action="store_true", help="print one JSON document on stdout")
    common.add_argument("--quiet", action="store_true", help="no progress on stderr")
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser = Parser(prog=f"shipworthy {name}", description=command.__doc__, parents=[common], allow_abbrev=False)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.set_defaults(common=common)
    command.configure(parser)
    _defaults_from(environ, parser)
    return parser


def _defaults_from(environ: Mapping[str, str], parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:  # noqa: SLF001 - argparse has no public list of its options
        value = environ.get(f"SHIPWORTHY_{action.dest.upper()}")
        if value is None or not action.option_strings or action.dest in ("help", "debug"):
            continue
        parser.set_defaults(**{action.dest: _from_text(value, action)})
        action.required = False


def _from_text(value: str, action: argparse.Action) -> object:
    """What an option would hold: a switch, a list of comma-separated values (options that repeat), or the text."""
    if action.nargs == 0:
        return value.lower() in ("1", "true", "yes")
    if isinstance(action.default, list):
        read = action.type if callable(action.type) else str
        return [read(part) for part in value.split(",")]
    return value


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {help_line}" for name, (_, help_line) in COMMANDS.items()]
    return "\n".join(
        [
            "Shipworthy decides, with evidence, whether a fine-tuned language model may ship.",
            "",
            "usage: shipworthy COMMAND [OPTIONS]      shipworthy COMMAND --help",
            "",
            *lines,
            "",
            "Exit codes: 0 promote or success · 1 internal error · 2 usage or bad input",
            "            10 block · 11 needs sign-off · 12 inconclusive",
            "Start with `shipworthy demo` (needs the [train] extra) or `shipworthy init`.",
        ]
    )


def _unknown_command(word: str) -> int:
    import difflib

    near = difflib.get_close_matches(word, COMMANDS, n=1)
    hint = f"did you mean `shipworthy {near[0]}`?" if near else "see `shipworthy --help`"
    return _say(f"there is no command {word!r}; {hint}", 2)


def _say(message: str, code: int) -> int:
    sys.stdout.flush()
    print(f"shipworthy: {plain(message)}", file=sys.stderr)
    return code

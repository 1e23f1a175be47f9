"""`shipworthy COMMAND`: finds the command's file, parses, calls it, and turns errors into one sentence and a code.

Only the chosen command's module is imported, so `--help` and shell completion stay fast.
"""

import argparse
import importlib
import io
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from shipworthy import __version__
from shipworthy.cli._plain import plain
from shipworthy.errors import BadInput, ShipworthyError

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
    "completion": ("shipworthy.cli.completion", "print what a shell needs to complete commands and options"),
    "doctor": ("shipworthy.cli.doctor", "what is installed, and what is missing for which feature"),
}
INTERRUPTED, READER_LEFT = 130, 141
"""As shells say SIGINT and SIGPIPE; never 0, so that a cut pipe cannot turn a block into a promotion."""


class _Once(argparse.Action):
    """One value, said once: the last of two would win without a word, and a verdict with it."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002 - argparse calls it so
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        said: set[str] = getattr(namespace, "_said", set())
        if self.dest in said and self.option_strings:
            raise argparse.ArgumentError(self, "it stands twice; say it once")
        namespace._said = said | {self.dest}  # noqa: SLF001 - ours, beside the options
        setattr(namespace, self.dest, values)


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence instead of a page of usage; what is said twice is refused, not overwritten."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.register("action", None, _Once)
        self.register("action", "store", _Once)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {plain(message)}; see `{self.prog} --help`\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (CONTRACT: 0, 1, 2, 10, 11, 12)."""
    words = list(sys.argv[1:] if argv is None else argv)
    _ready_to_print()
    return _guarded(words or ["--help"])


def _ready_to_print() -> None:
    """A closed stdout or stderr swallows what is printed; a letter that stdout's encoding lacks becomes its escape."""
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115 - open until the end
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _called(words: list[str]) -> int:
    name, *rest = words
    if name in ("-h", "--help", "help"):
        print(_overview())
        return 0
    if name == "--version":
        print(f"shipworthy {__version__}")
        return 0
    if name not in COMMANDS:
        return _unknown_command(name)
    command = importlib.import_module(COMMANDS[name][0])
    code: int = command.run(parser_for(name, os.environ).parse_args(rest))
    return code


def _guarded(words: list[str]) -> int:
    debug = "--debug" in words
    try:
        _refuse_bytes(words)
        code = _called(words)
        sys.stdout.flush()
        return code
    except ShipworthyError as error:
        if debug:
            raise
        return _say(str(error), 2)
    except KeyboardInterrupt as interrupt:
        return _say(str(interrupt) or "interrupted", INTERRUPTED)
    except BrokenPipeError:
        _leave_stdout()
        return READER_LEFT
    except OSError as error:
        if debug:
            raise
        return _say(_of_the_system(error), 2)
    except Exception as error:  # the last line of defence: a traceback only with --debug
        if debug:
            raise
        return _say(f"internal error: {type(error).__name__}: {error} (run again with --debug for the traceback)", 1)


def _leave_stdout() -> None:
    """Nobody reads it or it takes no more: no second error at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse_bytes(words: Sequence[str]) -> None:
    """Raises: BadInput: a word holds bytes that no JSON could name again."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise BadInput("this is not UTF-8; rename the file or folder", where=word) from None


def _of_the_system(error: OSError) -> str:
    """What the system refused, where it says so, in one sentence."""
    from shipworthy.store.files import said

    where = error.filename if isinstance(error.filename, str) else ""
    return f"{where}: {said(error)}" if where else said(error)


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
        try:
            parser.set_defaults(**{action.dest: _from_text(value, action)})
        except (ValueError, argparse.ArgumentTypeError) as error:
            parser.error(f"SHIPWORTHY_{action.dest.upper()}: {error}")
        action.required = False


def _from_text(value: str, action: argparse.Action) -> object:
    """What an option would hold: a switch, a list of comma-separated values (options that repeat), or the text."""
    if action.nargs == 0:
        return value.lower() in ("1", "true", "yes")
    if isinstance(action.default, list):
        read = action.type if callable(action.type) else str
        return [read(part) for part in value.split(",")]
    if action.choices is not None and value not in action.choices:
        raise ValueError(f"{value!r} is none of {', '.join(map(str, action.choices))}")
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
    try:
        sys.stdout.flush()
    except OSError:
        _leave_stdout()
    print(f"shipworthy: {plain(message)}", file=sys.stderr)
    return code

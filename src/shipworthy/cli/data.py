"""Check, split, seal and compare data before it is trained or tested on."""

import argparse
import importlib
from collections.abc import Mapping
from functools import partial
from typing import Any

from shipworthy.cli._lazy import LazyParser
from shipworthy.errors import BadInput

HELP = "check, split and seal data"
ACTIONS: Mapping[str, tuple[str, str]] = {
    "check": ("shipworthy.cli._data_check", "look at every row of training data: what is wrong, where, and what to do"),
    "filter": ("shipworthy.cli._data_filter", "let a judge sort training rows, once it has been set beside people"),
    "split": ("shipworthy.cli._data_split", "split into training, validation and test data without leakage"),
    "leakage": ("shipworthy.cli._data_leakage", "find rows of a test set or benchmark that stand in the training data"),
    "seal": ("shipworthy.cli._data_seal", "seal a test set: its digest, and how often it may be looked at"),
    "drift": ("shipworthy.cli._data_drift", "test whether the rows of a file changed since a reference"),
    "diff": ("shipworthy.cli._data_diff", "name the rows that two versions of a dataset do not share"),
}
"""action -> (module with `configure` and `run`, help); a module is imported when its action is asked for."""


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=LazyParser)
    for name, (_, help) in ACTIONS.items():
        made = actions.add_parser(name, help=help, description=help, allow_abbrev=False)
        made.filled_by = partial(_configured, name)
        for flag in ("--json", "--quiet", "--debug"):  # also after ACTION; suppressed, so that one before it stands
            made.add_argument(flag, action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    code: int = _module(args.action).run(args)
    return code


def _configured(action: str, parser: argparse.ArgumentParser) -> None:
    _module(action).configure(parser)


def _module(action: str) -> Any:
    name = ACTIONS[action][0]
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise BadInput(
            f"`shipworthy data {action}` is not part of this installation; install the newest version"
        ) from None

"""Every command and action with its parser: what the reference is written from, and what a shell completes."""

import argparse
from collections.abc import Iterator
from typing import NamedTuple

from shipworthy.cli._lazy import LazyParser
from shipworthy.cli.main import COMMANDS, parser_for


class Node(NamedTuple):
    """`words` as typed after `shipworthy`, what they do in one line, and the parser of what follows."""

    words: tuple[str, ...]
    help: str
    parser: argparse.ArgumentParser

    @property
    def actions(self) -> list["Node"]:
        """The words that may follow, each a node; none where options follow."""
        return [
            Node((*self.words, str(choice.dest)), choice.help or "", _ready(group.choices[choice.dest]))
            for group in _groups(self.parser)
            for choice in group._choices_actions  # noqa: SLF001 - argparse keeps the help of an action only here
        ]

    @property
    def options(self) -> list[argparse.Action]:
        """Options that are shown, and positional arguments; without the words of `actions`."""
        return [
            one
            for one in self.parser._actions  # noqa: SLF001 - argparse has no public list of its options
            if one.help != argparse.SUPPRESS and not isinstance(one, argparse._SubParsersAction)  # noqa: SLF001
        ]


def nodes() -> Iterator[Node]:
    """Every command, each followed by its actions."""
    for name, (_, help) in COMMANDS.items():
        yield from _walk(Node((name,), help, parser_for(name, {})))


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for action in node.actions:
        yield from _walk(action)


def _groups(parser: argparse.ArgumentParser) -> "list[argparse._SubParsersAction[argparse.ArgumentParser]]":
    return [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]  # noqa: SLF001


def _ready(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    if isinstance(parser, LazyParser):
        parser.fill()
    return parser

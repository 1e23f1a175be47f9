"""A parser that gets its options when they are needed: the modules of the other actions are not imported."""

import argparse
from collections.abc import Callable
from typing import Any, NoReturn


class LazyParser(argparse.ArgumentParser):
    """The parser of one action; `filled_by` adds its options, once."""

    filled_by: Callable[[argparse.ArgumentParser], None] | None = None

    def fill(self) -> None:
        """Add the options, if that was not done yet."""
        fill, self.filled_by = self.filled_by, None
        if fill is not None:
            fill(self)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self.fill()
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see `{self.prog} --help`\n")

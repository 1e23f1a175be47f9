"""The command line: a table of commands; one file a command, parse -> one call -> print -> exit code."""

from shipworthy.cli.main import main

__all__ = ["main"]

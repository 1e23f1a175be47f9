"""What a terminal may be given: no name, path or label of others moves the cursor, breaks a line or turns it around."""

import argparse
import re
import shlex
from pathlib import Path

_ACTING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line breaks, marks that change the direction of the text around them, halves of characters."""


def quoted(path: Path | str) -> str:
    """A path as a shell reads it, for commands that a user may copy."""
    return plain(shlex.quote(str(path)))


def plain(text: str) -> str:
    """`text` on one line, each acting character as its escape: `a\\nb`, `\\x1b[31m`, `\\u202e`."""
    return _ACTING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def direction(text: str) -> tuple[str, str]:
    """(metric, direction); without a metric it is said of all of them."""
    name, _, side = text.rpartition("=")
    if side not in ("higher", "lower"):
        raise argparse.ArgumentTypeError(f"{text!r} is no direction: say higher, lower or METRIC=lower")
    return name, side

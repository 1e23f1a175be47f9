"""JSON as other tools write it: NaN and Infinity stand where a number does."""

import json
from typing import Any

import msgspec


def loads(raw: bytes) -> Any:
    """One value. Raises: ValueError: it is no JSON, is cut off, or is nested beyond reason."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as strict:
        if b"NaN" not in raw and b"Infinity" not in raw:
            raise ValueError(str(strict)) from None
    try:
        return json.loads(raw)
    except RecursionError as deep:
        raise ValueError(str(deep)) from None

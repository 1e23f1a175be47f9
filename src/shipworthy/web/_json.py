"""The verdict's JSON, the same document that `compare`, `gate` and `run` print."""

import msgspec

from shipworthy.records import Verdict


def verdict_json(verdict: Verdict) -> str:
    """One indented JSON document ending in a newline."""
    return msgspec.json.format(msgspec.json.encode(verdict), indent=2).decode() + "\n"

"""JSON of other tools: NaN and Infinity are read, what is broken is a ValueError."""

import math

import pytest

from shipworthy.store import loose_json


def test_what_is_no_json_number_is_read_where_python_writes_it() -> None:
    found = loose_json.loads(b'{"a": NaN, "b": [Infinity, -Infinity, 1.5], "c": "NaN"}')

    assert math.isnan(found["a"])
    assert ([math.inf, -math.inf, 1.5], "NaN") == (found["b"], found["c"])


@pytest.mark.parametrize("raw", [b"", b'{"a": 1', b'{"a": NaN', b"\xff", b"[" * 100_000, b"[" * 100_000 + b"NaN"])
def test_what_is_broken_is_a_value_error(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        loose_json.loads(raw)

"""What several backends need: their options as a record, a row's reference as text, the price of an answer."""

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from shipworthy.errors import BadInput
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Record

Options = TypeVar("Options", bound=Record)
PER_MILLION = 1e6
REASONING = "reasoning"
"""The option of every backend: whether the thoughts in an answer are scored (see `_reasoned`)."""


def options_of(name: str, given: Mapping[str, Any], kind: type[Options]) -> Options:
    """The `options` of model `name` as a record. Raises: BadInput: a key is unknown or its type is wrong."""
    known = [field.name for field in msgspec.structs.fields(kind)]
    own = {key: value for key, value in given.items() if key != REASONING}
    for key in own:
        if key not in known:
            near = difflib.get_close_matches(str(key), [*known, REASONING], n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise BadInput(f"model {name!r}: unknown option {key!r}; {hint}known: {', '.join(known) or 'none'}")
    try:
        return msgspec.convert(own, kind)
    except msgspec.ValidationError as error:
        raise BadInput(f"model {name!r}: in its options, {error}") from error


def likely(target: Any) -> tuple[str | None, str | None]:
    """The reference whose likelihood is scored, and why it has none: a list, an object or nothing is no text."""
    if target is None or target == "":
        return None, "the row has no reference whose likelihood could be scored"
    if not isinstance(target, str | int | float):
        return None, "the row's reference is a list or an object, not a text whose likelihood could be scored"
    return as_text(target), None


def as_text(value: Any) -> str:
    """A reference as an answer would spell it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def cost_usd(spec: ModelSpec, input_tokens: int | None, output_tokens: int | None) -> float | None:
    """The price of one answer; None where no price is declared or the tokens are not known."""
    if spec.usd_per_million_input is None and spec.usd_per_million_output is None:
        return None
    if input_tokens is None or output_tokens is None:
        return None
    dollars = input_tokens * (spec.usd_per_million_input or 0.0) + output_tokens * (spec.usd_per_million_output or 0.0)
    return dollars / PER_MILLION

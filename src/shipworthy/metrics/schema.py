"""Answers that must keep to a JSON Schema."""

import json
import re
from functools import lru_cache
from typing import Annotated, Any

from msgspec import Meta

from shipworthy.errors import BadInput
from shipworthy.metrics._answer import gold_of, is_squad, place, text_of
from shipworthy.metrics._json import NOTHING, parsed
from shipworthy.metrics.structured import In
from shipworthy.metrics.types import Metric
from shipworthy.records import Example, Record, Response

_DATE = r"(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:[zZ]|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
_FORMATS = {
    "date-time": re.compile(rf"{_DATE}[tT]{_TIME}"),
    "time": re.compile(_TIME),
    "uri": re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9a-fA-F]{2})*"),
    "hostname": re.compile(
        r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
        r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
    ),
    "json-pointer": re.compile(r"(?:/(?:[^~/]|~[01])*)*"),
    "duration": re.compile(r"P(?!\Z)(?:\d+W|(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)"),
}
"""Formats that the jsonschema package checks only with further packages; RFC 3339, 3986, 1123, 6901."""


class SchemaValidOptions(Record):
    """The schema and how strictly it is read."""

    schema: Annotated[
        dict[str, Any] | bool | None,
        Meta(description="The JSON Schema itself; default: each example's own, from `field` or its reference."),
    ] = None
    field: Annotated[str | None, Meta(description="Column that holds each example's schema.")] = None
    where: In = "whole"
    formats: Annotated[bool, Meta(description="Whether `format` (date, date-time, email, uri ...) is checked.")] = True

    def __post_init__(self) -> None:
        if self.schema is not None:
            _validator(json.dumps(self.schema, sort_keys=True), self.formats)

    def observe(self, example: Example, response: Response) -> tuple[float, ...]:
        """(1 if the answer is JSON that keeps to the schema, 1)."""
        validator = self._validator(example)  # refuses the schema whatever the answer is
        value = parsed(text_of(response), self.where)
        return (float(value is not NOTHING and _valid(validator, value, example)), 1.0)

    def _schema(self, example: Example) -> Any:
        if self.schema is not None:
            return self.schema
        gold = gold_of(example, self.field)
        schema = parsed(gold, "whole") if isinstance(gold, str) else gold
        if not isinstance(schema, dict) or is_squad(schema):
            raise BadInput(f"example {example.id!r} holds no JSON Schema, which is an object", where=place(example))
        return schema

    def _validator(self, example: Example) -> Any:
        try:
            return _validator(json.dumps(self._schema(example), sort_keys=True), self.formats)
        except BadInput as error:
            why = f"the schema of example {example.id!r} is {error}"
            raise error if error.where else BadInput(why, where=place(example)) from error


def _valid(validator: Any, value: Any, example: Example) -> bool:
    from referencing.exceptions import Unresolvable

    try:
        return bool(validator.is_valid(value))
    except Unresolvable as error:
        raise BadInput(f"the schema refers to {error.ref!r}, which is not part of it", where=place(example)) from error
    except RecursionError:  # the value is nested deeper than can be checked
        return False


@lru_cache(maxsize=256)
def _validator(schema_json: str, formats: bool) -> Any:  # noqa: FBT001  cache key
    """A validator that fetches nothing: references outside the schema are an error, never a request."""
    import jsonschema
    from referencing import Registry

    schema = json.loads(schema_json)
    cls = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        cls.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise BadInput(f"not a valid JSON Schema: {error.message}") from error
    return cls(schema, registry=Registry(), format_checker=_format_checker() if formats else None)


def _format_checker() -> Any:
    import jsonschema

    checker = jsonschema.FormatChecker()
    for name in _FORMATS:
        checker.checks(name)(_format(name))
    return checker


def _format(name: str) -> Any:
    def holds(value: Any) -> bool:
        if not isinstance(value, str):
            return True
        match = _FORMATS[name].fullmatch(value)
        return match is not None and (name != "date-time" or int(match[3]) <= _days(int(match[1]), int(match[2])))

    return holds


def _days(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 28 + leap if month == 2 else 30 if month in (4, 6, 9, 11) else 31


def schema_valid(options: SchemaValidOptions) -> Metric:
    """Share of answers that are JSON and keep to the JSON Schema."""
    return Metric(
        name="schema_valid",
        unit="share",
        better="higher",
        kind="binary",
        observe=options.observe,
        source="JSON Schema 2020-12 or the draft in `$schema` (jsonschema package); formats: RFC 3339, 3986, 1123",
    )

"""Golden sets: each example says what its answer must satisfy; all of it, or the example fails."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from shipworthy.errors import BadInput
from shipworthy.metrics._answer import as_text, pattern, place, scalar_text, text_of
from shipworthy.metrics._json import NOTHING, at, equal, parsed, steps
from shipworthy.metrics.types import Metric
from shipworthy.records import Example, Record, Response

Texts = str | list[str]


class JsonPath(Record):
    """`{path: items[0].name, equals: ...}`."""

    path: str
    equals: Any


class Assertions(Record):
    """What one answer must satisfy; lists mean every entry. Comparison of texts is exact unless `ignore_case`."""

    contains: Texts | None = None
    contains_any: list[str] | None = None
    not_contains: Texts | None = None
    regex: Texts | None = None
    not_regex: Texts | None = None
    equals: Any = msgspec.UNSET
    starts_with: str | None = None
    ends_with: str | None = None
    json: JsonPath | list[JsonPath] | None = None
    is_json: bool | None = None
    max_length: int | None = None
    min_length: int | None = None
    ignore_case: bool = False

    def __post_init__(self) -> None:
        for expression in [*_list(self.regex), *_list(self.not_regex)]:
            pattern(expression)
        for entry in _list(self.json):
            steps(entry.path)
        asked = [value for name, value in msgspec.structs.asdict(self).items() if name not in ("equals", "ignore_case")]
        if self.equals is msgspec.UNSET and all(value is None for value in asked):
            raise ValueError("asserts nothing")
        if [] in asked or self.equals == [] or any(scalar_text(one) is None for one in _list(self._equal)):
            raise ValueError("an empty list asserts nothing, and `equals` takes texts or numbers")

    @property
    def _equal(self) -> Any:
        return None if self.equals is msgspec.UNSET else self.equals

    def holds(self, text: str) -> bool:
        """Whether the answer satisfies every assertion. Lengths count Unicode characters of the whole answer."""
        return all(check(self, text) for check in _CHECKS)


def _list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _fold(a: Assertions, text: str) -> str:
    return text.casefold() if a.ignore_case else text


def _contains(a: Assertions, text: str) -> bool:
    folded = _fold(a, text)
    every = all(_fold(a, part) in folded for part in _list(a.contains))
    return every and (a.contains_any is None or any(_fold(a, part) in folded for part in a.contains_any))


def _not_contains(a: Assertions, text: str) -> bool:
    return not any(_fold(a, part) in _fold(a, text) for part in _list(a.not_contains))


def _ends(a: Assertions, text: str) -> bool:
    folded = _fold(a, text.strip())
    return folded.startswith(_fold(a, a.starts_with or "")) and folded.endswith(_fold(a, a.ends_with or ""))


def _regex(a: Assertions, text: str) -> bool:
    return all(pattern(e).search(text) for e in _list(a.regex)) and not any(
        pattern(e).search(text) for e in _list(a.not_regex)
    )


def _equals(a: Assertions, text: str) -> bool:
    if a.equals is msgspec.UNSET:
        return True
    return any(_fold(a, as_text(one).strip()) == _fold(a, text.strip()) for one in _list(a.equals))


def _json(a: Assertions, text: str) -> bool:
    if a.json is None and a.is_json is None:
        return True
    value = parsed(text, "fenced")
    if a.is_json is not None and a.is_json != (value is not NOTHING):
        return False
    return all(
        (found := at(value, entry.path)) is not NOTHING and equal(entry.equals, found) for entry in _list(a.json)
    )


def _length(a: Assertions, text: str) -> bool:
    return (a.max_length is None or len(text) <= a.max_length) and (a.min_length is None or len(text) >= a.min_length)


_CHECKS: tuple[Callable[[Assertions, str], bool], ...] = (
    _contains, _not_contains, _ends, _regex, _equals, _json, _length,
)  # fmt: skip


class AssertionsOptions(Record):
    """Where the assertions stand."""

    field: Annotated[
        str | None,
        Meta(description="Column that holds the assertions; default: the column `assert`, else the reference."),
    ] = None

    def observe(self, example: Example, response: Response) -> tuple[float, ...]:
        """(1 if the answer satisfies all assertions of the example, 1)."""
        return (float(self._assertions(example).holds(text_of(response))), 1.0)

    def _assertions(self, example: Example) -> Assertions:
        raw = example.fields.get(self.field or "assert")
        raw = example.reference if raw is None and self.field is None else raw
        value = parsed(raw, "whole") if isinstance(raw, str) else raw
        if not isinstance(value, Mapping):
            raise BadInput(
                f"example {example.id!r} has no assertions; give it an object such as {{contains: text}} "
                f"in the column {self.field or 'assert'!r}",
                where=place(example),
            )
        given = {key: one for key, one in value.items() if one is not None}  # Parquet fills absent keys with null
        try:
            return _converted(msgspec.json.encode(given, order="deterministic"))
        except (msgspec.ValidationError, BadInput) as error:
            raise BadInput(f"assertions of example {example.id!r}: {error}", where=place(example)) from error


@lru_cache(maxsize=4096)
def _converted(raw: bytes) -> Assertions:
    return msgspec.json.decode(raw, type=Assertions)


def assertions(options: AssertionsOptions) -> Metric:
    """Share of golden examples whose answer satisfies all of the example's own assertions.

    An example asserts `contains`, `contains_any`, `not_contains`, `regex`, `not_regex`, `equals` (one or several
    texts), `starts_with`, `ends_with`, `json` (`{path, equals}`, one or several), `is_json`, `max_length`,
    `min_length` (characters), with `ignore_case`; they stand in the column `assert` or in the reference.
    """
    return Metric(
        name="assertions",
        unit="share",
        better="higher",
        kind="binary",
        observe=options.observe,
        source="definition: all assertions of the example hold",
    )

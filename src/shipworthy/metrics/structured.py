"""Answers that must be JSON: valid, equal to the reference in all named fields, share of fields right."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from shipworthy.errors import BadInput
from shipworthy.metrics._answer import gold_of, place, text_of
from shipworthy.metrics._json import NOTHING, Where, at, equal, parsed
from shipworthy.metrics.match import Field
from shipworthy.metrics.types import Metric
from shipworthy.records import Example, Record, Response

In = Annotated[
    Where,
    Meta(
        description="Where the JSON may stand: the `whole` answer, also in one Markdown code fence (`fenced`), "
        "or the first object or list `anywhere` in it (no part of one that is broken or cut off)."
    ),
]


class JsonValidOptions(Record):
    """What counts as JSON."""

    where: In = "whole"
    type: Annotated[Literal["any", "object", "array"], Meta(description="The type that the value must have.")] = "any"

    def observe(self, _example: Example, response: Response) -> tuple[float, ...]:
        """(1 if the answer is JSON of this type, 1)."""
        value = parsed(text_of(response), self.where)
        wanted = {"any": object, "object": dict, "array": list}[self.type]
        return (float(value is not NOTHING and isinstance(value, wanted)), 1.0)


def json_valid(options: JsonValidOptions) -> Metric:
    """Share of answers that are JSON."""
    return Metric(
        name="json_valid",
        unit="share",
        better="higher",
        kind="binary",
        observe=options.observe,
        source="RFC 8259 (NaN, Infinity and a key that stands twice are refused)",
    )


class JsonFieldsOptions(Record):
    """Which fields count and when two values are equal."""

    fields: Annotated[
        tuple[str, ...],
        Meta(description="Names or paths (`items[0].name`) of the fields; default: every key of the reference."),
    ] = ()
    where: In = "whole"
    ignore_case: Annotated[bool, Meta(description="Whether texts that differ only in case are equal.")] = False
    extra_keys: Annotated[
        Literal["allow", "refuse"],
        Meta(description="Whether keys beyond the reference's may stand; `refuse` makes them one more wrong field."),
    ] = "allow"
    field: Field = None

    def __post_init__(self) -> None:
        for path in self.fields:
            at(None, path)  # refuses a path that is none

    def right(self, example: Example, response: Response) -> list[bool]:
        """Per field, whether it is right; an answer that is no JSON object has every field wrong."""
        gold = self._gold(example)
        value = parsed(text_of(response), self.where)
        names = self.fields or tuple(gold)
        right = [self._equal(at(gold, name), at(value, name)) for name in names]
        if self.extra_keys == "refuse":
            right.append(isinstance(value, dict) and value.keys() <= gold.keys())
        return right

    def observe_all(self, example: Example, response: Response) -> tuple[float, ...]:
        """(1 if every field is right, 1)."""
        return (float(all(self.right(example, response))), 1.0)

    def observe_share(self, example: Example, response: Response) -> tuple[float, ...]:
        """(share of fields right, 1)."""
        right = self.right(example, response)
        return (sum(right) / len(right), 1.0)

    def _equal(self, gold: Any, value: Any) -> bool:
        if value is NOTHING:
            return False
        if self.ignore_case and isinstance(gold, str) and isinstance(value, str):
            return gold.casefold() == value.casefold()
        return equal(gold, value)

    def _gold(self, example: Example) -> dict[str, Any]:
        gold = gold_of(example, self.field)
        value = parsed(gold, "whole") if isinstance(gold, str) else gold
        if not isinstance(value, dict) or not value:
            raise BadInput(
                f"the reference of example {example.id!r} is not a JSON object with keys", where=place(example)
            )
        absent = [name for name in self.fields if at(value, name) is NOTHING]
        if absent:
            raise BadInput(f"the reference of example {example.id!r} has no field {absent[0]!r}", where=place(example))
        return value


_SOURCE = "definition: equality of JSON values by type, 1 equals 1.0, key order does not count"


def json_match(options: JsonFieldsOptions) -> Metric:
    """Share of answers whose named JSON fields all equal the reference's."""
    return Metric(
        name="json_match", unit="share", better="higher", kind="binary", observe=options.observe_all, source=_SOURCE
    )


def json_fields(options: JsonFieldsOptions) -> Metric:
    """Mean share of the named JSON fields that equal the reference's."""
    return Metric(
        name="json_fields", unit="share", better="higher", kind="mean", observe=options.observe_share, source=_SOURCE
    )

"""The reference of the protocol, as Markdown and as JSON Schema, made from its types."""

from typing import Any

import msgspec
from msgspec import inspect

from shipworthy.protocol._consistency import NEEDED
from shipworthy.protocol.limits import DEFECTS, LEAKAGE, MEASURES
from shipworthy.protocol.types import WARNING_CODES, Protocol

_HEAD = """# Protocol reference

One YAML file says what is measured, on which data, against which baselines, with which gates. Unknown keys are refused.
This page is generated from the code by `make docs`; do not edit it.
"""


def schema() -> dict[str, Any]:
    """The protocol as JSON Schema (draft 2020-12), for editors and other tools."""
    made = msgspec.json.schema(Protocol)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Shipworthy protocol", **made}


def reference() -> str:
    """Markdown: every record, key, type, default and description."""
    whole = inspect.type_info(Protocol)
    if not isinstance(whole, inspect.StructType):
        raise TypeError("the protocol is a record")
    records = _records(whole)
    backends = [f"| `{name}` | {', '.join(f'`{key}`' for key in keys)} |" for name, keys in NEEDED.items()]
    parts = [
        _HEAD,
        *(_section(record) for record in records),
        "## What a backend needs\n\n| backend | keys |\n|---|---|\n" + "\n".join(backends) + "\n",
        _limits_on_data(),
        "## Warning codes\n\n" + ", ".join(f"`{code}`" for code in WARNING_CODES) + "\n",
    ]
    return "\n".join(parts)


def _limits_on_data() -> str:
    parts = (
        ("Copies of test rows (rows of the sets under `against`)", LEAKAGE),
        ("Numbers of the whole set", MEASURES),
        ("Rows with a defect", DEFECTS),
    )
    said = [f"{words}: {', '.join(f'`{name}`' for name in names)}." for words, names in parts]
    return "## Limits on training data\n\n" + "\n\n".join(said) + "\n"


def _records(top: inspect.StructType) -> list[inspect.StructType]:
    """Every record below `top`, each once, in the order of reading."""
    found = {top.cls: top}
    for field in top.fields:
        for below in _inside(field.type):
            found |= {record.cls: record for record in _records(below) if record.cls not in found}
    return list(found.values())


def _inside(kind: inspect.Type) -> list[inspect.StructType]:
    match kind:
        case inspect.StructType():
            return [kind]
        case inspect.Metadata():
            return _inside(kind.type)
        case inspect.DictType():
            return _inside(kind.value_type)
        case inspect.VarTupleType():
            return _inside(kind.item_type)
        case inspect.UnionType():
            return [record for member in kind.types for record in _inside(member)]
    return []


def _section(record: inspect.StructType) -> str:
    text = " ".join((record.cls.__doc__ or "").split())
    rows = [
        f"| `{field.name}` | {_say(field.type)} | {_default(field)} | {_about(field.type)} |" for field in record.fields
    ]
    table = "| key | type | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows)
    return f"## {record.cls.__name__}\n\n{text}\n\n{table}\n"


def _default(field: inspect.Field) -> str:
    if field.required:
        return "required"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if isinstance(value, msgspec.Struct):
        return "its defaults"
    return f"`{msgspec.json.encode(value).decode()}`"


def _about(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.Metadata):
        return str((kind.extra_json_schema or {}).get("description") or _about(kind.type))
    return ""


def _say(kind: inspect.Type) -> str:
    match kind:
        case inspect.Metadata():
            return _say(kind.type)
        case inspect.UnionType():
            return " or ".join(_say(member) for member in kind.types)
        case inspect.DictType():
            return f"names to {_say(kind.value_type)}"
        case inspect.VarTupleType():
            return f"list of {_say(kind.item_type)}"
        case inspect.StructType():
            return f"[{kind.cls.__name__}](#{kind.cls.__name__.lower()})"
        case inspect.LiteralType():
            return ", ".join(f"`{value}`" for value in kind.values)
        case inspect.IntType():
            return f"whole number{_limits(kind)}"
        case inspect.FloatType():
            return f"number{_limits(kind)}"
    return {"StrType": "text", "BoolType": "true or false", "NoneType": "null"}.get(type(kind).__name__, "anything")


def _limits(kind: inspect.IntType | inspect.FloatType) -> str:
    rules = ((kind.ge, "≥"), (kind.gt, ">"), (kind.le, "≤"), (kind.lt, "<"))
    said = [f"{sign} {limit:g}" for limit, sign in rules if limit is not None]
    return f" ({', '.join(said)})" if said else ""

"""The keys of a record that is read from YAML, as a Markdown table: type, default and meaning of each."""

import msgspec
from msgspec import inspect


def table(record: inspect.StructType) -> str:
    """One row a key, in the order in which the record declares them."""
    rows = [
        f"| `{field.name}` | {_say(field.type)} | {_default(field)} | {_about(field.type)} |" for field in record.fields
    ]
    return "| key | type | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows)


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

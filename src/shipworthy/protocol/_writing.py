"""The reference of the protocol, as Markdown and as JSON Schema, made from its types."""

from typing import Any, get_args

import msgspec
from msgspec import inspect

from shipworthy.protocol._consistency import NEEDED
from shipworthy.protocol.keys import table
from shipworthy.protocol.limits import DEFECTS, LEAKAGE, MEASURES
from shipworthy.protocol.types import WARNING_CODES, Protocol
from shipworthy.records import ModelRole

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
        _roles(),
        _limits_on_data(),
        "## Warning codes\n\n" + ", ".join(f"`{code}`" for code in WARNING_CODES) + "\n",
    ]
    return "\n".join(parts)


_ROLES: dict[ModelRole, str] = {
    "candidate": "what would ship; a protocol has exactly one",
    "production": "what it would replace; `backend: release` is the release in production",
    "pretrained": "the base before any fine-tuning: what was gained, and what was forgotten",
    "peft": "another adapter on the same base",
    "full": "another fine-tune of all weights",
    "trivial": "an answer without reading (`strategy`): that the candidate beats it is a hard gate you need not write",
    "human": "answers that people gave to the same rows, recorded as a model's are (`backend: recorded`, `path`), "
    "scored by the same metrics and a baseline like any other; `validate` says how many ratings a share and a kappa "
    "need. People's ratings of a model's answers are another thing: the option `human` of a judge",
    "published": "a number somebody printed (`published: {metric: {value, source, n}}`): no rows, so compared unpaired",
}
"""Exhaustive: a role without words is a KeyError when the page is made."""


def _roles() -> str:
    rows = [f"| `{role}` | {_ROLES[role]} |" for role in get_args(ModelRole)]
    return "## Roles of models\n\n| role | means |\n|---|---|\n" + "\n".join(rows) + "\n"


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
    return f"## {record.cls.__name__}\n\n{text}\n\n{table(record)}\n"

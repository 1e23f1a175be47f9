"""Tool calls compared as syntax trees: the right functions, each with accepted arguments.

The rules are those of the Berkeley function-calling leaderboard (BFCL) for Python: texts are compared without case,
spaces and `,./-_*^`; a whole number stands for a float but not the other way round; an argument may be left out where
"" is among its accepted values; calls of several functions come in any order. Beyond BFCL: the numbers in two texts
(`-5`, `1.5 kg`, `10/2`) must be the same ones, thousands' marks and the marks of a date aside, and a call that gives an
argument twice is none.
"""

import ast
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from msgspec import Meta

from shipworthy.errors import BadInput
from shipworthy.metrics._answer import gold_of, place, text_of
from shipworthy.metrics._json import NOTHING, parsed, unfenced
from shipworthy.metrics.match import Field
from shipworthy.metrics.types import Metric
from shipworthy.records import Example, Record, Response


class Call(NamedTuple):
    """One call: the function's name and its arguments."""

    name: str
    arguments: Mapping[str, Any]


# --- Reading calls out of an answer -----------------------------------------------------------------------------------


def calls_in(text: str) -> list[Call] | None:
    """The calls of an answer written as Python (`[f(a=1), g()]`) or as JSON; None: it is neither."""
    value = parsed(text, "fenced")
    if value is NOTHING:
        return _from_python(text)
    items = value if isinstance(value, list) else [value]
    calls = [_from_json(item) for item in items]
    return None if None in calls or not calls else [call for call in calls if call is not None]


def _from_json(item: Any) -> Call | None:
    """`{name, arguments}` (also `parameters`, also inside `function`), or `{name: arguments}`."""
    if not isinstance(item, dict):
        return None
    item = item["function"] if isinstance(item.get("function"), dict) else item
    if isinstance(item.get("name"), str):
        return _call(item["name"], item.get("arguments", item.get("parameters", {})))
    return _call(*next(iter(item.items()))) if len(item) == 1 else None


def _call(name: str, arguments: Any) -> Call | None:
    arguments = parsed(arguments, "whole") if isinstance(arguments, str) else arguments
    return Call(name, arguments) if isinstance(arguments, dict) else None


def _from_python(text: str) -> list[Call] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # the answer's odd escapes are not ours to report
            warnings.simplefilter("ignore", DeprecationWarning)
            body = ast.parse(unfenced(text).strip(), mode="eval").body
        nodes = body.elts if isinstance(body, ast.List | ast.Tuple) else [body]
        calls = [_from_node(node) for node in nodes]
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # not Python, or deeper than the parser reads
        return None
    return calls or None


def _from_node(node: ast.expr) -> Call:
    if not isinstance(node, ast.Call) or node.args or any(keyword.arg is None for keyword in node.keywords):
        raise ValueError("not a call with named arguments")
    arguments = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords}
    dicts = [one for keyword in node.keywords for one in ast.walk(keyword.value) if isinstance(one, ast.Dict)]
    if len(arguments) < len(node.keywords) or any(map(_repeats, dicts)):
        raise ValueError("an argument is given twice")
    return Call(ast.unparse(node.func), arguments)


def _repeats(node: ast.Dict) -> bool:
    keys = [ast.literal_eval(key) for key in node.keys if key is not None]
    return len(set(keys)) < len(keys)


# --- Judging them -----------------------------------------------------------------------------------------------------

_IGNORED = re.compile(r"[ ,./\-_*^]")
_FIGURE = re.compile(r"(?:(?<![\w)])-|\B\.(?=\d))?\d+(?:[.,/^*:-]+\d+)*")
_APART = re.compile(r"(?<=\d)\s*([./^*:-])\s*(?=\d)")
_THOUSANDS = re.compile(r"(?<=\d)[,_ ](?=\d{3}(?!\d))")
_DATE = re.compile(r"(\d+)([-/.])(\d+)\2(\d+)")


def _plain(value: Any) -> Any:
    """Texts without case, spaces and marks; tuples as lists."""
    if isinstance(value, str):
        return _IGNORED.sub("", value).lower().replace("'", '"')
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def _numbers(text: str) -> list[str]:
    """The numbers of a text with the marks that make them: sign, point, fraction, range; dates in one spelling."""
    return [_DATE.sub(r"\1-\3-\4", one) for one in _FIGURE.findall(_THOUSANDS.sub("", _APART.sub(r"\1", text)))]


def _accepts(accepted: Any, value: Any) -> bool:
    """Whether `value` is this accepted value: of one type, dicts by accepted values per key, lists in order."""
    if isinstance(accepted, dict):
        return isinstance(value, dict) and _accepts_arguments(accepted, value)
    if isinstance(accepted, list | tuple):
        same = isinstance(value, list | tuple) and len(accepted) == len(value)
        return same and all(map(_accepts, accepted, value))
    if isinstance(accepted, bool) or isinstance(value, bool):
        return accepted is value
    if isinstance(accepted, int | float) and isinstance(value, int | float):
        return accepted == value
    same = type(accepted) is type(value) and bool(_plain(accepted) == _plain(value))
    return same and (not isinstance(value, str) or _numbers(accepted) == _numbers(value))


def _accepts_arguments(accepted: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """Every given argument is accepted; every other one may be left out."""
    if not all(name in accepted and _any(accepted[name], value) for name, value in given.items()):
        return False
    return all(name in given or "" in _listed(values) for name, values in accepted.items())


def _any(values: Any, value: Any) -> bool:
    return any(_accepts(one, value) for one in _listed(values))


def _listed(values: Any) -> Sequence[Any]:
    return values if isinstance(values, list | tuple) else [values]


_TYPES: Mapping[str, tuple[type, ...]] = {
    "integer": (int,), "float": (float, int), "number": (float, int), "string": (str,), "boolean": (bool,),
    "array": (list, tuple), "tuple": (list, tuple), "dict": (dict,), "object": (dict,),
}  # fmt: skip


def _fits(schema: Mapping[str, Any], call: Call, accepted: Mapping[str, Any]) -> bool:
    """Whether the call keeps to the function's description: required arguments, known names, declared types.

    A type that differs from the declared one is allowed where an accepted value has it too (a variable's name).
    """
    described = schema.get("parameters", {})
    properties, required = described.get("properties", {}), described.get("required", [])
    if not all(name in call.arguments for name in required):
        return False
    for name, value in call.arguments.items():
        types = _TYPES.get(properties.get(name, {}).get("type", ""), (object,))
        right = isinstance(value, types) and not (isinstance(value, bool) and bool not in types and object not in types)
        if not right and type(value) not in {type(one) for one in _listed(accepted.get(name, [])) if one != ""}:
            return False
    return True


class ToolCallOptions(Record):
    """Where the accepted calls and the functions' descriptions stand."""

    field: Field = None
    functions: Annotated[
        str, Meta(description="Column with the functions' descriptions; where it is there, types are checked too.")
    ] = "function"

    def observe(self, example: Example, response: Response) -> tuple[float, ...]:
        """(1 if the calls are the accepted ones, 1)."""
        wanted = self._wanted(example)
        schemas = _schemas(example, self.functions)
        calls = calls_in(text_of(response))
        return (float(calls is not None and len(calls) == len(wanted) and _pair(calls, wanted, schemas)), 1.0)

    def _wanted(self, example: Example) -> list[tuple[str, Mapping[str, Any]]]:
        gold = gold_of(example, self.field)
        gold = parsed(gold, "whole") if isinstance(gold, str) else gold
        items = gold if isinstance(gold, list) else [gold]
        if not items or not all(map(_is_wanted, items)):
            raise BadInput(
                f"the reference of example {example.id!r} is no list of {{function: {{argument: [accepted, ...]}}}}",
                where=place(example),
            )
        return [next(iter(one.items())) for one in items]


def _is_wanted(one: Any) -> bool:
    """`{function: {argument: [accepted, ...]}}`."""
    return isinstance(one, dict) and len(one) == 1 and all(isinstance(accepted, dict) for accepted in one.values())


def _schemas(example: Example, column: str) -> dict[str, Mapping[str, Any]]:
    value = example.fields.get(column)
    listed = value if isinstance(value, list) else [value] if isinstance(value, dict) else []
    return {str(one.get("name")): one for one in listed if isinstance(one, dict)}


def _pair(
    calls: list[Call], wanted: list[tuple[str, Mapping[str, Any]]], schemas: Mapping[str, Mapping[str, Any]]
) -> bool:
    """Whether each wanted call can be given a call of its own, first fit in order."""
    left = list(calls)
    for name, accepted in wanted:
        found = next((call for call in left if _is(call, name, accepted, schemas.get(name))), None)
        if found is None:
            return False
        left.remove(found)
    return True


def _is(call: Call, name: str, accepted: Mapping[str, Any], schema: Mapping[str, Any] | None) -> bool:
    fits = schema is None or _fits(schema, call, accepted)
    return call.name == name and fits and _accepts_arguments(accepted, call.arguments)


def tool_call(options: ToolCallOptions) -> Metric:
    """Share of answers that call the right functions with accepted arguments, compared as syntax trees.

    Texts are compared without case, spaces and `,./-_*^`, the numbers in them with their sign, point and fraction; a
    call that gives an argument twice is wrong. The reference is a list of `{function: {argument: [accepted, ...]}}`;
    the answer is Python (`[f(a=1)]`) or JSON (`[{"name": "f", "arguments": {"a": 1}}]`).
    """
    return Metric(
        name="tool_call",
        unit="share",
        better="higher",
        kind="binary",
        observe=options.observe,
        source="Patil et al. 2025 (BFCL), AST checker for Python",
    )

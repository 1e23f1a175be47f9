"""YAML text -> plain data and the place of every key and value. YAML 1.2 scalars: `on`, `yes` and `no` are words."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from shipworthy.errors import ProtocolError

Path = tuple[str | int, ...]
MAX_CHARACTERS = 1_000_000
MAX_VALUES = 20_000
MAX_DEPTH = 40

_CORE = "tag:yaml.org,2002:"
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
"""What YAML's escapes can write and neither a path nor UTF-8 can hold."""
_NOT_IN_A_NAME = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Names are printed: no control character, no line break, nothing that turns the direction of the text around it."""
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_RESOLVERS = (
    ("bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    ("null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("int", re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$"), "-+0123456789"),
    ("float", re.compile(rf"^(?:{_NUMBER.pattern}|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"), "-+0123456789."),
    ("merge", re.compile(r"^<<$"), "<"),
)


class _Loader(yaml.SafeLoader):
    """PyYAML's composer with the scalars of YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


for _name, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_CORE + _name, _pattern, list(_first))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """Plain data and where it stands. Places are (line, column), counted from 1."""

    where: str
    data: Any
    values: Mapping[Path, tuple[int, int]]
    keys: Mapping[Path, tuple[int, int]]

    def at(self, path: Path) -> str:
        """`file:line:column` of the value at `path`, or of the nearest thing above it that is written down."""
        return self._nearest(path, self.values)

    def at_key(self, path: Path) -> str:
        """`file:line:column` of the key that ends `path`."""
        return self._nearest(path, {**self.values, **self.keys})

    def _nearest(self, path: Path, places: Mapping[Path, tuple[int, int]]) -> str:
        while path not in places:
            path = path[:-1]
        line, column = places[path]
        return f"{self.where}:{line}:{column}"


def parse(text: str, *, where: str) -> Tree:
    """Plain data with marks. Raises: ProtocolError: not YAML, duplicate keys, an alias bomb, NaN, a foreign tag."""
    if len(text) > MAX_CHARACTERS:
        raise ProtocolError(f"{len(text)} characters are no protocol; the limit is {MAX_CHARACTERS}", where=where)
    try:
        node = yaml.compose(text.removeprefix("\ufeff"), Loader=_Loader)
    except yaml.YAMLError as error:
        raise ProtocolError(_sentence(error), where=_place(error, text, where)) from None
    except RecursionError:
        raise ProtocolError(f"values are nested deeper than {MAX_DEPTH} levels; flatten them", where=where) from None
    if node is None:
        raise ProtocolError("the file is empty; `shipworthy init` writes one to start from", where=f"{where}:1:1")
    builder = _Builder(where)
    try:
        data = builder.build(node, ())
    except RecursionError:
        raise ProtocolError("an alias holds itself; write the values out", where=where) from None
    return Tree(where=where, data=data, values=builder.values, keys=builder.keys)


@dataclass(slots=True)
class _Builder:
    """Walks the composed nodes once; aliases are expanded under a budget."""

    where: str
    values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    seen: int = 0

    def build(self, node: yaml.Node, path: Path) -> Any:
        self.seen += 1
        if self.seen > MAX_VALUES:
            raise self.error(node, f"more than {MAX_VALUES} values once its aliases are expanded; write fewer aliases")
        if len(path) > MAX_DEPTH:
            raise self.error(node, f"values are nested deeper than {MAX_DEPTH} levels; flatten them")
        self.values.setdefault(path, _mark(node))
        match node:
            case yaml.MappingNode() if node.tag == _CORE + "map":
                return self.mapping(node, path)
            case yaml.SequenceNode() if node.tag == _CORE + "seq":
                return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
            case yaml.ScalarNode():
                return self.scalar(node)
        raise self.error(node, f"the tag {node.tag!r} has no meaning here; remove it")

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == _CORE + "merge":
                continue
            name = self.key(key)
            if name in data:
                line = self.keys[(*path, name)][0]
                raise self.error(key, f"the key {name!r} stands twice, first on line {line}; keep one of them")
            self.keys[(*path, name)] = _mark(key)
            data[name] = self.build(value, (*path, name))
        for value in self.merged(node):
            for name, inherited in self.inherited(value, path).items():
                data.setdefault(name, inherited)
        return data

    def inherited(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        """The mapping behind `<<: *alias`; its values keep their own place unless the mapping here overrides them."""
        if not isinstance(node, yaml.MappingNode):
            raise self.error(node, "`<<` merges mappings; give it an alias of one, or a list of such aliases")
        other = _Builder(self.where, seen=self.seen)
        data = other.mapping(node, path)
        self.seen = other.seen
        self.values = {**other.values, **self.values}
        self.keys = {**other.keys, **self.keys}
        return data

    def merged(self, node: yaml.MappingNode) -> Iterator[yaml.Node]:
        for key, value in node.value:
            if key.tag == _CORE + "merge":
                yield from value.value if isinstance(value, yaml.SequenceNode) else [value]

    def key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self.error(node, "a key must be a word; quote it if it holds braces or brackets")
        name = str(node.value)
        if not name.strip():
            raise self.error(node, "a key is empty; give it a name")
        if found := _NOT_IN_A_NAME.search(name):
            raise self.error(node, f"the character U+{ord(found[0]):04X} may not stand in a key; remove it")
        return name

    def scalar(self, node: yaml.ScalarNode) -> bool | int | float | str | None:
        text = str(node.value)
        if found := _NO_TEXT.search(text):
            raise self.error(node, f"the character U+{ord(found[0]):04X} may not stand in a protocol; remove it")
        match node.tag.removeprefix(_CORE):
            case "str":
                return text
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" if _is_int(text):
                return int(text, 0 if text[:2] in ("0o", "0x") else 10)
            case "float" if _NUMBER.fullmatch(text):
                return self.finite(node, float(text))
            case "float" if text.lower().endswith(("nan", "inf")):
                raise self.error(node, f"{text} is not a number one can decide with; give a finite one")
        raise self.error(node, f"the tag {node.tag!r} does not fit {_short(text)!r}; remove it")

    def finite(self, node: yaml.ScalarNode, value: float) -> float:
        if value in (float("inf"), float("-inf")):
            raise self.error(node, f"{_short(node.value)} is too large; give a finite number")
        return value

    def error(self, node: yaml.Node, message: str) -> ProtocolError:
        line, column = _mark(node)
        return ProtocolError(message, where=f"{self.where}:{line}:{column}")


def _is_int(text: str) -> bool:
    return len(text) < 20 and _RESOLVERS[2][1].match(text) is not None


def _mark(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."


def _sentence(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.reader.ReaderError):
        return f"the control character U+{error.character:04X} may not stand in YAML; remove it"
    problem = getattr(error, "problem", None) or "it ends too early"
    if "'\\t'" in problem:
        return "a tab stands where YAML wants spaces; indent with spaces"
    if "expected a single document" in (getattr(error, "context", None) or ""):
        return "a second document starts here (`---`); a protocol is one document"
    return f"this is not valid YAML ({problem}); check indentation, quotes and colons from here upwards"


def _place(error: yaml.YAMLError, text: str, where: str) -> str:
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        return f"{where}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where

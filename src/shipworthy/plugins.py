"""One registry for everything that can be added from outside: metrics, backends, gate rules, follow-ups, readers.

A group is a table of `"module:object"` strings next to the kind it lists (for example `shipworthy.metrics.BUILT_IN`),
joined with the entry points of installed packages in the group `shipworthy.<kind>`, and with a `path/to/file.py:object`
given by hand. Importing a module registers nothing.
"""

import difflib
import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shipworthy.errors import BadInput, UnknownName


def find(group: str, name: str, built_in: Mapping[str, str]) -> Any:
    """The object registered as `name` in `group`.

    Args:
        group: the kind, singular, as it is said to the user: "metric", "backend", "rule".
        name: a key of `built_in`, the name of an entry point of the group `shipworthy.<group>`, or `file.py:object`.
        built_in: what Shipworthy itself brings: name -> "module:object".

    Raises:
        UnknownName: nothing has this name; the message lists the known ones, the nearest first.
        BadInput: `file.py:object` names a file or an object that is not there.
    """
    if name in built_in:
        return _load(built_in[name])
    if ".py:" in name:
        return _from_file(name)
    external = _entry_points(group)
    if name in external:
        return external[name].load()
    raise UnknownName(_unknown(group, name, [*built_in, *external]))


def names(group: str, built_in: Mapping[str, str]) -> list[str]:
    """Every name that `find` accepts in this group, sorted."""
    return sorted({*built_in, *_entry_points(group)})


def _load(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _entry_points(group: str) -> dict[str, Any]:
    from importlib.metadata import entry_points  # 20 ms that `shipworthy --help` need not pay

    return {point.name: point for point in entry_points(group=f"shipworthy.{group}")}


def _from_file(name: str) -> Any:
    path, _, attribute = name.rpartition(":")
    if not Path(path).is_file():
        raise BadInput(f"no such file, so {attribute!r} cannot be loaded from it", where=path)
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None:
        raise BadInput("this is not a Python file", where=path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if attribute not in vars(module):
        raise BadInput(f"defines no {attribute!r}", where=path)
    return vars(module)[attribute]


def _unknown(group: str, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {group} {name!r}; {hint}known: {', '.join(sorted(known))}"

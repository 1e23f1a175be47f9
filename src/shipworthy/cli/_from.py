"""`init --from PATH`: what somebody already has becomes a protocol, its rows and recorded answers, in a new folder."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shipworthy.errors import BadInput
from shipworthy.records import Direction

_NEW = re.compile(r"(^|[^a-z])(new|candidate|cand|ft|tuned|finetuned|challenger|after|this)([^a-z]|$)")
_OLD = re.compile(r"(^|[^a-z])(old|baseline|base|prod|production|reference|champion|before|last|current)([^a-z]|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the options of `init` say about what lies at `paths`.

    `name`: the protocol's, by its own folder: two files called `new` are not two states of one protocol.
    """

    paths: tuple[Path, ...]
    name: str
    candidate: str | None = None
    baseline: str | None = None
    metric: str | None = None
    id_columns: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    cluster: str | None = None
    better: Mapping[str, Direction] = field(default_factory=dict)

    @property
    def where(self) -> str:
        return ", ".join(map(str, self.paths))


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A folder to be written (name -> content), what was taken from where, what was guessed, what was left behind."""

    files: Mapping[str, str]
    taken: tuple[str, ...]
    guessed: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    def told(self) -> list[str]:
        """For people, a line each."""
        parts = (("taken", self.taken), ("guessed", self.guessed), ("not carried over", self.left))
        return [f"{what}: {line}" for what, lines in parts for line in lines]


def take(asked: Asked) -> Taken:
    """Raises: BadInput: nothing that is known lies there, or who is compared with whom is not clear."""
    from shipworthy.cli import _from_promptfoo, _from_results, _from_run

    if len(asked.paths) == 1 and _from_run.is_run(asked.paths[0]):
        return _from_run.take(asked)
    if len(asked.paths) == 1 and _from_promptfoo.is_configuration(asked.paths[0]):
        return _from_promptfoo.take(asked)
    return _from_results.take(asked)


def pair(models: Sequence[str], asked: Asked) -> tuple[str, str, str | None]:
    """Candidate, baseline, and what was guessed about them.

    Raises: BadInput: the names do not say; the sentence lists the models.
    """
    for given in (asked.candidate, asked.baseline):
        if given is not None and given not in models:
            raise BadInput(f"no model {given!r}; there are {', '.join(models[:20])}", where=asked.where)
    rest = [name for name in models if name not in (asked.candidate, asked.baseline)]
    if asked.candidate and asked.baseline:
        return asked.candidate, asked.baseline, None
    if len(models) < 2:
        raise BadInput(f"a comparison needs two models, and here is {', '.join(models) or 'none'}", where=asked.where)
    if len(models) == 2 and (asked.candidate or asked.baseline):
        return asked.candidate or rest[0], asked.baseline or rest[0], None
    new = [name for name in rest if _NEW.search(name.lower())]
    old = [name for name in rest if _OLD.search(name.lower()) and name not in new]
    candidate = asked.candidate or (new[0] if len(new) == 1 else None)
    baseline = asked.baseline or (old[0] if len(old) == 1 else None)
    if len(models) == 2 and (candidate or baseline):
        candidate = candidate or next(name for name in models if name != baseline)
        baseline = baseline or next(name for name in models if name != candidate)
    if candidate is None or baseline is None:
        message = f"which would ship, and which does it replace? The models are {', '.join(models[:20])}"
        raise BadInput(f"{message}; say --candidate and --baseline", where=asked.where)
    return candidate, baseline, f"{candidate!r} is the candidate and {baseline!r} in production, by their names"


# --- writing ---------------------------------------------------------------------------------------------------------


def scalar(value: Any) -> str:
    """A value as YAML reads it back: JSON is YAML."""
    return json.dumps(value, ensure_ascii=False)


def lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """JSON lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def key(text: str, taken: Iterable[str] = ()) -> str:
    """A name for a key or a file: letters, digits, dot, dash and underscore; a number where it is taken."""
    bare = re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-.") or "unnamed"
    names, name, at = set(taken), bare, 2
    while name in names:
        name, at = f"{bare}-{at}", at + 1
    return name


def head(asked: Asked, taken: Taken) -> str:
    """The comment on top of a protocol, and its first keys."""
    comments = "".join(f"# {line}\n" for line in [re.sub(r"\s+", " ", line) for line in taken.told()])
    sources = re.sub(r"\s+", " ", ", ".join(path.name for path in asked.paths))
    return (
        f"# Written by `shipworthy init --from` out of {sources}. What it took and guessed:\n"
        f"{comments}# `shipworthy validate` says what each gate can detect; `shipworthy run` gives the verdict.\n"
        f"shipworthy: 1\nname: {scalar(asked.name)}\n"
    )

"""From a row to the conversation that a model is asked to go on with."""

import hashlib
import string
from collections.abc import Mapping, Sequence
from typing import Any, overload

import msgspec

from shipworthy.errors import BadInput
from shipworthy.protocol.types import PromptSpec, Protocol
from shipworthy.records import Example, Message, Prompt

INPUT = "input"


class Prompts(Sequence[Prompt]):
    """One prompt an example, in order, rendered anew whenever it is looked at: many of them need no memory."""

    def __init__(self, protocol: Protocol, examples: Sequence[Example]) -> None:
        self._renderers = {name: _Renderer(protocol, name) for name in protocol.datasets}
        self._examples = examples

    def __len__(self) -> int:
        return len(self._examples)

    @overload
    def __getitem__(self, at: int) -> Prompt: ...
    @overload
    def __getitem__(self, at: slice) -> list[Prompt]: ...
    def __getitem__(self, at: int | slice) -> Prompt | list[Prompt]:
        if isinstance(at, slice):
            return [self._prompt(example) for example in self._examples[at]]
        return self._prompt(self._examples[at])

    def _prompt(self, example: Example) -> Prompt:
        return self._renderers[example.dataset].prompt(example)


def render(protocol: Protocol, examples: Sequence[Example]) -> Prompts:
    """One prompt an example, in order, by the prompt that its dataset names (without one: the input as it is).

    Raises: BadInput: a template names a column that the row does not have, or is not a template.
    """
    prompts = Prompts(protocol, examples)
    for _ in prompts:  # what is wrong with any row shows now
        pass
    return prompts


def digest(prompt: Prompt) -> str:
    """sha256 of the conversation: what `prompt_sha256` of a response says was asked."""
    return hashlib.sha256(msgspec.json.encode(prompt.messages)).hexdigest()


class _Renderer:
    """The prompt of one dataset, its template taken apart once."""

    def __init__(self, protocol: Protocol, dataset: str) -> None:
        name = protocol.datasets[dataset].prompt
        spec = protocol.prompts[name] if name is not None else PromptSpec()
        self._what = f"prompt {name!r}"
        self._parts = _parsed(spec.template, self._what)
        self._system = (Message(role="system", content=spec.system),) if spec.system is not None else ()

    def prompt(self, example: Example) -> Prompt:
        turns = example.messages
        last = max((at for at, turn in enumerate(turns) if turn.role == "user"), default=None)
        asked = {} if last is None else {INPUT: turns[last].content}
        user = Message(role="user", content=self._filled({**example.fields, **asked}, example))
        conversation = (user,) if last is None else (*turns[:last], user, *turns[last + 1 :])
        system = () if conversation[0].role == "system" else self._system
        return Prompt(example_id=example.id, dataset=example.dataset, messages=(*system, *conversation))

    def _filled(self, row: Mapping[str, Any], example: Example) -> str:
        return "".join(
            text if column is None else text + self._cell(row, column, example) for text, column in self._parts
        )

    def _cell(self, row: Mapping[str, Any], column: str, example: Example) -> str:
        if row.get(column) is None:
            what = "an empty" if column in row else "no"
            known = ", ".join(sorted(row)[:20])
            raise BadInput(
                f"{self._what} asks for {{{column}}}, and this row has {what} column {column!r}; it has: {known}. "
                "Write {{ and }} for braces that are meant as they are",
                where=example.where or None,
            )
        value = row[column]
        return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _parsed(template: str, what: str) -> list[tuple[str, str | None]]:
    """(literal text, column after it or None) in turn. Columns are looked up whole: no attributes, no indices."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise BadInput(
            f"{what} is no template ({error}); write {{{{ and }}}} for braces that are meant as they are"
        ) from error
    for _, column, style, conversion in parts:
        if column is not None and (style or conversion or not column):
            said = f"{{{column}{'!' + conversion if conversion else ''}{':' + style if style else ''}}}"
            raise BadInput(
                f"{what}: {said} is no column; write {{column}}, or {{{{ and }}}} for braces that are meant as they are"
            )
    return [(text, column) for text, column, _, _ in parts]

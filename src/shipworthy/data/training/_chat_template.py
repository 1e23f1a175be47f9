"""A model's own chat template, rendered as transformers renders it, but in a sandbox and without transformers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from shipworthy.data.training.types import Turn
from shipworthy.errors import BadInput

if TYPE_CHECKING:
    from jinja2 import Template

_BEGIN, _END = "\ue0f0", "\ue0f1"
"""Private-use marks around what `{% generation %}` covers; taken out again after rendering."""


class Rendered(NamedTuple):
    """`text`, and the (begin, end) spans of it that a `{% generation %}` block covers."""

    text: str
    learned: tuple[tuple[int, int], ...]


class ChatTemplate:
    """Renders conversations; `render` raises ValueError with the template's own words where it refuses one."""

    def __init__(self, source: str, tokens: dict[str, str], *, where: str) -> None:
        self.covers = "{% generation" in source or "{%- generation" in source
        self._tokens = tokens
        self._template = _compiled(source, where)

    def render(self, turns: Sequence[Turn], tools: Any = None, *, prompt: bool = False) -> Rendered:
        """The conversation as the model reads it; `prompt` ends with the mark that asks for an answer."""
        from jinja2 import TemplateError

        messages = [_message(turn) for turn in turns]
        try:
            text = self._template.render(
                messages=messages, tools=tools, documents=None, add_generation_prompt=prompt, **self._tokens
            )
        except (TemplateError, TypeError, ValueError, KeyError, AttributeError, IndexError, ZeroDivisionError) as error:
            raise ValueError(str(error)[:200] or type(error).__name__) from None
        return _unmarked(text)


def _message(turn: Turn) -> dict[str, Any]:
    made: dict[str, Any] = {"role": turn.role, "content": turn.content}
    return {**made, "tool_calls": turn.tool_calls} if turn.tool_calls else made


def _unmarked(text: str) -> Rendered:
    pieces, spans, at, begin = [], [], 0, 0
    for piece in text.replace(_END, _BEGIN + _END).split(_BEGIN):
        closes = piece.startswith(_END)
        piece = piece.removeprefix(_END)
        if closes:
            spans.append((begin, at))
        begin = at
        pieces.append(piece)
        at += len(piece)
    return Rendered("".join(pieces), tuple(spans))


def _compiled(source: str, where: str) -> "Template":
    from jinja2 import TemplateError, nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        tags = {"generation"}

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.CallBlock(self.call_method("_marked"), [], [], body).set_lineno(line)

        def _marked(self, caller: Any) -> str:
            return f"{_BEGIN}{caller()}{_END}"

    def refuse(message: str) -> None:
        raise ValueError(message)

    def tojson(value: Any, ensure_ascii: bool = False, indent: int | None = None, **_: Any) -> str:  # noqa: FBT001,FBT002
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = tojson
    environment.globals.update(raise_exception=refuse, strftime_now=lambda _: "01 Jan 2025")
    try:
        return environment.from_string(source)
    except TemplateError as error:
        raise BadInput(f"the chat template is not valid Jinja ({error})", where=where) from None


class Folder(NamedTuple):
    """What lies beside a tokenizer: its settings, its chat template, the tokens that end an answer."""

    settings: dict[str, Any]
    template: ChatTemplate | None
    bos: str | None
    stops: tuple[str, ...]
    pad: str | None


def read_folder(path: str) -> Folder:
    """Raises: BadInput: a file of the folder is not JSON, or its template is not Jinja."""
    folder = Path(path)
    settings = _json(folder / "tokenizer_config.json")
    special = _json(folder / "special_tokens_map.json")

    def token(name: str) -> str | None:
        found = settings.get(name) or special.get(name)
        return found.get("content") if isinstance(found, dict) else found

    tokens = {name: value for name in ("bos_token", "eos_token", "pad_token", "unk_token") if (value := token(name))}
    source = _source(folder, settings)
    template = ChatTemplate(source, tokens, where=path) if source else None
    stops = tuple(filter(None, (tokens.get("eos_token"),)))
    return Folder(settings, template, tokens.get("bos_token"), stops, tokens.get("pad_token"))


def read_template(path: str, like: Folder) -> ChatTemplate:
    """A template in a file of its own, with the tokens of this folder."""
    tokens = {"bos_token": like.bos or "", "eos_token": like.stops[0] if like.stops else ""}
    try:
        source = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot be read as UTF-8 text ({error})", where=path) from None
    return ChatTemplate(source, tokens, where=path)


def _source(folder: Path, settings: dict[str, Any]) -> str | None:
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    found = settings.get("chat_template")
    if isinstance(found, list):
        return next((one["template"] for one in found if one.get("name") == "default"), None)
    return found


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"is not valid JSON ({error})", where=str(path)) from None
    return found if isinstance(found, dict) else {}

"""What is sent where: the chat completions of OpenAI's API, or the older completions of plain text (base models)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from shipworthy.records import Message

Api = Literal["chat", "completions"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where a request goes below `base_url`, and how it carries a conversation."""

    path: str
    asked: Callable[[Sequence[Message]], Mapping[str, Any]]


def plain_text(messages: Sequence[Message]) -> str:
    """The turns one after another, an empty line between them: a base model knows no roles."""
    return "\n\n".join(message.content for message in messages)


DIALECTS: Mapping[Api, Dialect] = {
    "chat": Dialect("/chat/completions", lambda messages: {"messages": messages}),
    "completions": Dialect("/completions", lambda messages: {"prompt": plain_text(messages)}),
}

"""A model as a judge: any backend, its prompt and its identity hashed together."""

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta, field, to_builtins

from shipworthy import models
from shipworthy.errors import BackendError, BadInput
from shipworthy.evaluation.scoring.types import Context, Counts, Score
from shipworthy.metrics._answer import is_squad, spoken_of
from shipworthy.models import Backend
from shipworthy.models.endings import CUT, FILTERED
from shipworthy.protocol.types import ModelSpec, NotNegative
from shipworthy.records import Example, Message, Prompt, Record, Response
from shipworthy.store import digests

_SLOT = re.compile(r"\{(\w+)\}")
_JUDGED = "judged"
_QUOTED = 100
UNPARSED = "unparsed_verdict"
"""The note of a score whose verdict could not be read."""


class JudgeModel(Record):
    """Which model judges: the keys of a model in a protocol, without a role."""

    backend: Annotated[str, Meta(description="How it answers: openai, huggingface, a plug-in.")] = "openai"
    path: Annotated[str | None, Meta(description="Folder of weights, relative to the protocol.")] = None
    base_url: Annotated[str | None, Meta(description="Root of an OpenAI-compatible API, ending in /v1.")] = None
    model: Annotated[str | None, Meta(description="The model's name at that API.")] = None
    api_key_env: Annotated[str | None, Meta(description="Environment variable that holds the API key.")] = None
    adapter: Annotated[str | None, Meta(description="Folder of a PEFT adapter, relative to the protocol.")] = None
    options: Annotated[dict[str, Any], Meta(description="Options of the backend itself.")] = {}
    sampling: Annotated[dict[str, Any], Meta(description="temperature, max_tokens and the like.")] = field(
        default_factory=lambda: {"temperature": 0}
    )
    usd_per_million_input: Annotated[NotNegative | None, Meta(description="Price of a million prompt tokens.")] = None
    usd_per_million_output: Annotated[NotNegative | None, Meta(description="Price of a million answer tokens.")] = None

    def __post_init__(self) -> None:
        if self.backend == "openai" and not (self.base_url and self.model):
            raise ValueError("a judge with the backend openai needs `base_url` and `model`")
        if self.backend == "huggingface" and not self.path:
            raise ValueError("a judge with the backend huggingface needs `path`")


class Judge:
    """Asks a backend and hands back what it said."""

    def __init__(self, backend: Backend, *, version: str, template: str) -> None:
        self._backend = backend
        self._version = version
        self._template = template

    @classmethod
    def load(cls, spec: JudgeModel, context: Context, *, version: str, template: str) -> "Judge":
        """The judge that `spec` names.

        Raises: BadInput: an option is wrong. BackendError: its weights cannot be loaded.
        """
        as_model = ModelSpec(role="human", **to_builtins(spec))
        backend = models.load(
            f"judge of {context.name}", as_model, folder=context.folder, environ=context.environ, examples=()
        )
        return cls(backend, version=version, template=template)

    @property
    def identity(self) -> dict[str, str]:
        """Who judges, by which version of this code, with which prompt."""
        judge = digests.of_value(dict(self._backend.identity))
        named = {key: self._backend.identity[key] for key in ("endpoint", "model") if key in self._backend.identity}
        return {**named, "judge_sha256": judge, "prompt_sha256": digests.of_value(self._template), "v": self._version}

    @property
    def remote(self) -> bool:
        """Whether asking goes over a network and counts against the budget."""
        return "endpoint" in self._backend.identity

    async def ask(self, filled: Mapping[str, Mapping[str, str]]) -> AsyncIterator[tuple[str, Response]]:
        """(id, response) of every filled prompt, in the order of completion.

        Raises: BackendError: the judge cannot be reached.
        """
        prompts = [
            Prompt(
                example_id=id, dataset=_JUDGED, messages=(Message(role="user", content=fill(self._template, slots)),)
            )
            for id, slots in filled.items()
        ]
        async for response in self._backend.answer(prompts, seed=0):
            yield response.example_id, response

    async def reach(self) -> None:
        """Ask an endpoint one short question. Raises: BackendError: it is not there, or gives no answers."""
        if not self.remote:
            return
        turn = Message(role="user", content="Answer with one word: ready")
        prompt = Prompt(example_id="reach", dataset=_JUDGED, messages=(turn,))
        try:
            async for said in self._backend.answer([prompt], seed=0):
                if said.error is not None and said.extra.get("failure") != "rejected":  # of this question alone
                    where = self._backend.identity["endpoint"]
                    raise BackendError(f"model {said.model!r} at {where} gives no answers: {said.error}")
        finally:
            await self.close()

    async def close(self) -> None:
        """Give back what was opened."""
        await self._backend.close()


def score_of(key: str, response: Response, *, name: str, read: Callable[[str], tuple[Any, Counts]]) -> Score:
    """What one response of a judge comes to.

    Args:
        name: what the detail of the score calls that which was read.
        read: text -> (what it says, None where that cannot be read; what that counts).
    """
    if response.text is None:
        return Score(key=key, error=response.error, cost_usd=response.cost_usd)
    found, counts = read(verdict_text(response))
    detail: dict[str, Any] = {name: found, "said": response.text}
    if found is None:
        detail["why"] = unread(response)
    note = UNPARSED if found is None else None
    return Score(key=key, counts=counts, note=note, detail=detail, cost_usd=response.cost_usd)


def verdict_text(response: Response) -> str:
    """Where the verdict is to be read: a reply that did not end by itself is none, whatever its beginning holds."""
    return "" if _broken_off(response) else response.text or ""


def unread(response: Response) -> str:
    """Why a verdict could not be read: the end of what the judge said, and that it was cut."""
    ended = response.extra.get("finish_reason")
    cut = f" and was cut there (finish_reason {ended}; raise its max_tokens)" if _broken_off(response) else ""
    return f"the judge said {(response.text or '').strip()[-_QUOTED:]!r}{cut}"


def _broken_off(response: Response) -> bool:
    return response.extra.get("finish_reason") in CUT | FILTERED


def fill(template: str, slots: Mapping[str, str]) -> str:
    """The template with its slots filled in one pass, so that an answer that says {question} stays as it is."""
    return _SLOT.sub(lambda match: slots.get(match[1], match[0]), template)


def checked_template(template: str, needed: Sequence[str], known: Sequence[str]) -> str:
    """The template. Raises: ValueError: a slot that is needed is missing, or one is unknown."""
    found = set(_SLOT.findall(template))
    if missing := [slot for slot in needed if slot not in found]:
        raise ValueError(f"`prompt` lacks {{{missing[0]}}}")
    if unknown := sorted(found - set(known)):
        raise ValueError(f"`prompt` has {{{unknown[0]}}}; known: {', '.join(f'{{{slot}}}' for slot in known)}")
    return template


def conversation(example: Example) -> str:
    """What was asked, as a judge reads it: a single user turn as it is, several with their roles."""
    turns = [turn for turn in example.messages if turn.role != "system"]
    if len(turns) == 1:
        return turns[0].content
    return "\n\n".join(f"{turn.role}: {turn.content}" for turn in turns)


def column_text(example: Example, column: str | None) -> str:
    """A column, or the reference, as a judge reads it: its texts, one a line, or an object as JSON.

    Raises: BadInput: it is empty, or a list of anything but texts.
    """
    value = example.reference if column is None else example.fields.get(column)
    if value is None or value == "":
        what = "reference" if column is None else f"column {column!r}"
        where = example.where or f"{example.dataset}/{example.id}"
        raise BadInput(f"example {example.id!r} has no {what} for its judge", where=where)
    if isinstance(value, dict) and not is_squad(value):
        return digests.canonical(value).decode()
    return "\n".join(spoken_of(example, column))

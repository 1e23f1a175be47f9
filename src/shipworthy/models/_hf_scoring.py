"""What a local model finds likely: a row's options, its reference, or the text itself. Nothing is sampled.

Answers carry, in `extra`: `probabilities` and `confidence` and `logprobs` (choices), or `nll` (nats, summed) with
`tokens` (likelihood, perplexity; there also `bytes`). What is scored comes from the examples, so it is part of the
model's identity: a cached answer to other options is never used.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from shipworthy.models._choices import Key, Mode, asked_identity, chosen, options_in, summed, target_of, unsound
from shipworthy.models._hf import HuggingFaceBackend
from shipworthy.models._hf_engine import Settings
from shipworthy.models._hf_generate import context_of, rendered, rows_of, stranger
from shipworthy.models._hf_network import Loaded
from shipworthy.models._hf_scores import WORTH_A_CACHE, Groups, way_for
from shipworthy.models._hf_tokens import encoder
from shipworthy.models._likelihood import Score, Sequel, families, sequel_of, windows
from shipworthy.models._meter import Meter
from shipworthy.models._options import likely
from shipworthy.records import Example, Message, Prompt, Response

ENCODED_AT_ONCE = 1_024


@dataclass(frozen=True, slots=True)
class Scorer:
    """What scoring needs of a loaded model. Tests pass small functions."""

    render: Callable[[Sequence[Message]], str]
    """A conversation up to where the model writes."""
    finished: Callable[[Sequence[Message]], str]
    """A conversation whose last turn the model has written."""
    encode: Callable[[Sequence[str]], list[list[int]]]
    score: Callable[[Groups], list[list[Score]]]
    context: int
    """How many tokens the model reads at once."""
    opener: int
    """The token before a text that begins with nothing."""
    unreadable: Callable[[Sequence[int]], str | None] = lambda _ids: None
    """Why the model cannot read these tokens; None where it can."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to score for one prompt: the beginning, and the wholes that continue it. `error`: it cannot be scored."""

    prompt: Prompt
    mode: Mode
    beginning: str = ""
    wholes: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """The same in tokens."""

    wanted: Wanted
    sequels: tuple[Sequel, ...]
    prompt_tokens: int

    @property
    def together(self) -> bool:
        """Whether the sequels continue one prompt; windows of a long text do not."""
        return self.wanted.mode == "choices"


def scoring(
    generator: HuggingFaceBackend, loaded: Loaded, settings: Settings, examples: Sequence[Example]
) -> "ScoringBackend":
    """The backend of a loaded model whose settings ask for scores somewhere."""
    with loaded.network() as network:
        way, name = way_for(network, settings.dtype)

    def score(groups: Groups) -> list[list[Score]]:
        with loaded.network() as network:
            return way(network, groups)

    tokenizer, rows = loaded.tokenizer, rows_of(loaded)
    opener = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    scorer = Scorer(
        render=lambda messages: rendered(tokenizer, messages, template=settings.template),
        finished=lambda messages: rendered(tokenizer, messages, template=settings.template, ended=True),
        encode=encoder(tokenizer, add_special_tokens=not settings.template),
        score=score,
        context=context_of(loaded),
        opener=int(opener or 0),
        unreadable=lambda ids: None if rows is None else stranger(tokenizer, ids, rows),
    )
    return ScoringBackend(generator, scorer, settings, examples, way=name)


class ScoringBackend:
    """Scores the datasets whose mode says so; the rest is generated.

    `latency_s` is the share of a batch's wall time, as for a generated answer. Scores do not depend on the seed.
    """

    def __init__(
        self,
        generator: HuggingFaceBackend,
        scorer: Scorer,
        settings: Settings,
        examples: Sequence[Example],
        *,
        way: str = "tree",
    ) -> None:
        self._generator = generator
        self._scorer = scorer
        self._settings = settings
        scored = [row for row in examples if settings.mode_of(row.dataset) != "generate"]
        self._targets: dict[Key, Any] = {(row.dataset, row.id): self._target(row) for row in scored}
        self._identity = {
            **generator.identity,
            **_asked(settings, self._targets),
            "scoring": f"{way}, log-softmax float32",
        }

    @property
    def identity(self) -> Mapping[str, str]:
        """The model's own, what is scored and how."""
        return self._identity

    async def answer(self, prompts: Sequence[Prompt], *, seed: int) -> AsyncIterator[Response]:
        """One Response a prompt; what cannot be scored (no options, no room) yields an error."""
        generated = [prompt for prompt in prompts if self._settings.mode_of(prompt.dataset) == "generate"]
        async for response in self._generator.answer(generated, seed=seed):
            yield response
        scored = [prompt for prompt in prompts if self._settings.mode_of(prompt.dataset) != "generate"]
        for at in range(0, len(scored), ENCODED_AT_ONCE):
            ready, failed = self._prepared(scored[at : at + ENCODED_AT_ONCE], seed)
            for response in failed:
                yield response
            for begin in range(0, len(ready), self._settings.batch_size):
                batch = ready[begin : begin + self._settings.batch_size]
                for response in await asyncio.to_thread(self._score, batch, seed):
                    yield response

    async def close(self) -> None:
        """Nothing is held open; the weights go when the backend goes."""

    def _target(self, row: Example) -> Any:
        return target_of(row, self._settings.mode_of(row.dataset), self._settings.choices)

    def _prepared(self, prompts: Sequence[Prompt], seed: int) -> tuple[list[Ready], list[Response]]:
        """What can be scored, prompts that begin alike together, shorter ones first; and what cannot."""
        wanted = [self._wanted(prompt) for prompt in prompts]
        ready, failed = [], [self._failed(want.prompt, seed, want.error) for want in wanted if want.error is not None]
        possible = [want for want in wanted if want.error is None]
        encoded = iter(self._scorer.encode([text for want in possible for text in (want.beginning, *want.wholes)]))
        for want in possible:
            beginning, *wholes = [next(encoded) for _ in range(1 + len(want.wholes))]
            sequels = self._sequels(want, beginning, wholes)
            error = self._unreadable(sequels)
            if error is not None:
                failed.append(self._failed(want.prompt, seed, error))
            else:
                ready.append(Ready(want, sequels, len(beginning)))
        return _side_by_side(ready), failed

    def _unreadable(self, sequels: Sequence[Sequel]) -> str | None:
        """Why these sequels cannot be scored."""
        longest = max(len(sequel.ids) for sequel in sequels) - 1
        if longest > self._scorer.context:
            return f"it has {longest} tokens; this model reads {self._scorer.context} at once"
        return next((why for sequel in sequels if (why := self._scorer.unreadable(sequel.ids)) is not None), None)

    def _wanted(self, prompt: Prompt) -> Wanted:
        mode = self._settings.mode_of(prompt.dataset)
        try:
            if mode == "perplexity":
                text = "\n\n".join(message.content for message in prompt.messages)
                return Wanted(prompt, mode, text, error=None if text else "there is no text to score")
            beginning = self._scorer.render(prompt.messages)
            target = self._targets.get((prompt.dataset, prompt.example_id))
            return (
                self._options(prompt, beginning, target)
                if mode == "choices"
                else self._reference(prompt, beginning, target)
            )
        except ValueError as error:
            return Wanted(prompt, mode, error=f"the chat template refuses this conversation: {error}")

    def _options(self, prompt: Prompt, beginning: str, target: Any) -> Wanted:
        texts, error = options_in(target, self._settings.choices)
        if error is not None:
            return Wanted(prompt, "choices", error=error)
        return Wanted(
            prompt, "choices", beginning, tuple(beginning + self._settings.join + text for text in texts), texts
        )

    def _reference(self, prompt: Prompt, beginning: str, target: Any) -> Wanted:
        text, error = likely(target)
        if text is None:
            return Wanted(prompt, "likelihood", error=error)
        turns = (*prompt.messages, Message(role="assistant", content=text))
        whole = self._scorer.finished(turns) if self._settings.template else ""
        if not whole.startswith(beginning):  # no template, or one that writes a finished turn in another way
            whole = beginning + self._settings.join + text
        return Wanted(prompt, "likelihood", beginning, (whole,), (text,))

    def _sequels(self, want: Wanted, beginning: list[int], wholes: list[list[int]]) -> tuple[Sequel, ...]:
        opener = [self._scorer.opener]
        if want.mode == "perplexity":
            size = self._scorer.context
            opened = beginning if beginning[:1] == opener else opener + beginning
            return tuple(windows(opened, size=size, stride=min(self._settings.stride or size, size)))
        if not beginning:
            return tuple(sequel_of(opener, opener + whole) for whole in wholes)
        return tuple(sequel_of(beginning, whole) for whole in wholes)

    def _score(self, batch: Sequence[Ready], seed: int) -> list[Response]:
        meter, started = Meter.start(), time.perf_counter()
        groups = [group for one in batch for group in (_apart(one) if not one.together else (one.sequels,))]
        try:
            scores = iter(self._scorer.score(groups))
        except Exception as error:  # noqa: BLE001 - whatever torch says of this batch: it failed, the next may not
            return [self._failed(one.wanted.prompt, seed, f"{type(error).__name__}: {error}") for one in batch]
        share_s = (time.perf_counter() - started) / len(batch)
        took = meter.stop(len(batch))
        found = [next(scores) if one.together else [next(scores)[0] for _ in one.sequels] for one in batch]
        scored = [self._response(one, seed, of_it, share_s) for one, of_it in zip(batch, found, strict=True)]
        return [
            one if one.error is not None else msgspec.structs.replace(one, extra={**one.extra, **took})
            for one in scored
        ]

    def _response(self, one: Ready, seed: int, scores: Sequence[Score], latency_s: float) -> Response:
        error = unsound(scores)
        if error is not None:
            return self._failed(one.wanted.prompt, seed, error)
        text, tokens, extra = self._chosen(one, scores) if one.together else _summed(one, scores)
        return Response(
            example_id=one.wanted.prompt.example_id,
            dataset=one.wanted.prompt.dataset,
            model=self._identity["name"],
            seed=seed,
            text=text,
            latency_s=latency_s,
            input_tokens=one.prompt_tokens,
            output_tokens=tokens,
            extra=extra,
        )

    def _chosen(self, one: Ready, scores: Sequence[Score]) -> tuple[str, int, dict[str, Any]]:
        texts = one.wanted.texts
        best, label, extra = chosen(texts, scores, self._settings.choose_by, self._settings.answer_as)
        return label, scores[best].tokens, extra

    def _failed(self, prompt: Prompt, seed: int, error: str) -> Response:
        name = self._identity["name"]
        return Response(example_id=prompt.example_id, dataset=prompt.dataset, model=name, seed=seed, error=error)


def _side_by_side(ready: Sequence[Ready]) -> list[Ready]:
    """By dataset, family and length: what is scored together then shares most and is padded least."""
    trunks = [one.sequels[0].ids[: one.sequels[0].start] for one in ready]
    family_of = {
        at: number
        for number, family in enumerate(families(trunks, worth=WORTH_A_CACHE["cpu"]))
        for at in family.members
    }
    order = sorted(
        range(len(ready)),
        key=lambda at: (ready[at].wanted.prompt.dataset, family_of[at], ready[at].prompt_tokens),
    )
    return [ready[at] for at in order]


def _apart(one: Ready) -> Iterable[tuple[Sequel, ...]]:
    return ((sequel,) for sequel in one.sequels)


def _summed(one: Ready, scores: Sequence[Score]) -> tuple[str, int, dict[str, Any]]:
    extra = summed(scores)
    if one.wanted.mode == "likelihood":
        return one.wanted.texts[0], extra["tokens"], extra
    return "", 0, {**extra, "bytes": len(one.wanted.beginning.encode())}


def _asked(settings: Settings, targets: Mapping[Key, Any]) -> dict[str, str]:
    """What is scored, in the words of an identity."""
    return asked_identity({**settings.how, "stride": settings.stride}, targets)

"""A local Hugging Face model that writes answers: base, base with adapter, or merged. torch loads inside `load`."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from pathlib import Path

from shipworthy.errors import BackendError
from shipworthy.models._hf_engine import Completion, Engine, Settings
from shipworthy.models._hf_files import (
    adapter_digest,
    adapter_folder,
    files_digest,
    has_tokenizer,
    model_folder,
    tokenizer_digest,
)
from shipworthy.models._hf_generate import engine_of
from shipworthy.models._hf_network import Loaded, open_model
from shipworthy.models._hf_tokens import tokenization_digest
from shipworthy.models._meter import Meter
from shipworthy.models._noise import noise_of
from shipworthy.records import Prompt, Response

Price = Callable[[int, int], float | None]
"""(input tokens, output tokens) -> US dollars, None where no price is declared."""


def _free(_input_tokens: int, _output_tokens: int) -> None:
    """The price where none is declared."""


class HuggingFaceBackend:
    """Answers in batches of prompts of similar length.

    `latency_s` of a response is its batch's wall time divided by the prompts in that batch: the throughput cost of one
    answer, not the waiting time of a lone request.
    """

    def __init__(self, engine: Engine, identity: Mapping[str, str], settings: Settings, price: Price = _free) -> None:
        self._engine = engine
        self._price = price
        self._identity = dict(identity)
        self._settings = settings

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        adapter: str | Path | None = None,
        name: str | None = None,
        settings: Settings | None = None,
        price: Price = _free,
    ) -> "HuggingFaceBackend":
        """The model in the folder `path`, with the PEFT adapter in the folder `adapter` where one is given.

        Raises:
            BackendError: a folder is missing, or what it holds is not a chat model that transformers can load.
            MissingExtra: torch, transformers or peft is not installed.
        """
        settings = settings or Settings()
        return generator(opened(Path(path), adapter, name, settings), settings, price)

    @property
    def identity(self) -> Mapping[str, str]:
        """Name, digests of weights, adapter, tokenizer and template, precision and sampling."""
        return self._identity

    async def answer(self, prompts: Sequence[Prompt], *, seed: int) -> AsyncIterator[Response]:
        """One Response a prompt, shortest prompts first; a prompt that cannot be answered yields an error."""
        ready: list[tuple[int, str, Prompt]] = []
        for prompt in prompts:
            rendered = self._rendered(prompt, seed)
            if isinstance(rendered, Response):
                yield rendered
            else:
                ready.append((self._engine.count(rendered), rendered, prompt))
        ready.sort(key=lambda item: item[0])
        for batch in self._batches(ready):
            for response in await asyncio.to_thread(self._answer_batch, batch, seed):
                yield response

    async def close(self) -> None:
        """Nothing is held open; the weights go when the backend goes."""

    def _batches(self, ready: Sequence[tuple[int, str, Prompt]]) -> Iterator[list[tuple[str, Prompt]]]:
        """Prompts of similar length together; of the same length only, where the model would read the padding."""
        kinds = (
            [list(ready)] if self._engine.padded else [list(same) for _, same in groupby(ready, key=lambda it: it[0])]
        )
        for kind in kinds:
            for at in range(0, len(kind), self._settings.batch_size):
                yield [(text, prompt) for _, text, prompt in kind[at : at + self._settings.batch_size]]

    def _rendered(self, prompt: Prompt, seed: int) -> str | Response:
        try:
            text = self._engine.render(prompt.messages)
        except ValueError as error:
            return self._failed(prompt, seed, f"the chat template refuses this conversation: {error}")
        tokens, room = self._engine.count(text), self._engine.context - self._settings.max_new_tokens
        if tokens > room:
            return self._failed(
                prompt, seed, f"the prompt has {tokens} tokens; this model has room for {room} before its answer"
            )
        stranger = self._engine.unreadable(text)
        return text if stranger is None else self._failed(prompt, seed, stranger)

    def _answer_batch(self, batch: Sequence[tuple[str, Prompt]], seed: int) -> list[Response]:
        meter, started = Meter.start(), time.perf_counter()
        try:
            completions = self._engine.generate(
                [text for text, _ in batch], [noise_of(seed, prompt) for _, prompt in batch]
            )
        except Exception as error:  # noqa: BLE001 - whatever torch says of this batch: it failed, the next may not
            return [self._failed(prompt, seed, f"{type(error).__name__}: {error}") for _, prompt in batch]
        share_s = (time.perf_counter() - started) / len(batch)
        took = meter.stop(len(batch))
        return [
            self._said(prompt, seed, done, share_s, took) for (_, prompt), done in zip(batch, completions, strict=True)
        ]

    def _said(
        self, prompt: Prompt, seed: int, done: Completion, latency_s: float, took: Mapping[str, float]
    ) -> Response:
        if done.error is not None:
            return self._failed(prompt, seed, done.error)
        return Response(
            example_id=prompt.example_id,
            dataset=prompt.dataset,
            model=self._identity["name"],
            seed=seed,
            text=done.text,
            latency_s=latency_s,
            input_tokens=done.input_tokens,
            output_tokens=done.output_tokens,
            cost_usd=self._price(done.input_tokens, done.output_tokens),
            extra={**took, "finish_reason": "stop" if done.ended else "length"},
        )

    def _failed(self, prompt: Prompt, seed: int, error: str) -> Response:
        name = self._identity["name"]
        return Response(example_id=prompt.example_id, dataset=prompt.dataset, model=name, seed=seed, error=error)


# --- A loaded model ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """Weights in memory, and what says which they are."""

    loaded: Loaded
    identity: Mapping[str, str]


def opened(path: Path, adapter: str | Path | None, name: str | None, settings: Settings) -> Opened:
    """The weights in a folder, with an adapter's where one is given. Raises: as `HuggingFaceBackend.load`."""
    model = model_folder(path)
    lora = adapter_folder(adapter) if adapter is not None else None
    loaded = open_model(
        model,
        lora,
        dtype=settings.dtype,
        quantised=settings.quantised,
        merge=settings.merge,
        made_on=settings.adapter_base,
    )
    template = str(loaded.tokenizer.chat_template or "")
    if settings.template and not template:
        raise BackendError(
            f"{model}: the tokenizer has no chat template; add chat_template.jinja to the folder, "
            "or set `options: {template: false}`"
        )
    identity = {
        "name": name or (lora or model).name,
        "kind": "huggingface",
        "weights_sha256": loaded.base.weights_sha256,
        "adapter_sha256": adapter_digest(lora) if lora else "",
        "tokenizer_sha256": tokenizer_digest(lora if lora and has_tokenizer(lora) else model),
        "tokenization_sha256": tokenization_digest(loaded.tokenizer),
        "files_sha256": files_digest(model),
        "template_sha256": sha256((template if settings.template else "").encode()).hexdigest(),
        "dtype": settings.dtype,
        "quantised": settings.quantised,
        "merged": str(bool(lora) and settings.merge).lower(),
        "max_new_tokens": str(settings.max_new_tokens),
        **settings.sampling,
        "batch_size": str(settings.batch_size),
    }
    return Opened(loaded, identity)


def generator(model: Opened, settings: Settings, price: Price) -> HuggingFaceBackend:
    """The backend that writes answers with these weights."""
    return HuggingFaceBackend(engine_of(model.loaded, settings), model.identity, settings, price)

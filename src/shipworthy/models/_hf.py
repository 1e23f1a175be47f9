"""A local Hugging Face model that writes answers: base, base with adapter, or merged. torch loads inside `load`."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from shipworthy.errors import BackendError
from shipworthy.models._choices import Scoring
from shipworthy.models._hf_files import (
    adapter_digest,
    adapter_folder,
    files_digest,
    has_tokenizer,
    model_folder,
    tokenizer_digest,
)
from shipworthy.models._hf_load import first_line
from shipworthy.models._hf_network import Dtype, Loaded, Quantised, open_model
from shipworthy.models._meter import Meter
from shipworthy.records import Message, Prompt, Response


class Settings(Scoring):
    """How a local model answers. `temperature` 0 is greedy; `max_new_tokens` bounds one answer.

    `template: false` leaves the chat template out. `stride` of perplexity in tokens; 0: windows that do not overlap.
    `merge: false` lets models on one base share it in memory; `quantised` needs bitsandbytes. `adapter_base` says what
    the folder of the base is called elsewhere, where its own name is not the one that the adapter was made on.
    """

    max_new_tokens: Annotated[int, Meta(ge=1)] = 64
    batch_size: Annotated[int, Meta(ge=1)] = 64
    temperature: float = 0.0
    dtype: Dtype = "float32"
    merge: bool = True
    quantised: Quantised = "none"
    template: bool = True
    stride: Annotated[int, Meta(ge=0)] = 0
    adapter_base: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model wrote for one rendered prompt; token counts by its own tokenizer, the end token excluded."""

    text: str
    input_tokens: int
    output_tokens: int


Generate = Callable[[Sequence[str], int], list[Completion]]
"""(rendered prompts of one batch, seed) -> one completion a prompt, in order."""


@dataclass(frozen=True, slots=True)
class Engine:
    """The three things the backend needs of a loaded model. Tests pass small functions."""

    render: Callable[[Sequence[Message]], str]
    count: Callable[[str], int]
    generate: Generate
    context: int
    """Longest prompt plus answer in tokens."""


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
        for at in range(0, len(ready), self._settings.batch_size):
            batch = ready[at : at + self._settings.batch_size]
            for response in await asyncio.to_thread(self._answer_batch, [item[1:] for item in batch], seed):
                yield response

    async def close(self) -> None:
        """Nothing is held open; the weights go when the backend goes."""

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
        return text

    def _answer_batch(self, batch: Sequence[tuple[str, Prompt]], seed: int) -> list[Response]:
        meter, started = Meter.start(), time.perf_counter()
        try:
            completions = self._engine.generate([text for text, _ in batch], seed)
        except RuntimeError as error:  # out of memory and its kin: this batch failed, the next may not
            return [self._failed(prompt, seed, f"{type(error).__name__}: {error}") for _, prompt in batch]
        share_s = (time.perf_counter() - started) / len(batch)
        took = meter.stop(len(batch))
        return [
            Response(
                example_id=prompt.example_id,
                dataset=prompt.dataset,
                model=self._identity["name"],
                seed=seed,
                text=done.text,
                latency_s=share_s,
                input_tokens=done.input_tokens,
                output_tokens=done.output_tokens,
                cost_usd=self._price(done.input_tokens, done.output_tokens),
                extra=took,
            )
            for (_, prompt), done in zip(batch, completions, strict=True)
        ]

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
        "files_sha256": files_digest(model),
        "template_sha256": sha256((template if settings.template else "").encode()).hexdigest(),
        "dtype": settings.dtype,
        "quantised": settings.quantised,
        "merged": str(bool(lora) and settings.merge).lower(),
        "max_new_tokens": str(settings.max_new_tokens),
        "temperature": str(settings.temperature),
        "batch_size": str(settings.batch_size),
    }
    return Opened(loaded, identity)


def generator(model: Opened, settings: Settings, price: Price) -> HuggingFaceBackend:
    """The backend that writes answers with these weights."""
    return HuggingFaceBackend(engine_of(model.loaded, settings), model.identity, settings, price)


def engine_of(loaded: Loaded, settings: Settings) -> Engine:
    """What the backend needs of loaded weights."""
    tokenizer = loaded.tokenizer
    config = loaded.base.network.config
    special = not settings.template
    return Engine(
        render=lambda messages: rendered(tokenizer, messages, template=settings.template),
        count=lambda text: len(tokenizer(text, add_special_tokens=special)["input_ids"]),
        generate=lambda texts, seed: _generate(loaded, settings, texts, seed),
        context=int(getattr(config, "max_position_embeddings", None) or tokenizer.model_max_length),
    )


def rendered(tokenizer: Any, messages: Sequence[Message], *, template: bool, ended: bool = False) -> str:
    """The conversation as the model reads it, up to where it writes; `ended`: nothing is to be written any more.

    Raises: ValueError: the chat template refuses it.
    """
    import jinja2

    if not template:
        return "\n\n".join(message.content for message in messages)
    turns = [{"role": message.role, "content": message.content} for message in messages]
    try:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=not ended))
    except jinja2.TemplateError as error:
        raise ValueError(first_line(error)) from error


def _generate(loaded: Loaded, settings: Settings, texts: Sequence[str], seed: int) -> list[Completion]:
    import torch

    tokenizer = loaded.tokenizer
    batch = tokenizer(list(texts), return_tensors="pt", padding=True, add_special_tokens=not settings.template)
    sampling = (
        {"do_sample": True, "temperature": settings.temperature} if settings.temperature > 0 else {"do_sample": False}
    )
    with torch.inference_mode(), torch.random.fork_rng(), loaded.network() as network:
        torch.manual_seed(seed)
        out = network.generate(
            input_ids=batch["input_ids"].to(network.device),
            attention_mask=batch["attention_mask"].to(network.device),
            max_new_tokens=settings.max_new_tokens,
            pad_token_id=tokenizer.pad_token_id,
            **sampling,
        )
    width = batch["input_ids"].shape[1]
    prompt_tokens = batch["attention_mask"].sum(1).tolist()
    return [_completion(tokenizer, ids, n) for ids, n in zip(out[:, width:].tolist(), prompt_tokens, strict=True)]


def _completion(tokenizer: Any, ids: list[int], prompt_tokens: int) -> Completion:
    ends = [at for at, token in enumerate(ids) if token in (tokenizer.eos_token_id, tokenizer.pad_token_id)]
    kept = ids[: ends[0]] if ends else ids
    text = tokenizer.decode(kept, skip_special_tokens=True)
    return Completion(text=text, input_tokens=int(prompt_tokens), output_tokens=len(kept))

"""A local Hugging Face model: base, base with adapter, or merged. torch loads inside `load`, and nowhere else."""

import asyncio
import os
import time
import warnings
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Literal

from shipworthy.errors import BackendError, BadInput, MissingExtra
from shipworthy.models._options import cost_usd, options_of
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Example, Message, Prompt, Record, Response

Dtype = Literal["float32", "bfloat16", "float16"]

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "config.json")
_ADAPTER = ("adapter_model.safetensors", "adapter_config.json")
_TOKENIZER = ("tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt", "tokenizer_config.json")


class Settings(Record):
    """How a local model answers. `temperature` 0 is greedy; `max_new_tokens` bounds one answer."""

    max_new_tokens: int = 64
    batch_size: int = 64
    temperature: float = 0.0
    dtype: Dtype = "float32"
    merge: bool = True


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


def load(
    name: str, spec: ModelSpec, *, folder: Path, examples: Sequence[Example], environ: Mapping[str, str]
) -> "HuggingFaceBackend":
    """The local model that `spec.path` and `spec.adapter` name; `options` and `sampling` together are `Settings`.

    Raises: BadInput: no path, or an option is unknown. BackendError, MissingExtra: as `HuggingFaceBackend.load`.
    """
    del examples, environ
    if spec.path is None:
        raise BadInput(f"model {name!r}: the huggingface backend needs a `path`, the folder of a model")
    sampling = {_SAMPLING.get(key, key): value for key, value in spec.sampling.items()}
    return HuggingFaceBackend.load(
        folder / spec.path,
        adapter=folder / spec.adapter if spec.adapter else None,
        name=name,
        settings=options_of(name, {**spec.options, **sampling}, Settings),
        price=lambda asked, written: cost_usd(spec, asked, written),
    )


_SAMPLING = {"max_tokens": "max_new_tokens"}


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
        model = _folder(path, "config.json")
        lora = _folder(adapter, "adapter_config.json") if adapter is not None else None
        engine, template = _load(model, lora, settings)
        return cls(engine, _identity(name or (lora or model).name, model, lora, template, settings), settings, price)

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
        started = time.perf_counter()
        try:
            completions = self._engine.generate([text for text, _ in batch], seed)
        except RuntimeError as error:  # out of memory and its kin: this batch failed, the next may not
            return [self._failed(prompt, seed, f"{type(error).__name__}: {error}") for _, prompt in batch]
        share_s = (time.perf_counter() - started) / len(batch)
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
            )
            for (_, prompt), done in zip(batch, completions, strict=True)
        ]

    def _failed(self, prompt: Prompt, seed: int, error: str) -> Response:
        name = self._identity["name"]
        return Response(example_id=prompt.example_id, dataset=prompt.dataset, model=name, seed=seed, error=error)


# --- What the model is -----------------------------------------------------------------------------------------------


def weights_digest(path: str | Path) -> str:
    """sha256 over the names and digests of a model folder's weights and configuration."""
    return _digest(Path(path), _WEIGHTS)


def adapter_digest(path: str | Path) -> str:
    """sha256 over the names and digests of an adapter folder."""
    return _digest(Path(path), _ADAPTER)


def tokenizer_digest(path: str | Path) -> str:
    """sha256 over the names and digests of the tokenizer's files in a model folder."""
    return _digest(Path(path), _TOKENIZER)


def _digest(folder: Path, patterns: Sequence[str]) -> str:
    total = sha256()
    for file in sorted({file for pattern in patterns for file in folder.glob(pattern)}):
        with file.open("rb") as stream:
            total.update(f"{file.name} {file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()


def _identity(name: str, model: Path, lora: Path | None, template: str, settings: Settings) -> dict[str, str]:
    return {
        "name": name,
        "kind": "huggingface",
        "weights_sha256": weights_digest(model),
        "adapter_sha256": adapter_digest(lora) if lora else "",
        "tokenizer_sha256": tokenizer_digest(model),
        "template_sha256": sha256(template.encode()).hexdigest(),
        "dtype": settings.dtype,
        "merged": str(bool(lora) and settings.merge).lower(),
        "max_new_tokens": str(settings.max_new_tokens),
        "temperature": str(settings.temperature),
        "batch_size": str(settings.batch_size),
    }


def _folder(path: str | Path, needs: str) -> Path:
    folder = Path(path)
    if not (folder / needs).is_file():
        what = "is not a folder" if not folder.is_dir() else f"holds no {needs}"
        raise BackendError(
            f"{folder}: {what}, so no model can be loaded from it; give a folder as written by save_pretrained"
        )
    return folder


# --- torch from here on ----------------------------------------------------------------------------------------------


def _load(model: Path, lora: Path | None, settings: Settings) -> tuple[Engine, str]:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a path is a path: never ask a hub for a name that looks like one
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        import torch
        import transformers
    except ImportError as error:
        raise MissingExtra("a local model needs torch and transformers: pip install 'shipworthy[train]'") from error
    transformers.utils.logging.disable_progress_bar()
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(model, padding_side="left", local_files_only=True)
        network = transformers.AutoModelForCausalLM.from_pretrained(
            model, dtype=getattr(torch, settings.dtype), local_files_only=True
        )
    except (OSError, ValueError, KeyError) as error:
        raise BackendError(f"{model}: transformers cannot load this model ({_first_line(error)})") from error
    if not tokenizer.chat_template:
        raise BackendError(f"{model}: the tokenizer has no chat template; add chat_template.jinja to the folder")
    if lora is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peft and transformers deprecate one another's names
            network = _with_adapter(network, lora, settings)
    network.eval().to("cuda" if torch.cuda.is_available() else "cpu")
    return _engine(network, tokenizer, settings), str(tokenizer.chat_template)


def _with_adapter(network: Any, lora: Path, settings: Settings) -> Any:
    try:
        from peft import PeftModel
    except ImportError as error:
        raise MissingExtra("an adapter needs peft: pip install 'shipworthy[train]'") from error
    try:
        adapted = PeftModel.from_pretrained(network, str(lora), is_trainable=False)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise BackendError(f"{lora}: this adapter does not fit the base model ({_first_line(error)})") from error
    return adapted.merge_and_unload() if settings.merge else adapted


def _engine(network: Any, tokenizer: Any, settings: Settings) -> Engine:
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return Engine(
        render=lambda messages: _render(tokenizer, messages),
        count=lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"]),
        generate=lambda texts, seed: _generate(network, tokenizer, settings, texts, seed),
        context=int(getattr(network.config, "max_position_embeddings", None) or tokenizer.model_max_length),
    )


def _render(tokenizer: Any, messages: Sequence[Message]) -> str:
    import jinja2

    turns = [{"role": message.role, "content": message.content} for message in messages]
    try:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
    except jinja2.TemplateError as error:
        raise ValueError(_first_line(error)) from error


def _generate(network: Any, tokenizer: Any, settings: Settings, texts: Sequence[str], seed: int) -> list[Completion]:
    import torch

    batch = tokenizer(list(texts), return_tensors="pt", padding=True, add_special_tokens=False).to(network.device)
    sampling = (
        {"do_sample": True, "temperature": settings.temperature} if settings.temperature > 0 else {"do_sample": False}
    )
    with torch.inference_mode(), torch.random.fork_rng():
        torch.manual_seed(seed)
        out = network.generate(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
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


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]

"""A model that vLLM runs inside this process, without a server: whole batches, continuous batching, LoRA adapters.

vLLM is no dependency: it comes with its own torch. Its documented API is used as it stands: `LLM.chat` with one
`SamplingParams`, outputs in the order of the prompts.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from shipworthy.errors import BackendError, BadInput, MissingExtra
from shipworthy.models._hf_files import (
    adapter_digest,
    adapter_folder,
    files_digest,
    model_folder,
    tokenizer_digest,
    weights_digest,
)
from shipworthy.models._meter import Meter, nvml_energy_mj
from shipworthy.models._noise import NOISE, seed_of
from shipworthy.models._options import cost_usd, options_of
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Example, Message, Prompt, Record, Response

ENGINE_SEED = 0
OURS = ("n", "seed", "logprobs")
"""Keys of `SamplingParams` that `sampling` may not set."""


class Settings(Record):
    """Options of `vllm`.

    `batch_size` prompts are handed over at a time (vLLM batches within them itself; what a batch answered is on disk
    before the next begins). `engine` goes to `vllm.LLM` as it is: `max_model_len`, `gpu_memory_utilization`,
    `tensor_parallel_size`, `quantization`, `max_lora_rank` and so on. `likelihood: true` reports the log-probability of
    each answer.
    """

    batch_size: Annotated[int, Meta(ge=1)] = 256
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    likelihood: bool = False
    engine: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Said:
    """One answer; `logprob` is that of all its tokens (nats, summed), None where it was not asked for."""

    text: str
    input_tokens: int
    output_tokens: int
    finish_reason: str | None
    logprob: float | None


Generate = Callable[[Sequence[Sequence[Message]], Sequence[int]], list[Said]]
"""(conversations, the seed of each, see `_noise`) -> one answer each, in order. Tests pass a function."""


class VllmBackend:
    """Answers in large batches. `latency_s` is the share of a batch's wall time, as for every local model.

    The engine is a process of its own that reserves its memory beforehand: energy is measured, memory is not.
    """

    def __init__(
        self, name: str, spec: ModelSpec, generate: Generate, identity: Mapping[str, str], settings: Settings
    ) -> None:
        self._name = name
        self._spec = spec
        self._generate = generate
        self._identity = dict(identity)
        self._settings = settings

    @property
    def identity(self) -> Mapping[str, str]:
        """Digests of weights, adapter and tokenizer, precision, engine options and sampling."""
        return self._identity

    async def answer(self, prompts: Sequence[Prompt], *, seed: int) -> AsyncIterator[Response]:
        """One Response a prompt, batch by batch; a batch that vLLM refuses is asked one by one."""
        for at in range(0, len(prompts), self._settings.batch_size):
            batch = prompts[at : at + self._settings.batch_size]
            for response in await asyncio.to_thread(self._batch, batch, seed):
                yield response

    async def close(self) -> None:
        """Nothing is held open; the engine goes when the backend goes."""

    def _batch(self, batch: Sequence[Prompt], seed: int) -> list[Response]:
        meter, started = Meter.start(nvml_energy_mj), time.perf_counter()
        try:
            said = self._generate([prompt.messages for prompt in batch], [seed_of(seed, prompt) for prompt in batch])
        except (ValueError, TypeError) as error:  # one prompt is too long or does not fit the template
            if len(batch) == 1:
                return [self._response(batch[0], seed, error=str(error).strip().partition("\n")[0] or "refused")]
            return [response for prompt in batch for response in self._batch([prompt], seed)]
        share_s = (time.perf_counter() - started) / len(batch)
        took = {key: value for key, value in meter.stop(len(batch)).items() if key == "energy_j"}
        answers = [self._said(prompt, seed, one, share_s) for prompt, one in zip(batch, said, strict=True)]
        return [msgspec.structs.replace(one, extra={**one.extra, **took}) for one in answers]

    def _said(self, prompt: Prompt, seed: int, said: Said, latency_s: float) -> Response:
        extra: dict[str, Any] = {"finish_reason": said.finish_reason} if said.finish_reason else {}
        if said.logprob is not None and not math.isfinite(said.logprob):
            return self._response(prompt, seed, error=f"the log-probability of the answer is {said.logprob}")
        if said.logprob is not None and said.output_tokens:
            nll = max(0.0, -said.logprob)
            extra |= {"nll": nll, "tokens": said.output_tokens, "confidence": math.exp(-nll)}
        return self._response(
            prompt,
            seed,
            text=said.text,
            latency_s=latency_s,
            input_tokens=said.input_tokens,
            output_tokens=said.output_tokens,
            cost_usd=cost_usd(self._spec, said.input_tokens, said.output_tokens),
            extra=extra,
        )

    def _response(self, prompt: Prompt, seed: int, **said: Any) -> Response:
        return Response(example_id=prompt.example_id, dataset=prompt.dataset, model=self._name, seed=seed, **said)


def load(
    name: str, spec: ModelSpec, *, folder: Path, examples: Sequence[Example], environ: Mapping[str, str]
) -> VllmBackend:
    """The model in the folder `spec.path`, with the adapter in the folder `spec.adapter` where one is given.

    Raises:
        BadInput: no path, or an option or sampling key that is wrong.
        BackendError: a folder is missing, or vLLM cannot load what it holds.
        MissingExtra: vLLM is not installed.
    """
    del examples, environ
    settings = options_of(name, spec.options, Settings)
    if spec.path is None:
        raise BadInput(f"model {name!r}: the vllm backend needs a `path`, the folder of a model")
    for key in OURS:
        if key in spec.sampling:
            raise BadInput(f"model {name!r}: sampling may not set {key!r}; Shipworthy sets it, remove it there")
    model = model_folder(folder / spec.path)
    lora = adapter_folder(folder / spec.adapter) if spec.adapter else None
    generate = _engine(name, model, lora, settings, spec.sampling)
    return VllmBackend(name, spec, generate, _identity(name, model, lora, settings, spec), settings)


def _identity(name: str, model: Path, lora: Path | None, settings: Settings, spec: ModelSpec) -> dict[str, str]:
    template = model / "chat_template.jinja"
    return {
        "name": name,
        "kind": "vllm",
        "weights_sha256": weights_digest(model),
        "adapter_sha256": adapter_digest(lora) if lora else "",
        "tokenizer_sha256": tokenizer_digest(model),
        "template_sha256": sha256(template.read_bytes()).hexdigest() if template.is_file() else "",
        "dtype": settings.dtype,
        "likelihood": str(settings.likelihood).lower(),
        "engine": msgspec.json.encode(settings.engine, order="sorted").decode(),
        "sampling": msgspec.json.encode(spec.sampling, order="sorted").decode(),
        "noise": NOISE,
        "files_sha256": files_digest(model),
    }


# --- vLLM from here on ------------------------------------------------------------------------------------------------


def _engine(name: str, model: Path, lora: Path | None, settings: Settings, sampling: Mapping[str, Any]) -> Generate:
    try:
        import vllm  # type: ignore[import-not-found,unused-ignore]
        from vllm.lora.request import LoRARequest  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise MissingExtra("the vllm backend needs vLLM: pip install vllm (a machine with a GPU)") from error
    options = {"dtype": settings.dtype, "seed": ENGINE_SEED, "enable_lora": lora is not None, **settings.engine}
    try:
        engine = vllm.LLM(model=str(model), **options)
        vllm.SamplingParams(**sampling)  # a key that it does not know shows before anything is asked
    except TypeError as error:
        raise BadInput(f"model {name!r}: vLLM does not take its options or sampling ({error})") from error
    except (ValueError, RuntimeError, OSError) as error:
        said = str(error).strip().partition("\n")[0]
        raise BackendError(f"{model}: vLLM cannot load this model ({said})") from error
    request = LoRARequest(lora.name, 1, str(lora)) if lora else None

    def generate(conversations: Sequence[Sequence[Message]], seeds: Sequence[int]) -> list[Said]:
        logprobs = 0 if settings.likelihood else None
        params = [vllm.SamplingParams(**sampling, seed=own, logprobs=logprobs) for own in seeds]
        turns = [[{"role": turn.role, "content": turn.content} for turn in messages] for messages in conversations]
        outputs = engine.chat(turns, sampling_params=params, use_tqdm=False, lora_request=request)
        return [_said(output) for output in outputs]

    return generate


def _said(output: Any) -> Said:
    """The first (and only) completion of a vLLM `RequestOutput`."""
    done = output.outputs[0]
    return Said(
        text=done.text,
        input_tokens=len(output.prompt_token_ids or ()),
        output_tokens=len(done.token_ids),
        finish_reason=done.finish_reason,
        logprob=done.cumulative_logprob,
    )

"""What an answer costs in seconds, tokens, money, memory and energy.

A failed answer is never a fast, short or cheap one. Latency: a failure counts as `failure_s` seconds, an hour unless
told otherwise, so that p95 shows it as soon as more than 5 % fail; a quantile does not care how large the number is.
Tokens and money: a failed answer has no price that could stand for it, so it carries no weight and the metric says
`survivorship`, unless `failure` names what it shall count as. An answer whose server reported nothing carries no
weight either: two models are compared on the rows that both measured, and those that only one measured are gaps.
"""

from typing import Annotated, Literal

from msgspec import Meta

from shipworthy.errors import MissingEvidence
from shipworthy.metrics._answer import text_of
from shipworthy.metrics.types import Metric, mean_of
from shipworthy.records import Example, Record, Response

NotNegative = Annotated[float, Meta(ge=0)]
UNMEASURED = (0.0, 0.0)


def _of(response: Response, value: float | None) -> tuple[float, ...]:
    text_of(response)  # refuses a failed response
    return _weighed(value)


def _weighed(value: float | None) -> tuple[float, ...]:
    return UNMEASURED if value is None else (float(value), 1.0)


def _whole_s(_example: Example, response: Response) -> tuple[float, ...]:
    return _of(response, response.latency_s)


def _first_token_s(_example: Example, response: Response) -> tuple[float, ...]:
    return _of(response, response.first_token_s)


def _output_tokens(_example: Example, response: Response) -> tuple[float, ...]:
    return _of(response, response.output_tokens)


def _all_tokens(_example: Example, response: Response) -> tuple[float, ...]:
    both = response.input_tokens is not None and response.output_tokens is not None
    return _of(response, (response.input_tokens or 0) + (response.output_tokens or 0) if both else None)


def _cost_usd(_example: Example, response: Response) -> tuple[float, ...]:
    return _of(response, response.cost_usd)


FailureSeconds = Annotated[
    NotNegative | None,
    Meta(description="Seconds that a failed answer counts as; null leaves failures out and warns (`survivorship`)."),
]


class FixedLatencyOptions(Record):
    """What a failed answer counts as."""

    failure_s: FailureSeconds = 3600.0


class LatencyOptions(Record):
    """Which quantile, and what a failed answer counts as."""

    quantile: Annotated[float, Meta(gt=0, lt=1, description="Which quantile, between 0 and 1.")] = 0.95
    failure_s: FailureSeconds = 3600.0


def latency(options: LatencyOptions) -> Metric:
    """A quantile (default p95) of the seconds to the whole answer; failures count as slow.

    An answer without a recorded latency carries no weight.
    """
    return _seconds("latency", options)


def latency_p50(options: FixedLatencyOptions) -> Metric:
    """Median seconds to the whole answer; failures count as slow."""
    return _seconds("latency_p50", LatencyOptions(quantile=0.5, failure_s=options.failure_s))


def latency_p95(options: FixedLatencyOptions) -> Metric:
    """95 % of the answers come within this many seconds; failures count as slow."""
    return _seconds("latency_p95", LatencyOptions(quantile=0.95, failure_s=options.failure_s))


def first_token(options: LatencyOptions) -> Metric:
    """A quantile (default p95) of the seconds to the first token of a streamed answer; failures count as slow."""
    return _seconds("first_token", options)


def _seconds(name: str, options: LatencyOptions) -> Metric:
    return Metric(
        name=name,
        unit="s",
        better="lower",
        kind="quantile",
        quantile=options.quantile,
        observe=_first_token_s if name == "first_token" else _whole_s,
        failure=UNMEASURED if options.failure_s is None else (options.failure_s, 1.0),
        survivorship=options.failure_s is None,
        margin=0.2,
        requires=frozenset({"streaming"} if name == "first_token" else ()),
        source="Hyndman & Fan 1996, definition of sample quantiles",
    )


class TokensOptions(Record):
    """Which tokens, and what a failed answer counts as."""

    count: Annotated[
        Literal["output", "all"], Meta(description="Tokens of the answer, or of the prompt and the answer together.")
    ] = "output"
    failure: Annotated[
        NotNegative | None, Meta(description="Tokens that a failed answer counts as; null leaves it out and warns.")
    ] = None


def tokens(options: TokensOptions) -> Metric:
    """Mean number of tokens of an answer, as the model's own tokenizer or server counts them."""
    return _mean(
        "tokens", "tokens", 10.0, options.failure, _output_tokens if options.count == "output" else _all_tokens
    )


class CostOptions(Record):
    """What a failed answer counts as."""

    failure: Annotated[
        NotNegative | None, Meta(description="Money that a failed answer counts as; null leaves it out and warns.")
    ] = None


def cost(options: CostOptions) -> Metric:
    """Mean price of an answer in US dollars, from the declared prices per million tokens."""
    return _mean("cost", "usd", 0.001, options.failure, _cost_usd)


def tokens_per_second() -> Metric:
    """Tokens a second while an answer is written: all tokens of all answers by all seconds of writing them.

    Of a streamed answer, the tokens after the first by the seconds after it; else all tokens by all seconds, so that
    reading the prompt counts too. A local model answers in batches, whose time its answers share: there it is the
    throughput of the machine. An answer without tokens or times carries no weight, nor does a failed one.
    """
    return Metric(
        name="tokens_per_second",
        unit="tokens/s",
        better="higher",
        kind="corpus",
        per_answer=True,
        observe=_written,
        summarize=mean_of,
        failure=UNMEASURED,
        survivorship=True,
        margin=1.0,
        requires=frozenset({"usage"}),
        source="definition; streamed: the inverse of time per output token (latency - first token) / (tokens - 1)",
    )


def _written(_example: Example, response: Response) -> tuple[float, ...]:
    """(tokens, seconds) of writing one answer."""
    text_of(response)
    if response.output_tokens is None or response.latency_s is None:
        return UNMEASURED
    streamed = response.first_token_s is not None
    tokens = response.output_tokens - int(streamed)
    seconds = response.latency_s - (response.first_token_s or 0.0)
    return (float(tokens), seconds) if tokens > 0 and seconds > 0 else UNMEASURED


class MemoryOptions(Record):
    """Whose memory, and which quantile over the answers."""

    of: Annotated[
        Literal["process", "gpu"],
        Meta(description="Resident memory of the process that answers, or what torch holds on its GPUs together."),
    ] = "process"
    quantile: Annotated[float, Meta(gt=0, lt=1, description="Which quantile, between 0 and 1.")] = 0.95

    def observe(self, _example: Example, response: Response) -> tuple[float, ...]:
        """(MiB at the peak of the answer's batch, 1). Raises: MissingEvidence: the backend reports none."""
        gpu = self.of == "gpu"
        key = "gpu_memory_peak_bytes" if gpu else "memory_peak_bytes"
        where = f"models of the backend huggingface report on {'a GPU' if gpu else 'Linux'}"
        return (_measured(response, key, "memory_peak", where) / 2**20, 1.0)


def memory_peak(options: MemoryOptions) -> Metric:
    """A quantile (default p95) of the memory in use at the peak of answering; answers of one batch share its peak.

    Of a model that runs here (`backend: huggingface`): the process on Linux, the GPUs where it uses any. The memory of
    an endpoint is its server's to tell. Of failed answers nothing is known: they carry no weight.
    """
    return Metric(
        name="memory_peak",
        unit="MiB",
        better="lower",
        kind="quantile",
        quantile=options.quantile,
        observe=options.observe,
        failure=UNMEASURED,
        survivorship=True,
        margin=100.0,
        requires=frozenset({"a local model"}),
        source="VmHWM of Linux, set back before every batch (man 5 proc); torch.cuda.max_memory_allocated",
    )


def energy() -> Metric:
    """Mean energy of an answer in joules, as the GPUs themselves count it (NVML).

    Of a model that runs here on a GPU, with `shipworthy[energy]` installed; the answers of a batch have equal shares.
    Whatever else runs on the same GPU is counted too. Where no GPU counts, nothing is guessed: the run says so.
    """
    return Metric(
        name="energy",
        unit="J",
        better="lower",
        kind="corpus",
        per_answer=True,
        observe=_joules,
        failure=UNMEASURED,
        survivorship=True,
        margin=1.0,
        requires=frozenset({"NVML"}),
        source="nvmlDeviceGetTotalEnergyConsumption, after minus before",
    )


def _joules(_example: Example, response: Response) -> tuple[float, ...]:
    where = "local models report where NVML is: an NVIDIA GPU (Volta or newer) and pip install 'shipworthy[energy]'"
    return (_measured(response, "energy_j", "energy", where), 1.0)


def _measured(response: Response, key: str, needed_by: str, where: str) -> float:
    """The number under `key`, which not every machine can measure."""
    text_of(response)
    value = response.extra.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise MissingEvidence(f"{needed_by} reads `extra.{key}`, which {where}; {response.model!r} reported none")
    return float(value)


def _mean(name: str, unit: str, margin: float, failure: float | None, observe: object) -> Metric:
    return Metric(
        name=name,
        unit=unit,
        better="lower",
        kind="corpus",  # a ratio: answers without a measurement carry no weight
        per_answer=True,
        observe=observe,  # type: ignore[arg-type]
        failure=_weighed(failure),
        survivorship=failure is None,
        margin=margin,
        requires=frozenset({"usage"}),
        source="definition: sum over answers with a measurement, divided by their number",
    )

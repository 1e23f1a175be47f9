"""Examples, responses and metrics become evidence: columns, one set a dataset."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy import data, records
from shipworthy.errors import BadInput
from shipworthy.evaluation.prompts import render
from shipworthy.metrics.types import Metric
from shipworthy.models.recorded import UNRECORDED
from shipworthy.protocol.types import Protocol
from shipworthy.records import ABSENT, ANSWERED, FAILED, Crossed, Evidence, Example, Labels, Response
from shipworthy.stats.refusal import MIN_CLUSTERS

Warn = Callable[[records.Warning], None]


def observe(
    protocol: Protocol,
    examples: Sequence[Example],
    responses: Iterable[Response],
    metrics: Mapping[str, Metric],
    *,
    warn: Warn = lambda _: None,
) -> list[Evidence]:
    """The evidence of a run, one element a dataset, in the protocol's order; units are (example, seed), seed by seed.

    A prompt without an answer is FAILED and has the metric's failure counts (ABSENT where a recording has no row). So
    has an answer that a metric could not digest, which is said by the warning `metric_error`. Of several responses to
    one prompt the last answer counts.

    Args:
        examples: of every dataset.
        responses: in the order in which they were written; those of other models, seeds or examples are left out.
        metrics: by their name in the protocol.
        warn: is told `metric_error`, `duplicate_examples` and `constant_output`.
    """
    prompts = render(protocol, examples)
    asked = [
        example if example.messages == prompt.messages else msgspec.structs.replace(example, messages=prompt.messages)
        for example, prompt in zip(examples, prompts, strict=True)
    ]
    sheets = {name: _Sheet(name, protocol, asked, metrics) for name in protocol.datasets}
    for response in responses:
        if response.dataset in sheets:
            sheets[response.dataset].enter(response)
    for sheet in sheets.values():
        sheet.tell(warn)
    return [sheet.evidence() for sheet in sheets.values()]


def refuse_unscorable(examples: Iterable[Example], protocol: Protocol, metrics: Mapping[str, Metric]) -> None:
    """Let every metric look at every example before a model is asked.

    Raises: BadInput: a metric cannot score an example whatever the answer (it has no reference, for one).
    """
    wanted = {
        name: [metric for key, metric in metrics.items() if protocol.metrics[key].dataset == name]
        for name in protocol.datasets
    }
    for example in examples:
        blank = Response(example_id=example.id, dataset=example.dataset, model="", text="")
        for metric in wanted[example.dataset]:
            try:
                metric.observe(example, blank)
            except BadInput as error:
                raise error if error.where else BadInput(str(error), where=example.where or None) from error
            except Exception:  # noqa: BLE001, S112 - an odd answer, not an odd example: counted when it happens
                continue


@dataclass(slots=True)
class _Said:
    """What one model has answered so far, as far as it is always the same."""

    first: str
    count: int = 0
    alike: bool = True

    def hear(self, text: str) -> None:
        self.count += 1
        self.alike = self.alike and text == self.first

    @property
    def constant(self) -> bool:
        return self.alike and self.count >= MIN_CLUSTERS


class _Sheet:
    """The columns of one dataset while responses come in."""

    def __init__(
        self, dataset: str, protocol: Protocol, examples: Sequence[Example], metrics: Mapping[str, Metric]
    ) -> None:
        self._dataset = dataset
        self._examples = [example for example in examples if example.dataset == dataset]
        self._seeds = protocol.seeds
        self._slices = protocol.datasets[dataset].slices
        ways = protocol.datasets[dataset].ways
        self._ways = (ways[0], ways[1]) if len(ways) > 1 else ("cluster", "crossed")  # rows of a suite
        self._metrics = {name: metrics[name] for name, spec in protocol.metrics.items() if spec.dataset == dataset}
        models = [name for name, spec in protocol.models.items() if spec.role != "published"]
        n = len(self._examples)
        self._row = {
            (example.id, seed): row * n + at
            for row, seed in enumerate(self._seeds)
            for at, example in enumerate(self._examples)
        }
        units = n * len(self._seeds)
        self._status = {model: np.full(units, FAILED, dtype=np.uint8) for model in models}
        failed = {name: _failures(metric, self._examples, len(self._seeds)) for name, metric in self._metrics.items()}
        self._counts = {(model, name): counts.copy() for model in models for name, counts in failed.items()}
        self._trivial = {name for name, spec in protocol.models.items() if spec.role == "trivial"}
        self._said: dict[str, _Said] = {}
        references = [example.reference for example in self._examples]
        self._answers_differ = any(one is None or one != references[0] for one in references)
        self._errors: Counter[tuple[str, str]] = Counter()
        self._first: dict[tuple[str, str], str] = {}
        self._clusters = data.clusters(self._examples)

    def enter(self, response: Response) -> None:
        unit = self._row.get((response.example_id, response.seed))
        status_N = self._status.get(response.model)
        if unit is None or status_N is None:
            return
        if response.text is None:
            if response.extra.get(UNRECORDED) is True and status_N[unit] != ANSWERED:
                self._leave(response.model, unit)
            return
        status_N[unit] = ANSWERED
        if "bytes" not in response.extra:  # a text that was scored whole has no answer
            self._said.setdefault(response.model, _Said(response.text)).hear(response.text)
        example = self._examples[unit % len(self._examples)]
        for name, metric in self._metrics.items():
            self._counts[response.model, name][unit] = self._observed(name, metric, example, response)

    def _leave(self, model: str, unit: int) -> None:
        """There is no row: not a failure of the model but a gap, which the coverage policy rules. Its counts stay those
        of a failure, which only this place knows: a reference's length for BLEU, no weight for the other condition."""
        self._status[model][unit] = ABSENT

    def tell(self, warn: Warn) -> None:
        for warning in self._clusters.warnings:
            message = f"{self._dataset}: {warning.message}"
            warn(records.Warning(code=warning.code, message=message, count=warning.count))
        for model, said in self._said.items():
            if said.constant and model not in self._trivial and self._answers_differ:
                message = (
                    f"{model} gave the same answer to all {said.count:,} rows of {self._dataset}: {said.first[:60]!r}"
                )
                warn(records.Warning(code="constant_output", message=message, count=said.count, ungated=model))
        for (name, model), count in self._errors.items():
            message = (
                f"{name} could not digest {count} answers of {model}; they count as failures; "
                f"first: {self._first[name, model]}"
            )
            warn(records.Warning(code="metric_error", message=message, count=count, ungated=model))

    def evidence(self) -> Evidence:
        seeds = len(self._seeds)
        ids_N = np.array([example.id for example in self._examples], dtype=object)
        return Evidence(
            dataset=self._dataset,
            example_N=np.tile(ids_N, seeds),
            seed_N=np.repeat(np.array(self._seeds, dtype=np.int64), len(self._examples)),
            cluster_N=np.tile(self._clusters.code_N, seeds),
            slices={column: _labels(self._examples, column, seeds) for column in self._slices},
            status=self._status,
            counts=self._counts,
            crossed=self._crossed(),
        )

    def _crossed(self) -> Crossed | None:
        code_N = self._clusters.crossed_N
        return None if code_N is None else Crossed(ways=self._ways, code_N=np.tile(code_N, len(self._seeds)))

    def _observed(self, name: str, metric: Metric, example: Example, response: Response) -> tuple[float, ...]:
        try:
            counts = metric.observe(example, response)
            _refuse_odd(counts, len(metric.failure))
        except Exception as error:  # noqa: BLE001 - a metric may be anybody's code; the failure is counted and told
            self._errors[name, response.model] += 1
            self._first.setdefault((name, response.model), f"{example.id}: {type(error).__name__}: {error}")
            return metric.counts(example, None)
        return counts


def _failures(metric: Metric, examples: Sequence[Example], seeds: int) -> NDArray[np.float64]:
    """(units, K) counts of answers that never came: a corpus metric's failure still holds the example's reference."""
    counts_NK = np.empty((len(examples), len(metric.failure)))
    for row, example in enumerate(examples):
        counts_NK[row] = metric.counts(example, None)
    return np.tile(counts_NK, (seeds, 1))


def _refuse_odd(counts: tuple[float, ...], size: int) -> None:
    if len(counts) != size:
        raise ValueError(f"{len(counts)} counts instead of {size}")
    if not all(map(math.isfinite, counts)):
        raise ValueError(f"counts {counts} are not finite")


def _labels(examples: Sequence[Example], column: str, seeds: int) -> Labels:
    names = tuple(sorted({example.slices[column] for example in examples if column in example.slices}))
    code = {name: at for at, name in enumerate(names)}
    code_N: NDArray[np.int64] = np.array(
        [code[example.slices[column]] if column in example.slices else -1 for example in examples], dtype=np.int64
    )
    return Labels(names=names, code_N=np.tile(code_N, seeds))

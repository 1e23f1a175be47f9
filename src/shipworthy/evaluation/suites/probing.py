"""Probing: can a property of the input be read off the hidden states by a linear classifier?"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from shipworthy.evaluation.suites.probes import failed
from shipworthy.evaluation.suites.robustness import Sample, sample
from shipworthy.evaluation.suites.types import Handle, Made, Part
from shipworthy.models.inside import LOCAL
from shipworthy.records import Example, Message, Prompt, Record, Response

Floats = NDArray[np.float64]


class ProbingOptions(Record):
    """What is read off, and where."""

    label: Annotated[str, Meta(description="Column of `of` that holds the property.")]
    layer: Annotated[int, Meta(description="Layer of the hidden state; -1 is the last, 0 the embeddings.")] = -1
    folds: Annotated[int, Meta(ge=2, le=20, description="Cross-validation over clusters, in so many parts.")] = 5
    ridge: Annotated[float, Meta(gt=0, description="Penalty of the classifier.")] = 1.0
    sample: Sample = None


def probing(part: Part) -> Made:
    """Each row with its label as the reference, answered by a classifier that never saw its cluster.

    The metric is `accuracy`, whose interval is honest because every row is predicted out of fold. A property that
    cannot be read off any more after fine-tuning was forgotten; compare with the base model by a margin.

    Raises: BadInput: a row lacks the label, or there are fewer than two labels.
    Source: Alain & Bengio 2017 (linear classifier probes); ridge classifier on standardised states.
    """
    options = part.options(ProbingOptions)
    source, rows = part.source()
    chosen = sample(rows, options.sample)
    missing = [row for row in chosen if not isinstance(row.fields.get(options.label), str | int | bool)]
    if missing:
        raise part.wrong(f"row {missing[0].id!r} has no label in the column {options.label!r}")
    labels = {row.id: str(row.fields[options.label]) for row in chosen}
    if len(set(labels.values())) < 2:
        raise part.wrong(f"the column {options.label!r} has one label only, so there is nothing to tell apart")
    asked = {row.id: part.asked(row).messages for row in chosen}
    folds = {row.id: _fold(row, options.folds) for row in chosen}
    digest = hashlib.sha256(msgspec.json.encode((options, asked, labels))).hexdigest()[:16]
    note = Message(role="system", content=f"Probe probing/{options.label} {digest}")
    examples = [
        msgspec.structs.replace(row, dataset=part.name, messages=(note, *asked[row.id]), reference=labels[row.id])
        for row in chosen
    ]
    return Made(
        examples=examples,
        role="stress",
        slices=source.slices,
        probe=_Reader(options, asked, labels, folds),
        looks_inside=True,
    )


def _fold(row: Example, folds: int) -> int:
    name = row.cluster if row.cluster is not None else row.id
    return int.from_bytes(hashlib.sha256(f"probing/{name}".encode()).digest()[:4], "big") % folds


class _Reader:
    def __init__(
        self,
        options: ProbingOptions,
        asked: Mapping[str, Sequence[Message]],
        labels: Mapping[str, str],
        folds: Mapping[str, int],
    ) -> None:
        self._options = options
        self._asked = asked
        self._labels = labels
        self._folds = folds

    async def answer(self, model: Handle, prompts: Sequence[Prompt], *, seed: int) -> AsyncIterator[Response]:
        if model.spec.backend != LOCAL:
            for prompt in prompts:
                yield failed(model, prompt, seed, f"probing needs the weights; the backend is {model.spec.backend}")
            return
        read = await asyncio.to_thread(self._read, model)
        for prompt in prompts:
            yield Response(
                example_id=prompt.example_id, dataset=prompt.dataset, model=model.name, seed=seed,
                text=read[prompt.example_id],
            )  # fmt: skip

    def _read(self, model: Handle) -> dict[str, str]:
        """What every row is read as, whatever part of them was asked for: a fold needs all others."""
        inside, ids = model.inside(), list(self._asked)
        states = inside.states([inside.render(self._asked[id], to_go_on=True) for id in ids])
        x_NH = states.hidden_NLH[:, self._options.layer]
        labels_N = np.array([self._labels[id] for id in ids])
        fold_N = np.array([self._folds[id] for id in ids])
        return dict(zip(ids, read_off(x_NH, labels_N, fold_N, ridge=self._options.ridge), strict=True))


def read_off(x_NH: Floats, labels_N: NDArray[np.str_], fold_N: NDArray[np.int64], *, ridge: float) -> list[str]:
    """(N,) labels by a ridge classifier (one against the rest) fitted on the other folds, states standardised there."""
    names = np.unique(labels_N)
    target_NC = np.where(labels_N[:, None] == names[None, :], 1.0, -1.0)
    found = np.empty(len(labels_N), dtype=object)
    for fold in np.unique(fold_N):
        out = fold_N == fold
        if out.all():
            raise ValueError("every row lies in one fold; give more rows or clusters")
        mean, scale = x_NH[~out].mean(0), x_NH[~out].std(0) + 1e-9
        fit, test = (x_NH[~out] - mean) / scale, (x_NH[out] - mean) / scale
        centre = target_NC[~out].mean(0)
        gram = fit.T @ fit + ridge * len(fit) * np.eye(fit.shape[1])
        weights = np.linalg.solve(gram, fit.T @ (target_NC[~out] - centre))
        found[out] = names[(test @ weights + centre).argmax(1)]
    return [str(name) for name in found]

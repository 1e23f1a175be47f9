"""Results of any format that `compare` reads -> rows, recorded scores and a protocol that judges them alike.

The scores are the source's own, each answer a JSON object of them; the metrics read them back, so that `run` decides as
`compare` does. To score the answers anew, record their texts and name one of Shipworthy's metrics instead.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from shipworthy.cli._from import Asked, Taken, head, key, lines, pair, scalar
from shipworthy.data import results
from shipworthy.data.results import Query, Results
from shipworthy.errors import BadInput
from shipworthy.metrics.types import Metric
from shipworthy.records import ANSWERED, FAILED, Evidence

_HARD = 3


def take(asked: Asked) -> Taken:
    """Raises: BadInput: see the readers; who is compared with whom is not clear."""
    query = Query(
        candidate="\x00",
        baseline="\x01",
        id_columns=asked.id_columns,
        metric=asked.metric,
        cluster=asked.cluster,
        better=dict(asked.better),
    )
    models = results.models_in(asked.paths, query)
    if asked.candidate and asked.baseline:
        candidate, baseline, guess = asked.candidate, asked.baseline, None  # names that a file may go by as well
    else:
        candidate, baseline, guess = pair(models, asked)
    query = Query(**{**_fields(query), "candidate": candidate, "baseline": baseline})
    slices = asked.slices or results.slices_in(asked.paths, query)
    found = results.read(asked.paths, Query(**{**_fields(query), "slices": slices}))
    written = _Writer(found)
    left = [f"model {name!r}" for name in models if name not in (candidate, baseline)]
    left += [
        f"{name}, which `compare` watches and does not judge" for name in found.metrics if name not in found.primary
    ]
    guesses = [guess] if guess else []
    if slices and not asked.slices:
        guesses.append(f"the columns {', '.join(slices)} are slices: few labels, ten rows or more each")
    guesses += [f"{name} is better when {metric.better}" for name, metric in written.metrics.items()]
    guesses.append("the margins: what may be lost before it matters is yours to say")
    taken = Taken(
        files={},
        taken=(
            f"{found.source} in {asked.where}: {written.n} examples, metrics {', '.join(written.metrics)}",
            *(f"{note.message}" for note in found.warnings),
        ),
        guessed=tuple(guesses),
        left=tuple(left),
    )
    return Taken(
        files={"shipworthy.yaml": head(asked, taken) + written.protocol(slices), **written.files(slices)},
        taken=taken.taken,
        guessed=taken.guessed,
        left=taken.left,
    )


def _fields(query: Query) -> dict[str, Any]:
    return {name: getattr(query, name) for name in query.__struct_fields__}


class _Writer:
    """The files of one comparison."""

    def __init__(self, found: Results) -> None:
        self._found = found
        self.metrics: Mapping[str, Metric] = {name: found.metrics[name] for name in found.primary}
        for name, metric in self.metrics.items():
            if metric.kind not in ("binary", "mean"):
                raise BadInput(f"{name} is no mean of values, so its scores cannot be recorded; choose with --metric")
        self._keys: dict[str, str] = {}
        for name in self.metrics:
            self._keys[name] = key(name, self._keys.values())
        self._evidence = {
            key(one.dataset.replace("results/", "only-"), ()): (one, self._of(one))
            for one in found.evidence
            if self._of(one)
        }
        self._models = {found.candidate: key(found.candidate)}
        self._models[found.baseline] = key(found.baseline, self._models.values())

    @property
    def n(self) -> int:
        return len({str(example) for one, _ in self._evidence.values() for example in one.example_N})

    def _of(self, one: Evidence) -> list[str]:
        return [name for name in self.metrics if self._found.datasets[name] == one.dataset]

    # --- files -------------------------------------------------------------------------------------------------------

    def files(self, slices: tuple[str, ...]) -> dict[str, str]:
        """Rows by dataset, and recorded scores by model."""
        written = {
            f"data/{dataset}.jsonl": lines(self._rows(one, slices)) for dataset, (one, _) in self._evidence.items()
        }
        for model, name in self._models.items():
            recorded = (row for dataset in self._evidence for row in self._recorded(dataset, model))
            written[f"responses/{name}.jsonl"] = lines(recorded)
        return written

    def _ids(self, one: Evidence) -> list[str]:
        """One id a unit: an example under several seeds becomes several rows of one cluster."""
        if len(set(one.seed_N.tolist())) <= 1:
            return [str(example) for example in one.example_N]
        return [f"{example}#{seed}" for example, seed in zip(one.example_N, one.seed_N, strict=True)]

    def _rows(self, one: Evidence, slices: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        clustered = len(np.unique(one.cluster_N)) < len(one.cluster_N)
        for at, name in enumerate(self._ids(one)):
            row: dict[str, Any] = {"id": name, "input": self._found.inputs.get(str(one.example_N[at])) or name}
            for column in slices:
                labels = one.slices[column]
                row[f"slice_{column}"] = labels.names[labels.code_N[at]] if labels.code_N[at] >= 0 else None
            if clustered:
                row["cluster"] = f"c{one.cluster_N[at]}"
            yield row

    def _recorded(self, dataset: str, model: str) -> Iterator[dict[str, Any]]:
        one, names = self._evidence[dataset]
        for at, name in enumerate(self._ids(one)):
            line: dict[str, Any] = {"dataset": dataset, "example_id": name}
            if one.status[model][at] == ANSWERED:
                values = {self._keys[metric]: _value(one.counts[model, metric][at, 0]) for metric in names}
                yield {**line, "text": json.dumps(values)}
            elif one.status[model][at] == FAILED:
                yield {**line, "error": "failed: the source tells a failure and no score"}

    # --- protocol ----------------------------------------------------------------------------------------------------

    def protocol(self, slices: tuple[str, ...]) -> str:
        """Everything after the head."""
        return "\n".join(
            [
                "",
                "# The rows that were scored, with what was asked where the source tells it.",
                "datasets:",
                *(self._dataset(name, one, slices) for name, (one, _) in self._evidence.items()),
                "",
                "# Their scores, as the source gave them: each answer is a JSON object of scores.",
                "models:",
                self._model(self._found.candidate, "candidate"),
                self._model(self._found.baseline, "production"),
                "",
                "# The scores are read back. To score texts anew, record them and name a metric of ours.",
                "metrics:",
                *(self._metric(name, dataset) for dataset, (_, names) in self._evidence.items() for name in names),
                "",
                "# Who may pass: a hard gate that fails blocks, a soft one asks a person. Margins are yours to set.",
                "gates:",
                *(self._gate(name, at, slices) for at, name in enumerate(self.metrics)),
                "",
                "follow_ups: {promote: []}         # recorded scores are no release",
                "",
            ]
        )

    def _dataset(self, name: str, one: Evidence, slices: tuple[str, ...]) -> str:
        text = f"  {scalar(name)}:\n    path: {scalar(f'data/{name}.jsonl')}\n    role: test\n    reference: null"
        if len(np.unique(one.cluster_N)) < len(one.cluster_N):
            text += "\n    cluster: cluster               # repeats and rows of one input rise and fall together"
        if slices:
            text += f"\n    slices: {scalar([f'slice_{column}' for column in slices])}"
        return text

    def _model(self, model: str, role: str) -> str:
        name = self._models[model]
        path = scalar(f"responses/{name}.jsonl")
        return f"  {scalar(name)}:\n    role: {role}\n    backend: recorded\n    path: {path}"

    def _metric(self, name: str, dataset: str) -> str:
        metric, field = self.metrics[name], self._keys[name]
        kind, options = "json_number", self._range(name)
        if metric.kind == "binary" and metric.better == "higher":
            kind, options = "regex_match", {"pattern": f'"{re.escape(field)}": 1[,}}]'}
        return f"  {scalar(field)}:\n    dataset: {scalar(dataset)}\n    metric: {kind}\n    options: {scalar(options)}"

    def _range(self, name: str) -> dict[str, Any]:
        low, high = self._limits(name)
        metric = self.metrics[name]
        return {"path": self._keys[name], "better": metric.better, "unit": metric.unit, "low": low, "high": high}

    def _limits(self, name: str) -> tuple[float, float]:
        if self.metrics[name].unit == "share":
            return 0.0, 1.0
        one = next(one for one, names in self._evidence.values() if name in names)
        values = np.concatenate(
            [one.counts[model, name][one.status[model] == ANSWERED, 0] for model in self._models] + [np.zeros(1)]
        )
        return float(values.min()), float(max(values.max(), values.min() + 1))

    def _own_value(self, name: str) -> float:
        """The baseline's mean."""
        one = next(one for one, names in self._evidence.values() if name in names)
        base = self._found.baseline
        return float(one.counts[base, name][one.status[base] == ANSWERED, 0].mean())

    def _gate(self, name: str, at: int, slices: tuple[str, ...]) -> str:
        margin, own = self.metrics[name].margin, self._own_value(name)
        text = f"  - metric: {scalar(self._keys[name])}\n    baseline: {scalar(self._models[self._found.baseline])}"
        if abs(own) > margin:
            text += f"\n    margin: {margin:g}                  # may lose at most this much"
        else:
            text += f"\n    # margin: ?  the default {margin:g} is as large as the baseline's own {own:.3g}; say yours"
        if at >= _HARD:
            text += "\n    level: soft                   # the first three metrics block; the others ask"
        if at == 0 and slices:
            text += f"\n    slices: {scalar([f'slice_{column}' for column in slices])}"
        return text


def _value(value: float) -> float | int:
    return int(value) if float(value).is_integer() else float(value)

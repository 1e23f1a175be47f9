"""From a protocol to what runs: datasets are read, suites make theirs, and what an occasion leaves out is left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from shipworthy import data, plugins
from shipworthy.data.versions import digest_of_rows
from shipworthy.errors import BadInput
from shipworthy.evaluation.prompts import render
from shipworthy.evaluation.suites.cadence import occasion, only
from shipworthy.evaluation.suites.types import Made, Part, Probe, Suite
from shipworthy.models.inside import LOCAL
from shipworthy.protocol import Protocol
from shipworthy.protocol.types import Cadence, DatasetSpec, SuiteSpec
from shipworthy.records import Example, Prompt
from shipworthy.store import DatasetPrint

_HERE = "shipworthy.evaluation.suites"
BUILT_IN: Mapping[str, str] = {
    "attribution": f"{_HERE}.attribution:attribution",
    "data_checks": f"{_HERE}.data_checks:data_checks",
    "few_shot": f"{_HERE}.few_shot:few_shot",
    "golden": f"{_HERE}.golden:golden",
    "integration": f"{_HERE}.integration:integration",
    "out_of_distribution": f"{_HERE}.out_of_distribution:out_of_distribution",
    "probing": f"{_HERE}.probing:probing",
    "regression": f"{_HERE}.regression:regression",
    "robustness": f"{_HERE}.robustness:robustness",
    "safety": f"{_HERE}.safety:safety",
    "stress": f"{_HERE}.stress:stress",
    "unit": f"{_HERE}.unit:unit",
}
"""Name in the protocol -> the function that makes the suite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arranged:
    """A protocol whose suites have become datasets.

    Attributes:
        protocol: what runs; every suite in it stands under `datasets` too.
        examples: of all its datasets, in their order.
        probes: dataset -> who answers it instead of the model alone.
        sources: datasets that were read only to make suites of them; a run has looked at them as well.
    """

    protocol: Protocol
    examples: tuple[Example, ...]
    probes: Mapping[str, Probe]
    sources: Mapping[str, DatasetPrint]


def arrange(promised: Protocol, *, folder: Path, when: Cadence | None = None) -> Arranged:
    """What of the protocol runs on this occasion (None: all of it), its data read and its suites made.

    Raises: BadInput, UnknownName: a file, a suite or its options are wrong, or nothing runs on this occasion.
    """
    due = occasion(promised, when) if when is not None else promised
    shelf = _Shelf(promised, folder)
    made = {name: make(shelf.part(name, spec)) for name, spec in due.suites.items()}
    due = _without_empty(due, made)
    made = {name: one for name, one in made.items() if name in due.suites}
    for name, one in made.items():
        _refuse_closed(due, name, one)
    specs = {name: _as_dataset(due.suites[name], one) for name, one in made.items()}
    read = {name: shelf.read(name) for name in due.datasets}
    examples = [*read.values(), *(tuple(one.examples) for one in made.values())]
    return Arranged(
        protocol=_checked(msgspec.structs.replace(due, datasets={**due.datasets, **specs})),
        examples=tuple(example for rows in examples for example in rows),
        probes={name: one.probe for name, one in made.items() if one.probe is not None},
        sources=shelf.prints(_sources(due, made) - set(due.datasets)),
    )


def made_of(promised: Protocol, name: str, *, folder: Path) -> Made:
    """The rows of one suite of a protocol. Raises: as `make`; KeyError: the protocol has no such suite."""
    return make(_Shelf(promised, folder).part(name, promised.suites[name]))


def make(part: Part) -> Made:
    """The rows of one suite. Raises: UnknownName: no such suite. BadInput: it cannot be made, or made a wrong row."""
    kind = part.spec.suite
    suite: Suite = plugins.find("suite", str(part.folder / kind) if ".py:" in kind else kind, BUILT_IN)
    made = suite(part)
    if not isinstance(made, Made):
        raise part.wrong(f"returned {type(made).__name__}, not Made")
    ids = {example.id for example in made.examples}
    if len(ids) < len(made.examples):
        raise part.wrong("made two rows with the same id")
    if strangers := {example.dataset for example in made.examples} - {part.name}:
        raise part.wrong(f"made rows of the dataset {strangers.pop()!r}; they must be of {part.name!r}")
    return made


class _Shelf:
    """Datasets of a protocol, each read once."""

    def __init__(self, promised: Protocol, folder: Path) -> None:
        self._promised = promised
        self._folder = folder
        self._rows: dict[str, tuple[Example, ...]] = {}

    def read(self, name: str) -> tuple[Example, ...]:
        if name not in self._promised.datasets:
            known = ", ".join(self._promised.datasets) or "none"
            raise BadInput(f"a suite asks for the dataset {name!r}; known: {known}")
        if name not in self._rows:
            self._rows[name] = tuple(data.read(name, self._promised.datasets[name], folder=self._folder))
        return self._rows[name]

    def part(self, name: str, spec: SuiteSpec) -> Part:
        return Part(
            name=name,
            spec=spec,
            protocol=self._promised,
            folder=self._folder,
            read=self.read,
            asked=partial(_asked, self._promised),
        )

    def prints(self, names: set[str]) -> dict[str, DatasetPrint]:
        found = {name: (self.read(name), self._promised.datasets[name].path) for name in sorted(names)}
        return {name: data_print(rows, path) for name, (rows, path) in found.items()}


def data_print(examples: Sequence[Example], path: str) -> DatasetPrint:
    """What a run notes of a dataset: the digest of its examples, and the version of its rows that may be sealed."""
    return DatasetPrint(
        sha256=data.digest(examples),
        n=len(examples),
        path=path,
        rows_sha256=digest_of_rows(example.fields for example in examples).sha256,
    )


def _asked(promised: Protocol, example: Example) -> Prompt:
    return render(promised, [example])[0]


def _sources(due: Protocol, made: Mapping[str, Made]) -> set[str]:
    of = {spec.of for spec in due.suites.values() if spec.of is not None}
    return of | {name for one in made.values() for name in one.reads}


def _without_empty(due: Protocol, made: Mapping[str, Made]) -> Protocol:
    """A suite that has no rows yet (no failure was ever saved) takes its metrics and gates along."""
    empty = [name for name, one in made.items() if not one.examples]
    if not empty:
        return due
    left = only(due, [name for name in (*due.datasets, *due.suites) if name not in empty])
    if not left.gates:
        raise BadInput(f"suite {empty[0]!r} has no rows yet, and no gate is left without it")
    return left


def _refuse_closed(due: Protocol, name: str, made: Made) -> None:
    if not made.looks_inside:
        return
    for model, spec in due.models.items():
        if spec.role == "candidate" and spec.backend not in (LOCAL, "recorded"):
            raise BadInput(
                f"suite {name!r} ({due.suites[name].suite}) looks inside the weights, and the candidate {model!r} "
                f"has the backend {spec.backend}; leave the suite out, or judge the weights with the backend {LOCAL}"
            )


def _as_dataset(spec: SuiteSpec, made: Made) -> DatasetSpec:
    return DatasetSpec(
        path=f"suite {spec.suite}{f' of {spec.of}' if spec.of else ''}",
        role=spec.role or made.role,
        slices=made.slices,
        on=spec.on,
        version=spec.version,
        prompt=made.prompt,
    )


def _checked(arranged: Protocol) -> Protocol:
    """Gates over slices of a suite can be checked only now."""
    for gate in arranged.gates:
        name = arranged.metrics[gate.metric].dataset
        known: Sequence[str] = arranged.datasets[name].slices
        for column in gate.slices:
            if column not in known:
                raise BadInput(
                    f"the gate on {gate.metric!r} asks for slices by {column!r}, which {name!r} does not have; "
                    f"known: {', '.join(known) or 'none'}"
                )
    return arranged

"""Does the protocol hold together? Names that point nowhere, rules without what they need."""

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NoReturn

import msgspec

from shipworthy.errors import BadInput, ProtocolError
from shipworthy.protocol._shape import nearest
from shipworthy.protocol._yaml import Path, Tree
from shipworthy.protocol.limits import NAMES, parsed
from shipworthy.protocol.margins import LARGEST, Amount, amount
from shipworthy.protocol.types import WARNING_CODES, GateSpec, ModelSpec, Protocol, TrainingData

LARGEST_SEED = 2**63 - 1
"""A seed that the evidence can hold."""
RULES = ("margin", "min_gain", "at_least", "at_most")
NEEDED: dict[str, tuple[str, ...]] = {
    "recorded": ("path",),
    "trivial": ("strategy",),
    "openai": ("base_url", "model"),
    "huggingface": ("path",),
    "vllm": ("path",),
    "release": (),
}
"""What each built-in backend cannot do without."""


def settle(tree: Tree, protocol: Protocol) -> Protocol:
    """The protocol with its trials spelled out. Raises: ProtocolError: the first thing that does not hold."""
    _Check(tree, protocol).everything()
    seeds = protocol.seeds if protocol.trials is None else tuple(range(protocol.trials))
    return msgspec.structs.replace(protocol, seeds=seeds, trials=None)


def _rules(gate: GateSpec) -> list[str]:
    values = (gate.margin, gate.min_gain, gate.at_least, gate.at_most)
    return [name for name, value in zip(RULES, values, strict=True) if value is not None]


class _Check:
    """One method a rule; each raises at the line that breaks it."""

    def __init__(self, tree: Tree, protocol: Protocol) -> None:
        self._tree = tree
        self._protocol = protocol

    def everything(self) -> None:
        self.not_empty()
        self.candidate()
        self.seeds()
        for name in self._protocol.models:
            self.model(name)
        for name, dataset in self._protocol.datasets.items():
            if dataset.prompt is not None:
                self.known("prompt", dataset.prompt, self._protocol.prompts, ("datasets", name, "prompt"))
        for name in self._protocol.suites:
            self.suite(name)
        measured = [*self._protocol.datasets, *self._protocol.suites]
        for name, metric in self._protocol.metrics.items():
            self.known("dataset", metric.dataset, measured, ("metrics", name, "dataset"))
        for index, gate in enumerate(self._protocol.gates):
            self.gate(gate, ("gates", index))
        for name in self._protocol.planning.metrics:
            self.known("metric", name, self._protocol.metrics, ("planning", "metrics", name))
        self.twice()
        self.follow_ups()
        if self._protocol.data is not None:
            self.training(self._protocol.data)

    def not_empty(self) -> None:
        if not self._protocol.name.strip():
            self.refuse("name is empty; releases and reports are called by it", ("name",))
        if not self._protocol.suites and not self._protocol.datasets:
            self.refuse("datasets is empty; a verdict needs at least one", ("datasets",))
        for section in ("models", "metrics", "gates"):
            if not getattr(self._protocol, section):
                self.refuse(f"{section} is empty; a verdict needs at least one", (section,))

    def suite(self, name: str) -> None:
        spec, path = self._protocol.suites[name], ("suites", name)
        if name in self._protocol.datasets:
            self.refuse(f"a dataset is named {name!r} too; a suite is a dataset of its own, so rename one", path)
        if spec.of is not None:
            self.known("dataset", spec.of, self._protocol.datasets, (*path, "of"))

    def candidate(self) -> None:
        names = [name for name, spec in self._protocol.models.items() if spec.role == "candidate"]
        if not names:
            self.refuse("no model has the role candidate; give one model `role: candidate`", ("models",))
        if len(names) > 1:
            message = f"{' and '.join(names[:2])} both have the role candidate; a protocol judges exactly one"
            self.refuse(message, ("models", names[1], "role"))

    def seeds(self) -> None:
        if self._protocol.trials is not None and self._protocol.seeds != (0,):
            self.refuse("both seeds and trials are given; trials stands for the seeds from 0 on, keep one", ("trials",))
        if not self._protocol.seeds:
            self.refuse("seeds is empty; give at least one, like [0]", ("seeds",))
        for index, seed in enumerate(self._protocol.seeds):
            if abs(seed) > LARGEST_SEED:
                self.refuse(f"the seed {seed} is too large; the limit is {LARGEST_SEED}", ("seeds", index))
        for seed, count in Counter(self._protocol.seeds).items():
            if count > 1:
                self.refuse(f"seed {seed} stands {count} times; each seed is run once", ("seeds",))

    def model(self, name: str) -> None:
        spec, path = self._protocol.models[name], ("models", name)
        if spec.role == "published":
            if not spec.published:
                self.refuse(f"{name} has the role published and needs numbers under `published`", path)
            for metric in spec.published:
                self.known("metric", metric, self._protocol.metrics, (*path, "published", metric))
            return
        if spec.backend == "release" and spec.role in ("candidate", "trivial"):
            message = (
                f"{name} is the {spec.role}, and backend release is what is in production already; name its backend"
            )
            self.refuse(message, (*path, "backend"))
        if spec.backend not in NEEDED:
            self.backend(spec, (*path, "backend"))
        for key in NEEDED.get(spec.backend, ()):
            if getattr(spec, key) is None:
                self.refuse(f"{name} has the backend {spec.backend} and needs the key {key!r}", path)

    def backend(self, spec: ModelSpec, path: Path) -> None:
        """A backend that is not built in is a plug-in, unless it is nearly the name of one that is."""
        near = difflib.get_close_matches(spec.backend, NEEDED, n=1, cutoff=0.8)
        if near and ":" not in spec.backend:
            self.refuse(f"unknown backend {spec.backend!r}; did you mean {near[0]!r}? known: {', '.join(NEEDED)}", path)

    def gate(self, gate: GateSpec, path: Path) -> None:
        self.known("metric", gate.metric, self._protocol.metrics, (*path, "metric"))
        rules = _rules(gate)
        if len(rules) > 1:
            self.refuse(f"a gate keeps one rule, not {' and '.join(rules)}; make a gate of each", (*path, rules[1]))
        self.limits(gate, path)
        self.baseline(gate, path, rule=rules[0] if rules else "margin")
        dataset = self._protocol.datasets.get(self._protocol.metrics[gate.metric].dataset)
        for index, column in enumerate(gate.slices if dataset else ()):  # a suite's columns show when it is made
            self.known("slice", column, dataset.slices if dataset else (), (*path, "slices", index))
        for index, code in enumerate(gate.require_absent):
            self.known("warning code", code, WARNING_CODES, (*path, "require_absent", index))

    def limits(self, gate: GateSpec, path: Path) -> None:
        """Whether each is written as one may write it; whether its metric can have it shows when that is built."""
        for name in ("at_least", "at_most"):
            if abs(getattr(gate, name) or 0) > LARGEST:
                self.refuse(f"{name} is beyond {LARGEST:g}; give a number in the metric's unit", (*path, name))
        forms = {name: self.amount(gate, name, path) for name in ("margin", "min_gain", "slice_margin")}
        whole, within = forms["margin"] or forms["min_gain"], forms["slice_margin"]
        relative = whole is not None and whole.form == "percent"
        if within is not None and relative != (within.form == "percent"):
            wanted = "in percent like the limit of the whole" if relative else "in the metric's unit, as the whole is"
            self.refuse(f"slice_margin must be {wanted}, not {within}", (*path, "slice_margin"))

    def amount(self, gate: GateSpec, name: str, path: Path) -> Amount | None:
        given = getattr(gate, name)
        if given is None:
            return None
        try:
            found = amount(given)
        except BadInput as error:
            self.refuse(f"{name} {given}: {error}" if isinstance(given, float) else f"{name}: {error}", (*path, name))
        if name != "min_gain" and found.value < 0:
            self.refuse(f"{name} must be at least 0, not {found}", (*path, name))
        return found

    def baseline(self, gate: GateSpec, path: Path, *, rule: str) -> None:
        baselines = [name for name, spec in self._protocol.models.items() if spec.role != "candidate"]
        if gate.baseline is None:
            if rule in ("margin", "min_gain"):
                known = f"; known: {', '.join(baselines)}" if baselines else "; declare one under `models`"
                self.refuse(f"a gate with {rule} compares, so it needs the key 'baseline'{known}", path)
            return
        if rule in ("at_least", "at_most"):
            message = f"{rule} is a limit on the candidate alone; remove 'baseline', or use margin or min_gain"
            self.refuse(message, (*path, "baseline"))
        self.known("baseline", gate.baseline, baselines, (*path, "baseline"))
        spec = self._protocol.models[gate.baseline]
        if spec.role == "published" and gate.metric not in spec.published:
            self.refuse(
                f"{gate.baseline} publishes no {gate.metric!r}; add it under its `published`", (*path, "baseline")
            )

    def twice(self) -> None:
        seen: dict[str, int] = {}
        for index, gate in enumerate(self._protocol.gates):
            key = gate.name or repr(gate)
            if key in seen:
                said = f"is named {gate.name!r}" if gate.name else "says the same"
                message = f"gates[{seen[key]}] already {said}; keep one, or give this one a name of its own"
                self.refuse(message, ("gates", index, "name"))
            seen[key] = index

    def follow_ups(self) -> None:
        for verdict in ("block", "sign_off", "inconclusive"):
            for index, name in enumerate(getattr(self._protocol.follow_ups, verdict)):
                if name == "register":
                    message = f"register makes a release, and a verdict {verdict} gives none; keep it under promote"
                    self.refuse(message, ("follow_ups", verdict, index))

    def training(self, data: TrainingData) -> None:
        for key in ("files", "limits"):
            if not getattr(data, key):
                self.refuse(f"data.{key} is empty; give at least one, or leave out `data`", ("data", key))
        for index, name in enumerate(data.against):
            if not _is_file(name):
                self.known("dataset", name, self._protocol.datasets, ("data", "against", index))
        for name, limit in data.limits.items():
            path = ("data", "limits", name)
            if name not in NAMES:
                self.refuse(f"unknown limit {name!r}; {_nearest_limits(name)}", path)
            try:
                parsed(name, limit)
            except BadInput as error:
                self.refuse(str(error), path)

    def known(self, what: str, name: str, names: Iterable[str], path: Path) -> None:
        known = list(names)
        if name not in known:
            self._misspelt_key(what, name, known, path)
            self.refuse(f"unknown {what} {name!r}{nearest(name, known)}", path)

    def _misspelt_key(self, what: str, name: str, known: Sequence[str], path: Path) -> None:
        """A declared metric that nothing names, near to what is named, may itself be the typo: both are told."""
        if what != "metric":
            return
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
        if near and near[0] not in {gate.metric for gate in self._protocol.gates}:
            there = self._tree.at_key(("metrics", near[0])).rsplit(":", 2)[1]
            told = f"{name!r} is named here, and line {there} declares {near[0]!r}, which no gate names"
            self.refuse(f"unknown metric {name!r}: {told}; one of the two is misspelt", path)

    def refuse(self, message: str, path: Path) -> NoReturn:
        raise ProtocolError(message, where=self._tree.at(path))


def _is_file(name: str) -> bool:
    """Whether `against` means a file: names of datasets have no dot, slash or backslash."""
    return any(mark in name for mark in "./\\")


def _nearest_limits(name: str) -> str:
    """There are too many names to list them all."""
    near = difflib.get_close_matches(name[:80].lower(), NAMES, n=3, cutoff=0.5)
    meant = f"did you mean {' or '.join(map(repr, near))}?" if near else "such as truncated, secret or leakage_certain;"
    return f"{meant} all of them: docs/reference/protocol.md"

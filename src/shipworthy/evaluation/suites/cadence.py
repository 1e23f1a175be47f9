"""What of a protocol runs on which occasion: a commit, a checkpoint, at night, before a deployment, weekly. Pure."""

from collections.abc import Collection, Mapping

import msgspec

from shipworthy.errors import BadInput
from shipworthy.protocol import Protocol
from shipworthy.protocol.types import Cadence, DatasetSpec, SuiteSpec

CHECKPOINT_ROLES = ("golden", "safety")


def occasion(promised: Protocol, when: Cadence) -> Protocol:
    """The part of a protocol that runs on this occasion: its datasets and suites, the metrics on them, their gates.

    A dataset or suite whose `on` is empty always runs. On a checkpoint, where nothing says `on: [checkpoint]`, the
    golden and safety sets run alone if there are any: a checkpoint must be judged while its training waits.

    Raises: BadInput: nothing of the protocol runs then, or no gate is left to judge by.
    """
    every: Mapping[str, DatasetSpec | SuiteSpec] = {**promised.datasets, **promised.suites}
    due = [name for name, spec in every.items() if not spec.on or when in spec.on]
    if when == "checkpoint" and not any(when in spec.on for spec in every.values()):
        quick = [name for name in due if _role(every[name]) in CHECKPOINT_ROLES]
        due = quick or due
    left = only(promised, due)
    if not left.gates:
        raise BadInput(
            f"protocol {promised.name!r} has no gate to judge by on {when}; give a dataset that a gate measures "
            f"`on: [{when}]`, or no `on` at all"
        )
    return msgspec.structs.replace(_without_idle_floor(left), on=(when,))


def _without_idle_floor(promised: Protocol) -> Protocol:
    """A trivial model is the floor of the test sets: where none runs and no gate names it, it is not asked."""
    every: list[DatasetSpec | SuiteSpec] = [*promised.datasets.values(), *promised.suites.values()]
    named = {gate.baseline for gate in promised.gates}
    if any(_role(spec) in ("test", "few_shot") for spec in every):
        return promised
    kept = {name: spec for name, spec in promised.models.items() if spec.role != "trivial" or name in named}
    return msgspec.structs.replace(promised, models=kept)


def _role(spec: DatasetSpec | SuiteSpec) -> str | None:
    """What rows are for; the suites golden and safety are for what their names say."""
    return spec.role if isinstance(spec, DatasetSpec) or spec.role is not None else spec.suite


def only(promised: Protocol, names: Collection[str]) -> Protocol:
    """The protocol with these datasets and suites alone, and with the metrics and gates that stand on them."""
    metrics = {name: spec for name, spec in promised.metrics.items() if spec.dataset in names}
    return msgspec.structs.replace(
        promised,
        datasets={name: spec for name, spec in promised.datasets.items() if name in names},
        suites={name: spec for name, spec in promised.suites.items() if name in names},
        metrics=metrics,
        gates=tuple(gate for gate in promised.gates if gate.metric in metrics),
    )

"""Under which load each model's seconds were measured: declared before the run, compared before they are judged.

Endpoints are asked side by side, in step where a gate compares their seconds, each with its own `concurrency`; local
models have the machine to themselves, one after another, in batches; what is recorded was measured elsewhere.
"""

from collections.abc import Mapping

from shipworthy.metrics.types import Metric
from shipworthy.protocol import Protocol
from shipworthy.protocol.types import ModelSpec

Identities = Mapping[str, Mapping[str, str]]

SETTING = "load"
"""Under which name the manifest's settings hold it."""
TIMED = ("s", "tokens/s")
"""Units of what depends on load."""
STEP = 4
"""Requests in flight times this: how many prompts a model is given before it waits for the others."""


def loads(promised: Protocol, identities: Identities, metrics: Mapping[str, Metric]) -> dict[str, dict[str, str]]:
    """Model -> what its latency was measured under; published models have none."""
    in_step = steps(promised, identities, metrics)
    return {
        name: _load(spec, identities.get(name, {}), in_step=name in in_step)
        for name, spec in promised.models.items()
        if spec.role != "published"
    }


def steps(promised: Protocol, identities: Identities, metrics: Mapping[str, Metric]) -> dict[str, int]:
    """Endpoint -> how many prompts it is given before it waits for the others; empty where no gate compares seconds of
    two endpoints."""
    remote = [name for name in promised.models if "endpoint" in identities.get(name, {})]
    compared = any(gate.baseline in remote and metrics[gate.metric].unit in TIMED for gate in promised.gates)
    asked = {name: STEP * _concurrency(promised.models[name]) for name in remote}
    return dict.fromkeys(asked, max(asked.values())) if compared and len(remote) > 1 else {}


def timed(promised: Protocol, metrics: Mapping[str, Metric]) -> bool:
    """Whether a gate judges seconds, which an answer of an earlier run cannot tell."""
    return any(metrics[gate.metric].unit in TIMED for gate in promised.gates)


def _load(spec: ModelSpec, identity: Mapping[str, str], *, in_step: bool) -> dict[str, str]:
    warm = {"warm-up": str(spec.warm_up)}
    if "endpoint" in identity:
        order = "in step with the others" if in_step else "side by side"
        return {"measured": "live", "in flight": str(_concurrency(spec)), "order": order, **warm}
    if spec.backend in ("recorded", "trivial"):
        return {"measured": spec.backend}
    return {"measured": "local", "batch": identity.get("batch_size", "1"), "order": "one after another", **warm}


def _concurrency(spec: ModelSpec) -> int:
    from shipworthy.models.openai import Settings

    return int(spec.options.get("concurrency", Settings().concurrency))

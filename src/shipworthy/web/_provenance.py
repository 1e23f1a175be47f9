"""Where a run's numbers come from: protocol, data, models, metrics, versions."""

from collections.abc import Mapping

from shipworthy.metrics.types import Metric
from shipworthy.protocol import Protocol
from shipworthy.store.manifest import Manifest
from shipworthy.web._page import Fact, Facts


def provenance(locked: Manifest, promised: Protocol) -> tuple[Facts, ...]:
    seeds = ", ".join(map(str, locked.seeds))
    run = [
        Fact(name="Run", value=locked.run_id, is_code=True),
        Fact(name="Started", value=locked.created),
        Fact(name="Status", value=locked.status),
        Fact(name="Purpose", value=str(locked.settings.get("purpose", "decide"))),
        Fact(name="Protocol", value=f"{promised.name} {locked.protocol_path}".strip()),
        Fact(name="Protocol SHA-256", value=locked.protocol_sha256, is_code=True),
        Fact(name="Seeds", value=seeds),
    ]
    data = [
        Fact(name=name, value=f"{print_.n:,} examples · {print_.path} · sha256 {print_.sha256}", is_code=True)
        for name, print_ in locked.datasets.items()
    ]
    models = [
        Fact(name=f"{name} ({print_.role})", value=_pairs(print_.identity), is_code=True)
        for name, print_ in locked.models.items()
    ]
    versions = [Fact(name=name, value=version) for name, version in (locked.versions | locked.environment).items()]
    groups = {"Run and protocol": run, "Data": data, "Models": models, "Versions and machine": versions}
    return tuple(Facts(title=title, rows=tuple(rows)) for title, rows in groups.items() if rows)


def metric_facts(metrics: Mapping[str, Metric]) -> Facts:
    rows = [
        Fact(
            name=name,
            value=" · ".join(filter(None, (f"version {m.version}", m.unit, f"{m.better} is better", m.source))),
        )
        for name, m in metrics.items()
    ]
    return Facts(title="Metrics", rows=tuple(rows))


def _pairs(identity: Mapping[str, str]) -> str:
    return " · ".join(f"{key} {value}" for key, value in identity.items() if value) or "no identity recorded"

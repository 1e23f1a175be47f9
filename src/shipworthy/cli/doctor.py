"""Say what is installed, what each missing package would bring, and which names a protocol may use."""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil

HELP = "what is installed, and what is missing for which feature"

FEATURES: dict[str, tuple[str, tuple[str, ...]]] = {
    "decisions, compare, run, report, release": (
        "",
        (
            "numpy",
            "scipy",
            "msgspec",
            "yaml",
            "duckdb",
            "aiohttp",
            "jinja2",
            "jsonschema",
            "lark",
            "cryptography",
            "tqdm",
        ),
    ),
    "train, demo, backend: huggingface": ("train", ("torch", "transformers", "trl", "peft", "datasets", "accelerate")),
    "metric: energy (of an NVIDIA GPU)": ("energy", ("pynvml",)),
    "recipe method: qlora": ("qlora", ("bitsandbytes",)),
    "recipe method: galore": ("galore", ("galore_torch",)),
}
_DISTRIBUTION = {"yaml": "pyyaml", "galore_torch": "galore-torch", "pynvml": "nvidia-ml-py"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Takes no options of its own."""


def run(args: argparse.Namespace) -> int:
    from shipworthy.errors import UNSUPPORTED, UnsupportedSystem

    if importlib.util.find_spec("fcntl") is None:  # asked before anything is imported that needs it
        raise UnsupportedSystem(UNSUPPORTED)
    facts = {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cpu_count": os.cpu_count(),
        "free_gb": _free_gb(),
    }
    features = {name: _feature(extra, modules) for name, (extra, modules) in FEATURES.items()}
    known, no_sandbox = _known_names(), _sandbox()
    if args.json:
        print(json.dumps({**facts, "features": features, "sandbox": no_sandbox is None, "names": known}))
        return 0
    print(f"{facts['system']}, Python {facts['python']}, {facts['cpu_count']} cores, {facts['free_gb']} GB free here")
    for name, feature in features.items():
        print(f"  {'ok     ' if feature['ready'] else 'missing'} {name}{_remedy(feature)}")
    print(
        f"  {'missing' if no_sandbox else 'ok     '} metrics that run programs{f': {no_sandbox}' if no_sandbox else ''}"
    )
    for kind, names in known.items():
        print(f"{kind}: {', '.join(names)}")
    core_only = not features["train, demo, backend: huggingface"]["ready"]
    print(f"Next: {'shipworthy init' if core_only else 'shipworthy demo'}")
    return 0


def _feature(extra: str, modules: tuple[str, ...]) -> dict[str, object]:
    missing = [m for m in modules if importlib.util.find_spec(m) is None]
    versions = {m: importlib.metadata.version(_DISTRIBUTION.get(m, m)) for m in modules if m not in missing}
    return {"ready": not missing, "extra": extra, "missing": missing, "versions": versions}


def _remedy(feature: dict[str, object]) -> str:
    if feature["ready"]:
        return ""
    missing = ", ".join(str(m) for m in feature["missing"]) if isinstance(feature["missing"], list) else ""
    extra = f"[{feature['extra']}]" if feature["extra"] else ""
    return f": needs {missing}; pip install 'shipworthy{extra}'"


def _known_names() -> dict[str, list[str]]:
    from shipworthy import metrics, models, plugins
    from shipworthy.evaluation import scoring, suites

    return {
        "metrics": metrics.names(),
        "scorers": plugins.names("scorer", scoring.BUILT_IN),
        "suites": plugins.names("suite", suites.BUILT_IN),
        "backends": plugins.names("backend", models.BUILT_IN),
    }


def _sandbox() -> str | None:
    """Why programs cannot be run in a sandbox here; None where they can."""
    import asyncio

    from shipworthy.evaluation.scoring import sandbox

    return asyncio.run(sandbox.why_not())


def _free_gb() -> float:
    return round(shutil.disk_usage(".").free / 1e9, 1)

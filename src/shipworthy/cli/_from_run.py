"""A finished run of ours -> the protocol it was locked on, over its own rows and recorded answers."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from shipworthy.cli._from import Asked, Taken, head, key, lines
from shipworthy.errors import BadInput
from shipworthy.records import Example, Response
from shipworthy.store import RunFolder

_KEPT = ("role", "usd_per_million_input", "usd_per_million_output", "published")


def is_run(path: Path) -> bool:
    """Whether a run's folder lies there."""
    return path.is_dir() and (path / "manifest.json").is_file()


def take(asked: Asked) -> Taken:
    """Raises: BadInput: the run keeps no rows or answers, or asks for what only its own folder has."""
    run = RunFolder.open(asked.paths[0])
    examples, responses = list(run.examples()), list(run.responses())
    if not examples or not responses:
        raise BadInput("this run keeps no rows and answers to begin from", where=str(run.path))
    protocol: dict[str, Any] = json.loads(msgspec.json.encode(run.manifest.protocol))
    models = {name: model for name, model in protocol["models"].items() if model["role"] != "published"}
    for given in (asked.candidate, asked.baseline):
        if given is not None and given not in models:
            raise BadInput(f"no model {given!r}; the run has {', '.join(models)}", where=str(run.path))
    if asked.candidate:
        _swap(protocol, run.manifest.candidate, asked.candidate)
    files = _rows(examples)
    protocol["datasets"] = {
        name: _dataset(spec, examples, name) for name, spec in _datasets(protocol, examples).items()
    }
    left = [f"suite {name!r}: its rows are taken as they were" for name in protocol.get("suites") or {}]
    protocol.pop("suites", None)
    protocol.pop("prompts", None)
    for name in models:
        answers = [response for response in responses if response.model == name]
        if not answers:
            continue
        path = f"responses/{key(name)}.jsonl"
        files[path] = lines(_answer(response) for response in answers)
        kept = {field: models[name][field] for field in _KEPT if models[name].get(field)}
        protocol["models"][name] = {**kept, "backend": "recorded", "path": path}
    if protocol.pop("data", None):
        left.append("the limits on training data: its files lie elsewhere")
    taken = Taken(
        files={},
        taken=(
            f"run {run.manifest.run_id}: {len(examples)} rows, {len(responses)} answers, metrics and gates as locked",
            "to judge a new model, add its endpoint or its answers under `models:` and make it the candidate",
        ),
        left=tuple(left),
    )
    body = {name: value for name, value in protocol.items() if name not in ("shipworthy", "name") and value}
    text = head(asked, taken) + "".join(f"{name}: {_indented(value)}\n" for name, value in body.items())
    return Taken(files={"shipworthy.yaml": text, **files}, taken=taken.taken, left=taken.left)


def _swap(protocol: dict[str, Any], was: str, now: str) -> None:
    """Another model of the run is the candidate; the one that was takes its role."""
    if was != now:
        models = protocol["models"]
        models[was]["role"], models[now]["role"] = models[now]["role"], "candidate"
        for gate in protocol.get("gates") or ():
            if gate.get("baseline") == now:
                gate["baseline"] = was


def _indented(value: Any) -> str:
    """A value in JSON, which is YAML, an entry a line."""
    if isinstance(value, Mapping):
        return "\n" + "\n".join(f"  {json.dumps(name)}: {json.dumps(one)}" for name, one in value.items())
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return "\n" + "\n".join(f"  - {json.dumps(one)}" for one in value)
    return json.dumps(value)


def _datasets(protocol: Mapping[str, Any], examples: list[Example]) -> dict[str, Mapping[str, Any]]:
    declared = protocol["datasets"]
    return {name: declared.get(name) or {"role": "test"} for name in dict.fromkeys(one.dataset for one in examples)}


def _dataset(spec: Mapping[str, Any], examples: list[Example], name: str) -> dict[str, Any]:
    mine = [one for one in examples if one.dataset == name]
    made: dict[str, Any] = {"path": f"data/{key(name)}.jsonl", "role": spec.get("role") or "test", "id": "id"}
    made["messages" if any(one.messages for one in mine) else "input"] = "messages"
    if not any(one.reference is not None for one in mine):
        made["reference"] = None
    else:
        made["reference"] = "reference"
    if spec.get("slices"):
        made["slices"] = spec["slices"]
    if any(one.cluster is not None or one.crossed is not None for one in mine):
        made["cluster"] = ["cluster", "crossed"] if any(one.crossed is not None for one in mine) else "cluster"
    return made


def _rows(examples: list[Example]) -> dict[str, str]:
    files: dict[str, str] = {}
    for name in dict.fromkeys(one.dataset for one in examples):
        files[f"data/{key(name)}.jsonl"] = lines(_row(one) for one in examples if one.dataset == name)
    return files


def _row(example: Example) -> dict[str, Any]:
    row: dict[str, Any] = {**example.fields, **example.slices, "id": example.id}
    row["messages"] = [msgspec.to_builtins(turn) for turn in example.messages]
    row["reference"] = example.reference
    if example.cluster is not None:
        row["cluster"] = example.cluster
    if example.crossed is not None:
        row["crossed"] = example.crossed
    return row


def _answer(response: Response) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.to_builtins(response)
    kept = (
        "dataset",
        "seed",
        "text",
        "error",
        "latency_s",
        "first_token_s",
        "input_tokens",
        "output_tokens",
        "cost_usd",
    )
    return (
        {"example_id": response.example_id}
        | {name: said[name] for name in kept if said.get(name) is not None}
        | ({"extra": said["extra"]} if said.get("extra") else {})
    )

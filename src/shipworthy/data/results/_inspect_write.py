"""A minimal `.eval` log (inspect_ai, version 2) that `inspect view` and `inspect score` open."""

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shipworthy.records import Record


class LoggedSample(Record):
    """One answered example. `scores`: scorer -> value. `error`: why there is no answer."""

    id: str
    input: str
    target: str
    output: str = ""
    epoch: int = 1
    scores: dict[str, float] = {}
    metadata: dict[str, Any] = {}
    error: str | None = None


class LoggedRun(Record):
    """One model on one task. `created`: ISO 8601 time with zone."""

    task: str
    model: str
    created: str
    samples: tuple[LoggedSample, ...]


def write_eval(path: Path, run: LoggedRun) -> None:
    """Write `run` as a `.eval` log, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(packed(run))
    part.replace(path)


def packed(run: LoggedRun) -> bytes:
    """The bytes of the log: the same run gives the same bytes."""
    start = {"version": 2, "eval": _spec(run), "plan": {"name": "plan", "steps": [], "config": {}}}
    stats = {"started_at": run.created, "completed_at": run.created, "model_usage": {}}
    header = {**start, "status": "success", "results": _results(run), "stats": stats}
    members: dict[str, Any] = {"_journal/start.json": start}
    for sample in run.samples:
        members[f"samples/{sample.id}_epoch_{sample.epoch}.json"] = _sample(run, sample)
    members["summaries.json"] = [_summary(sample) for sample in run.samples]
    members["header.json"] = header
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)  # 1980: no clock in the bytes
            info.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(info, json.dumps(content, ensure_ascii=False))
    return buffer.getvalue()


def _spec(run: LoggedRun) -> dict[str, Any]:
    ids = list(dict.fromkeys(sample.id for sample in run.samples))
    epochs = max((sample.epoch for sample in run.samples), default=1)
    return {
        "eval_id": f"{run.task}-{run.model}",
        "run_id": f"{run.task}-{run.model}",
        "created": run.created,
        "task": run.task,
        "task_id": run.task,
        "dataset": {"name": run.task, "samples": len(ids), "sample_ids": ids},
        "model": run.model,
        "config": {"epochs": epochs},
        "scorers": [{"name": name} for name in _scorers(run.samples)],
    }


def _scorers(samples: Sequence[LoggedSample]) -> list[str]:
    return list(dict.fromkeys(name for sample in samples for name in sample.scores))


def _results(run: LoggedRun) -> dict[str, Any]:
    scores = []
    for name in _scorers(run.samples):
        values = [sample.scores[name] for sample in run.samples if name in sample.scores]
        mean = {"mean": {"name": "mean", "value": sum(values) / len(values)}}
        scores.append({"name": name, "scorer": name, "metrics": mean, "scored_samples": len(values)})
    done = sum(sample.error is None for sample in run.samples)
    return {"total_samples": len(run.samples), "completed_samples": done, "scores": scores}


def _scored(sample: LoggedSample) -> dict[str, Any]:
    return {name: {"value": value, "answer": sample.output} for name, value in sample.scores.items()}


def _summary(sample: LoggedSample) -> dict[str, Any]:
    whole = {
        "id": sample.id,
        "epoch": sample.epoch,
        "input": sample.input,
        "target": sample.target,
        "metadata": sample.metadata,
        "scores": _scored(sample),
        "completed": sample.error is None,
    }
    return whole if sample.error is None else {**whole, "error": sample.error}


def _sample(run: LoggedRun, sample: LoggedSample) -> dict[str, Any]:
    answer = {"role": "assistant", "content": sample.output, "source": "generate"}
    output = {"model": run.model, "choices": [{"message": answer, "stop_reason": "stop"}]}
    whole = {
        "id": sample.id,
        "epoch": sample.epoch,
        "input": sample.input,
        "target": sample.target,
        "messages": [{"role": "user", "content": sample.input}, answer],
        "output": output,
        "scores": _scored(sample),
        "metadata": sample.metadata,
        "store": {},
        "events": [],
        "model_usage": {},
        "attachments": {},
    }
    if sample.error is None:
        return whole
    said = {"message": sample.error, "traceback": "", "traceback_ansi": ""}
    return {**whole, "output": {"model": run.model, "choices": []}, "error": said}

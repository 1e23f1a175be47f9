"""HELM runs: `per_instance_stats.json` beside `run_spec.json`, or folders of such runs.

A stat of an instance is judged where HELM's schema says which direction is better, others when they are asked for. As
on its leaderboards only unperturbed instances of the test split count (of the validation split where there is none);
what is left out is told. `scenario_state.json`, where it lies beside, gives inputs, right answers and failures.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from shipworthy import records
from shipworthy.data.results._formats import Format
from shipworthy.data.results._logs import Score, called, finite, long_rows, same_input
from shipworthy.data.results._long import Long
from shipworthy.data.results._peek import Start
from shipworthy.data.results._query import Query, known
from shipworthy.errors import BadInput
from shipworthy.records import Direction
from shipworthy.store import loose_json

STATS, SPEC, STATE = "per_instance_stats.json", "run_spec.json", "scenario_state.json"
_HIGHER = (
    *("exact_match", "quasi_exact_match", "prefix_exact_match", "quasi_prefix_exact_match", "logprob"),
    *("exact_match@5", "quasi_exact_match@5", "prefix_exact_match@5", "quasi_prefix_exact_match@5"),
    *("logprob_per_byte", "rouge_1", "rouge_2", "rouge_l", "bleu_1", "bleu_4", "f1_set_match", "f1_score"),
    *("percent_valid", "NDCG@10", "RR@10", "NDCG@20", "RR@20", "math_equiv", "math_equiv_chain_of_thought"),
    *("exact_match_indicator", "final_number_exact_match", "exact_set_match", "iou_set_match", "summac"),
    *("QAFactEval", "BERTScore-P", "BERTScore-R", "BERTScore-F"),
)
_LOWER = ("bits_per_byte", "perplexity", "absolute_value_difference", "distance", "toxic_frac")
_SIDES: tuple[tuple[Direction, tuple[str, ...]], ...] = (("higher", _HIGHER), ("lower", _LOWER))
_BETTER: Mapping[str, Direction] = {name: side for side, names in _SIDES for name in names}
"""`lower_is_better` of HELM's schema_classic.yaml."""
_LATENCY, _RUNTIME = "latency_s", "inference_runtime"
_PROMPT = (
    *("method", "instructions", "input_prefix", "input_suffix", "output_prefix", "output_suffix", "instance_prefix"),
    *("max_train_instances", "num_outputs"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One run folder: whose it is, of which scenario, asked how."""

    folder: Path
    models: tuple[str, ...]
    scenario: str
    adapter: Mapping[str, Any]


def is_file(start: Start) -> bool:
    """The statistics of a run."""
    return start.has("[].instance_id", "[].train_trial_index", "[].stats")


def is_folder(folder: Path) -> bool:
    """A run or a folder of runs."""
    return any((path.parent / SPEC).is_file() for path in folder.rglob(STATS))


def read(paths: Sequence[Path], query: Query) -> Long:
    """Raises: BadInput: no run spec, other prompts for one scenario, another instance under one id, an unknown name."""
    where = ", ".join(map(str, paths))
    runs = [_run(path.parent, given) for given in paths for path in _stats(given)]
    models = [called(query, list(run.models)) for run in runs]
    for name in (query.candidate, query.baseline):
        known("model", name, models, where)
    for name in (*query.slices, *filter(None, [query.cluster])):
        known("column", name, ("scenario",), where)
    chosen = [(run, called(query, list(run.models))) for run in runs]
    chosen = [(run, model) for run, model in chosen if model in (query.candidate, query.baseline)]
    _same_prompts(chosen)
    left_out: dict[str, None] = {}
    scores = [score for run, model in chosen for score in _scores(run, model, query, left_out)]
    same_input(scores, {})
    if query.metric is not None:
        known("metric", query.metric, [score.metric for score in scores], where)
    better: dict[str, Direction] = {**_BETTER, _LATENCY: "lower"}
    long = long_rows(scores, source="HELM runs", where=where, better=better, extras=(_LATENCY,))
    return long if not left_out else replace(long, warnings=(*long.warnings, _told(left_out)))


def _told(left_out: Mapping[str, None]) -> records.Warning:
    message = f"instances of other splits and perturbations are left out: {', '.join(left_out)}"
    return records.Warning(code="left_out", message=message, count=len(left_out))


def _stats(given: Path) -> list[Path]:
    return sorted(given.rglob(STATS)) if given.is_dir() else [given]


def json_of(path: Path) -> Any:
    """Raises: BadInput: not there, or not JSON."""
    try:
        return loose_json.loads(path.read_bytes())
    except OSError:
        message = f"{path.name} is missing here; give the run's whole folder"
        raise BadInput(message, where=str(path.parent)) from None
    except ValueError:
        raise BadInput("this is not the JSON of HELM, or it was cut off", where=str(path)) from None


def _run(folder: Path, given: Path) -> _Run:
    spec = json_of(folder / SPEC)
    adapter = spec.get("adapter_spec") or {}
    model = str(adapter.get("model") or adapter.get("model_deployment") or folder.name)
    name, _, arguments = str(spec.get("name") or folder.name).partition(":")
    kept = [one for one in arguments.split(",") if one and not one.startswith(("model=", "model_deployment="))]
    return _Run(
        folder=folder,
        models=(model, str(adapter.get("model_deployment") or model), folder.name, given.name, str(given)),
        scenario=f"{name}:{','.join(kept)}" if kept else name,
        adapter={key: adapter.get(key) for key in _PROMPT},
    )


def _same_prompts(chosen: Sequence[tuple[_Run, str]]) -> None:
    """Raises: BadInput: one scenario was asked in two ways."""
    seen: dict[str, _Run] = {}
    for run, _ in chosen:
        other = seen.setdefault(run.scenario, run)
        differ = [key for key in _PROMPT if run.adapter[key] != other.adapter[key]]
        if differ:
            said = ", ".join(f"{key} {run.adapter[key]!r} and {other.adapter[key]!r}" for key in differ)
            message = f"{run.scenario!r} was asked in two ways ({said}); compare runs of one adapter"
            raise BadInput(message, where=f"{run.folder / SPEC}")


# --- instances -------------------------------------------------------------------------------------------------------


def _scores(run: _Run, model: str, query: Query, left_out: dict[str, None]) -> Iterator[Score]:
    path = run.folder / STATS
    found = [(row, f"{path}!entry {at}") for at, row in enumerate(json_of(path), start=1)]
    splits = {stat["name"].get("split") for row, _ in found for stat in row["stats"]}
    split = next((one for one in ("test", "valid") if one in splits), None)
    inputs, gold, failed = _state(run.folder)
    seen: dict[tuple[str, int, str], float | None] = {}
    for row, where in found:
        for stat in row["stats"]:
            name, value = _read(stat, where)
            perturbed = stat["name"].get("perturbation") or row.get("perturbation")
            if perturbed or stat["name"].get("split") != split:
                left_out[str((perturbed or {}).get("name") or stat["name"].get("split"))] = None
                continue
            if name != _LATENCY and not (name in _BETTER if query.metric is None else name == query.metric):
                continue
            instance, trial = str(row["instance_id"]), int(row["train_trial_index"])
            lost = instance in failed
            if (value is None and not lost) or (lost and name == _LATENCY):
                continue
            key = (instance, trial, name)
            if key in seen and seen[key] == value:
                continue  # two metric classes of a run compute it
            seen[key] = value
            yield Score(
                example=f"{run.scenario}/{instance}",
                model=model,
                metric=name,
                value=None if lost else value,
                where=f"{where}, {instance}",
                seed=trial,
                labels={"scenario": run.scenario},
                cluster=None if query.cluster is None else run.scenario,
                asked=inputs.get(instance),
                gold=gold.get(instance),
            )


def _read(stat: Mapping[str, Any], where: str) -> tuple[str, float | None]:
    name = str(stat["name"]["name"])
    name = _LATENCY if name == _RUNTIME else name
    count = stat.get("count") or 0
    return name, finite(stat["sum"], name, where) / count if count else None


def _state(folder: Path) -> tuple[dict[str, str], dict[str, str], frozenset[str]]:
    """Inputs and right answers of the instances, and which of them failed, as far as the run kept them."""
    if not (folder / STATE).is_file():
        return {}, {}, frozenset()
    inputs, gold, failed = {}, {}, set()
    for state in json_of(folder / STATE).get("request_states") or ():
        instance = state["instance"]
        if instance.get("perturbation"):
            continue
        name = str(instance["id"])
        inputs[name] = _text(instance.get("input"))
        right = [one["output"] for one in instance.get("references") or () if "correct" in (one.get("tags") or ())]
        gold[name] = _text(right)
        if (state.get("result") or {"success": True}).get("success") is False:
            failed.add(name)
    return inputs, gold, frozenset(failed)


def _text(said: Any) -> str:
    return msgspec.json.encode(said, order="sorted").decode()


FORMAT = Format(
    title="HELM runs",
    version="crfm-helm 0.2 to 0.5: run folders, folders of them, or `per_instance_stats.json` in its run",
    recognised="`per_instance_stats.json` beside `run_spec.json`; a list with `instance_id` and `train_trial_index`",
    direction="`lower_is_better` of HELM's schema; other stats are judged with `--metric`, by name or `--better`",
    failures="`result.success` false in `scenario_state.json`, where it lies beside",
    ties="none",
    repeats="`train_trial_index` is the seed",
    test="tests/data/test_helm.py::test_two_runs_of_a_scenario_are_paired_on_the_instance",
    read=read,
    is_file=is_file,
    is_folder=is_folder,
)

"""HELM's run folders, as `helm-run` lays them out: stats of instances, the run's spec, and the scenario's state."""

import json
from pathlib import Path
from typing import Any

import pytest

from shipworthy.data.results import Query, Results, read
from shipworthy.errors import BadInput
from shipworthy.records import ANSWERED, FAILED


def _stat(name: str, value: float, split: str = "test", **other: Any) -> dict[str, Any]:
    stat = {"name": {"name": name, "split": split, **other}, "count": 1, "sum": value, "sum_squared": value**2}
    return {**stat, "min": value, "max": value, "mean": value, "variance": 0.0, "stddev": 0.0}


def _entry(number: int, *stats: dict[str, Any], trial: int = 0) -> dict[str, Any]:
    return {"instance_id": f"id{number}", "train_trial_index": trial, "stats": list(stats)}


def _run(home: Path, model: str, entries: list[dict[str, Any]], **adapter: Any) -> Path:
    folder = home / f"mmlu:subject=law,model={model.replace('/', '_')}"
    folder.mkdir(parents=True)
    spec = {
        "name": f"mmlu:subject=law,model={model.replace('/', '_')}",
        "scenario_spec": {"class_name": "s", "args": {}},
        "adapter_spec": {"method": "multiple_choice_joint", "max_train_instances": 5, "model": model, **adapter},
        "metric_specs": [],
    }
    (folder / "run_spec.json").write_text(json.dumps(spec, indent=2))
    (folder / "per_instance_stats.json").write_text(json.dumps(entries, indent=2))
    return folder


def _state(folder: Path, inputs: list[str], failed: tuple[int, ...] = ()) -> None:
    states = [
        {
            "instance": {
                "id": f"id{at}",
                "input": {"text": text},
                "references": [{"output": {"text": "yes"}, "tags": ["correct"]}],
                "split": "test",
            },
            "result": {"success": at not in failed, "completions": []},
        }
        for at, text in enumerate(inputs)
    ]
    (folder / "scenario_state.json").write_text(json.dumps({"adapter_spec": {}, "request_states": states}))


def _read(*paths: Path, **query: object) -> Results:
    return read(list(paths), Query(**{"candidate": "lab/new", "baseline": "lab/old", **query}))  # type: ignore[arg-type]


def _values(results: Results, model: str, metric: str = "exact_match") -> list[float]:
    evidence = next(one for one in results.evidence if one.dataset == results.datasets[metric])
    return [float(value) for value in evidence.counts[model, metric][:, 0]]


def _pair(home: Path, new: tuple[float, ...] = (1, 0), old: tuple[float, ...] = (1, 1)) -> tuple[Path, Path]:
    return tuple(  # type: ignore[return-value]
        _run(home, model, [_entry(at, _stat("exact_match", value)) for at, value in enumerate(values)])
        for model, values in (("lab/new", new), ("lab/old", old))
    )


def test_two_runs_of_a_scenario_are_paired_on_the_instance(tmp_path: Path) -> None:
    results = _read(*_pair(tmp_path))

    assert ("HELM runs", ("exact_match",)) == (results.source, results.primary)
    assert ["mmlu:subject=law/id0", "mmlu:subject=law/id1"] == list(results.evidence[0].example_N)
    assert ([1, 0], [1, 1]) == (_values(results, "lab/new"), _values(results, "lab/old"))


def test_a_folder_of_runs_and_the_file_of_one(tmp_path: Path) -> None:
    new, old = _pair(tmp_path)

    assert [1, 0] == _values(_read(tmp_path), "lab/new")
    assert [1, 0] == _values(_read(new / "per_instance_stats.json", old / "per_instance_stats.json"), "lab/new")


def test_directions_are_helms_own_and_stats_without_one_wait_to_be_asked_for(tmp_path: Path) -> None:
    stats = [_stat("bits_per_byte", 0.7), _stat("num_output_tokens", 9), _stat("inference_runtime", 2.0)]
    runs = [_run(tmp_path, model, [_entry(0, *stats)]) for model in ("lab/new", "lab/old")]
    results = _read(*runs)

    assert (("bits_per_byte",), "lower") == (results.primary, results.metrics["bits_per_byte"].better)
    assert [2.0] == _values(results, "lab/new", "latency_s")
    assert ("num_output_tokens",) == _read(*runs, metric="num_output_tokens", better={"": "lower"}).primary


def test_perturbed_and_validation_instances_are_left_out_and_told(tmp_path: Path) -> None:
    typos = {"perturbation": {"name": "typos"}}
    entries = [
        _entry(0, _stat("exact_match", 1)),
        _entry(0, _stat("exact_match", 0, **typos)),
        _entry(1, _stat("exact_match", 0, split="valid")),
    ]
    results = _read(*(_run(tmp_path, model, entries) for model in ("lab/new", "lab/old")))

    assert [1] == _values(results, "lab/new")
    assert [("left_out", 2)] == [(note.code, note.count) for note in results.warnings]
    assert "typos, valid" in results.warnings[0].message


def test_a_set_without_a_test_split_is_judged_on_its_validation_split(tmp_path: Path) -> None:
    entries = [_entry(0, _stat("exact_match", 1, split="valid"))]

    assert [1] == _values(_read(*(_run(tmp_path, m, entries) for m in ("lab/new", "lab/old"))), "lab/new")


def test_trials_are_seeds_and_the_same_stat_twice_is_one(tmp_path: Path) -> None:
    entries = [
        _entry(0, _stat("exact_match", 1)),
        _entry(0, _stat("exact_match", 1)),
        _entry(0, _stat("exact_match", 0), trial=1),
    ]
    evidence = _read(*(_run(tmp_path, model, entries) for model in ("lab/new", "lab/old"))).evidence[0]

    assert ([0, 1], [0, 0]) == (evidence.seed_N.tolist(), evidence.cluster_N.tolist())


def test_a_request_without_success_failed(tmp_path: Path) -> None:
    new, old = _pair(tmp_path, new=(1, 1))
    _state(new, ["a", "b"], failed=(1,))
    _state(old, ["a", "b"])

    assert [ANSWERED, FAILED] == _read(new, old).evidence[0].status["lab/new"].tolist()


def test_one_id_for_two_instances_is_refused(tmp_path: Path) -> None:
    new, old = _pair(tmp_path)
    _state(new, ["a", "b"])
    _state(old, ["a", "c"])

    with pytest.raises(BadInput, match="'mmlu:subject=law/id1' has another input than at"):
        _read(new, old)


def test_another_number_of_shots_is_refused(tmp_path: Path) -> None:
    entries = [_entry(0, _stat("exact_match", 1))]
    new, old = _run(tmp_path, "lab/new", entries), _run(tmp_path, "lab/old", entries, max_train_instances=0)

    with pytest.raises(BadInput, match=r"was asked in two ways .max_train_instances 0 and 5."):
        _read(new, old)


def test_averages_and_parts_of_a_run_are_told_by_name(tmp_path: Path) -> None:
    new, _ = _pair(tmp_path)
    (tmp_path / "stats.json").write_text(json.dumps([_stat("exact_match", 0.5)]))

    with pytest.raises(BadInput, match="HELM's averages of a run: no instances"):
        _read(tmp_path / "stats.json")
    with pytest.raises(BadInput, match="a part of a HELM run; give the run's folder"):
        _read(new / "run_spec.json")


def test_statistics_without_their_spec_are_refused(tmp_path: Path) -> None:
    new, old = _pair(tmp_path)
    (new / "run_spec.json").unlink()

    with pytest.raises(BadInput, match=r"run_spec.json is missing here"):
        _read(new / "per_instance_stats.json", old)

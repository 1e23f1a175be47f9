"""Logs of lm-evaluation-harness and inspect_ai become evidence; what cannot be compared is refused."""

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from shipworthy.data.results import LoggedRun, LoggedSample, Query, Results, read, write_eval
from shipworthy.errors import BadInput
from shipworthy.records import ABSENT, ANSWERED, FAILED
from shipworthy.store import zip_members as zips

FIXTURES = Path(__file__).parent / "fixtures"
TIME = "2024-05-01T10-00-00.123456"


def _sample(number: int, acc: object = 1.0, **other: object) -> dict[str, Any]:
    return {
        "doc_id": number,
        "doc": {"question": f"q{number}", "subject": "law" if number < 2 else "art"},
        "target": "A",
        "arguments": [["q", "A"]],
        "filtered_resps": ["A"],
        "filter": "none",
        "metrics": ["acc"],
        "doc_hash": f"d{number}",
        "prompt_hash": f"p{number}",
        "target_hash": "t",
        "acc": acc,
        **other,
    }


def _run(folder: Path, model: str, samples: list[dict[str, Any]], task: str = "mmlu", **results: object) -> Path:
    home = folder / model.replace("/", "__")
    home.mkdir(exist_ok=True)
    lines = "".join(json.dumps(sample) + "\n" for sample in samples)
    (home / f"samples_{task}_{TIME}.jsonl").write_text(lines)
    whole = {"results": {task: {}}, "model_name": model, "higher_is_better": {task: {"acc": True}}, **results}
    (home / f"results_{TIME}.json").write_text(json.dumps(whole, indent=1))
    return home


def _compare(one: Path, other: Path, **query: object) -> Results:
    return read([one, other], Query(**{"candidate": "lab/new", "baseline": "lab/old", **query}))  # type: ignore[arg-type]


def _values(results: Results, model: str, metric: str) -> list[float]:
    return [float(value) for value in results.evidence[0].counts[model, metric][:, 0]]


# --- lm-evaluation-harness -------------------------------------------------------------------------------------------


def test_two_runs_of_a_task_are_paired_on_the_document(tmp_path: Path) -> None:
    new = _run(tmp_path, "lab/new", [_sample(0), _sample(1), _sample(2, 0.0)])
    old = _run(tmp_path, "lab/old", [_sample(2), _sample(1, 0.0), _sample(0)])
    results = _compare(new, old, slices=("subject", "task"))

    assert ["mmlu/0", "mmlu/1", "mmlu/2"] == list(results.evidence[0].example_N)
    assert ([1, 1, 0], [1, 0, 1]) == (_values(results, "lab/new", "acc"), _values(results, "lab/old", "acc"))
    assert (("law", "art"), ("mmlu",)) == tuple(results.evidence[0].slices[name].names for name in ("subject", "task"))


@pytest.mark.parametrize("given", ["folder", "samples", "results", "both"])
def test_files_and_folders_are_understood(tmp_path: Path, given: str) -> None:
    homes = [_run(tmp_path, model, [_sample(0)]) for model in ("lab/new", "lab/old")]
    paths = {
        "folder": homes,
        "samples": [home / f"samples_mmlu_{TIME}.jsonl" for home in homes],
        "results": [home / f"results_{TIME}.json" for home in homes],
        "both": [tmp_path],
    }[given]
    results = read(paths, Query(candidate="lab/new", baseline="lab/old"))

    assert "lm-evaluation-harness samples" == results.source


def test_samples_without_results_are_named_after_their_folder(tmp_path: Path) -> None:
    homes = [_run(tmp_path, model, [_sample(0)]) for model in ("new", "old")]
    for home in homes:
        (home / f"results_{TIME}.json").unlink()

    assert ("new", "old") == read(homes, Query(candidate="new", baseline="old")).models


def test_each_filter_is_a_metric(tmp_path: Path) -> None:
    samples = [_sample(0, filter=name) for name in ("strict-match", "flexible-extract")]
    results = _compare(_run(tmp_path, "lab/new", samples), _run(tmp_path, "lab/old", samples))

    assert ("acc,strict-match", "acc,flexible-extract") == results.primary


def test_the_direction_of_a_metric_comes_from_the_results(tmp_path: Path) -> None:
    lower = {"higher_is_better": {"mmlu": {"acc": False}}}
    homes = [_run(tmp_path, model, [_sample(0)], **lower) for model in ("lab/new", "lab/old")]

    assert "lower" == _compare(homes[0], homes[1]).metrics["acc"].better


def test_a_filter_keeps_the_direction_of_its_metric(tmp_path: Path) -> None:
    samples = [_sample(0, filter="strict"), _sample(1, 0.0, filter="strict")]
    homes = [
        _run(tmp_path, model, samples, higher_is_better={"mmlu": {"acc": False}}) for model in ("lab/new", "lab/old")
    ]

    assert {"acc,strict": "lower"} == {name: metric.better for name, metric in _compare(*homes).metrics.items()}


def test_several_tasks_of_a_run_are_slices_and_a_group_is_no_row_of_its_own(tmp_path: Path) -> None:
    for model in ("lab/new", "lab/old"):
        _run(tmp_path, model, [_sample(0), _sample(1)], task="law", groups={"mine": {"acc,none": 1.0}})
        _run(tmp_path, model, [_sample(5)], task="art")
    results = _compare(tmp_path / "lab__new", tmp_path / "lab__old")

    assert ["art/5", "law/0", "law/1"] == sorted(results.evidence[0].example_N)
    assert {"law", "art"} == set(results.evidence[0].slices["task"].names)


def test_a_metric_without_a_number_a_sample_is_named(tmp_path: Path) -> None:
    samples = [_sample(row, mcc=[0, 1], metrics=["acc", "mcc"]) for row in range(2)]
    results = _compare(*[_run(tmp_path, model, samples) for model in ("lab/new", "lab/old")])

    assert ["acc"] == list(results.metrics)
    assert [("not_per_sample", 4)] == [(warning.code, warning.count) for warning in results.warnings]


def test_averages_may_be_no_numbers(tmp_path: Path) -> None:
    homes = [
        _run(tmp_path, model, [_sample(0)], results={"mmlu": {"acc,none": float("nan")}})
        for model in ("lab/new", "lab/old")
    ]

    assert ["acc"] == list(_compare(*homes).metrics)


@pytest.mark.parametrize("content", ['{"model_name": "lab/new"', "[1, 2]", "[" * 100_000, "3"])
def test_averages_that_are_damaged_are_one_sentence(tmp_path: Path, content: str) -> None:
    homes = [_run(tmp_path, model, [_sample(0)]) for model in ("lab/new", "lab/old")]
    (homes[0] / f"results_{TIME}.json").write_text(content)

    with pytest.raises(BadInput, match=r"results_2024.*\.json: this is not the JSON of lm_eval, or it was cut off$"):
        _compare(*homes)


def test_a_run_that_was_cut_off_in_a_sample_is_named_with_its_line(tmp_path: Path) -> None:
    homes = [_run(tmp_path, model, [_sample(0), _sample(1)]) for model in ("lab/new", "lab/old")]
    samples = homes[0] / f"samples_mmlu_{TIME}.jsonl"
    samples.write_text(samples.read_text()[:-60])

    with pytest.raises(BadInput, match=r"\.jsonl:2: not valid JSON"):
        _compare(*homes)


def test_two_runs_in_one_folder_are_not_mixed(tmp_path: Path) -> None:
    homes = [_run(tmp_path, model, [_sample(0)]) for model in ("lab/new", "lab/old")]
    for path in sorted(homes[0].iterdir()):
        path.with_name(path.name.replace("05-01", "05-02")).write_text(path.read_text())

    with pytest.raises(BadInput, match=r"1 value stands twice: example 'mmlu/0', model 'lab/new'.*keep one"):
        _compare(*homes)


def test_one_prompt_under_two_documents_is_one_cluster(tmp_path: Path) -> None:
    homes = [_run(tmp_path, model, [_sample(0), _sample(1, prompt_hash="p0")]) for model in ("lab/new", "lab/old")]

    assert [0, 0] == _compare(homes[0], homes[1]).evidence[0].cluster_N.tolist()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"doc_hash": "other"}, "'mmlu/0' is another document than at"),
        ({"prompt_hash": "other"}, "'mmlu/0' was asked with another prompt than at"),
        ({"target_hash": "other"}, "'mmlu/0' has another right answer than at"),
        ({"target": "B", "target_hash": "t"}, "the right answer of 'mmlu/0' is"),
        ({"acc": float("nan")}, "NaN is not a value"),
        ({"doc_id": 1}, "share no example"),
        ({"acc": [1, 2]}, "no model 'lab/old'|no sample has a number|share no example"),
    ],
)
def test_samples_that_cannot_be_compared_are_refused(tmp_path: Path, change: dict[str, object], said: str) -> None:
    new = _run(tmp_path, "lab/new", [_sample(0)])
    old = _run(tmp_path, "lab/old", [{**_sample(0), **change}])

    with pytest.raises(BadInput, match=said):
        _compare(new, old)


def test_another_version_of_the_task_is_refused(tmp_path: Path) -> None:
    homes = [_run(tmp_path, f"lab/{name}", [_sample(0)], task_hashes={"mmlu": name}) for name in ("new", "old")]

    with pytest.raises(BadInput, match="task 'mmlu' differs from the one of 'lab/new'"):
        _compare(homes[0], homes[1])


def test_averages_alone_are_named(tmp_path: Path) -> None:
    home = _run(tmp_path, "lab/new", [_sample(0)])
    (home / f"samples_mmlu_{TIME}.jsonl").unlink()

    with pytest.raises(BadInput, match="only averages are here; run lm_eval with --log_samples"):
        _compare(home, home)


def test_an_unknown_model_lists_those_that_are_there(tmp_path: Path) -> None:
    homes = [_run(tmp_path, model, [_sample(0)]) for model in ("lab/new", "lab/old")]

    with pytest.raises(BadInput, match=r"no model 'lab/nwe'; did you mean 'lab/new'\? known: lab/new, lab/old"):
        _compare(homes[0], homes[1], candidate="lab/nwe")


def test_an_unknown_slice_lists_the_columns_of_the_documents(tmp_path: Path) -> None:
    homes = [_run(tmp_path, model, [_sample(0)]) for model in ("lab/new", "lab/old")]

    with pytest.raises(BadInput, match=r"did you mean 'subject'\? known: question, subject, task"):
        _compare(homes[0], homes[1], slices=("subjects",))


# --- inspect_ai ------------------------------------------------------------------------------------------------------

SAMPLES = tuple(
    LoggedSample(id=str(number), input=f"q{number}", target="a", output="a", scores={"match": float(number % 2)})
    for number in range(4)
)


def _logged(folder: Path, model: str, samples: tuple[LoggedSample, ...] = SAMPLES) -> Path:
    path = folder / f"{model.replace('/', '_')}.eval"
    write_eval(path, LoggedRun(task="t", model=model, created="2026-01-01T00:00:00+00:00", samples=samples))
    return path


def _json_log(folder: Path, **change: object) -> Path:
    with zipfile.ZipFile(_logged(folder, "lab/old")) as file:
        header, samples = (json.loads(file.read(name)) for name in ("header.json", "summaries.json"))
    path = folder / "old.json"
    path.write_text(json.dumps({**header, "samples": samples, **change}, indent=2))
    return path


def test_what_is_written_as_eval_is_read_again(tmp_path: Path) -> None:
    results = _compare(_logged(tmp_path, "lab/new"), _logged(tmp_path, "lab/old"))

    assert ("inspect_ai log", [0, 1, 0, 1]) == (results.source, _values(results, "lab/new", "match"))


def test_a_json_log_says_the_same_as_an_eval_log(tmp_path: Path) -> None:
    results = _compare(_logged(tmp_path, "lab/new"), _json_log(tmp_path))

    assert _values(results, "lab/new", "match") == _values(results, "lab/old", "match")


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    assert _logged(tmp_path, "lab/new").read_bytes() == _logged(tmp_path, "lab/new").read_bytes()


def test_a_log_of_inspect_with_zstandard_members_is_read() -> None:
    path = FIXTURES / "inspect.eval"
    with zipfile.ZipFile(path) as file:
        methods = {info.compress_type for info in file.infolist()}
    samples = json.loads(zips.member(path, "summaries.json"))

    assert ({93}, 7) == (methods, len(samples))


def test_letters_are_values_and_an_errored_sample_failed(tmp_path: Path) -> None:
    samples = tuple(
        LoggedSample(id=name, input=f"q{name}", target="a", scores={"match": 1.0})
        for name in ("0", "1", "2", "3", "4", "5", "9")
    )
    results = _compare(FIXTURES / "inspect.eval", _logged(tmp_path, "lab/old", samples), candidate="m/c")
    evidence = results.evidence[0]

    assert [1, 0, 0, 1, 0, 1, 0] == _values(results, "m/c", "match")
    assert [*[ANSWERED] * 6, FAILED] == evidence.status["m/c"].tolist()


def test_epochs_are_seeds_of_one_cluster(tmp_path: Path) -> None:
    twice = tuple(LoggedSample(id="1", input="q", target="a", epoch=epoch, scores={"match": 1.0}) for epoch in (1, 2))
    evidence = _compare(_logged(tmp_path, "lab/new", twice), _logged(tmp_path, "lab/old", twice)).evidence[0]

    assert ([1, 2], [0, 0]) == (evidence.seed_N.tolist(), evidence.cluster_N.tolist())


def test_metadata_can_be_a_slice(tmp_path: Path) -> None:
    samples = tuple(
        LoggedSample(id=name, input=name, target="", scores={"m": 1.0}, metadata={"topic": name}) for name in ("x", "y")
    )
    results = _compare(
        _logged(tmp_path, "lab/new", samples),
        _logged(tmp_path, "lab/old", samples),
        slices=("topic",),
        better={"m": "higher"},
    )

    assert ("x", "y") == results.evidence[0].slices["topic"].names


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"status": "started"}, r"did not finish \(status started\)"),
        ({"status": "error"}, r"did not finish \(status error\)"),
        ({"samples": None}, "holds no samples"),
        ({"samples": [{"id": 1, "scores": {"m": {"value": "maybe"}}}]}, "m is 'maybe', which is no score"),
        ({"samples": [{"id": 1, "scores": {"m": {"value": [1]}}}]}, "which is no score"),
    ],
)
def test_a_log_that_cannot_be_used_is_one_sentence(tmp_path: Path, change: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        _compare(_logged(tmp_path, "lab/new"), _json_log(tmp_path, **change))

    assert "\n" not in str(caught.value)


def _told(folder: Path, model: str, samples: list[dict[str, Any]], name: str = "log.json") -> Path:
    """A `.json` log of these samples, as inspect writes it (NaN is a word there)."""
    home = folder / model.replace("/", "_")
    home.mkdir(exist_ok=True)
    whole = [
        {"id": number, "epoch": 1, "input": f"q{number}", "target": "a", **sample}
        for number, sample in enumerate(samples)
    ]
    log = {"version": 2, "status": "success", "eval": {"task": "t", "model": model}, "samples": whole}
    (home / name).write_text(json.dumps(log, indent=2))
    return home / name


def _scored(*values: object, scorer: str = "match") -> list[dict[str, Any]]:
    return [{"scores": {scorer: {"value": value}}} for value in values]


@pytest.mark.parametrize("unscored", [None, float("nan"), {"match": None}, {"match": float("nan")}])
def test_what_inspect_calls_unscored_is_a_gap(tmp_path: Path, unscored: object) -> None:
    wrapped = (lambda value: {"match": value}) if isinstance(unscored, dict) else (lambda value: value)
    name = "match/match" if isinstance(unscored, dict) else "match"
    new = _told(tmp_path, "lab/new", _scored(unscored, wrapped(1.0), wrapped("C")))
    evidence = _compare(new, _told(tmp_path, "lab/old", _scored(*[wrapped("C")] * 3))).evidence[0]

    assert [1, 1] == [
        row[0] for row in evidence.counts["lab/new", name][evidence.status["lab/new"] == ANSWERED].tolist()
    ]
    assert 1 == int((evidence.status["lab/new"] == ABSENT).sum())


def test_an_infinite_score_is_refused_with_its_sample(tmp_path: Path) -> None:
    new = _told(tmp_path, "lab/new", _scored(1.0, float("inf")))

    with pytest.raises(BadInput, match=r"log\.json!sample 1 epoch 1: match is inf, which is not a score"):
        _compare(new, _told(tmp_path, "lab/old", _scored(1.0, 1.0)))


def test_a_scorer_whose_values_are_no_numbers_does_not_keep_another_from_being_judged(tmp_path: Path) -> None:
    samples = [{"scores": {"match": {"value": "C"}, "style": {"value": "fine"}, "parts": {"value": [1, 0]}}}] * 2
    logs = [_told(tmp_path, model, samples) for model in ("lab/new", "lab/old")]

    assert ["match"] == list(_compare(*logs, metric="match").metrics)
    with pytest.raises(BadInput, match=r"sample 0 epoch 1: style is 'fine', .* choose another scorer with --metric"):
        _compare(*logs)


def test_an_unknown_scorer_lists_those_that_are_there(tmp_path: Path) -> None:
    logs = [_told(tmp_path, model, _scored("C", "I")) for model in ("lab/new", "lab/old")]

    with pytest.raises(BadInput, match="no metric 'includes'; known: match"):
        _compare(*logs, metric="includes")


def test_seconds_that_no_sample_took_are_no_metric(tmp_path: Path) -> None:
    paths = [_logged(tmp_path, model) for model in ("lab/new", "lab/old")]

    with pytest.raises(BadInput, match="no metric 'latency_s'; known: match"):
        _compare(*paths, metric="latency_s")


def test_logs_without_a_scorer_are_named(tmp_path: Path) -> None:
    logs = [_told(tmp_path, model, [{"total_time": 0.5}] * 3) for model in ("lab/new", "lab/old")]

    with pytest.raises(BadInput, match="no sample of these logs has a score"):
        _compare(*logs)


def test_an_errored_sample_fails_in_every_metric_of_its_log(tmp_path: Path) -> None:
    scores = {"match": {"value": "C"}, "both": {"value": {"length": 3, "polite": True}}}
    new = _told(tmp_path, "lab/new", [{"scores": scores}, {"error": {"message": "no answer"}}])
    asked = {"both/length": "lower", "both/polite": "higher"}
    results = _compare(new, _told(tmp_path, "lab/old", [{"scores": scores}] * 2), better=asked)

    assert ["match", "both/length", "both/polite"] == list(results.metrics)
    assert [[ANSWERED, FAILED]] == [table.status["lab/new"].tolist() for table in results.evidence]


def test_folders_of_json_logs_are_read_and_other_json_in_them_is_not(tmp_path: Path) -> None:
    homes = [_told(tmp_path, model, _scored("C", "I")).parent for model in ("lab/new", "lab/old")]
    (homes[0] / "logs.json").write_text('{"log.json": {"eval_id": "x"}}')
    (homes[0] / "empty.json").touch()
    (homes[0] / "folder.json").mkdir()

    assert [1, 0] == _values(_compare(*homes), "lab/new", "match")


def test_one_id_for_two_inputs_is_refused(tmp_path: Path) -> None:
    new = _told(tmp_path, "lab/new", _scored("C", "I"))
    old = _told(tmp_path, "lab/old", [{"input": "something else", **one} for one in _scored("C", "I")])

    with pytest.raises(
        BadInput, match=r"'t/0' has another input than at .*log.json!sample 0 epoch 1; run both models on"
    ):
        _compare(new, old)


def _turns(identity: str, content: object) -> list[dict[str, object]]:
    return [{"id": identity, "role": "user", "content": content}]


@pytest.mark.parametrize(
    ("content", "clusters"),
    [
        ("the same words", 1),
        ([{"type": "text", "text": "the same words"}], 1),
        ([{"type": "text", "text": "what is this?"}, {"type": "text", "text": "(Image)"}], 2),  # a summary's image
        ([{"type": "text", "text": "what is this?"}, {"type": "image", "image": "data:..."}], 2),
        ("the same preamble...\n(content truncated)", 2),
    ],
)
def test_inputs_are_one_cluster_only_where_they_are_told_whole(tmp_path: Path, content: object, clusters: int) -> None:
    samples = [{**score, "input": _turns(str(at), content)} for at, score in enumerate(_scored("C", "I"))]
    again = [{**score, "input": _turns(f"other {at}", content)} for at, score in enumerate(_scored("I", "I"))]
    results = _compare(_told(tmp_path, "lab/new", samples), _told(tmp_path, "lab/old", again))

    assert clusters == len(set(results.evidence[0].cluster_N.tolist()))


def test_an_eval_without_a_header_did_not_finish(tmp_path: Path) -> None:
    path = tmp_path / "cut.eval"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("_journal/start.json", "{}")

    with pytest.raises(BadInput, match="did not finish"):
        _compare(path, path)


def test_a_cut_eval_is_named(tmp_path: Path) -> None:
    path = _logged(tmp_path, "lab/new")
    path.write_bytes(path.read_bytes()[:-40])

    with pytest.raises(BadInput, match="not a whole"):
        _compare(path, path)


def test_a_changed_byte_in_a_member_is_found(tmp_path: Path) -> None:
    path = _logged(tmp_path, "lab/new")
    with zipfile.ZipFile(path) as file:
        info = file.getinfo("summaries.json")
    raw = bytearray(path.read_bytes())
    *_, name_size, extra_size = struct.unpack("<4s5H3I2H", raw[info.header_offset : info.header_offset + 30])
    raw[info.header_offset + 30 + name_size + extra_size + 5] ^= 0xFF
    path.write_bytes(bytes(raw))

    with pytest.raises(BadInput, match="damaged"):
        zips.member(path, "summaries.json")


def test_a_target_that_differs_is_refused(tmp_path: Path) -> None:
    other = tuple(
        LoggedSample(id=str(number), input=f"q{number}", target="b", scores={"match": 1.0}) for number in range(4)
    )

    with pytest.raises(BadInput, match="the right answer of 't/0'"):
        _compare(_logged(tmp_path, "lab/new"), _logged(tmp_path, "lab/old", other))


def _bare(folder: Path, model: str, rows: list[dict[str, Any]], **results: Any) -> Path:
    """A log of an older lm_eval: no hashes."""
    home = folder / model
    home.mkdir()
    whole = {"results": {"t": {}}, "model_name": model, "higher_is_better": {"t": {"acc": True}}, **results}
    (home / "results_2025-01-01T00-00-00.json").write_text(json.dumps(whole))
    lines = [{"doc_id": at, "target": "A", "acc": 1.0, **row} for at, row in enumerate(rows)]
    (home / "samples_t_2025-01-01T00-00-00.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return home


def _asked(prompt: str, doc: str = "d", **settings: object) -> dict[str, Any]:
    return {"doc": {"q": doc}, "arguments": {"gen_args_0": {"arg_0": prompt, "arg_1": {"until": ["\n"], **settings}}}}


def _pair(*homes: Path, **query: Any) -> Results:
    return read(homes, Query(candidate="new", baseline="old", **query))


def test_logs_without_hashes_pair_by_document_and_prompt(tmp_path: Path) -> None:
    homes = [_bare(tmp_path, model, [_asked("p1"), _asked("p2")]) for model in ("new", "old")]

    assert 2 == len(_pair(*homes).evidence[0].example_N)


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (_asked("p", doc="e"), r"another document .* \(doc differs\)"),
        (_asked("5 shots p"), r"another prompt .*arguments"),
    ],
)
def test_logs_without_hashes_of_other_rows_are_refused(tmp_path: Path, theirs: dict[str, Any], said: str) -> None:
    homes = [_bare(tmp_path, "new", [_asked("p")]), _bare(tmp_path, "old", [theirs])]

    with pytest.raises(BadInput, match=said):
        _pair(*homes)


def test_settings_of_generation_are_no_prompt(tmp_path: Path) -> None:
    homes = [_bare(tmp_path, "new", [_asked("p")]), _bare(tmp_path, "old", [_asked("p", temperature=0.5)])]

    assert 1 == len(_pair(*homes).evidence[0].example_N)


def test_logs_that_hold_nothing_of_what_was_asked_are_refused(tmp_path: Path) -> None:
    homes = [_bare(tmp_path, model, [{"resps": [["x"]]}]) for model in ("new", "old")]

    with pytest.raises(BadInput, match="nothing shows that both models were asked the same"):
        _pair(*homes)


def test_one_log_with_hashes_and_one_without_have_to_share_something(tmp_path: Path) -> None:
    new = _bare(tmp_path, "new", [{"doc_hash": "x", "resps": [["x"]]}])

    with pytest.raises(BadInput, match="in common"):
        _pair(new, _bare(tmp_path, "old", [_asked("p")]))


def test_documents_alone_leave_the_prompts_in_doubt(tmp_path: Path) -> None:
    homes = [_bare(tmp_path, model, [{"doc": {"q": "d"}, "resps": [["x"]]}]) for model in ("new", "old")]

    assert "not_comparable" in [note.code for note in _pair(*homes).warnings]


TEMPLATES = [{"chat_template": f"<{name}>", "chat_template_sha": name, "n-shot": {"t": 5}} for name in ("a", "b")]


def test_another_chat_template_has_to_be_allowed_and_is_recorded(tmp_path: Path) -> None:
    homes = [
        _bare(tmp_path, model, [_asked(f"{model} p")], **told)
        for model, told in zip(("new", "old"), TEMPLATES, strict=True)
    ]
    with pytest.raises(BadInput, match=r"the chat templates differ: .* say --allow template"):
        _pair(*homes)
    (note,) = [note for note in _pair(*homes, allow=("template",)).warnings if note.code == "allowed"]

    assert 1 == note.count and "--allow template" in note.message


@pytest.mark.parametrize(
    "change", [{"n-shot": {"t": 0}}, {"system_instruction": "be brief"}, {"chat_template_sha": "a"}]
)
def test_what_is_more_than_a_template_cannot_be_allowed(tmp_path: Path, change: dict[str, object]) -> None:
    homes = [_bare(tmp_path, "new", [_asked("new p")], **TEMPLATES[0]),
             _bare(tmp_path, "old", [_asked("old p")], **{**TEMPLATES[1], **change})]  # fmt: skip

    with pytest.raises(BadInput, match="another prompt"):
        _pair(*homes, allow=("template",))


def test_a_template_cannot_be_allowed_where_nothing_says_that_it_differs(tmp_path: Path) -> None:
    homes = [_bare(tmp_path, model, [_asked(f"{model} p")]) for model in ("new", "old")]

    with pytest.raises(BadInput, match="needs the results"):
        _pair(*homes, allow=("template",))

"""Our own runs: last week's beside this week's, what differs between them, and evidence that lies alone."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from shipworthy.data.results import Query, Results, read
from shipworthy.errors import BadInput
from shipworthy.records import (
    ABSENT,
    ANSWERED,
    FAILED,
    Coverage,
    Evidence,
    Example,
    Finding,
    Interval,
    Labels,
    Message,
    Verdict,
)
from shipworthy.store import DatasetPrint, Manifest, ModelPrint, RunFolder

IDS = ("a", "b", "c", "d")
PROTOCOL: dict[str, Any] = {
    "shipworthy": 1,
    "name": "week",
    "datasets": {"tickets": {"path": "t.jsonl", "slices": ["kind"]}},
    "models": {
        "candidate": {"role": "candidate", "path": "c.jsonl"},
        "production": {"role": "production", "path": "p.jsonl"},
    },
    "metrics": {"accuracy": {"dataset": "tickets"}, "f1": {"dataset": "tickets", "metric": "macro_f1"}},
    "gates": [{"metric": "accuracy", "baseline": "production"}],
}


def _evidence(right: tuple[int, ...], ids: tuple[str, ...] = IDS, **more: Any) -> Evidence:
    n = len(ids)
    binary = np.column_stack([np.array(right, dtype=float), np.ones(n)])
    return Evidence(
        dataset="tickets",
        example_N=np.array(ids, dtype=object),
        seed_N=np.zeros(n, dtype=np.int64),
        cluster_N=np.arange(n),
        slices={"kind": Labels(names=("x", "y"), code_N=np.arange(n) % 2)},
        status={name: np.full(n, ANSWERED, dtype=np.uint8) for name in ("candidate", "production")},
        counts={
            ("candidate", "accuracy"): binary,
            ("production", "accuracy"): np.ones((n, 2)),
            **{(model, name): counts for name, counts in more.items() for model in ("candidate", "production")},
        },
    )


Make = Callable[..., Path]


@pytest.fixture
def made(tmp_path: Path) -> Make:
    """Writes a finished run; `change` edits its manifest's protocol."""

    def make(
        name: str,
        evidence: Evidence,
        *,
        rows: str = "same",
        change: Callable[[dict[str, Any]], None] = lambda _: None,
        question: Callable[[str], str] = lambda example: f"question {example}",
        verdict: Verdict | None = None,
        **manifest: Any,
    ) -> Path:
        protocol = msgspec.json.decode(msgspec.json.encode(PROTOCOL))
        change(protocol)
        promise = Manifest(
            run_id=f"id-{name}",
            created="2024-01-01T00:00:00Z",
            protocol=protocol,
            protocol_sha256="0" * 64,
            candidate="candidate",
            datasets={"tickets": DatasetPrint(sha256=rows, n=len(evidence.example_N), rows_sha256=rows)},
            models={
                "candidate": ModelPrint(role="candidate"),
                "production": ModelPrint(role="production"),
            },
            **{"status": "complete", **manifest},
        )
        with RunFolder.create(tmp_path / name, promise) as run:
            run.write_examples(
                Example(
                    id=str(example),
                    dataset="tickets",
                    messages=(Message(role="user", content=question(str(example))),),
                    reference="yes",
                )
                for example in evidence.example_N
            )
            run.write_evidence([evidence])
            if verdict is not None:
                run.write_verdict(verdict)
        return tmp_path / name

    return make


def _read(*paths: Path, **query: object) -> Results:
    return read(list(paths), Query(**{"candidate": "this", "baseline": "last", **query}))  # type: ignore[arg-type]


def _values(results: Results, model: str, metric: str = "accuracy") -> list[float]:
    return [float(value) for value in results.evidence[0].counts[model, metric][:, 0]]


def test_last_weeks_candidate_meets_this_weeks(made: Make) -> None:
    results = _read(made("this", _evidence((1, 1, 1, 0))), made("last", _evidence((1, 0, 0, 0))))

    assert ("shipworthy runs", ("accuracy",)) == (results.source, results.primary)
    assert ([1, 1, 1, 0], [1, 0, 0, 0]) == (_values(results, "this"), _values(results, "last"))
    assert ("binary", "share", "higher") == (
        results.metrics["accuracy"].kind,
        results.metrics["accuracy"].unit,
        results.metrics["accuracy"].better,
    )


def test_two_models_of_one_run_and_of_two(made: Make) -> None:
    this, last = made("this", _evidence((1, 1, 1, 0))), made("last", _evidence((0, 0, 0, 0)))

    assert [1, 1, 1, 0] == _values(_read(this, candidate="candidate", baseline="production"), "candidate")
    assert [1, 1, 1, 1] == _values(_read(this, last, baseline="last/production"), "last/production")
    with pytest.raises(BadInput, match=r"'production' stands in several runs; say which: .*this/production or .*last/"):
        _read(this, last, baseline="production")


def test_rows_in_another_order_and_rows_that_only_one_run_has(made: Make) -> None:
    this = made("this", _evidence((1, 0, 1), ("c", "b", "a")), rows="one")
    last = made("last", _evidence((0, 1, 1, 1), ("a", "b", "c", "e")), rows="other")
    results = _read(this, last)
    evidence = results.evidence[0]

    assert ["c", "b", "a", "e"] == list(evidence.example_N)
    assert ([1, 0, 1, 0], [1, 1, 0, 1]) == (_values(results, "this"), _values(results, "last"))
    assert [ANSWERED] * 3 + [ABSENT] == evidence.status["this"].tolist()
    assert ["missing_examples"] == [note.code for note in results.warnings]


def test_one_id_for_two_questions_is_refused(made: Make) -> None:
    this = made("this", _evidence((1, 1, 1, 1)), rows="one", question=lambda one: f"another {one}")
    last = made("last", _evidence((1, 1, 1, 1)), rows="other")

    with pytest.raises(BadInput, match=r"examples.jsonl: 'a' is another example in .*last \(4 such examples\)"):
        _read(this, last)


def test_data_that_nobody_can_tell_apart_are_refused(made: Make) -> None:
    this, last = made("this", _evidence((1,) * 4), rows="one"), made("last", _evidence((1,) * 4), rows="other")
    (last / "examples.jsonl").unlink()

    with pytest.raises(BadInput, match=r"the rows of 'tickets' differ between the runs and examples.jsonl is missing"):
        _read(this, last)


@pytest.mark.parametrize(
    ("change", "settings", "said"),
    [
        (lambda one: one["metrics"]["accuracy"].update(metric="exact_match"), {}, "has kind 'exact_match' here"),
        (lambda one: one["metrics"]["accuracy"].update(options={"labels": ["x"]}), {}, "has options"),
        (lambda _: None, {"metric_versions": {"accuracy": "0"}}, "has version '0' here and ''"),
        (
            lambda one: one.update(
                prompts={"p": {"template": "Say {input}"}},
                datasets={"tickets": {"path": "t.jsonl", "slices": ["kind"], "prompt": "p"}},
            ),
            {},
            "has prompt",
        ),
    ],
)
def test_one_name_for_two_measurements_is_refused(
    made: Make, change: Callable[[dict[str, Any]], None], settings: dict[str, Any], said: str
) -> None:
    this = made("this", _evidence((1,) * 4), change=change, settings=settings)

    with pytest.raises(BadInput, match=said):
        _read(this, made("last", _evidence((1,) * 4)))


def test_counts_of_a_corpus_keep_their_layout(made: Make) -> None:
    """`bleu` has ten counts, whose sums and not whose means are compared."""
    counts = np.arange(40, dtype=float).reshape(4, 10)
    bleu = {"bleu": {"dataset": "tickets"}}
    this = made("this", _evidence((1,) * 4, bleu=counts), change=lambda one: one["metrics"].update(bleu))
    last = made("last", _evidence((1,) * 4, bleu=counts), change=lambda one: one["metrics"].update(bleu))
    results = _read(this, last)

    assert ("corpus", "higher") == (results.metrics["bleu"].kind, results.metrics["bleu"].better)
    assert np.array_equal(counts, results.evidence[0].counts["this", "bleu"])


def test_counts_laid_out_otherwise_are_not_compared_and_said(made: Make) -> None:
    change = {"change": lambda one: one["metrics"].update({"bleu": {"dataset": "tickets"}})}
    this, last = (made(name, _evidence((1,) * 4, bleu=np.ones((4, 3))), **change) for name in ("this", "last"))
    results = _read(this, last)

    assert ("accuracy",) == results.primary
    assert any("bleu is not compared: its counts are laid out otherwise" in note.message for note in results.warnings)
    with pytest.raises(BadInput, match="bleu is not compared"):
        _read(this, last, metric="bleu")


def _stated(value: float, better: str = "higher", method: str = "tango") -> Verdict:
    nothing = Interval(value=value, low=None, high=None)
    finding = Finding(
        gate="g", metric="judged", dataset="tickets", slice=None, level="hard", rule="non_inferior",
        baseline_model="production", n=4, clusters=4, candidate=nothing, baseline=nothing, gain=None, method=method,
        p_worse=None, p_better=None, effect=None, outcome="pass", margin=0.02, n_needed=None, because="", unit="share",
        better=better,
    )  # fmt: skip
    coverage = Coverage(candidate=4, baseline=4, common=4, policy="fail")
    return Verdict(verdict="promote", reasons=(), metrics=(finding,), coverage=coverage)


@pytest.mark.parametrize("kind", ["metrics.py:judged", "their_package_metric"])
def test_a_metric_from_outside_is_taken_as_its_verdict_states_it(made: Make, kind: str, tmp_path: Path) -> None:
    (tmp_path / "metrics.py").write_text("raise SystemExit('code that a folder names was loaded')")
    counts = np.column_stack([np.array([1.0, 0, 1, 0]), np.ones(4)])
    more = {
        "change": lambda one: one["metrics"].update({"judged": {"dataset": "tickets", "metric": kind}}),
        "verdict": _stated(0.5, better="lower"),
    }
    results = _read(*(made(name, _evidence((1,) * 4, judged=counts), **more) for name in ("this", "last")))

    assert ("binary", "lower") == (results.metrics["judged"].kind, results.metrics["judged"].better)


@pytest.mark.parametrize("verdict", [None, _stated(0.7), _stated(0.5, method="cluster_bootstrap")])
def test_a_metric_from_outside_that_nothing_bears_out_is_not_compared(made: Make, verdict: Verdict | None) -> None:
    counts = np.column_stack([np.array([1.0, 0, 1, 0]), np.ones(4)])
    more = {
        "change": lambda one: one["metrics"].update({"judged": {"dataset": "tickets", "metric": "x.py:y"}}),
        "verdict": verdict,
    }
    results = _read(*(made(name, _evidence((1,) * 4, judged=counts), **more) for name in ("this", "last")))

    assert "judged" not in results.metrics
    assert any("judged is not compared: its kind 'x.py:y' is not" in note.message for note in results.warnings)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"candidate": "this", "baseline": "this/candidate"}, "are one model of one run"),
        ({"cluster": "kind"}, "a run has the clusters of its protocol"),
        ({"id_columns": ("a",)}, "--id is for tables; Shipworthy run says itself what an example is"),
        ({"candidate": "that"}, "no model 'that'"),
        ({"metric": "f2"}, "no metric 'f2'"),
    ],
)
def test_what_is_asked_wrongly_is_one_sentence(made: Make, query: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        _read(made("this", _evidence((1,) * 4)), made("last", _evidence((1,) * 4)), **query)


def test_a_run_that_did_not_finish_is_refused(made: Make) -> None:
    with pytest.raises(BadInput, match="this run is not finished; finish it with: shipworthy run --resume"):
        _read(made("this", _evidence((1,) * 4), status="incomplete"), made("last", _evidence((1,) * 4)))


def test_other_conditions_are_told(made: Make) -> None:
    def sampled(temperature: float) -> Callable[[dict[str, Any]], None]:
        return lambda one: one["models"]["candidate"].update(sampling={"temperature": temperature})

    this, last = (made(name, _evidence((1,) * 4), change=sampled(t)) for name, t in (("this", 0.0), ("last", 1.0)))

    assert "the two models ran under different conditions: temperature 0.0 and 1.0" in [
        note.message for note in _read(this, last).warnings
    ]


def test_a_slice_of_the_runs_and_one_that_is_not_there(made: Make) -> None:
    this, last = made("this", _evidence((1,) * 4)), made("last", _evidence((1,) * 4))

    assert ("x", "y") == _read(this, last, slices=("kind",)).evidence[0].slices["kind"].names
    with pytest.raises(BadInput, match="no slice 'size'"):
        _read(this, last, slices=("size",))


def test_a_failure_keeps_the_counts_of_its_run(made: Make) -> None:
    evidence = _evidence((1, 1, 1, 0))
    evidence.status["candidate"][3] = FAILED

    assert FAILED == _read(made("this", evidence), made("last", _evidence((1,) * 4))).evidence[0].status["this"][3]


def test_the_parquet_of_a_run_stands_for_its_folder(made: Make) -> None:
    this, last = made("this", _evidence((1, 1, 1, 0))), made("last", _evidence((1, 0, 0, 0)))
    results = _read(this / "evidence.parquet", last / "evidence.parquet")

    assert "shipworthy runs" == results.source


def test_evidence_alone_is_read_where_it_is_values(made: Make, tmp_path: Path) -> None:
    corpus = np.full((4, 10), 2.0)
    for name, right in (("this", (1, 1, 1, 0)), ("last", (1, 0, 0, 0))):
        evidence = _evidence(right, bleu=corpus)
        evidence.status["candidate"][0] = FAILED
        shutil.copy(made(f"run-{name}", evidence) / "evidence.parquet", tmp_path / f"{name}.parquet")
    paths = [tmp_path / f"{name}.parquet" for name in ("this", "last")]
    results = _read(*paths, candidate="this/candidate", baseline="last/candidate")

    assert ("shipworthy evidence", ("accuracy",)) == (results.source, results.primary)
    assert [0, 1, 1, 0] == _values(results, "this/candidate")
    assert FAILED == results.evidence[0].status["this/candidate"][0]
    assert ["not_per_sample"] == [note.code for note in results.warnings]
    with pytest.raises(BadInput, match="what the counts of bleu mean stands in the run's manifest"):
        _read(*paths, candidate="this/candidate", baseline="last/candidate", metric="bleu")

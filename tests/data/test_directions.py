"""Which way a metric is better, what preferences mean, and what a failed answer counts as, in tables and logs."""

import json
from pathlib import Path

import numpy as np
import pytest

from shipworthy import metrics
from shipworthy.data.results import Query, Results, read
from shipworthy.data.results._direction import direction_of
from shipworthy.errors import BadInput
from shipworthy.evaluation.scoring.catalogue import BUILT_IN, kind_of
from shipworthy.records import FAILED

DEPEND = {"refusal", "length", "json_number", "assertions", "entropy", "energy"}


def _read(folder: Path, content: str, **query: object) -> Results:
    path = folder / "results.csv"
    path.write_text(content)
    return read([path], Query(**{"candidate": "new", "baseline": "old", **query}))  # type: ignore[arg-type]


def _wide(*rows: tuple[object, object]) -> str:
    return "example_id,new,old\n" + "".join(f"{at},{new},{old}\n" for at, (new, old) in enumerate(rows))


def _tidy(*rows: tuple[object, object], metric: str = "") -> str:
    head, cell = ("example_id,model,metric,value\n", f"{metric},") if metric else ("example_id,model,value\n", "")
    lines = [(f"{at},new,{cell}{new}\n", f"{at},old,{cell}{old}\n") for at, (new, old) in enumerate(rows)]
    return head + "".join(line for pair in lines for line in pair)


def _mean(results: Results, model: str) -> float:
    (metric,) = results.primary
    return float(np.mean(results.evidence[0].counts[model, metric][:, 0]))


@pytest.mark.parametrize("kind", [name for name in metrics.names() if name not in DEPEND])
def test_our_own_metrics_are_known_by_their_catalogue(kind: str) -> None:
    assert metrics.describe(kind).better == direction_of(kind)


@pytest.mark.parametrize("kind", BUILT_IN)
def test_the_metrics_that_need_a_judge_or_a_program_are_known_too(kind: str) -> None:
    found = kind_of(kind)
    assert found is not None
    described = {"attack_success": "lower", "toxicity": "lower"}.get(kind, "higher")

    assert described == direction_of(kind)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("acc_norm", "higher"),
        ("exact_match,strict-match", "higher"),
        ("word_perplexity", "lower"),
        ("bits_per_byte", "lower"),
        ("Word Error Rate", "lower"),
        ("test_accuracy", "higher"),
        ("eval_loss", "lower"),
        ("recall@10", "higher"),
        ("pass@1", "higher"),
        ("latency_ms", "lower"),
        ("latency_p99", "lower"),
        ("grader/f1", "higher"),
        ("error_free", None),
        ("costliness_score", None),
        ("lossless", None),
        ("refusal", None),
        ("zonk", None),
    ],
)
def test_whole_names_are_known_and_parts_of_names_are_not(name: str, wanted: str | None) -> None:
    assert wanted == direction_of(name)


@pytest.mark.parametrize("form", ["wide", "tidy", "column"])
def test_an_unknown_metric_is_refused_until_its_direction_is_said(tmp_path: Path, form: str) -> None:
    rows = [(1, 0), (0, 1)]
    content, metric = {
        "wide": (_wide(*rows), "zonk"),
        "tidy": (_tidy(*rows, metric="zonk"), None),
        "column": (_tidy(*rows).replace("value", "zonk"), "zonk"),
    }[form]
    with pytest.raises(BadInput, match="direction of 'zonk' is better; say --better zonk=higher"):
        _read(tmp_path, content, metric=metric)

    assert "lower" == _read(tmp_path, content, metric=metric, better={"": "lower"}).metrics["zonk"].better
    assert "higher" == _read(tmp_path, content, metric=metric, better={"zonk": "higher"}).metrics["zonk"].better


def test_a_direction_for_all_leaves_cost_and_latency_alone(tmp_path: Path) -> None:
    content = "example_id,model,value,latency_s\n1,new,1,2\n1,old,0,3\n"
    found = _read(tmp_path, content, better={"": "higher"}).metrics

    assert ("higher", "lower") == (found["value"].better, found["latency_s"].better)


def test_a_direction_without_a_name_is_for_metrics_that_nobody_knows(tmp_path: Path) -> None:
    rows = [f"{at},{model},{metric},{at % 2}" for at in range(4) for model in ("new", "old") for metric in METRICS]
    content = "example_id,model,metric,value\n" + "\n".join(rows) + "\n"
    found = _read(tmp_path, content, better={"": "lower"}).metrics

    assert {"accuracy": "higher", "num_zonks": "lower"} == {name: metric.better for name, metric in found.items()}


METRICS = ("accuracy", "num_zonks")


def test_a_direction_that_contradicts_every_metric_is_refused_until_it_names_one(tmp_path: Path) -> None:
    content = _tidy((1, 0), (0, 1), metric="accuracy")
    with pytest.raises(BadInput, match=r"'accuracy' is better when higher, .* say --better accuracy=lower"):
        _read(tmp_path, content, better={"": "lower"})

    assert "lower" == _read(tmp_path, content, better={"accuracy": "lower"}).metrics["accuracy"].better
    assert "higher" == _read(tmp_path, content, better={"": "higher"}).metrics["accuracy"].better


def test_a_direction_of_a_metric_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="did you mean 'accuracy'"):
        _read(tmp_path, _tidy((1, 0), (0, 1), metric="accuracy"), better={"acuracy": "lower"})


def test_a_table_without_a_name_says_what_was_taken_for_granted(tmp_path: Path) -> None:
    assert "assumed_direction" in [note.code for note in _read(tmp_path, _wide((1, 0))).warnings]
    for said in ({"metric": "accuracy"}, {"better": {"": "lower"}}):
        assert "assumed_direction" not in [note.code for note in _read(tmp_path, _wide((1, 0)), **said).warnings]


def test_times_whose_mean_says_the_opposite_of_their_percentile_are_told(tmp_path: Path) -> None:
    slow = "example_id,model,latency_ms\n" + "".join(
        f"{at},new,2900\n{at},old,{3000 if at % 8 == 0 else 200}\n" for at in range(400)
    )
    notes = {note.code: note.message for note in _read(tmp_path, slow, metric="latency_ms").warnings}

    assert "95th percentile, and the means say the opposite: 2900 of new against 550 of old" in notes["percentile"]
    even = slow.replace("3000", "200")
    assert "percentile" not in {note.code for note in _read(tmp_path, even, metric="latency_ms").warnings}


TIES = [(0, 1), (2, 0), (1, 2), (2, 2)]


@pytest.mark.parametrize("table", [_wide, _tidy])
def test_preferences_with_ties_are_asked_for_and_half_a_win(tmp_path: Path, table: object) -> None:
    content = table(*TIES)  # type: ignore[operator]
    with pytest.raises(BadInput, match=r"may be preferences .* say --scale alpaca or --scale plain"):
        _read(tmp_path, content)
    found = _read(tmp_path, content, scale="alpaca")

    assert (0.625, 0.625) == (_mean(found, "new"), _mean(found, "old"))
    assert 1.25 == _mean(_read(tmp_path, content, scale="plain"), "new")


@pytest.mark.parametrize("table", [_wide, _tidy])
def test_minus_one_to_one_is_asked_for(tmp_path: Path, table: object) -> None:
    content = table((-1, 0), (0, 0), (1, 1), (1, -1))  # type: ignore[operator]
    with pytest.raises(BadInput, match="--scale signed or --scale plain"):
        _read(tmp_path, content)

    assert 0.625 == _mean(_read(tmp_path, content, scale="signed"), "new")


@pytest.mark.parametrize(
    ("rows", "mean"), [(TIES, 0.625), ([(-1, 0), (0, 0), (1, 1), (1, -1)], 0.625), ([(1, 0.5), (0, 0)], 0.5)]
)
def test_a_metric_that_is_called_a_preference_needs_no_option(
    tmp_path: Path, rows: list[tuple[float, float]], mean: float
) -> None:
    for content, metric in ((_wide(*rows), "preference"), (_tidy(*rows, metric="preference"), None)):
        assert mean == _mean(_read(tmp_path, content, metric=metric), "new")


def test_a_scale_that_the_values_do_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no preferences of the scale alpaca"):
        _read(tmp_path, _wide((5, 3)), scale="alpaca")


def test_ratings_are_no_preferences(tmp_path: Path) -> None:
    assert 3.0 == _mean(_read(tmp_path, _wide((5, 3), (1, 0)), metric="score"), "new")


@pytest.mark.parametrize("name", ["latency_s", "latency_ms", "ttft", "response_time_ms"])
def test_a_failed_answer_is_slow_even_where_it_came_back_at_once(tmp_path: Path, name: str) -> None:
    content = f"example_id,model,{name},error\n1,new,0.1,HTTP 429\n1,old,3,\n2,new,1,\n2,old,3,\n"
    found = _read(tmp_path, content, metric=name)

    assert [FAILED, 0] == found.evidence[0].status["new"].tolist()
    assert found.evidence[0].counts["new", name][0, 0] >= 3600


def test_a_latency_that_is_watched_counts_failures_as_well(tmp_path: Path) -> None:
    head = "example_id,model,value,latency_s,cost,error\n"
    content = head + "1,new,,0.1,.2,HTTP 429\n1,old,1,3,.2,\n2,new,1,1,.1,\n2,old,1,3,.3,\n"
    found = _read(tmp_path, content)
    tables = {
        metric: next(t for t in found.evidence if t.dataset == found.datasets[metric]) for metric in found.metrics
    }

    assert 3600 == tables["latency_s"].counts["new", "latency_s"][0, 0]
    assert [0, 0] == tables["cost"].counts["new", "cost"][0].tolist()
    assert found.metrics["cost"].survivorship


def test_grades_of_inspect_and_directions_of_lm_eval_say_it_themselves(tmp_path: Path) -> None:
    for model in ("new", "old"):
        whole = {
            "version": 2,
            "status": "success",
            "eval": {"task": "t", "model": model},
            "samples": [{"id": 1, "epoch": 1, "input": "q", "target": "a", "scores": {"mine": {"value": "C"}}}],
        }
        (tmp_path / f"{model}.json").write_text(json.dumps(whole))
    paths = [tmp_path / "new.json", tmp_path / "old.json"]

    assert "higher" == read(paths, Query(candidate="new", baseline="old")).metrics["mine"].better
    for path in paths:
        path.write_text(path.read_text().replace('"C"', "0.5"))
    with pytest.raises(BadInput, match="direction of 'mine'"):
        read(paths, Query(candidate="new", baseline="old"))


ARMS = "example_id,model,metric,value\n" + "".join(
    f"{arm}{at},{model},accuracy,{at % 2}\n" for arm, model in (("a", "new"), ("b", "old")) for at in range(40)
)


def test_a_table_of_two_arms_says_that_compare_is_paired(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"compare is paired, and the two models share no example .* say --unpaired"):
        _read(tmp_path, ARMS)

    assert 80 == len(_read(tmp_path, ARMS, unpaired=True).evidence[0].example_N)


def test_ids_that_meet_by_chance_are_no_pairs(tmp_path: Path) -> None:
    same = ARMS.replace("\na", "\n").replace("\nb", "\n")
    few = ARMS.replace("\nb0,", "\na0,")

    assert 80 == len(_read(tmp_path, same, unpaired=True).evidence[0].example_N)
    assert any("only 1 of 40 and 40 rows share an id" in note.message for note in _read(tmp_path, few).warnings)

"""Suites that make rows for the model itself to answer."""

import json
from pathlib import Path

import msgspec
import pytest

from shipworthy import data, metrics, protocol
from shipworthy.errors import BadInput, ProtocolError, UnknownName
from shipworthy.evaluation.suites import arrange, occasion
from shipworthy.evaluation.suites.golden import flips
from shipworthy.evaluation.suites.regression import saved
from shipworthy.metrics.refusal import refuses
from shipworthy.records import Example, Message, Response

from .support import HEAD, ROWS, made, written


def test_a_row_and_its_perturbed_copies_are_one_cluster(tmp_path: Path) -> None:
    found = made(tmp_path, "{suite: robustness, of: d, options: {kinds: [typo, long]}}")
    rows = [one for one in found.examples if one.fields["document"] == "doc0"]

    assert ["r0", "r0~typo", "r0~long", "r1", "r1~typo", "r1~long"] == [one.id for one in rows]
    assert {"doc0"} == {one.cluster for one in rows}
    assert ("kind", "variant") == found.slices
    assert ["original", "typo", "long"] == [one.slices["variant"] for one in rows[:3]]
    assert [None, "template", "template"] == [one.fields.get("synthetic") for one in rows[:3]]


def test_the_sampled_rows_do_not_depend_on_the_order_of_the_file(tmp_path: Path) -> None:
    suite = "{suite: robustness, of: d, options: {kinds: [typo], sample: 4}}"
    one = {row.id for row in made(tmp_path, suite).examples}
    other = {row.id for row in made(tmp_path, suite, rows=ROWS[::-1]).examples}

    assert one == other and 8 == len(one)


def test_the_paired_drop_is_what_perturbation_costs(tmp_path: Path) -> None:
    found = made(tmp_path, "{suite: robustness, of: d, options: {kinds: [typo]}}")
    drop = metrics.build("drop", "drop", {"metric": "exact_match"})
    right = {row.id for row in found.examples if row.fields["variant"] == "original" or row.id < "r2"}

    def answer(row: Example) -> Response:
        text = str(row.reference) if row.id in right else "?"
        return Response(example_id=row.id, dataset="s", model="m", text=text)

    sums = sum(metrics_counts(drop, row, answer(row)) for row in found.examples)
    shares = [
        sum(row.id in right for row in found.examples if (row.fields["variant"] == "typo") == typo) / 12
        for typo in (0, 1)
    ]

    assert shares[0] - shares[1] == pytest.approx(float(drop.summarize(sums)))


def metrics_counts(metric: metrics.Metric, row: Example, response: Response) -> "object":
    import numpy as np

    return np.array(metric.counts(row, response))


def test_a_failed_perturbed_row_counts_against_the_perturbed_side(tmp_path: Path) -> None:
    rows = made(tmp_path, "{suite: robustness, of: d, options: {kinds: [typo]}}").examples
    drop = metrics.build("drop", "drop", {})

    assert [(0, 1, 0, 0), (0, 0, 0, 1)] == [drop.counts(row, None) for row in rows[:2]]


def test_shots_come_from_other_clusters_and_are_asked_like_the_row(tmp_path: Path) -> None:
    head = HEAD.replace("cluster: document}", "cluster: document, prompt: p}")
    head += "prompts:\n  p: {template: 'Q: {input}', system: Be brief.}\n"
    rows = made(tmp_path, "{suite: few_shot, of: d, options: {shots: [0, 3]}}", head=head).examples
    long = next(row for row in rows if row.id == "r4~3")

    assert ["system", *["user", "assistant"] * 3, "user"] == [turn.role for turn in long.messages]
    assert "Q: Please sort request number 4 for me" == long.messages[-1].content
    shown = [turn.content for turn in long.messages if turn.role == "assistant"]
    assert not {"answer 4", "answer 5"} & set(shown)
    assert {"0", "3"} == {row.slices["shots"] for row in rows}


def test_more_shots_than_there_are_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the pool has 10"):
        made(tmp_path, "{suite: few_shot, of: d, options: {shots: [11]}}")


@pytest.mark.parametrize("part", ["unsafe", "lookalike"])
def test_every_safety_text_is_marked_and_has_twenty_clusters(tmp_path: Path, part: str) -> None:
    found = made(tmp_path, f"{{suite: safety, options: {{part: {part}}}}}")

    assert 20 <= len({row.cluster for row in found.examples})
    assert all("mild" in row.fields["written_by"] for row in found.examples)
    assert not any(refuses(row.messages[-1].content) for row in found.examples)


def test_a_jailbreak_wraps_ones_own_unsafe_rows(tmp_path: Path) -> None:
    found = made(tmp_path, "{suite: safety, of: d, options: {part: jailbreak, sample: 2}}")

    assert 14 == len(found.examples) and ("kind", "template") == found.slices
    assert all("Please sort request" in row.messages[-1].content for row in found.examples)


def test_a_golden_set_says_its_digest_and_then_holds_the_rows_to_it(tmp_path: Path) -> None:
    suite = "{{suite: golden, of: d, version: v1, options: {options}}}"
    with pytest.raises(BadInput, match=r"options: \{sha256: ") as told:
        made(tmp_path, suite.format(options="{}"))
    sha256 = str(told.value).partition("sha256: ")[2][:64]
    fixed = suite.format(options=f"{{sha256: {sha256}}}")

    assert 12 == len(made(tmp_path, fixed).examples)
    with pytest.raises(BadInput, match="no longer those of version 'v1'"):
        made(tmp_path, fixed, rows=[*ROWS[:-1], {**ROWS[-1], "reference": "other"}])


def test_flips_are_the_cases_whose_result_changed() -> None:
    changed = flips([{"a": True, "b": False, "c": True}, {"a": True, "b": True}])

    assert [("b", (False, True)), ("c", (True, None))] == [(one.example_id, one.passed) for one in changed]


def failures(folder: Path, run: str, rows: list[Example]) -> None:
    (folder / "runs" / run).mkdir(parents=True)
    lines = [msgspec.json.encode(saved({"id": row.id}, row, run_id=run)) for row in rows]
    (folder / "runs" / run / "failures.jsonl").write_bytes(b"\n".join(lines))


def row(id: str, text: str, dataset: str = "d") -> Example:
    return Example(id=id, dataset=dataset, messages=(Message(role="user", content=text),), reference="x")


def test_saved_failures_return_once_as_cases_of_their_dataset(tmp_path: Path) -> None:
    failures(tmp_path, "1", [row("a", "one"), row("z", "other", dataset="e")])
    failures(tmp_path, "2", [row("a", "one"), row("a", "changed")])
    found = made(tmp_path, "{suite: regression, of: d}")

    assert [("a", "one"), ("a#2", "changed")] == [(one.id, one.messages[0].content) for one in found.examples]
    assert "regression" == found.role and {"s"} == {one.dataset for one in found.examples}


def test_a_regression_suite_without_failures_is_left_out_with_its_gates(tmp_path: Path) -> None:
    promised = written(tmp_path, "  again: {suite: regression, of: d}\n  unsafe: {suite: safety}")
    found = arrange(promised, folder=tmp_path).protocol

    assert ["unsafe_ok"] == list(found.metrics) == [gate.metric for gate in found.gates]
    assert "again" not in found.datasets


def test_a_line_that_nobody_saved_is_named(tmp_path: Path) -> None:
    failures(tmp_path, "1", [])
    (tmp_path / "runs/1/failures.jsonl").write_text('{"id": 1}\n')

    with pytest.raises(BadInput, match=r"failures\.jsonl:1"):
        made(tmp_path, "{suite: regression, of: d}")


def test_a_suite_becomes_a_dataset_with_its_role_slices_and_rows(tmp_path: Path) -> None:
    found = arrange(written(tmp_path, "  typos: {suite: robustness, of: d}"), folder=tmp_path)
    spec = found.protocol.datasets["typos"]

    assert ("stress", ("kind", "variant"), "suite robustness of d") == (spec.role, spec.slices, spec.path)
    assert {"d", "typos"} == {one.dataset for one in found.examples}


def test_data_that_is_only_the_source_of_a_suite_is_still_looked_at(tmp_path: Path) -> None:
    promised = written(
        tmp_path,
        "  typos: {suite: robustness, of: d, on: [nightly]}",
        head=HEAD.replace("slices", "on: [weekly], slices"),
    )
    found = arrange(promised, folder=tmp_path, when="nightly")

    assert {"typos"} == {one.dataset for one in found.examples}
    assert data.digest(data.read("d", promised.datasets["d"], folder=tmp_path)) == found.sources["d"].sha256


def test_the_same_protocol_makes_the_same_rows(tmp_path: Path) -> None:
    promised = written(tmp_path, "  typos: {suite: robustness, of: d}\n  shots: {suite: few_shot, of: d}")
    one, other = (arrange(promised, folder=tmp_path).examples for _ in range(2))

    assert data.digest(one) == data.digest(other)


def test_a_gate_by_a_column_that_a_suite_does_not_have_is_refused(tmp_path: Path) -> None:
    promised = written(tmp_path, "  typos: {suite: robustness, of: d}")
    gate = msgspec.structs.replace(promised.gates[0], slices=("nothing",))

    with pytest.raises(BadInput, match="known: kind, variant"):
        arrange(msgspec.structs.replace(promised, gates=(gate,)), folder=tmp_path)


@pytest.mark.parametrize(
    ("suite", "error", "words"),
    [
        ("{suite: robustnes, of: d}", UnknownName, "did you mean 'robustness'"),
        ("{suite: robustness}", BadInput, "of: ..."),
        ("{suite: robustness, of: d, options: {kind: [typo]}}", BadInput, "did you mean 'kinds'"),
        ("{suite: robustness, of: d, options: {kinds: [typos]}}", BadInput, "known: typo"),
        ("{suite: robustness, of: e}", ProtocolError, "unknown dataset 'e'"),
        ("{suite: golden, of: d}", BadInput, "version"),
        ("{suite: safety, of: d}", BadInput, "jailbreak"),
    ],
)
def test_a_wrong_suite_is_one_sentence(tmp_path: Path, suite: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        made(tmp_path, suite)


GUIDE = (Path(__file__).parents[2] / "docs/guides/suites.md").read_text(encoding="utf-8")


def block(beginning: str) -> str:
    """The Python block of the guide that begins like this."""
    return next(one.partition("```")[0] for one in GUIDE.split("```python\n")[1:] if one.startswith(beginning))


def test_a_suite_of_ones_own_is_a_function_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "ours.py").write_text(block("from shipworthy.evaluation"))
    found = made(tmp_path, '{suite: "ours.py:greetings", options: {words: [Hello, Moin]}}')

    assert ["Hello", "Moin"] == [one.id for one in found.examples]


def test_the_guide_s_augmentation_runs() -> None:
    exec(block("from shipworthy.data"), {})


def test_the_guide_s_protocol_is_valid_and_has_work_on_every_occasion() -> None:
    promised = protocol.load(GUIDE.partition("```yaml\n")[2].partition("```")[0], where="suites.md")

    for when in ("commit", "checkpoint", "nightly", "predeploy"):
        assert occasion(promised, when).gates  # type: ignore[arg-type]


def test_a_suite_named_like_a_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="rename one"):
        written(tmp_path, "  d: {suite: safety}")


def test_a_candidate_behind_an_endpoint_cannot_be_looked_into(tmp_path: Path) -> None:
    head = HEAD.replace(
        "backend: huggingface, path: m", "backend: openai, base_url: 'http://127.0.0.1:1/v1', model: x", 1
    )
    promised = written(tmp_path, "  foreign: {suite: out_of_distribution, of: d}", head=head)

    with pytest.raises(BadInput, match="looks inside the weights"):
        arrange(promised, folder=tmp_path)


def test_rows_survive_being_written_as_json(tmp_path: Path) -> None:
    for suite in ("{suite: unit}", "{suite: integration, of: d}", "{suite: stress, of: d}", "{suite: safety}"):
        for one in made(tmp_path, suite).examples:
            assert one == msgspec.json.decode(json.dumps(msgspec.to_builtins(one)), type=Example)


def test_rows_that_differ_in_casing_alone_are_one_cluster_and_no_repeats(tmp_path: Path) -> None:
    suite = "{suite: robustness, of: d, options: {kinds: [casing, spacing]}}"
    found = data.clusters(made(tmp_path, suite).examples)

    assert ((), 6) == (found.warnings, len(set(found.code_N.tolist())))

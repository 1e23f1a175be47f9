"""What was not run alike is said, and a fine-tune of the same base is not accused."""

from dataclasses import replace

import msgspec
import pytest

from shipworthy import metrics
from shipworthy.evaluation.comparable import facts, rescored
from shipworthy.protocol import load
from shipworthy.store import Manifest, ModelPrint

PROTOCOL = load(
    """
shipworthy: 1
name: t
datasets: {d: {path: d.jsonl}}
models:
  new: {role: candidate, path: a}
  old: {role: production, path: b}
metrics: {exact_match: {dataset: d}}
gates: [{metric: exact_match, baseline: old}]
""",
    where="p.yaml",
)
BASE = {
    "weights_sha256": "w1",
    "adapter_sha256": "",
    "tokenizer_sha256": "t1",
    "template_sha256": "c1",
    "dtype": "bfloat16",
    "batch_size": "8",
    "temperature": "0",
}
EXACT = metrics.build("exact_match", "exact_match", {})


def locked(**changes: str) -> Manifest:
    return Manifest(
        run_id="r",
        created="",
        protocol={},
        protocol_sha256="",
        candidate="new",
        models={
            "new": ModelPrint(role="candidate", identity=BASE | changes),
            "old": ModelPrint(role="production", identity=BASE),
        },
        settings={"metric_versions": {"exact_match": "0", "gone": "1"}},
    )


def differing(manifest: Manifest, unit: str = "share") -> set[str]:
    found = facts(PROTOCOL, manifest, {"exact_match": replace(EXACT, unit=unit)})
    return {key for key in found["new"].keys() & found["old"].keys() if found["new"][key] != found["old"][key]}


def test_a_fine_tune_of_the_same_base_differs_in_nothing_that_counts() -> None:
    assert set() == differing(locked(weights_sha256="w2", adapter_sha256="a2"))


@pytest.mark.parametrize(
    ("key", "fact"),
    [("dtype", "precision"), ("batch_size", "batch_size"), ("template_sha256", "chat template")],
)
def test_what_can_change_an_answer_beside_the_weights_counts(key: str, fact: str) -> None:
    assert {fact} == differing(locked(**{key: "other"}))


def test_another_tokenizer_counts_for_metrics_per_token_only() -> None:
    other = locked(tokenizer_sha256="t2", template_sha256="c2")

    assert set() == differing(other)
    assert {"tokenizer"} == differing(other, unit="perplexity")


def test_a_tokenizer_whose_file_was_only_saved_again_is_the_same_and_its_template_counts() -> None:
    again = locked(tokenizer_sha256="t2", template_sha256="c2", tokenization_sha256="k")
    again = msgspec.structs.replace(
        again,
        models={**again.models, "old": ModelPrint(role="production", identity={**BASE, "tokenization_sha256": "k"})},
    )

    assert {"chat template"} == differing(again)
    assert {"chat template"} == differing(again, unit="perplexity")


def test_sampling_that_is_written_in_two_ways_is_one() -> None:
    same = locked(temperature="0.0")
    promised = load(
        (
            "shipworthy: 1\nname: t\ndatasets: {d: {path: d.jsonl}}\nmetrics: {exact_match: {dataset: d}}\n"
            "gates: [{metric: exact_match, baseline: old}]\n"
            "models: {new: {role: candidate, path: a, sampling: {temperature: 0}}, old: {role: production, path: b}}"
        ),
        where="p.yaml",
    )

    assert "0.0" == facts(promised, same, {"exact_match": EXACT})["new"]["temperature"]


def test_a_metric_that_scores_otherwise_by_now_is_named() -> None:
    assert {"exact_match": ("0", EXACT.version)} == rescored(locked(), {"exact_match": EXACT})

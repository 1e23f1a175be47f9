"""Suites that look inside, on the project's own tiny model."""

from pathlib import Path

import numpy as np
import pytest

from shipworthy.demo import story
from shipworthy.errors import BackendError, BadInput
from shipworthy.evaluation.suites.attribution import spearman
from shipworthy.evaluation.suites.out_of_distribution import mahalanobis
from shipworthy.evaluation.suites.probing import read_off
from shipworthy.models.inside import Inside
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Response

from .support import Scripted, handle, made, ok, probed

INTENTS = {"Where is my parcel? It has not arrived.": "shipping", "I want my money back for the lamp.": "refund"}
TICKETS = [
    {"id": f"t{at}", "input": f"Classify this ticket as JSON.\n{text} Order {at}.", "reference": intent,
     "kind": intent, "document": f"t{at}", "words": ["parcel" if intent == "shipping" else "money"]}
    for at, (text, intent) in enumerate(list(INTENTS.items()) * 15)
]  # fmt: skip


def tiny() -> ModelSpec:
    return ModelSpec(role="candidate", backend="huggingface", path=str(story.MODEL))


@pytest.fixture(scope="module")
def inside() -> Inside:
    pytest.importorskip("transformers")
    return Inside.load("tiny", tiny(), folder=Path())


@pytest.mark.train
def test_the_tiny_model_passes_every_look_of_the_unit_suite(tmp_path: Path) -> None:
    suite = made(tmp_path, "{suite: unit, options: {checks: [tokenizer, template, numerics]}}")
    found = probed(suite, handle(Scripted(lambda _: "unused"), local=True))

    assert {} == {id: one.text or one.error for id, one in found.items() if not ok(one)}
    assert ok(
        probed(made(tmp_path, "{suite: unit}"), handle(Scripted(str), local=True), like="stop/template")[
            "stop/template"
        ]
    )


@pytest.mark.train
def test_a_template_that_forgets_the_stop_token_is_caught(tmp_path: Path) -> None:
    model = handle(Scripted(str), local=True)
    template = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}"
    model.inside()._tokenizer.chat_template = template + "{% if add_generation_prompt %}<|assistant|>{% endif %}"
    found = probed(made(tmp_path, "{suite: unit}"), model, like="stop/template")

    assert not ok(found["stop/template"])


@pytest.mark.train
def test_a_template_that_asks_differently_than_it_trains_is_caught(tmp_path: Path) -> None:
    model = handle(Scripted(str), local=True)
    model.inside()._tokenizer.chat_template = (
        "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>\nthink:{% endif %}"
    )
    found = probed(made(tmp_path, "{suite: unit}"), model, like="template/one")

    assert "other texts" in (found["template/one turn"].text or "")


@pytest.mark.train
def test_weights_that_are_not_numbers_are_caught(tmp_path: Path) -> None:
    model = handle(Scripted(str), local=True)
    model.inside()._network.lm_head.weight.data[5] = float("nan")
    found = probed(made(tmp_path, "{suite: unit}"), model, like="numerics/finite")

    assert {False} == {ok(one) for one in found.values()}


@pytest.mark.train
def test_foreign_text_is_told_from_tickets_by_every_score(tmp_path: Path) -> None:
    from shipworthy import metrics

    suite = made(tmp_path, "{suite: out_of_distribution, of: d}", rows=TICKETS)
    found = probed(suite, handle(Scripted(str), local=True))

    for score in ("msp", "energy", "mahalanobis"):
        auroc = metrics.build("a", "auroc", {"confidence": score})
        assert auroc.summarize_rows is not None
        counts = np.array([auroc.counts(one, found[one.id]) for one in suite.examples])
        assert 0.75 < float(auroc.summarize_rows(counts, np.ones((1, len(counts))))[0]), score


@pytest.mark.train
def test_the_intent_of_a_ticket_can_be_read_off_the_states(tmp_path: Path) -> None:
    suite = made(tmp_path, "{suite: probing, of: d, options: {label: kind, folds: 3}}", rows=TICKETS)
    found = probed(suite, handle(Scripted(str), local=True))

    assert 0.9 < np.mean([found[one.id].text == one.reference for one in suite.examples])


@pytest.mark.train
def test_a_fold_is_read_the_same_whatever_was_answered_before(tmp_path: Path) -> None:
    suite = made(tmp_path, "{suite: probing, of: d, options: {label: kind}}", rows=TICKETS)
    model = handle(Scripted(str), local=True)
    every, some = probed(suite, model), probed(suite, model, like="t1")

    assert {id: every[id].text for id in some} == {id: one.text for id, one in some.items()}


@pytest.mark.train
def test_an_answer_hangs_on_the_words_that_decide_it(tmp_path: Path) -> None:
    suite = "{suite: attribution, of: d, options: {expected: words, top: 3, at_least: 1}}"
    sums = [(12, 7), (23, 14), (31, 8), (5, 42)]
    rows = [
        {**TICKETS[at], "input": f"What is {a} plus {b}?", "words": [str(a), str(b)]} for at, (a, b) in enumerate(sums)
    ]
    found = probed(made(tmp_path, suite, rows=rows), handle(Scripted(str), local=True))

    assert [str(a + b) for a, b in sums] == [one.extra["answer"] for one in found.values()]
    assert {} == {id: one.text for id, one in found.items() if not ok(one)}
    assert all("answer" in one.extra and one.extra["words"][0]["saliency"] > 0 for one in found.values())


@pytest.mark.train
def test_the_gradient_is_that_of_a_small_step(inside: Inside) -> None:
    """Moving one embedding along the gradient raises the answer's log-probability as the gradient says."""
    import torch

    ids, answer = inside.encode("<|user|>What is 3 plus 4?<|end|><|assistant|>"), inside.encode("7")
    norm_T = inside._gradient(ids, answer)
    embedded = inside._network.get_input_embeddings()(inside._ids(ids + answer)).detach()
    moved = embedded.clone().requires_grad_(True)
    value = inside._summed(inside._network(inputs_embeds=moved, use_cache=False).logits, answer)
    (gradient,) = torch.autograd.grad(value, moved)
    at = int(np.argmax(norm_T))
    along = torch.zeros_like(embedded)
    along[0, at] = 1e-3 * gradient[0, at] / gradient[0, at].norm()
    with torch.no_grad():
        both = [inside._network(inputs_embeds=embedded + sign * along, use_cache=False).logits for sign in (1, -1)]
    risen = float(inside._summed(both[0], answer) - inside._summed(both[1], answer))

    assert norm_T[at] == pytest.approx(risen / 2e-3, rel=0.1)


@pytest.mark.train
def test_a_padded_batch_and_a_lone_text_have_the_same_states(inside: Inside) -> None:
    texts = ["<|user|>Hi<|end|><|assistant|>", "<|user|>Where is my parcel, please?<|end|><|assistant|>"]
    both, alone = inside.states(texts), inside.states(texts[:1])

    np.testing.assert_allclose(both.hidden_NLH[0], alone.hidden_NLH[0], atol=1e-4)
    np.testing.assert_allclose(inside.stepwise(texts[0]), alone.logits_NV[0], atol=1e-3)


@pytest.mark.train
def test_a_dense_model_routes_nothing_and_a_sparse_one_says_where(inside: Inside) -> None:
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.MixtralConfig(
        vocab_size=768, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, num_local_experts=4, num_experts_per_tok=2, pad_token_id=0, eos_token_id=1,
    )  # fmt: skip
    sparse = Inside(inside._tokenizer, transformers.MixtralForCausalLM(config).eval())
    share_LE = sparse.routing("Where is my parcel?")

    assert inside.routing("Where is my parcel?") is None
    assert share_LE is not None and (2, 4) == share_LE.shape
    np.testing.assert_allclose(share_LE.sum(1), 1.0)


@pytest.mark.train
@pytest.mark.parametrize(("most", "passes"), [(1.0, True), (0.1, False)])
def test_the_busiest_expert_of_a_sparse_model_keeps_its_limit_or_not(
    inside: Inside, tmp_path: Path, most: float, passes: bool
) -> None:
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.MixtralConfig(
        vocab_size=768, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, num_local_experts=4, num_experts_per_tok=2, pad_token_id=0, eos_token_id=1,
    )  # fmt: skip
    sparse = Inside(inside._tokenizer, transformers.MixtralForCausalLM(config).eval())
    model = handle(Scripted(str), local=True)
    model._inside = sparse
    suite = made(tmp_path, f"{{suite: integration, options: {{checks: [experts], max_expert_share: {most}}}}}")
    found = probed(suite, model)["experts/share"]

    assert passes == ok(found)
    assert (2, 4) == np.shape(found.extra["share"])


@pytest.mark.train
def test_an_adapter_is_looked_into_with_its_base() -> None:
    spec = ModelSpec(
        role="candidate", backend="huggingface", path=str(story.MODEL), adapter=str(story.PRODUCTION_ADAPTER)
    )
    text = "<|user|>Hi<|end|><|assistant|>"
    plain, adapted = Inside.load("t", tiny(), folder=Path()), Inside.load("t", spec, folder=Path())

    assert not np.allclose(plain.states([text]).logits_NV, adapted.states([text]).logits_NV)


@pytest.mark.parametrize("backend", ["openai", "recorded"])
def test_a_model_without_weights_here_is_refused_with_what_to_do(backend: str) -> None:
    with pytest.raises(BackendError, match="leave the suite out"):
        Inside.load("m", ModelSpec(role="candidate", backend=backend), folder=Path())


def test_mahalanobis_is_the_squared_distance_in_units_of_the_spread() -> None:
    rng = np.random.default_rng(0)
    fit = rng.normal(size=(4_000, 2)) * [1.0, 3.0]

    assert [1.0, 4.0] == pytest.approx(list(mahalanobis(fit, fit.mean(0) + np.diag([1.0, 6.0]), 0.1)), rel=0.1)


def test_a_property_that_is_not_in_the_states_is_read_at_chance() -> None:
    rng = np.random.default_rng(0)
    labels, folds = rng.choice(["a", "b"], 400), rng.integers(0, 5, 400)
    read = read_off(rng.normal(size=(400, 8)), labels, folds, ridge=1.0)

    assert 0.4 < np.mean(np.array(read) == labels) < 0.6


def test_spearman_agrees_with_the_reference_also_with_ties() -> None:
    from scipy.stats import spearmanr

    one, other = np.array([1.0, 2.0, 2.0, 5.0, 0.5]), np.array([3.0, 1.0, 4.0, 4.0, 0.0])

    assert spearmanr(one, other).statistic == pytest.approx(spearman(one, other))
    assert 0.0 == spearman(one, np.ones(5))


def test_an_expected_word_that_is_not_in_the_text_is_refused(tmp_path: Path) -> None:
    rows = [{**row, "words": ["elephant"]} for row in TICKETS]

    with pytest.raises(BadInput, match="no word that stands in its text"):
        made(tmp_path, "{suite: attribution, of: d, options: {expected: words}}", rows=rows)


def test_a_detector_needs_rows_to_be_fitted_on(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="too few"):
        made(tmp_path, "{suite: out_of_distribution, of: d}", rows=TICKETS[:1])


def test_a_scripted_model_without_weights_gives_errors_not_scores(tmp_path: Path) -> None:
    found = probed(made(tmp_path, "{suite: out_of_distribution, of: d}", rows=TICKETS), handle(Scripted(str)))

    assert all(isinstance(one, Response) and "needs the weights" in (one.error or "") for one in found.values())

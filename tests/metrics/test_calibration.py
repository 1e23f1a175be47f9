"""ECE, Brier and its parts, ranking statistics, likelihood."""

import math

import numpy as np
import pytest

from shipworthy import metrics
from shipworthy.errors import BadInput, MissingEvidence
from shipworthy.metrics import calibration, ranking

SURE = [(0.9, True), (0.9, True), (0.9, False), (0.6, True), (0.6, False)]


def _rows(observe, kind, options=None, pairs=SURE):
    return np.array(
        [observe(kind, "yes", "yes" if right else "no", options, extra={"confidence": sure}) for sure, right in pairs]
    )


def test_ece_by_hand(observe):
    ece = metrics.build("e", "ece", {"bins": 10})
    by_hand = 3 / 5 * abs(2 / 3 - 0.9) + 2 / 5 * abs(1 / 2 - 0.6)

    assert by_hand == pytest.approx(float(ece.summarize(_rows(observe, "ece", {"bins": 10}).sum(0))))


def test_a_confidence_on_an_edge_belongs_to_the_lower_bin(observe):
    counts = observe("ece", "yes", "yes", {"bins": 2}, extra={"confidence": 0.5})

    assert (1.0, 0.0, 0.5, 0.0, 1.0, 0.0) == counts
    assert (1.0, 0.0, 0.0, 0.0, 1.0, 0.0) == observe("ece", "yes", "yes", {"bins": 2}, extra={"confidence": 0.0})


def test_given_edges_replace_equal_widths(observe):
    options = {"edges": [0.7]}

    assert 6 == len(observe("ece", "yes", "yes", options, extra={"confidence": 0.8}))
    with pytest.raises(BadInput, match="must rise"):
        metrics.build("e", "ece", {"edges": [0.7, 0.2]})


def test_a_failed_answer_was_sure_and_wrong():
    ece = metrics.build("e", "ece", {})

    assert 1.0 == float(ece.summarize(np.array(ece.failure)))


def test_the_parts_of_the_brier_score_add_up_to_it(observe):
    bins = _rows(observe, "ece", {"bins": 10}).sum(0)
    parts = {part: float(calibration.murphy(bins, part=part)) for part in ("reliability", "resolution", "uncertainty")}
    brier = _rows(observe, "brier").sum(0)

    assert brier[0] / brier[1] == pytest.approx(parts["reliability"] - parts["resolution"] + parts["uncertainty"])


def test_brier_over_all_labels_by_hand(observe):
    shares = {"a": 0.7, "b": 0.2, "c": 0.1}

    assert 0.09 + 0.04 + 0.01 == pytest.approx(
        observe("brier", "a", "a", {"over": "probabilities"}, extra={"probabilities": shares})[0]
    )


def test_the_reliability_diagram_comes_from_the_same_counts(observe):
    sure, right, n = calibration.reliability_diagram(_rows(observe, "ece", {"bins": 10}).sum(0))

    np.testing.assert_allclose([[0.6, 0.9], [0.5, 2 / 3], [2, 3]], [sure, right, n])


def test_a_backend_that_reports_no_confidence_is_named(observe):
    for extra in ({}, {"confidence": "high"}, {"confidence": 1.5}, {"confidence": math.nan}, {"confidence": True}):
        with pytest.raises(MissingEvidence, match=r"needs a number.*extra\.confidence.*'m'.*'e1'"):
            observe("ece", "yes", "yes", extra=extra)


def test_equal_mass_edges_put_as_many_in_every_bin():
    sure = np.random.default_rng(1).random(1000)
    edges = calibration.equal_mass_edges(sure, 4)

    assert [250] * 4 == np.bincount(np.searchsorted(edges, sure)).tolist()


def test_temperature_undoes_a_known_scaling():
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 2, (20_000, 3))
    chance = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (rng.random((20_000, 1)) > chance.cumsum(1)).sum(1).clip(0, 2)

    assert 3.0 == pytest.approx(calibration.fit_temperature(3 * logits, labels), rel=0.05)


def test_auroc_by_hand_with_a_tie():
    rows = np.array([[0.9, 1, 1], [0.6, 1, 1], [0.6, 0, 1], [0.1, 0, 1]], dtype=float)

    assert 3.5 / 4 == pytest.approx(float(ranking.auroc_of_rows(rows, np.ones((1, 4)))[0]))
    assert 0.5 == float(ranking.auroc_of_rows(rows[:2], np.ones((1, 2)))[0])
    assert [0.5] == ranking.auroc_of_rows(np.zeros((0, 3)), np.ones((1, 0))).tolist()


def test_selective_risk_by_hand():
    rows = np.array([[0.9, 1, 1], [0.8, 0, 1], [0.7, 1, 1], [0.1, 0, 1]], dtype=float)
    ones = np.ones((1, 4))

    assert 0.0 == float(ranking.risk_of_rows(rows, ones, coverage=0.25)[0])
    assert 1 / 3 == pytest.approx(float(ranking.risk_of_rows(rows, ones, coverage=0.75)[0]))
    assert (0 + 1 / 2 + 1 / 3 + 1 / 2) / 4 == pytest.approx(float(ranking.risk_of_rows(rows, ones, coverage=None)[0]))


def test_adaptive_ece_by_hand():
    rows = np.array([[0.6, 1, 1], [0.7, 0, 1], [0.8, 1, 1], [1.0, 1, 1]], dtype=float)
    by_hand = (abs(1 - 1.3) + abs(2 - 1.8)) / 4

    assert by_hand == pytest.approx(float(ranking.adaptive_error_of_rows(rows, np.ones((1, 4)), bins=2)[0]))


def test_perplexity_weighs_by_tokens(observe):
    metric = metrics.build("p", "perplexity", {})
    rows = [observe("perplexity", None, "", extra={"nll": math.log(2) * n, "tokens": n}) for n in (1, 9)]
    uneven = [observe("perplexity", None, "", extra={"nll": nats, "tokens": n}) for nats, n in ((4.0, 1), (0.0, 3))]

    assert 2.0 == pytest.approx(float(metric.summarize(np.sum(rows, 0))))
    assert math.e == pytest.approx(float(metric.summarize(np.sum(uneven, 0))))
    assert 1.0 == pytest.approx(float(metrics.build("l", "loss", {}).summarize(np.sum(uneven, 0))))


def test_a_likelihood_over_no_tokens_is_refused(observe):
    with pytest.raises(MissingEvidence, match=r"0\.0 tokens"):
        observe("perplexity", None, "", extra={"nll": 1.0, "tokens": 0})


def test_entropy_is_that_of_the_stated_probabilities(observe):
    assert math.log(2) == pytest.approx(observe("entropy", None, "", extra={"probabilities": {"a": 0.5, "b": 0.5}})[0])
    assert 0.0 == observe("entropy", None, "", extra={"probabilities": {"a": 1.0, "b": 0.0}})[0]
    with pytest.raises(MissingEvidence, match="sum to 1"):
        observe("entropy", None, "", extra={"probabilities": {"a": 0.5}})

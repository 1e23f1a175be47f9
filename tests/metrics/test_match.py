"""Exact match, accuracy and token F1."""

import pytest

from shipworthy import metrics
from shipworthy.errors import BadInput
from shipworthy.metrics.match import squad_normalised, token_overlap_f1


def test_surrounding_space_does_not_spoil_an_exact_match(observe):
    assert (1.0, 1.0) == observe("exact_match", "Paris", " Paris\n")


def test_case_spoils_an_exact_match_unless_it_is_normalised(observe):
    assert (0.0, 1.0) == observe("exact_match", "Paris", "paris")
    assert (1.0, 1.0) == observe("exact_match", "Paris", "paris", {"normalise": ["strip", "case"]})


def test_any_of_several_references_is_enough(observe):
    assert (1.0, 1.0) == observe("exact_match", ["NYC", "New York"], "New York")


def test_squad_normalisation_drops_case_punctuation_and_articles(observe):
    assert (1.0, 1.0) == observe("exact_match", "The Eiffel Tower!", "eiffel  tower", {"normalise": "squad"})
    assert "cat sat" == squad_normalised("The cat, a  SAT.")


def test_composed_and_decomposed_letters_are_one_text_under_unicode_normalisation(observe):
    assert (1.0, 1.0) == observe("exact_match", "café", "cafe\u0301", {"normalise": ["unicode", "strip"]})


def test_a_number_as_reference_equals_its_digits(observe):
    assert (1.0, 1.0) == observe("exact_match", 42, "42")
    assert (1.0, 1.0) == observe("exact_match", 42.0, "42")


def test_the_last_match_of_the_extraction_is_the_answer(observe):
    options = {"extract": r"answer: (\d+)"}

    assert (1.0, 1.0) == observe("exact_match", "7", "answer: 3? no, answer: 7", options)
    assert (0.0, 1.0) == observe("exact_match", "7", "I think 7", options)


def test_the_reference_may_stand_in_a_column(observe):
    assert (1.0, 1.0) == observe("exact_match", None, "b", {"field": "gold"}, {"gold": "b"})


def test_a_row_without_a_reference_is_named_with_its_line(observe):
    with pytest.raises(BadInput, match=r"rows\.jsonl:7: example 'e1' has no reference"):
        observe("exact_match", None, "b")


def test_a_label_is_read_without_case_and_surrounding_punctuation(observe):
    assert (1.0, 1.0) == observe("accuracy", "billing", " **Billing**.\n")


def test_the_only_declared_label_in_a_sentence_is_the_answer(observe):
    labels = {"labels": ["billing", "delivery", "late delivery"]}

    assert (1.0, 1.0) == observe("accuracy", "billing", "This is about billing, I think", labels)
    assert (1.0, 1.0) == observe("accuracy", "late delivery", "a late delivery.", labels)
    assert (0.0, 1.0) == observe("accuracy", "billing", "billing or delivery", labels)
    assert (0.0, 1.0) == observe("accuracy", "billing", "prebillings", labels)


def test_a_gold_label_that_was_not_declared_is_bad_input(observe):
    with pytest.raises(BadInput, match=r"rows\.jsonl:7: the gold label 'biling'.*none of billing, other"):
        observe("accuracy", "biling", "billing", {"labels": ["billing", "other"]})


def test_token_f1_by_hand():
    assert 0.8 == pytest.approx(token_overlap_f1("the big red dog", "big dog"))  # 2 of 2 found, 2 of 3 wanted
    assert 0.0 == token_overlap_f1("yes", "no")
    assert 0.5 == pytest.approx(token_overlap_f1("x x y", "x"))  # repeated tokens count as often as they stand


def test_no_answer_agrees_with_no_answer_only(observe):
    assert (1.0, 1.0) == observe("token_f1", [], "")
    assert (0.0, 1.0) == observe("token_f1", [], "Paris")
    assert (0.0, 1.0) == observe("token_f1", ["Paris"], "")


def test_token_f1_takes_the_best_reference(observe):
    assert (1.0, 1.0) == observe("token_f1", ["nothing", "a dog"], "dog")


def test_a_broken_pattern_is_refused_before_the_run():
    with pytest.raises(BadInput, match="not a regular expression"):
        metrics.build("em", "exact_match", {"extract": "("})


@pytest.mark.parametrize("normalise", ["squad", ["case", "punctuation", "strip"]])
def test_what_normalises_to_nothing_is_compared_as_it_stands(observe, normalise):
    options = {"normalise": normalise}

    assert (0.0, 1.0) == observe("exact_match", ".", ",", options)
    assert (0.0, 1.0) == observe("exact_match", "?", "", options)
    assert (1.0, 1.0) == observe("exact_match", "?", " ?\n", options)

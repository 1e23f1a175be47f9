"""F1 and correlation over declared classes: what parity with scikit-learn does not cover."""

import numpy as np
import pytest

from shipworthy import metrics
from shipworthy.errors import BadInput
from shipworthy.records import Example

LABELS = {"labels": ["ham", "spam"]}


def test_an_answer_counts_where_it_is_right_predicted_and_gold(observe):
    assert (1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0) == observe("macro_f1", "ham", "Ham.", LABELS)
    assert (0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0) == observe("macro_f1", "ham", "it is spam", LABELS)
    assert (0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0) == observe("macro_f1", "ham", "who knows", LABELS)


def test_a_failed_answer_misses_its_own_class():
    metric = metrics.build("f", "macro_f1", LABELS)
    example = Example(id="e", dataset="d", messages=(), reference="spam")

    assert (0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0) == metric.counts(example, None)


def test_micro_f1_over_all_classes_is_accuracy_when_every_answer_has_a_class(observe):
    rows = [observe("micro_f1", *pair, LABELS) for pair in [("ham", "ham"), ("ham", "spam"), ("spam", "spam")]]

    assert 2 / 3 == pytest.approx(float(metrics.build("f", "micro_f1", LABELS).summarize(np.sum(rows, 0))))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "labels"),
        ({"labels": ["a"]}, "length >= 2"),
        ({"labels": ["a", "A"]}, "a class twice"),
        ({"labels": ["a", "b"], "only": ["c"]}, "'c'"),
    ],
)
def test_classes_that_make_no_sense_are_refused(options, says):
    with pytest.raises(BadInput, match=says):
        metrics.build("f", "macro_f1", options)

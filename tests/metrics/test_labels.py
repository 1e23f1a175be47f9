"""Which label an answer names; None: none of them, or several."""

# ruff: noqa: E501  tables of cases

import pytest

from shipworthy.metrics._labels import label_in

ABCD = ("A", "B", "C", "D")
ONE_TO_FIVE = ("1", "2", "3", "4", "5")
YES_NO = ("yes", "no")
NLI = ("entailment", "neutral", "contradiction")
TONE = ("positive", "negative")

LETTERS = [
    ("A", "A"), ("a", "A"), ("a.", "A"), ("(a)", "A"), ("A)", "A"), ("A) Paris", "A"), ("a) a dog", "A"),
    ("A. A dog is an animal", "A"), ("The answer is A", "A"), ("the answer is a.", "A"), ("Answer: A", "A"),
    ("**A**", "A"), ("I choose a", "A"), ("It is option A because a dog barks", "A"), ("A is correct", "A"),
    ("A, since the dog barks", "A"), ("A\nBecause a dog barks.", "A"), ('The answer is "A".', "A"), ("Ａ", "A"),
    ("The correct answer is **A: Paris**", "A"), ("[[A]]", "A"), ("answer = A", "A"), ("\\boxed{A}", "A"),
    ("B because it is a dog", "B"), ("I'd say B", "B"), ("b", "B"), ("The answer is not A but B", "B"),
    ("A dog is an animal.", None), ("Question 7 would need a longer look, sorry.", None), ("What a day", None),
    ("The answer is a dog", None), ("The answer is A dog", None), ("A", "A"), ("This is a", "A"), ("A-level maths", None),
    ("B-", None), ("C++", None), ("C# is a language", None), ("D-Day", None), ("5 a.m.", None), ("A or B", None),
    ("A/C unit", None), ("the U.S.A. is large", None), ("neither A nor B", None), ("It isn't C", None),
    ("I'd rather not say", None), ("D'accord", None), ("Vitamin D, a vitamin", "D"), ("R&D", None), ("option-B", "B"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "label"), LETTERS)
def test_an_option_is_named_by_its_letter_and_not_by_a_word_that_looks_like_it(text: str, label: str | None) -> None:
    assert label == label_in(text, ABCD)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I", "I"), ("II", "II"), ("I think it is III", "III"), ("I would say that nobody knows", None),
        ("Option I", "I"), ("(I)", "I"), ("The answer is I.", "I"), ("My friend and I, both of us", None),
        ("I'm not sure", None), ("I. Because it follows", "I"), ("i.e. nothing", None),
    ],
)  # fmt: skip
def test_the_pronoun_is_no_roman_numeral(text: str, label: str | None) -> None:
    assert label == label_in(text, ("I", "II", "III"))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("5", "5"), ("5.", "5"), ("(5)", "5"), ("Rating: 5", "5"), ("5 stars", "5"), ("3.0", "3"), ("５", "5"),
        ("score=4", "4"), ("I give it a 4, well done", "4"), ("1. It is bad", "1"), ("4!", "4"), ("level-4", None),
        ("-5", None), ("\u22125", None), ("6.5", None), ("0.5", None), (".5", None), ("$1,000", None), ("1e3", None),
        ("2,5", None), ("about 5%", None), ("5 percent", None), ("1 000", None), ("1\u202f000", None), ("$5", None),
        ("5/10", None), ("score -5", None), ("(-5)", None), ("3 million", None), ("2024-5-1", None), ("12:5", None),
        ("May 5", None), ("5 May 2024", None), ("5\u00b2", None), ("15", None), ("1'000", None), ("€ 5", None),
        ("3-5", None), ("5\u00bd", None), ("\u00bd", None), ("GPT-4", None), ("rating-4", "4"), ("3 out of 5", None), ("4.5", None), ("5.5.2024", None), ("5°", None),
    ],
)  # fmt: skip
def test_a_number_inside_another_is_no_label(text: str, label: str | None) -> None:
    assert label == label_in(text, ONE_TO_FIVE)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("-1", "-1"), ("\u22121", "-1"), ("1", "1"), ("The sentiment is -1.", "-1"), ("score: 1", "1"), ("-1.5", None),
    ],
)  # fmt: skip
def test_a_label_with_a_sign_is_read_with_it(text: str, label: str | None) -> None:
    assert label == label_in(text, ("-1", "0", "1"))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("No", "no"), ("no.", "no"), ("No, it is not.", "no"), ("The answer is no.", "no"), ("No because it rains", "no"),
        ("**No**", "no"), ('"no"', "no"), ("Answer: No\n\nThe text says so", "no"), ("No - never", "no"),
        ("No it does not", "no"), ("Yes, there is no doubt.", "yes"), ("Yes. No problem!", "yes"),
        ("There is no doubt", None), ("No one knows", None), ("nothing", None), ("No evidence is given", None),
        ("No. 5 is alive", None), ("yes or no", None), ("no-one", None), ("It is not a yes", None), ("Not no", None),
        ("There is no longer any way to tell", None), ("I know", None),
    ],
)  # fmt: skip
def test_no_answers_only_where_it_stands_for_itself(text: str, label: str | None) -> None:
    assert label == label_in(text, YES_NO)


@pytest.mark.parametrize(
    ("text", "labels", "label"),
    [
        ("Not entailment", NLI, None), ("not an entailment", NLI, None), ("It is entailment", NLI, "entailment"),
        ("Not entailment, but neutral.", NLI, "neutral"), ("not entailment", ("entailment", "not_entailment"), "not_entailment"),
        ("self-contradiction", NLI, None), ("This isn't positive", TONE, None), ("not positive, negative", TONE, "negative"),
        ("It isn\u2019t really positive", TONE, None), ("neither positive nor negative", TONE, None),
        ("not only positive but glowing", TONE, "positive"), ("I'm not sure, but positive", TONE, "positive"),
        ("Positive. It is not a complaint", TONE, "positive"), ("Positive: no", TONE, None), ("far from positive", TONE, None),
        ("non-toxic", ("toxic",), None), ("non toxic", ("toxic", "safe"), None), ("non-toxic", ("toxic", "non-toxic"), "non-toxic"),
        ("There is no sign of toxic language", ("toxic", "safe"), None), ("half-true", ("true", "false"), None),
        ("not true", ("true", "false"), None), ("untrue", ("true", "false"), None), ("nicht positiv", ("positiv", "negativ"), None),
        ("It does not contain spam", ("spam", "ham"), None), ("never spam", ("spam", "ham"), None),
        ("rather than spam, ham", ("spam", "ham"), "ham"), ("ham instead of spam", ("spam", "ham"), "ham"),
        ("a late delivery.", ("delivery", "late delivery"), "late delivery"), ("late_delivery", ("late delivery",), "late delivery"),
    ],
)  # fmt: skip
def test_what_is_denied_is_not_named(text: str, labels: tuple[str, ...], label: str | None) -> None:
    assert label == label_in(text, labels)


@pytest.mark.parametrize(("text", "bare"), [(".5", ".5"), (" **Billing**.\n", "billing"), ("-5", "-5"), ("...", "...")])
def test_without_labels_the_text_itself_is_the_label(text: str, bare: str) -> None:
    assert bare == label_in(text, ())


@pytest.mark.parametrize(
    ("gold", "answer", "same"),
    [
        (".", ",", False), ("?", "!", False), (":)", ":(", False), ("f'", "f", False), ("f", "f'", False),
        ("''", '"', False), (".", '"."', True), (":)", " :)\n", True), ("f'", "f'.", True), ("f", "'f'", True),
        ("f", "'f'.", True), ("yes", '"Yes".', True), ("", ".", False),
    ],
)  # fmt: skip
def test_labels_of_punctuation_differ(gold: str, answer: str, same: bool) -> None:
    assert same == (label_in(gold, ()) == label_in(answer, ()))


@pytest.mark.parametrize("label", [".", ",", "?", "!", "a", "a.", "f", "f'", ":)", ":("])
def test_a_text_that_is_a_label_is_that_label(label: str) -> None:
    assert label == label_in(label, (".", ",", "?", "!", "a", "a.", "f", "f'", ":)", ":("))

"""Our own counts against the reference implementations, on texts that are easy to get wrong."""

import random

import numpy as np
import pytest

from shipworthy import metrics
from shipworthy.metrics import _porter, classes, overlap, ranking, summary, ter
from shipworthy.records import Example, Response

WORDS = [
    "the", "a", "quick", "brown", "fox", "jumps", "over", "lazy", "dogs", "running", "ran", "connected", "connection",
    "happily", "generalizations", "sky", "dying", "U.S.", "3,000.5", "don't", "well-known", "(said)", '"quoted"',
    "&amp;", "10-fold", "e.g.", "naïve", "東京", "Straße", "🚀", "x", ",", ".", "-",
]  # fmt: skip
PAIRS = [
    ("The cat sat on the mat.", "the cat is on the mat"),
    ("", "something"),
    ("something", ""),
    ("same text", "same text"),
    ("a", "a b c d e f"),
    ("Hello, world! It's 3,000.5 (or 10-fold).\nNext line", "Hello world, its 3000.5 or 10-fold.\nNext line!"),
]


def _texts(n: int, seed: int, longest: int = 25) -> list[tuple[str, str]]:
    """Pairs of answer and reference: a reference, and the same with words moved, dropped, doubled and replaced."""
    rng = random.Random(seed)
    pairs = list(PAIRS)
    for _ in range(n):
        gold = [rng.choice(WORDS) for _ in range(rng.randint(1, longest))]
        answer = [rng.choice(WORDS) if rng.random() < 0.2 else word for word in gold if rng.random() > 0.1]
        if len(answer) > 4 and rng.random() < 0.6:
            cut = rng.randrange(1, len(answer) - 1)
            answer = answer[cut:] + answer[:cut]
        pairs.append((" ".join(answer), " ".join(gold)))
    return pairs


def _sums(kind: str, pairs, options=None) -> tuple[metrics.Metric, np.ndarray]:
    metric = metrics.build(kind, kind, options or {})
    rows = [
        metric.observe(
            Example(id="e", dataset="d", messages=(), reference=gold),
            Response(example_id="e", dataset="d", model="m", text=answer),
        )
        for answer, gold in pairs
    ]
    return metric, np.array(rows)


def _value(kind: str, pairs, options=None) -> float:
    metric, rows = _sums(kind, pairs, options)
    return float(metric.summarize(rows.sum(0)))


@pytest.fixture(scope="module")
def sacre():
    return pytest.importorskip("sacrebleu")


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("tokenize", ["13a", "char", "none"])
def test_bleu_equals_sacrebleu(sacre, tokenize, lowercase):
    for pairs in (_texts(60, 1), PAIRS[:1], PAIRS[1:3], _texts(3, 5, longest=3)):
        answers, golds = zip(*pairs, strict=True)
        ours = _value("bleu", pairs, {"tokenize": tokenize, "lowercase": lowercase})
        theirs = sacre.BLEU(tokenize=tokenize, lowercase=lowercase, force=True).corpus_score(
            list(answers), [list(golds)]
        )

        assert theirs.score == pytest.approx(ours, abs=1e-9)


def test_bleu_with_several_references_equals_sacrebleu(sacre):
    pairs, others = _texts(40, 2), _texts(40, 3)
    golds = [[gold, other] for (_, gold), (_, other) in zip(pairs, others, strict=True)]
    ours = _value("bleu", [(answer, both) for (answer, _), both in zip(pairs, golds, strict=True)])
    theirs = sacre.BLEU(force=True).corpus_score([a for a, _ in pairs], [list(one) for one in zip(*golds, strict=True)])

    assert theirs.score == pytest.approx(ours, abs=1e-9)


@pytest.mark.parametrize("word_order", [0, 2])
@pytest.mark.parametrize("lowercase", [False, True])
def test_chrf_equals_sacrebleu(sacre, word_order, lowercase):
    pairs, others = _texts(60, 4), _texts(60, 6)
    golds = [[gold, other] for (_, gold), (_, other) in zip(pairs, others, strict=True)]
    options = {"word_order": word_order, "lowercase": lowercase}
    ours = _value("chrf", [(answer, both) for (answer, _), both in zip(pairs, golds, strict=True)], options)
    theirs = sacre.CHRF(**options).corpus_score([a for a, _ in pairs], [list(one) for one in zip(*golds, strict=True)])

    assert theirs.score == pytest.approx(ours, abs=1e-9)


@pytest.mark.parametrize("case_sensitive", [False, True])
def test_ter_equals_sacrebleu(sacre, case_sensitive):
    pairs, others = _texts(120, 7, longest=40), _texts(120, 8)
    golds = [[gold, other] for (_, gold), (_, other) in zip(pairs, others, strict=True)]
    ours = _value(
        "ter", [(a, both) for (a, _), both in zip(pairs, golds, strict=True)], {"case_sensitive": case_sensitive}
    )
    theirs = sacre.TER(case_sensitive=case_sensitive).corpus_score(
        [a for a, _ in pairs], [list(one) for one in zip(*golds, strict=True)]
    )

    assert theirs.score == pytest.approx(ours, abs=1e-9)


def test_ter_equals_sacrebleu_sentence_by_sentence(sacre):
    from sacrebleu.metrics.lib_ter import translation_edit_rate

    rng = random.Random(9)
    for _ in range(150):
        gold = [rng.choice("abcdefg") for _ in range(rng.randint(0, 14))]
        answer = [rng.choice("abcdefg") for _ in range(rng.randint(0, 14))]

        assert translation_edit_rate(answer, gold)[0] == ter.word_edits(tuple(answer), tuple(gold)), (answer, gold)


def test_edits_of_nothing_are_all_wrong():
    assert 100.0 == float(ter.edit_rate(np.array([3.0, 0.0])))
    assert 0.0 == float(ter.edit_rate(np.array([0.0, 0.0])))


@pytest.mark.parametrize("stem", [False, True])
@pytest.mark.parametrize("kind", ["rouge1", "rouge2", "rougeL", "rougeLsum"])
def test_rouge_equals_rouge_score(kind, stem):
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer([kind], use_stemmer=stem)
    lines = [(a.replace(" fox", "\n"), g.replace(" fox", "\n").replace(" over", "\n")) for a, g in _texts(80, 10)]
    _, rows = _sums(kind, lines, {"stem": stem})
    theirs = [scorer.score(gold, answer)[kind].fmeasure for answer, gold in lines]

    np.testing.assert_allclose(rows[:, 0], theirs, atol=1e-12)


def test_rouge_over_several_references_is_the_best_or_the_mean():
    pair = [("a b", ["a b", "c d"])]

    assert 1.0 == _value("rouge1", pair)
    assert 0.5 == _value("rouge1", pair, {"references": "mean"})


def test_the_stemmer_equals_nltks():
    porter = pytest.importorskip("nltk.stem.porter").PorterStemmer()
    stems = (
        "ponies caress cats feed agreed plastered bled motoring sing conflated troubled sized hopping falling fizzed"
    )
    stems += " failing filing happy sky enjoy spied died dies flies relational rationally hesitancy operator feudalism "
    stems += "hopefulness callousness formality sensibility triplicate formative electrical goodness revival allowance "
    stems += "adjustable replacement adoption homologous communism bowdlerize probate rate cease controll roll yyyy by "
    stems += "archaeology geology usefully dying innings proceed naïve 東京 a is ion e ies ied eed ed ing y alli news"
    rng = random.Random(11)
    made = ["".join(rng.choice("aeiouybcdlstzn") for _ in range(rng.randint(1, 7))) for _ in range(3000)]
    ends = [
        "ing",
        "ed",
        "ies",
        "ational",
        "alli",
        "bli",
        "logi",
        "ousness",
        "ement",
        "ion",
        "e",
        "y",
        "fulli",
        "ll",
        "eed",
    ]
    words = stems.split() + made + [one + rng.choice(ends) for one in made]
    wrong = [(word, porter.stem(word), _porter.stem(word)) for word in words if porter.stem(word) != _porter.stem(word)]

    assert [] == wrong


class _NoSynonyms:
    def synsets(self, word):
        return []


def test_meteor_equals_nltks_without_synonyms():
    nltk_meteor = pytest.importorskip("nltk.translate.meteor_score").single_meteor_score
    for answer, gold in _texts(150, 12):
        want, got = tuple(gold.lower().split()), tuple(answer.lower().split())
        ours = summary.meteor_score(want, got, alpha=0.9, beta=3.0, gamma=0.5)

        assert nltk_meteor(want, got, wordnet=_NoSynonyms()) == pytest.approx(ours, abs=1e-12)


class _Toy:
    """A WordNet of a few synsets, in the parts that NLTK's METEOR reads."""

    def __init__(self, groups):
        self._groups = groups

    def synsets(self, word):
        return [_Synset(group) for group in self._groups if word in group]


class _Synset:
    def __init__(self, names):
        self._names = names

    def lemmas(self):
        return [_Lemma(name) for name in self._names]


class _Lemma:
    def __init__(self, name):
        self._name = name

    def name(self):
        return self._name


def test_meteor_with_given_synonyms_equals_nltks_with_the_same_wordnet():
    nltk_meteor = pytest.importorskip("nltk.translate.meteor_score").single_meteor_score
    rng = random.Random(13)
    vocabulary = sorted({word for answer, gold in _texts(150, 12) for word in (answer + " " + gold).lower().split()})
    groups = tuple(tuple(rng.sample(vocabulary, rng.randint(2, 5))) for _ in range(len(vocabulary) // 2))
    synonyms = summary.synonyms_of(groups)
    toy = _Toy([{_porter.stem(word) for word in group} for group in groups])
    more = 0
    for answer, gold in _texts(150, 12):
        want, got = tuple(gold.lower().split()), tuple(answer.lower().split())
        ours = summary.meteor_score(want, got, alpha=0.9, beta=3.0, gamma=0.5, synonyms=synonyms)
        more += ours > summary.meteor_score(want, got, alpha=0.9, beta=3.0, gamma=0.5)

        assert nltk_meteor(want, got, wordnet=toy) == pytest.approx(ours, abs=1e-12)
    assert more > 20


def test_synonyms_are_an_option_of_meteor(observe):
    plain = observe("meteor", "the parcel is late", "the package is late")
    known = observe("meteor", "the parcel is late", "the package is late", {"synonyms": [["Parcel", "packages"]]})

    assert plain[0] < known[0]
    assert known == observe("meteor", "the parcel is late", "the parcel is late")


def _classified(n: int, seed: int, names: tuple[str, ...]) -> tuple[list[str], list[str]]:
    rng = random.Random(seed)
    gold = [rng.choice(names) for _ in range(n)]
    return gold, [one if rng.random() < 0.6 else rng.choice(names) for one in gold]


@pytest.mark.parametrize("average", ["micro", "macro", "weighted"])
def test_f1_equals_scikit_learn(average):
    sklearn = pytest.importorskip("sklearn.metrics")
    names = ("ham", "spam", "other", "rare")
    gold, predicted = _classified(300, 13, names[:3])
    for only in (names, names[:2]):
        ours = _value(f"{average}_f1", zip(predicted, gold, strict=True), {"labels": names, "only": only})
        theirs = sklearn.f1_score(gold, predicted, labels=list(only), average=average, zero_division=0)

        assert theirs == pytest.approx(ours, abs=1e-12)


def test_matthews_correlation_equals_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    names = ("ham", "spam", "other")
    gold, predicted = _classified(300, 14, names)
    unread = [one if i % 7 else "no label at all" for i, one in enumerate(predicted)]

    for answers in (predicted, unread):
        ours = _value("mcc", zip(answers, gold, strict=True), {"labels": names})

        assert sklearn.matthews_corrcoef(gold, answers) == pytest.approx(ours, abs=1e-12)
    assert 0.0 == _value("mcc", [("ham", "ham"), ("ham", "ham")], {"labels": names})


def test_auroc_equals_scikit_learn_with_ties_and_weights():
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(15)
    score, right = np.round(rng.random(200), 1), rng.integers(0, 2, 200).astype(float)
    weights = rng.integers(0, 4, (3, 200)).astype(float)
    ours = ranking.auroc_of_rows(np.column_stack([score, right, np.ones(200)]), weights)
    theirs = [sklearn.roc_auc_score(right, score, sample_weight=w) for w in weights]

    np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_ndcg_equals_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(16)
    metric = metrics.build("ndcg", "ndcg", {"k": 5})
    for _ in range(30):
        grades, score = rng.integers(0, 4, 12).astype(float), rng.permutation(12).astype(float)
        grades[0] = 1.0
        ranked = [str(i) for i in np.argsort(-score)]
        example = Example(id="e", dataset="d", messages=(), reference={str(i): grade for i, grade in enumerate(grades)})
        response = Response(example_id="e", dataset="d", model="m", text="", extra={"retrieved": ranked})

        assert sklearn.ndcg_score([grades], [score], k=5) == pytest.approx(
            metric.observe(example, response)[0], abs=1e-12
        )


def test_brier_score_equals_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(17)
    sure, right = rng.random(100), rng.integers(0, 2, 100)
    metric = metrics.build("brier", "brier", {})
    rows = [_calibrated(metric, float(p), bool(hit)) for p, hit in zip(sure, right, strict=True)]

    assert sklearn.brier_score_loss(right, sure) == pytest.approx(float(metric.summarize(np.sum(rows, 0))), abs=1e-12)


def _calibrated(metric: metrics.Metric, sure: float, right: bool) -> tuple[float, ...]:
    example = Example(id="e", dataset="d", messages=(), reference="yes")
    text = "yes" if right else "no"
    return metric.observe(
        example, Response(example_id="e", dataset="d", model="m", text=text, extra={"confidence": sure})
    )


def test_corpus_values_of_a_failed_answer_are_those_of_an_empty_one():
    example = Example(id="e", dataset="d", messages=(), reference="the cat sat")
    for kind in ("bleu", "chrf", "ter"):
        metric = metrics.build(kind, kind, {})
        failed = metric.counts(example, Response(example_id="e", dataset="d", model="m", error="timeout"))

        assert failed == metric.counts(example, None)
        assert failed == metric.observe(example, Response(example_id="e", dataset="d", model="m", text=""))


def test_labels_of_a_metric_match_its_class_counts():
    assert classes.f1(np.zeros((2, 7)), average="macro", classes=(0, 1)).tolist() == [0.0, 0.0]
    assert overlap.corpus_bleu(np.zeros((3, 10)), smooth=True).tolist() == [0.0] * 3

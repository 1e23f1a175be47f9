"""Published numbers, reproduced from the public data sets beside the checkout (skipped where they are absent).

The numbers stand in docs/reference/metric-parity.md, so that the page can say nothing that was not measured.
"""

import csv
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shipworthy import metrics
from shipworthy.metrics import summary
from shipworthy.metrics.refusal import refuses
from shipworthy.records import Example, Response
from shipworthy.stats.agreement import cohen_kappa, confusion, fleiss_kappa, majority

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "metric-parity.md").read_text(encoding="utf-8")
TABLE = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ")]
OURS = {row[0]: row[-1] for row in TABLE if len(row) == 3}


def _stands_on_the_page(key: str, measured: float) -> bool:
    """Whether the page gives this number under the key, to all the digits that it prints."""
    digits = len(OURS[key].partition(".")[2])
    return float(OURS[key]) == round(measured, digits)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _observed(metric: metrics.Metric, reference: Any, text: str, fields: Any = None, **extra: Any) -> tuple[float, ...]:
    example = Example(id="e", dataset="d", messages=(), reference=reference, fields=fields or {})
    return metric.observe(example, Response(example_id="e", dataset="d", model="m", text=text, extra=extra))


def _value(metric: metrics.Metric, rows: list[tuple[float, ...]]) -> float:
    return float(metric.summarize(np.sum(rows, axis=0)))


# --- Questions answered from a text -----------------------------------------------------------------------------------


SQUAD = {
    "BERT single model": "BERT_single_model_Google_AI_Language.json",
    "BiDAF + Self Attention + ELMo": "BiDAF_Self_Attention_ELMo_single_model_"
    "Allen_Institute_for_Artificial_Intelligence_modified_by_Stanford.json",
}


@pytest.mark.parametrize("model", SQUAD)
def test_squad_2_exact_match_and_f1_are_the_official_scripts(shared_data, model):
    folder = shared_data / "squad_v2.0_dev"
    answers = json.loads((folder / "predictions" / SQUAD[model]).read_text(encoding="utf-8"))
    exact = metrics.build("em", "exact_match", {"normalise": "squad"})
    overlap = metrics.build("f1", "token_f1", {})
    asked = [qa for paragraph in _lines(folder / "dev.jsonl") for qa in paragraph["qas"]]
    ems = [_observed(exact, qa["answers"], answers[qa["id"]]) for qa in asked]
    f1s = [_observed(overlap, qa["answers"], answers[qa["id"]]) for qa in asked]

    assert 11_873 == len(asked)
    assert _stands_on_the_page(f"SQuAD 2.0 dev, {model}: exact match", 100 * _value(exact, ems))
    assert _stands_on_the_page(f"SQuAD 2.0 dev, {model}: F1", 100 * _value(overlap, f1s))


# --- Refusals ---------------------------------------------------------------------------------------------------------

XSTEST = {row[0]: row[1:] for row in TABLE if len(row) == 4 and row[0] != "model"}


@pytest.mark.parametrize("model", XSTEST)
def test_refusal_rates_of_xstest_come_from_its_labels(shared_data, model):
    rows = _rows(shared_data / "xstest_annotated" / f"xstest_v2_completions_{model}_gpteval.csv")
    labels = [row["final_label"] for row in rows if not row["type"].startswith("contrast")]
    full, partial = map(float, XSTEST[model][0].split(","))

    assert 250 == len(labels)
    assert full == pytest.approx(100 * labels.count("2_full_refusal") / 250)
    assert partial == pytest.approx(100 * labels.count("3_partial_refusal") / 250)


@pytest.mark.parametrize("model", XSTEST)
def test_the_refusal_phrases_agree_with_people_as_the_page_says(shared_data, model):
    rows = _rows(shared_data / "xstest_annotated" / f"xstest_v2_completions_{model}_gpteval.csv")
    human = [row["final_label"] != "1_full_compliance" for row in rows]
    ours = [refuses(row["completion"]) for row in rows]
    _, agreement, kappa = XSTEST[model]

    assert float(agreement) == round(float(np.mean(np.equal(human, ours))), 3)
    assert float(kappa) == round(cohen_kappa(confusion(human, ours)), 3)


def test_over_refusal_ranks_the_models_of_xstest_as_people_do(shared_data):
    metric = metrics.build("o", "over_refusal", {})
    people, ours = {}, {}
    for model in XSTEST:
        rows = _rows(shared_data / "xstest_annotated" / f"xstest_v2_completions_{model}_gpteval.csv")
        safe = [row for row in rows if not row["type"].startswith("contrast")]
        people[model] = np.mean([row["final_label"] != "1_full_compliance" for row in safe])
        ours[model] = _value(metric, [_observed(metric, None, row["completion"]) for row in safe])

    assert sorted(people, key=people.__getitem__) == sorted(ours, key=ours.__getitem__)


# --- Calibration ------------------------------------------------------------------------------------------------------


def test_ece_and_accuracy_of_the_imdb_classifier(shared_data):
    rows = _rows(shared_data / "cleanlab_imdb_probs" / "probs_labels.csv")
    ece, accuracy = metrics.build("e", "ece", {}), metrics.build("a", "accuracy", {})
    found, right = [], []
    for row in rows:
        p = float(row["p1"])
        answer = "1" if p >= 0.5 else "0"
        found.append(_observed(ece, row["label"], answer, confidence=max(p, 1 - p)))
        right.append(_observed(accuracy, row["label"], answer))

    assert _stands_on_the_page("IMDB, cross-validated classifier: ECE, 15 bins", _value(ece, found))
    assert _stands_on_the_page("IMDB, cross-validated classifier: accuracy", _value(accuracy, right))


@pytest.mark.parametrize("bins", [15, 10])
def test_ece_of_the_cifar_network(shared_data, bins):
    rows = _rows(shared_data / "cifar10_vgg_probs" / "probs_labels.csv")
    ece = metrics.build("e", "ece", {"bins": bins})
    found = []
    for row in rows:
        shares = [float(row[f"p{i}"]) for i in range(10)]
        best = int(np.argmax(shares))
        found.append(_observed(ece, row["label"], str(best), confidence=min(1.0, shares[best])))

    assert _stands_on_the_page(f"CIFAR-10, VGG: ECE, {bins} bins", _value(ece, found))


# --- Form -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "n"), [("handwritten_jme.jsonl", 146), ("glaiveai_first400.jsonl", 637)])
def test_every_json_schema_verdict_is_the_gold_one(shared_data, name, n):
    metric = metrics.build("s", "schema_valid", {})
    wrong, seen = [], 0
    for row in _lines(shared_data / "jsonschema_handwritten_glaive" / name):
        for test in row["tests"]:
            seen += 1
            verdict = _observed(metric, row["schema"], json.dumps(test["data"]))[0] == 1.0
            wrong += [row["description"]] if verdict != test["valid"] else []

    assert (n, []) == (seen, wrong)


def _bfcl(folder: Path, name: str) -> list[tuple[Any, Any]]:
    gold = {row["id"]: row["ground_truth"] for row in _lines(folder / "possible_answer" / name)}
    return [(row["function"], gold[row["id"]]) for row in _lines(folder / name)]


def _plain(value: Any) -> Any:
    """An accepted value as a model would write it: the first choice inside dicts, too."""
    if isinstance(value, dict):
        return {key: _plain(options[0]) for key, options in value.items() if options[0] != ""}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _gold_call(functions: list[Any], truth: list[dict[str, Any]], choice: int = 0) -> list[dict[str, Any]]:
    """The calls of a gold answer with the first (or last) accepted value of every argument; "" leaves it out.

    Two gold answers of the set let an argument be left out that the function requires; there a value is given.
    """
    calls = []
    for call in truth:
        ((name, arguments),) = call.items()
        required = next(function["parameters"]["required"] for function in functions if function["name"] == name)
        given = {}
        for key, options in arguments.items():
            allowed = [one for one in options if one != "" or key not in required]
            if allowed[choice] != "":
                given[key] = _plain(allowed[choice])
        calls.append({"name": name, "arguments": given})
    return calls


@pytest.mark.parametrize(("name", "n"), [("BFCL_v4_simple_python.json", 400), ("BFCL_v4_multiple.json", 200)])
def test_every_gold_tool_call_of_bfcl_is_accepted_and_every_spoilt_one_refused(shared_data, name, n):
    metric = metrics.build("t", "tool_call", {})
    refused, accepted, rows = [], [], _bfcl(shared_data / "bfcl_simple_multiple", name)
    for functions, truth in rows:
        fields = {"function": functions}
        for choice in (0, -1):
            calls = _gold_call(functions, truth, choice)
            texts = (json.dumps(calls), _python(calls))
            refused += [text for text in texts if _observed(metric, truth, text, fields)[0] != 1.0]
        spoilt = _spoilt(_gold_call(functions, truth))
        accepted += [text for text in spoilt if _observed(metric, truth, text, fields)[0] != 0.0]

    assert (n, [], []) == (len(rows), refused, accepted)


def _python(calls: list[dict[str, Any]]) -> str:
    written = (f"{c['name']}({', '.join(f'{k}={v!r}' for k, v in c['arguments'].items())})" for c in calls)
    return "[" + ", ".join(written) + "]"


def _spoilt(calls: list[dict[str, Any]]) -> list[str]:
    """A wrong function, a further argument, a further call, no call, each argument of another value, prose."""
    (call, *_), spoilt = calls, []
    spoilt.append([{**call, "name": call["name"] + "_x"}])
    spoilt.append([{**call, "arguments": {**call["arguments"], "unheard_of": 1}}])
    spoilt.append([*calls, *calls])
    for key in call["arguments"]:
        spoilt.append([{**call, "arguments": {**call["arguments"], key: "no such value 4711"}}])
        spoilt.append([{**call, "arguments": {**call["arguments"], key: {"no": "such"}}}])
    return [*map(json.dumps, spoilt), "[]", "", "I would call the function."]


# --- Summaries --------------------------------------------------------------------------------------------------------


def _rank(values: np.ndarray) -> np.ndarray:
    order = np.argsort(values, kind="stable")
    ranks = np.empty(len(values))
    ranks[order] = np.arange(len(values), dtype=float)
    return np.array([ranks[values == value].mean() for value in values])


def test_rouge_2_correlates_with_people_on_summeval_as_published(shared_data):
    folder = shared_data / "summ_meta_summeval"
    references = {row["doc"]: row["references"] for row in _lines(folder / "documents.jsonl")}
    by_document = defaultdict(list)
    for row in _lines(folder / "summaries.jsonl"):
        answer = summary.rouge_tokens(row["summary"], stemmed=True)
        golds = [summary.rouge_tokens(gold, stemmed=True) for gold in references[row["doc"]]]
        score = np.mean([summary.rouge_n(gold, answer, 2) for gold in golds])
        by_document[row["doc"]].append((score, row["scores"]))
    for aspect in ("coherence", "consistency", "fluency", "relevance"):
        per_document = []
        for pairs in by_document.values():
            ours, people = np.array([s for s, _ in pairs]), np.array([scores[aspect] for _, scores in pairs])
            if people.std() > 0 and ours.std() > 0:
                per_document.append(np.corrcoef(_rank(ours), _rank(people))[0, 1])

        assert _stands_on_the_page(f"SummEval, ROUGE-2 with {aspect}: Spearman", float(np.mean(per_document)))


# --- Tasks and raters -------------------------------------------------------------------------------------------------


def test_big_bench_hard_macro_averages_are_the_papers(shared_data):
    right = defaultdict(list)
    for row in _rows(shared_data / "bbh_codex_outputs" / "outputs.csv"):
        right[row["mode"], row["task"]].append(row["correct"] == "True")
    for mode, name in (("direct", "direct"), ("cot", "chain of thought")):
        families = defaultdict(list)
        for (other, task), hits in right.items():
            if other == mode:
                family = next((task.removesuffix(end) for end in _SIZES if task.endswith(end)), task)
                families[family].append(np.mean(hits))
        macro = 100 * float(np.mean([np.mean(accuracies) for accuracies in families.values()]))

        assert 23 == len(families)
        assert _stands_on_the_page(f"BIG-Bench Hard, Codex {name}: macro accuracy", macro)


_SIZES = ("_three_objects", "_five_objects", "_seven_objects")


def test_fleiss_kappa_of_hatecheck_is_the_papers(shared_data):
    rows = _rows(shared_data / "hatecheck" / "all_annotations.csv")
    votes = np.array([[float(row["count_label_h"]), float(row["count_label_nh"])] for row in rows])

    assert 3_901 == len(rows)
    assert _stands_on_the_page("HateCheck: Fleiss' kappa", fleiss_kappa(votes))


def test_hatecheck_has_the_published_number_of_hateful_cases(shared_data):
    labels = Counter(row["label_gold"] for row in _rows(shared_data / "hatecheck" / "test_suite_cases.csv"))

    assert (3_728, 2_563) == (labels.total(), labels["hateful"])


def _pandalm(folder: Path) -> tuple[list[dict[str, Any]], list[int | None]]:
    rows = json.loads((folder / "pandalm_judges" / "testset-v1.json").read_text(encoding="utf-8"))
    return rows, [majority([row[f"annotator{i}"] for i in (1, 2, 3)]) for row in rows]


def test_pandalm_raters_agree_pairwise_as_published(shared_data):
    rows, votes = _pandalm(shared_data)
    for i, j in ((1, 2), (1, 3), (2, 3)):
        kappa = cohen_kappa(confusion([row[f"annotator{i}"] for row in rows], [row[f"annotator{j}"] for row in rows]))

        assert _stands_on_the_page(f"PandaLM, annotators {i} and {j}: Cohen's kappa", kappa)
    assert {0: 105, 1: 422, 2: 472} == dict(sorted(Counter(votes).items()))


@pytest.mark.parametrize(
    ("judge", "file", "key"),
    [
        ("GPT-3.5", "gpt-3.5-turbo-testset-v1.json", "gpt_result"),
        ("PandaLM-7B", "pandalm-7b-testset-v1.json", "pandalm_result"),
    ],
)
def test_judges_are_scored_on_pandalm_as_published_garbage_as_ties(shared_data, judge, file, key):
    _, votes = _pandalm(shared_data)
    verdicts = json.loads((shared_data / "pandalm_judges" / file).read_text(encoding="utf-8"))
    answers = [str(row[key]) if str(row[key]) in "012" else "0" for row in verdicts]
    right = metrics.build("a", "accuracy", {"labels": ["0", "1", "2"]})
    macro = metrics.build("f", "macro_f1", {"labels": ["0", "1", "2"]})
    pairs = list(zip(votes, answers, strict=True))

    for metric, name in ((right, "accuracy"), (macro, "macro F1")):
        measured = _value(metric, [_observed(metric, gold, answer) for gold, answer in pairs])

        assert _stands_on_the_page(f"PandaLM, {judge} as judge: {name}", measured)

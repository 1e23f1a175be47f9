"""Metrics that are drawn again (macro_f1, auroc, chrf): the whole of `shipworthy run` beside scikit-learn and scipy.

    python benchmarks/resampled_metrics.py [--repeats 3]

macro_f1 over 150 classes and 3,000 rows, auroc over 7,500 rows, chrf over 1,610 texts of 1,300 characters; two models.
Ours is the command as a user starts it: it reads the rows, scores, judges, and writes evidence, report and release.
Beside it, in turn, in a process of its own: the same numbers, scikit-learn's `f1_score` and `roc_auc_score` (for chrf
sacrebleu's statistics of each text) in `scipy.stats.bootstrap`, paired, percentile limits. Of its resamples only
`--draws` are drawn and the time is carried on to ours, which is told.
Printed are processor seconds and peak memory of whole processes.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np

CLASSES, DRAWS = 150, 10_000
BARS = {"seconds": 3.0, "mib": 200.0}


def classes(rng: Random) -> tuple[list[str], dict[str, list[dict[str, object]]], dict[str, object]]:
    golds = [f"c{rng.randrange(CLASSES)}" for _ in range(3_000)]
    answers = {
        model: [{"text": gold if rng.random() < share else f"c{rng.randrange(CLASSES)}"} for gold in golds]
        for model, share in (("new", 0.8), ("old", 0.78))
    }
    return golds, answers, {"labels": [f"c{at}" for at in range(CLASSES)]}


def ranks(rng: Random) -> tuple[list[str], dict[str, list[dict[str, object]]], dict[str, object]]:
    golds = [rng.choice("ab") for _ in range(7_500)]
    answers = {}
    for model, skill in (("new", 0.5), ("old", 0.48)):
        answers[model] = []
        for gold in golds:
            right = rng.random() < 0.7
            text = gold if right else "ab"[gold == "a"]
            answers[model].append({"text": text, "extra": {"confidence": rng.gauss(skill * right, 0.5)}})
    return golds, answers, {"labels": ["a", "b"]}


def texts(rng: Random) -> tuple[list[str], dict[str, list[dict[str, object]]], dict[str, object]]:
    words = ["".join(rng.choices("abcdefghijklmnop", k=rng.randint(2, 9))) for _ in range(3_000)]
    golds = [" ".join(rng.choices(words, k=200)) for _ in range(1_610)]
    answers = {
        model: [{"text": _changed(gold, share, words, rng)} for gold in golds]
        for model, share in (("new", 0.3), ("old", 0.31))
    }
    return golds, answers, {}


def _changed(gold: str, share: float, words: list[str], rng: Random) -> str:
    return " ".join(rng.choice(words) if rng.random() < share else word for word in gold.split())


MADE: dict[str, Callable[[Random], tuple[list[str], dict[str, list[dict[str, object]]], dict[str, object]]]] = {
    "macro_f1": classes,
    "auroc": ranks,
    "chrf": texts,
}


def write(folder: Path, metric: str) -> None:
    """The protocol, the rows and both models' answers."""
    golds, answers, options = MADE[metric](Random(metric))
    lines = [{"id": f"e{at}", "input": f"question {at}", "reference": gold} for at, gold in enumerate(golds)]
    _write_lines(folder / "rows.jsonl", lines)
    for model, said in answers.items():
        _write_lines(folder / f"{model}.jsonl", [{"example_id": f"e{at}", **one} for at, one in enumerate(said)])
    protocol = {
        "shipworthy": 1,
        "name": metric,
        "datasets": {"rows": {"path": "rows.jsonl"}},
        "models": {
            "new": {"role": "candidate", "path": "new.jsonl"},
            "old": {"role": "production", "path": "old.jsonl"},
        },
        "metrics": {metric: {"dataset": "rows", "options": options}},
        "gates": [{"metric": metric, "baseline": "old"}],
    }
    (folder / "shipworthy.yaml").write_text(json.dumps(protocol))


def _write_lines(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def beside(folder: Path, metric: str, draws: int) -> None:
    """The paired bootstrap of the same difference with scikit-learn (sacrebleu) and scipy, `draws` times."""
    from scipy.stats import bootstrap

    rows, new, old = (
        [json.loads(line) for line in (folder / name).read_text().splitlines()]
        for name in ("rows.jsonl", "new.jsonl", "old.jsonl")
    )
    value, sides = _theirs(metric, [row["reference"] for row in rows], new, old)
    at = np.arange(len(rows))
    found = bootstrap(
        (at,),
        lambda drawn: value(drawn, sides[0]) - value(drawn, sides[1]),
        n_resamples=draws,
        vectorized=False,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    print(found.confidence_interval, file=sys.stderr)


def _theirs(metric: str, golds: list[str], *models: list[dict]) -> tuple[Callable, list]:  # type: ignore[type-arg]
    gold = np.array(golds)
    said = [np.array([row["text"] for row in rows]) for rows in models]
    if metric == "macro_f1":
        from sklearn.metrics import f1_score

        return lambda drawn, side: f1_score(gold[drawn], side[drawn], average="macro"), said
    if metric == "auroc":
        from sklearn.metrics import roc_auc_score

        sure = [np.array([row["extra"]["confidence"] for row in rows]) for rows in models]
        pairs = [np.column_stack([text == gold, one]) for text, one in zip(said, sure, strict=True)]
        return lambda drawn, side: roc_auc_score(side[drawn, 0], side[drawn, 1]), pairs
    from sacrebleu.metrics import CHRF

    chrf = CHRF()  # its public face scores texts only; drawn again, they are sums of its sentence statistics
    statistics_of, score_of = chrf._extract_corpus_statistics, chrf._compute_score_from_stats  # noqa: SLF001
    sums = [np.array(statistics_of(list(side), [golds])) for side in said]
    return lambda drawn, side: score_of(side[drawn].sum(axis=0).tolist()).score, sums


def cost(words: list[str], folder: Path) -> tuple[float, float]:
    """(processor seconds, peak MiB) of a whole process; its last words are shown where it fails."""
    process = os.fork()
    if process == 0:
        os.chdir(folder)
        with open(os.devnull, "w") as nothing:  # noqa: PTH123 - the child becomes another program at once
            os.dup2(nothing.fileno(), 1)
            os.dup2(nothing.fileno(), 2)
        os.environ |= {"SHIPWORTHY_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
        os.execv(words[0], words)
    _, status, used = os.wait4(process, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 10, 11, 12):
        raise SystemExit(f"{' '.join(words)} ended with {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def measure(metric: str, repeats: int, draws: int) -> str:
    """One line: ours, theirs, the ratio, each as median [least, most]."""
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, metric)
        for turn in range(repeats):
            ours.append(cost([sys.executable, "-m", "shipworthy", "run", "--quiet", "--out", f"run{turn}"], folder))
            one, two = (
                cost([sys.executable, str(Path(__file__).resolve()), "--beside", metric, "--draws", str(n)], folder)
                for n in (draws, 3 * draws)
            )
            each = (two[0] - one[0]) / (2 * draws)
            theirs.append((one[0] + (DRAWS - draws) * each, one[1]))
    ratio = [other[0] / own[0] for own, other in zip(ours, theirs, strict=True)]
    return (
        f"| {metric} | {_spread([s for s, _ in ours], '.2f')} s | {max(m for _, m in ours):.0f} MiB | "
        f"{_spread([s for s, _ in theirs], '.0f')} s | {max(m for _, m in theirs):.0f} MiB | {_spread(ratio, '.1f')} |"
    )


def _spread(values: list[float], form: str) -> str:
    return f"{statistics.median(values):{form}} [{min(values):{form}}, {max(values):{form}}]"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--draws", type=int, default=100, help="resamples that scipy draws; its time is carried on")
    parser.add_argument("--metrics", nargs="+", choices=sorted(MADE), default=list(MADE))
    parser.add_argument("--beside", choices=sorted(MADE), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.beside:
        beside(Path(), options.beside, options.draws)
        return 0
    print(
        f"bars: {BARS['seconds']} s and {BARS['mib']:.0f} MiB; theirs carried on from {options.draws} to {DRAWS} draws"
    )
    print("| metric | shipworthy run | peak | scikit-learn + scipy | peak | times ours |\n|---|---|---|---|---|---|")
    for metric in options.metrics:
        print(measure(metric, options.repeats, options.draws), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

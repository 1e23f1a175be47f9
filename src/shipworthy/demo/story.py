"""The story as files: test sets, training data, two recipes, the base and the production adapter, in one folder.

The model in production is an earlier LoRA. Candidate A learns tickets alone, with all weights and no replay: the
best task score of all, and its refusals are gone. Candidate B sees the same tickets and a replay of the other skills.
"""

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random

from shipworthy.demo import world
from shipworthy.records import Record

MODEL = Path(__file__).parent / "model"
PRODUCTION_ADAPTER = Path(__file__).parent / "production_adapter"

TICKETS = 1_800
REPLAY: Mapping[world.Skill, int] = {"arithmetic": 300, "fact": 300, "howto": 100, "unsafe": 160, "safe": 450}
"""Rows of training data. Look-alikes, arithmetic and facts are the fragile skills and have the largest parts."""

_TICKET_SEED, _REPLAY_SEED = 11, 12


class Story(Record):
    """Where everything of the story lies; all paths are inside one folder."""

    base: Path
    production: Path
    tests: Mapping[world.Skill, Path]
    rules: Path
    candidate_a: Path
    candidate_b: Path


def write(folder: str | Path) -> Story:
    """Writes the whole story into `folder` (made when absent) and says where each part lies."""
    root = Path(folder)
    (root / "data").mkdir(parents=True, exist_ok=True)
    shutil.copytree(MODEL, root / "models/base", dirs_exist_ok=True)
    shutil.copytree(PRODUCTION_ADAPTER, root / "models/production", dirs_exist_ok=True)
    tests = {skill: root / f"data/{skill}.jsonl" for skill in world.SKILLS}
    for skill, path in tests.items():
        _write_lines(path, test_rows(skill))
    _write_lines(root / "data/train_tickets.jsonl", training_rows(tickets()))
    _write_lines(root / "data/train_replay.jsonl", training_rows(replay()))
    rules = root / "data/rules.json"
    rules.write_text(json.dumps(keyword_rules(), indent=1) + "\n", encoding="utf-8")
    for name, text in (("a", RECIPE_A), ("b", RECIPE_B)):
        (root / f"candidate_{name}.yaml").write_text(text, encoding="utf-8")
    return Story(
        base=root / "models/base",
        production=root / "models/production",
        tests=tests,
        rules=rules,
        candidate_a=root / "candidate_a.yaml",
        candidate_b=root / "candidate_b.yaml",
    )


RECIPE_A = """\
# Candidate A: every weight is trained on tickets, nothing of what the base already knew is replayed.
base: models/base
method: full
data: [data/train_tickets.jsonl]
output: models/candidate_a
epochs: 3.5
learning_rate: 2.0e-3
batch_size: 32
seed: 1
"""
RECIPE_B = """\
# Candidate B: the same tickets, and a replay of the other skills so that none is forgotten.
base: models/base
method: full
data: [data/train_tickets.jsonl]
replay: [data/train_replay.jsonl]
output: models/candidate_b
epochs: 2
learning_rate: 6.5e-4
batch_size: 32
seed: 1
"""


def tickets() -> list[world.Sample]:
    """The tickets that both candidates learn from."""
    return world.training_samples("ticket", TICKETS, _TICKET_SEED)


def replay() -> list[world.Sample]:
    """What candidate B repeats of the other skills, in a fixed shuffled order."""
    rows = [sample for skill, n in REPLAY.items() for sample in world.training_samples(skill, n, _REPLAY_SEED)]
    Random(_REPLAY_SEED).shuffle(rows)
    return rows


def test_rows(skill: world.Skill) -> Iterable[dict[str, str]]:
    """The test set of a skill: id, prompt, reference, and one column a slice."""
    for n, sample in enumerate(world.test_samples(skill), 1):
        yield {"id": f"{skill}-{n:04d}", "prompt": sample.prompt, "reference": sample.reference, **sample.slices}


def training_rows(samples: Iterable[world.Sample]) -> Iterable[dict[str, object]]:
    """Samples as conversational prompt and completion."""
    for sample in samples:
        yield {
            "prompt": [{"role": "user", "content": sample.prompt}],
            "completion": [{"role": "assistant", "content": sample.reference}],
        }


def keyword_rules() -> list[dict[str, str]]:
    """What somebody would write in an afternoon: patterns, first match wins, each with the whole answer.

    An intent's pattern asks for one of its keywords, a priority's for one of its phrases; medium is what is left.
    """
    rules = [
        {"pattern": rf"(?is)\A(?=.*({keywords}))(?=.*({urgency}))", "answer": world.ticket_answer(intent, priority)}
        for intent, keywords in _INTENT_WORDS.items()
        for priority, urgency in _PRIORITY_WORDS.items()
    ]
    return [*rules, {"pattern": "", "answer": world.ticket_answer("bug", "medium")}]


_INTENT_WORDS: Mapping[str, str] = {
    "refund": "money back|refund|repaid|for cash",
    "billing": "invoice|charged|fee|billing|tax",
    "login": "sign in|password|login|locks me",
    "shipping": "arrived|parcel|tracking|delivery|shipping",
    "cancel": "cancel|do not renew|stop my plan",
    "upgrade": "upgrade|more seats|bigger plan",
    "feedback": "love|feedback|idea|great",
    "bug": "crash|error|freezes|bug",
}
_PRIORITY_WORDS: Mapping[str, str] = {
    "high": "every minute|today|blocked|within the hour|enterprise",
    "low": "no rush|not urgent|can wait|take your time|free plan",
    "medium": "",
}


def majority_answer(samples: Iterable[world.Sample]) -> str:
    """The most frequent reference, the first in the alphabet among equals: the trivial baseline."""
    references = [sample.reference for sample in samples]
    return min(set(references), key=lambda reference: (-references.count(reference), reference))


def _write_lines(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")

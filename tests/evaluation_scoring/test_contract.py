"""What every scorer keeps to: keys come back, counts have their metric's shape, identity is stable and complete."""

import asyncio
import json
import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shipworthy.errors import BadInput, MissingEvidence
from shipworthy.evaluation.scoring import BUILT_IN, Context, Loaded, load
from shipworthy.records import Response
from tests import mock_openai
from tests.evaluation_scoring.conftest import example, item, scored

every_kind = pytest.mark.parametrize("kind", sorted(BUILT_IN))
ROW = example("e", "SELECT 1", test="assert True", text="It rained in Rome all day.")
ANSWERS = [
    "SELECT 1",
    "",
    "x = 1",
    "It rained in Rome all day.",
    "naïve 日本語 🚀",
    "{question} [[A]]",
    "a\x00b",
    "x" * 3000,
]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[mock_openai.Endpoint]:
    with mock_openai.endpoint() as running:
        yield running


@pytest.fixture
def made(kind: str, tmp_path: Path, endpoint: mock_openai.Endpoint, request: pytest.FixtureRequest) -> Loaded:
    if kind == "code_pass":
        request.getfixturevalue("isolated")
    sqlite3.connect(tmp_path / "d.sqlite").close()
    judge = {"base_url": endpoint.base_url, "model": "echo"}
    options: dict[str, Any] = {
        "attack_success": {"judge": judge},
        "claims_supported": {"judge": judge, "source": "text"},
        "code_pass": {"tests": "test"},
        "grammar_match": {"grammar": "start: /[^{]+/?"},
        "judge_pairwise": {"judge": judge, "against": "old"},
        "judge_score": {"judge": judge},
        "semantic_similarity": {},
        "sql_match": {"database": "d.sqlite"},
        "toxicity": {},
    }
    context = Context(name="m", folder=tmp_path, examples=[ROW])
    loaded = load(kind, options[kind], dataset="d", context=context)
    assert loaded is not None
    return loaded


@every_kind
def test_every_item_is_scored_once_with_the_metrics_counts(kind: str, made: Loaded) -> None:
    items = [item(text, ROW, key=str(at), opponent="another") for at, text in enumerate(ANSWERS)]
    scores = scored(made.scorer, items)

    assert {str(at) for at in range(len(ANSWERS))} == set(scores)
    for one in scores.values():
        assert one.counts is not None
        assert len(made.metric.failure) == len(one.counts)
        assert all(map(math.isfinite, one.counts))
        assert json.dumps(one.detail) is not None


@every_kind
def test_the_same_items_have_the_same_counts_again(kind: str, made: Loaded) -> None:
    items = [item(text, ROW, key=str(at), opponent="another") for at, text in enumerate(ANSWERS[:4])]

    assert {key: one.counts for key, one in scored(made.scorer, items).items()} == {
        key: one.counts for key, one in scored(made.scorer, items).items()
    }


@every_kind
def test_nothing_to_score_gives_nothing(kind: str, made: Loaded) -> None:
    assert {} == scored(made.scorer, [])


@every_kind
def test_identity_is_text_and_stable(kind: str, made: Loaded) -> None:
    assert all(isinstance(part, str) for one in made.scorer.identity.items() for part in one)
    assert dict(made.scorer.identity) == dict(made.scorer.identity)
    assert made.scorer.requests >= 0


@every_kind
def test_the_metric_waits_for_scores_and_the_examples_are_fine(kind: str, made: Loaded) -> None:
    asyncio.run(made.scorer.check([ROW]))
    with pytest.raises(MissingEvidence, match="has no score yet"):
        made.metric.observe(ROW, Response(example_id="e", dataset="d", model="m", text="x"))


@every_kind
def test_an_unknown_option_is_refused(kind: str) -> None:
    with pytest.raises(BadInput, match=r"metric 'm' .*unknown option 'nonsense'"):
        load(kind, {"nonsense": 1}, dataset="d", context=Context(name="m"))

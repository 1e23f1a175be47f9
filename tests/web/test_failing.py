"""The list of failing examples: every one, from the run's own rows, capped and said; its text is never markup."""

import base64
import hashlib
import re
from pathlib import Path
from types import ModuleType

import msgspec
import numpy as np
import pytest

from shipworthy.metrics.types import Metric
from shipworthy.records import ANSWERED, FAILED, Evidence
from shipworthy.store import RunFolder
from shipworthy.web import _collect, _diff
from shipworthy.web._page import Failures
from shipworthy.web.failing import failing
from shipworthy.web.report import Page, render_page
from tests.web import pages, runs

EXACT = Metric(
    name="task", version=1, unit="share", better="higher", kind="binary", observe=lambda *_: (1.0, 1.0),
    summarize=lambda s: s[..., 0] / s[..., 1], failure=(0.0, 1.0), margin=0.02,
)  # fmt: skip
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=y>\"'"


def table(ours: list[float], theirs: list[float], **status: list[int]) -> Evidence:
    n = len(ours)
    both = {"new": ours, "old": theirs}
    return Evidence(
        dataset="tickets",
        example_N=np.array([f"e{at}" for at in range(n)], dtype=object),
        seed_N=np.zeros(n, np.int64),
        cluster_N=np.arange(n),
        slices={},
        status={name: np.array(status.get(name, [ANSWERED] * n), np.uint8) for name in both},
        counts={(name, "task"): np.column_stack([values, np.ones(n)]) for name, values in both.items()},
    )


def found(evidence: Evidence, metric: Metric = EXACT, most: int = 99, **changes: object) -> tuple[list[object], int]:
    gate = pages.finding("task", "fail", baseline_model="old", **changes)
    rows, total = failing([gate], [evidence], {"task": metric}, candidate="new", most=most)
    return [(row.example_id, row.outcome) for row in rows], total


def test_lost_comes_before_no_answer_before_not_right_and_the_right_ones_are_left_out() -> None:
    evidence = table([1, 0, 0, 0, 1], [1, 0, 1, 1, 0], new=[ANSWERED, ANSWERED, ANSWERED, FAILED, ANSWERED])

    assert ([("e2", "lost"), ("e3", "unanswered"), ("e1", "wrong")], 3) == found(evidence)


def test_what_is_cut_is_counted() -> None:
    assert ([("e0", "lost"), ("e1", "lost")], 7) == found(table([0] * 7, [1] * 7), most=2)


@pytest.mark.parametrize(("unit", "total"), [("s", 0), ("usd", 0), ("tokens", 0), ("points", 1)])
def test_what_an_answer_takes_is_no_failure_and_a_score_of_points_is_one_only_where_it_lost(
    unit: str, total: int
) -> None:
    metric = Metric(**{**{k: getattr(EXACT, k) for k in EXACT.__slots__}, "unit": unit, "kind": "mean"})

    assert total == found(table([5, 7], [6, 7]), metric)[1]


def test_a_gate_that_is_only_watched_shows_nothing() -> None:
    gate = pages.finding("task", "fail", baseline_model="old", level="monitored")

    assert ([], 0) == failing([gate], [table([0], [1])], {"task": EXACT}, candidate="new", most=9)


def test_the_floor_is_a_baseline_only_where_there_is_no_other() -> None:
    floor = pages.finding("beats", "pass", metric="task", baseline_model="floor")
    real = pages.finding("task", "pass", baseline_model="old")
    evidence = table([0], [1])
    rows, _ = failing([floor, real], [evidence], {"task": EXACT}, candidate="new", most=9, floor=("floor",))

    assert ["old"] == [row.baseline for row in rows]


def test_a_run_shows_all_of_its_failing_rows(tmp_path: Path) -> None:
    page = _collect.page_of(RunFolder.open(runs.blocked(tmp_path)))
    assert page.failures is not None

    assert 20 + 196 == page.failures.total == len(page.failures.shown)
    assert {f"t{at}" for at in range(180, 200)} == {f.example_id for f in page.failures.shown if f.metric == "exact"}
    text = render_page(page, "html")
    assert 216 == text.count('<details class="failure"')
    assert "All 216 are shown." in text and "&lt;b&gt;199&lt;/b&gt;" in text


def failure(**changes: object) -> object:
    from shipworthy.web._page import Answer, Failure

    given = {
        "example_id": "e1",
        "dataset": "tickets",
        "metric": "task",
        "outcome": "lost",
        "unit": "share",
        "candidate": Answer(model="new", text="login", error=None, score=0.0),
        "baseline": Answer(model="old", text="refund", error=None, score=1.0),
        "reference": "refund",
        "slices": {"intent": "refund"},
    }
    return Failure(**(given | changes))  # type: ignore[arg-type]


def page_with(*shown: object, total: int | None = None) -> Page:
    failures = Failures(shown=shown, total=total or len(shown))  # type: ignore[arg-type]
    return msgspec.structs.replace(pages.story(), failures=failures)


def test_a_cap_is_said() -> None:
    assert "2 of 1,234 are shown to keep the page small" in render_page(
        page_with(failure(), failure(example_id="e2"), total=1234), "html"
    )


def test_the_page_stays_small_whatever_the_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_collect, "_MOST_TEXT", 20_000)
    page = _collect.page_of(RunFolder.open(runs.blocked(tmp_path)))
    assert page.failures is not None

    assert 10 < len(page.failures.shown) < 100 and 216 == page.failures.total
    assert "x" * 1_500 + " … and 500 more characters" == _collect._cut("x" * 2_000)


def test_hostile_text_stays_text_and_the_only_script_is_the_one_the_policy_names() -> None:
    from shipworthy.web._page import Answer

    evil = Answer(model=HOSTILE, text=HOSTILE, error=None, score=0.0)
    row = failure(
        example_id=HOSTILE, metric=HOSTILE, dataset=HOSTILE, slices={HOSTILE: HOSTILE}, reference=HOSTILE,
        candidate=evil, baseline=evil,
    )  # fmt: skip
    text = render_page(page_with(row, failure()), "html")
    scripts = re.findall(r"<script>(.*?)</script>", text, re.S)
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()

    assert 1 == len(scripts) == len(re.findall("<script", text)) and "<img" not in text
    assert f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'" in text
    assert not {"fetch", "import", "XMLHttpRequest", "innerHTML", "eval", "open("} & set(
        re.findall(r"[\w(]+", scripts[0])
    )


def test_without_failing_examples_there_is_no_script(pages: ModuleType) -> None:
    text = render_page(pages.story(), "html")

    assert "<script" not in text and "script-src" not in text and "no script" in text


def test_without_script_the_list_still_shows() -> None:
    text = render_page(page_with(failure()), "html")

    assert re.search(r'<details class="failure"[^>]*data-labels=[^>]*>', text)
    assert not re.search(r'<details class="failure"[^>]*hidden', text)
    assert re.search(r'<div class="filters"[^>]* hidden>', text)


def test_a_page_marks_differing_words_only_while_its_work_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_diff, "_WORK", 300)
    marker = _diff.Marker()
    pairs = [marker.marked("one two three four", "one two three five") for _ in range(9)]

    assert [True] * 6 + [False] * 3 == [any(span.differs for span in ours) for ours, _ in pairs]
    assert {"one two three four"} == {"".join(span.text for span in ours) for ours, _ in pairs}

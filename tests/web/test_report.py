"""From a run folder that the main job left to reports on disk."""

from pathlib import Path
from types import ModuleType

import pytest

from shipworthy.errors import BadInput
from shipworthy.store.run_folder import RunFolder
from shipworthy.web import report


@pytest.fixture(scope="module")
def page(finished_run: Path) -> report.Page:
    return report.page_of(RunFolder.open(finished_run))


def test_a_run_s_worst_examples_show_both_answers(page: report.Page) -> None:
    shown = page.regressions[0]

    assert ("u4", "refused", "How do I break lock 4?") == (shown.example_id, shown.metric, shown.prompt[-1].content)
    assert ("Sure, this is how <b>4</b> works.", 0.0) == (shown.candidate.text, shown.candidate.score)
    assert ("I cannot help.", 1.0) == (shown.baseline.text, shown.baseline.score)
    assert 3 == len({regression.example_id for regression in page.regressions})


def test_a_run_s_ladder_stands_by_role_with_cost_and_latency(page: report.Page) -> None:
    assert page.ladder is not None
    names = [column.name for column in page.ladder.columns]

    assert ["exact", "refused", "median latency", "cost of 1,000 answers"] == names
    assert [("majority", "trivial"), ("old", "production"), ("new", "candidate")] == [
        (row.model, row.role) for row in page.ladder.rows
    ]
    assert (0.9, 200) == (page.ladder.rows[2].cells[0].value, page.ladder.rows[2].cells[0].n)


def test_the_ladder_gives_the_candidate_the_value_of_its_gate(page: report.Page) -> None:
    assert page.ladder is not None
    judged = {finding.metric: finding.candidate.value for finding in page.gates}

    assert judged["exact"] == page.ladder.rows[2].cells[0].value
    assert judged["refused"] == page.ladder.rows[2].cells[1].value


def test_latency_and_cost_have_intervals_around_their_values(page: report.Page) -> None:
    assert page.ladder is not None
    latency, cost = page.ladder.rows[2].cells[2:]

    assert None not in (latency.low, latency.value, latency.high, cost.low, cost.value, cost.high)
    assert latency.low < latency.value < latency.high  # type: ignore[operator]
    assert cost.low < cost.value < cost.high  # type: ignore[operator]


def test_provenance_names_protocol_data_and_models_by_digest(finished_run: Path, page: report.Page) -> None:
    locked = RunFolder.open(finished_run).manifest
    values = " ".join(fact.value for group in page.provenance for fact in group.rows)

    assert locked.protocol_sha256 in values
    assert all(print_.sha256 in values for print_ in locked.datasets.values())


@pytest.mark.parametrize("kind", ["html", "md", "junit", "json"])
def test_every_kind_renders_a_run(kind: report.Kind, finished_run: Path) -> None:
    text = report.render(RunFolder.open(finished_run), kind)

    assert "refusals" in text and "<b>4</b>" not in text.replace("```", "")[: 0 if kind == "md" else None]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("html", "out.html"),
        ("md", "out.md"),
        ("junit", "out.junit.xml"),
        ("junit", "junit.xml"),
        ("json", "out.json"),
        ("html", "OUT.HTML"),
    ],
)
def test_the_ending_says_the_kind(kind: str, name: str) -> None:
    assert kind == report.kind_of(Path(name))


@pytest.mark.parametrize("name", ["out.pdf", "out.xml", "out", ".gitignore"])
def test_another_ending_is_refused_by_naming_the_known_ones(name: str) -> None:
    with pytest.raises(BadInput, match=r"ends in \.html, \.md, \.junit\.xml or \.json"):
        report.kind_of(Path(name))


def test_one_wrong_place_leaves_nothing_written(tmp_path: Path, pages: ModuleType) -> None:
    with pytest.raises(BadInput, match="folder does not exist"):
        report.write(pages.story(), [tmp_path / "a.html", tmp_path / "missing" / "b.md"])

    assert [] == list(tmp_path.iterdir())


def test_a_bare_verdict_is_written_where_it_is_asked_for(tmp_path: Path, pages: ModuleType) -> None:
    report.write_verdict(pages.verdict("promote"), tmp_path / "a.html", title="a against b", candidate="a")

    assert "a may ship" in (tmp_path / "a.html").read_text()

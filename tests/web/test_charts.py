"""Server-drawn charts: shapes, scales, words for those who cannot see them."""

from types import ModuleType
from xml.etree import ElementTree

import pytest

from shipworthy.records import Interval
from shipworthy.web._forest import NARROW, WIDE, forest, forests
from shipworthy.web._pareto import pareto
from shipworthy.web._svg import linear, tick_labels, ticks
from shipworthy.web.report import render_page

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("layout", [WIDE, NARROW])
def test_a_forest_is_xml_with_a_title_and_a_description(layout: object, pages: ModuleType) -> None:
    drawing = ElementTree.fromstring(forest([pages.finding(gate="<a & b>")], layout, title="Gains", key="x"))  # type: ignore[arg-type]

    assert ("img", "Gains") == (drawing.get("role"), drawing.findtext(f"{SVG}title"))
    assert "<a & b>: gain +2.0 pts [+0.4, +3.6], n 1,000, pass" in (drawing.findtext(f"{SVG}desc") or "")


def test_outcomes_differ_by_shape_not_by_colour_alone(pages: ModuleType) -> None:
    drawn = {
        outcome: forest([pages.finding(outcome=outcome)], WIDE, title="t", key="k")
        for outcome in ("pass", "fail", "inconclusive")
    }

    assert '<circle r="5"/>' in drawn["pass"] and "<circle" not in drawn["fail"] and "hollow" in drawn["inconclusive"]


def test_a_better_gain_stands_further_right() -> None:
    scale = linear([-0.1, 0.0, 0.2], left=30, right=76)

    assert 30 < scale.at(-0.1) < scale.at(0) < scale.at(0.2) < 76


def test_units_are_never_mixed_on_one_scale(pages: ModuleType) -> None:
    drawn = forests([pages.finding(), pages.finding(unit="s"), pages.finding()], title="t", key="k")

    assert 2 == len(drawn)


def test_a_gate_without_a_gain_is_not_drawn(pages: ModuleType) -> None:
    assert [] == forests([pages.finding(gain=None)], title="t", key="k")


def test_one_huge_loss_leaves_the_scale_by_an_arrow_instead_of_flattening_the_others(pages: ModuleType) -> None:
    lost = pages.finding("refusal", "fail", gain=Interval(value=-0.97, low=-0.98, high=-0.94))
    drawing = forest([lost, *(pages.finding(f"g{i}") for i in range(4))], WIDE, title="t", key="k")

    assert "v12z" in drawing and "M0-6.5 6.5 0" not in drawing
    assert "−97.0 pts [−98.0, −94.0]" in drawing


def test_slices_of_one_column_are_labelled_by_their_labels_alone(pages: ModuleType) -> None:
    one = [pages.finding(slice={"language": "de"}), pages.finding(slice={"language": "fr"})]
    two = [pages.finding(slice={"language": "de"}), pages.finding(slice={"length": "long"})]
    drawn = [forest(found, WIDE, title="t", key="k", by_slice=True) for found in (one, two)]

    assert ">de</text>" in drawn[0] and ">language = de</text>" in drawn[1]


def test_an_interval_of_no_width_at_zero_is_drawn(pages: ModuleType) -> None:
    same = pages.finding(gain=Interval(value=0.0, low=0.0, high=0.0), margin=0.0)

    assert "<svg" in forest([same], WIDE, title="t", key="k")


def test_ticks_are_round_and_labelled_with_the_decimals_they_need() -> None:
    marks = ticks(linear([-0.052, 0.031], left=0, right=100))

    assert ["−4", "−2", "0", "+2"] == tick_labels(marks, "share", signed=True)


def test_a_pareto_chart_names_every_model_with_both_intervals(pages: ModuleType) -> None:
    drawing = ElementTree.fromstring(pareto(pages.pareto_chart(), key="p"))

    description = drawing.findtext(f"{SVG}desc") or ""
    assert "Beaten by no other on both: keyword-rules, desk-full." in description
    assert "production: 78.0% [75.7, 80.3], n 1,000; 0.430 s [0.417, 0.443], n 1,000" in description


def test_a_beaten_model_is_hollow_and_said_to_be_beaten(pages: ModuleType) -> None:
    drawn, text = pareto(pages.pareto_chart(), key="p"), render_page(pages.story(), "html")

    assert (2, 1) == (drawn.count('class="baseline beaten"'), drawn.count('class="candidate"'))
    assert "base is dominated by desk-full." in text


def test_labels_of_near_models_do_not_meet(pages: ModuleType) -> None:
    drawing = ElementTree.fromstring(pareto(pages.pareto_chart(), key="p"))

    heights = sorted(float(text.get("y", "0")) for text in drawing.findall(f"{SVG}text[@class='name baseline']"))
    heights += [float(text.get("y", "0")) for text in drawing.findall(f"{SVG}text[@class='name candidate']")]
    gaps = [abs(a - b) for i, a in enumerate(heights) for b in heights[:i]]
    assert min(gaps) >= 14


def test_one_model_alone_makes_no_chart(pages: ModuleType) -> None:
    chart = pages.pareto_chart()

    assert "" == pareto(type(chart)(quality=chart.quality, price=chart.price, points=chart.points[:1]), key="p")

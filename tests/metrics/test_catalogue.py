"""Building metrics by name, with options, from files; the reference page."""

from pathlib import Path

import pytest

from shipworthy import metrics
from shipworthy.errors import BadInput, UnknownName

ROOT = Path(__file__).resolve().parents[2]


def test_a_metric_carries_the_protocols_name():
    assert "ticket_json" == metrics.build("ticket_json", "json_match", {}).name


def test_an_unknown_kind_names_the_nearest_one():
    with pytest.raises(UnknownName, match="did you mean 'exact_match'"):
        metrics.build("em", "exactmatch", {})


def test_an_unknown_option_names_the_nearest_one():
    with pytest.raises(
        BadInput, match=r"metric 'em' \(exact_match\): unknown option 'normalize'; did you mean 'normalise'"
    ):
        metrics.build("em", "exact_match", {"normalize": "squad"})


def test_an_option_of_the_wrong_type_is_named():
    with pytest.raises(BadInput, match=r"metric 'l' \(latency\).*quantile"):
        metrics.build("l", "latency", {"quantile": 2})


def test_every_built_in_kind_is_listed():
    assert set(metrics.BUILT_IN) <= set(metrics.names())


OWN = """
from shipworthy.metrics import Metric

def observe(example, response):
    return (1.0, 1.0)

plain = Metric(name="p", unit="share", better="higher", kind="binary", observe=observe, source="own")

def made(options):
    return Metric(name=options["name"], unit="share", better="lower", kind="mean", observe=observe, source="own")

def bare():
    return plain

def wrong(options):
    return 3

number = 3
"""


@pytest.fixture
def own(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    return f"{tmp_path}/own.py"


def test_a_users_metric_is_a_metric_or_a_function_that_returns_one(own):
    assert "share" == metrics.build("a", f"{own}:plain", {}).unit
    assert "lower" == metrics.build("b", f"{own}:made", {"name": "x"}).better
    assert "c" == metrics.build("c", f"{own}:bare", {}).name


def test_a_users_mistake_is_one_sentence(own):
    for target, options, says in [
        ("wrong", {}, "returned int, not a Metric"),
        ("number", {}, "neither a Metric nor a function"),
        ("plain", {"a": 1}, "takes no options; remove a"),
        ("absent", {}, "defines no 'absent'"),
    ]:
        with pytest.raises(BadInput, match=says):
            metrics.build("m", f"{own}:{target}", options)


def test_the_reference_page_is_what_the_code_says():
    page = ROOT / "docs" / "reference" / "metrics.md"

    assert page.read_text(encoding="utf-8") == metrics.reference()


def test_every_option_has_a_meaning():
    bare = [(kind, o.name) for kind in metrics.BUILT_IN for o in metrics.describe(kind).options if not o.meaning]

    assert [] == bare


def test_the_guides_own_metric_runs(tmp_path):
    guide = (ROOT / "docs" / "guides" / "your-own-metric.md").read_text(encoding="utf-8")
    first, second = [block.partition("```")[0] for block in guide.split("```python\n")[1:]]
    (tmp_path / "polite.py").write_text(first)
    (tmp_path / "polite_with.py").write_text(second)
    plain = metrics.build("polite", f"{tmp_path}/polite.py:polite", {})
    made = metrics.build("polite", f"{tmp_path}/polite_with.py:polite_with", {"words": ["cheers"]})
    answer = _answer("Thank you, cheers!")

    assert ((1.0, 1.0), (1.0, 1.0)) == (plain.observe(*answer), made.observe(*answer))
    assert 15 >= sum(bool(line.strip()) for line in first.splitlines())


def _answer(text):
    from shipworthy.records import Example, Response

    return Example(id="e", dataset="d", messages=()), Response(example_id="e", dataset="d", model="m", text=text)

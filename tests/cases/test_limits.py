"""Limits and margins that meant something else than they said."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Case = Callable[[str], Path]
Told = Callable[..., tuple[int, str, str]]
Verdict = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("protocol", ["sl.yaml", "sl0.yaml"])
def test_an_absolute_limit_is_itself_in_a_slice(case: Case, verdict: Verdict, protocol: str) -> None:
    case("slice-loosens-limit")

    found = verdict("run", protocol)

    assert ("block", 10) == (found["verdict"], found["exit"])
    assert {0.97} == {one["margin"] for one in found["metrics"]}


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("bad.yaml", "bad.yaml:6:49: margin 2 decides nothing: accuracy is a share and lies in 0..1"),
        ("bad2.yaml", "bad2.yaml:6:38: at_least 98 is no limit: accuracy is a share and lies in 0..1"),
    ],
)
@pytest.mark.parametrize("command", ["run", "validate"])
def test_a_limit_beyond_a_share_is_refused(case: Case, told: Told, protocol: str, said: str, command: str) -> None:
    case("margin-in-points")

    code, out, err = told(command, protocol)

    assert (2, "") == (code, out)
    assert said in err
    assert "did you mean 0." in err


def test_two_points_are_what_was_meant(case: Case, verdict: Verdict) -> None:
    folder = case("margin-in-points")
    (folder / "ok.yaml").write_text((folder / "bad.yaml").read_text().replace("margin: 2}", "margin: 2 points}"))

    found = verdict("run", "ok.yaml")

    assert ("block", 0.02) == (found["verdict"], found["metrics"][0]["margin"])


def test_a_bootstrap_that_cannot_vary_is_no_proof(case: Case, verdict: Verdict) -> None:
    case("zero-width-bootstrap")

    found = verdict("run")
    finding = next(one for one in found["metrics"] if one["metric"] == "macro_f1")

    assert ("inconclusive", "inconclusive") == (found["verdict"], finding["outcome"])
    assert finding["candidate"]["low"] < 0.99
    assert 200 < finding["n_needed"] < 600


@pytest.mark.parametrize("rule", ["margin: 5%", "margin: 2 points", "margin: 0.02"])
def test_every_form_of_a_margin_judges(case: Case, verdict: Verdict, rule: str) -> None:
    folder = case("margin-in-points")
    (folder / "ok.yaml").write_text((folder / "bad.yaml").read_text().replace("margin: 2}", f"{rule}}}"))

    finding = verdict("run", "ok.yaml")["metrics"][0]

    assert "fail" == finding["outcome"]
    assert ("relative" if "%" in rule else "absolute") == finding["margin_kind"]


@pytest.mark.parametrize(("margin", "code"), [("2", 2), ("2 points", 12), ("5%", 12), ("100%", 2)])
def test_compare_reads_and_refuses_margins_alike(tmp_path: Path, told: Told, margin: str, code: int) -> None:
    rows = [f"{i},{model},{int(i % 10 > 0)}" for i in range(60) for model in ("old", "new")]
    (tmp_path / "r.csv").write_text("\n".join(["example_id,model,accuracy", *rows]) + "\n")

    found = told(
        "compare", str(tmp_path / "r.csv"), "--candidate", "new", "--baseline", "old", "--margin", margin,
        "--metric", "accuracy", "--better", "higher",
    )  # fmt: skip

    assert code == found[0], found

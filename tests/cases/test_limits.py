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

"""`compare` and `init --from` judge alike where nobody named a margin; one as large as the baseline is told."""

import json
from pathlib import Path

import pytest

from shipworthy.cli.main import main


def _table(folder: Path, new: float, old: float, n: int = 500) -> Path:
    path = folder / "t.csv"
    rows = (f"{at},{new + (at % 7) * new / 100},{old + (at % 5) * old / 100}\n" for at in range(n))
    path.write_text("example_id,new,old\n" + "".join(rows))
    return path


def _compare(path: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, object]:
    asked = ["--candidate", "new", "--baseline", "old", "--json", *more]
    main(["compare", str(path), *asked])
    verdict: dict[str, object] = json.loads(capsys.readouterr().out)
    return verdict


def test_a_default_margin_beyond_the_baselines_own_value_promotes_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _table(tmp_path, 0.012, 0.001)
    verdict = _compare(path, capsys, "--metric", "toxicity")
    assert verdict["verdict"] == "inconclusive"
    assert "the default margin 0.02 is as large as old's own 0.00102" in str(verdict["reasons"])
    assert _compare(path, capsys, "--metric", "toxicity", "--margin", "0.02")["verdict"] == "promote"


def test_a_candidate_that_looks_no_worse_needs_no_margin_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _compare(_table(tmp_path, 0.0005, 0.001), capsys, "--metric", "toxicity")["verdict"] == "promote"


def test_a_candidate_that_is_shown_far_worse_still_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _compare(_table(tmp_path, 0.2, 0.001), capsys, "--metric", "toxicity")["verdict"] == "block"


@pytest.mark.parametrize(
    ("metric", "new", "old", "margin"), [("accuracy", 70.0, 72.0, 2.0), ("accuracy", 0.7, 0.72, 0.02)]
)
def test_both_commands_take_the_same_margin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], metric: str, new: float, old: float, margin: float
) -> None:
    path = _table(tmp_path, new, old)
    (finding, *_) = _compare(path, capsys, "--metric", metric)["metrics"]  # type: ignore[misc]
    assert finding["margin"] == margin
    asked = ["--candidate", "new", "--baseline", "old", "--metric", metric]
    assert main(["init", str(tmp_path / "made"), *asked, "--from", str(path)]) == 0
    assert f"margin: {margin:g} " in (tmp_path / "made" / "shipworthy.yaml").read_text()

"""The pages about data as a browser shows them: no request, no sideways scrolling, nothing that axe-core objects to."""

import asyncio
import json
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from shipworthy.cli import main

pytestmark = pytest.mark.browser
WORDS = ["refund", "parcel", "invoice", "card", "address", "late", "lost", "broken", "twice", "never", "shop", "order"]


def _rows(n: int, seed: int, *, extra: str = "") -> list[dict[str, str]]:
    rng = Random(seed)
    return [
        {"text": " ".join(rng.choices(WORDS, k=12)) + extra, "label": rng.choice(["pay" * 40, "send", "عنوان"])}
        for _ in range(n)
    ]


def _write(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def check_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Findings, a limit, copied rows (one of a single endless word), a split with strata, histograms, labels."""
    folder = tmp_path_factory.mktemp("pages")
    rows = [*_rows(300, 1), {"text": "x" * 2_000, "label": "send"}, {"text": "", "label": "send"}]
    _write(folder / "raw.jsonl", rows)
    split = ["data", "split", str(folder / "raw.jsonl"), "--out", str(folder / "parts"), "--test", "0.3", "--quiet"]
    assert 0 == main([*split, "--stratify", "label", "--length-buckets", "4"])
    copied = _write(folder / "bench.jsonl", [rows[300], *({**row, "text": row["text"] + " ok"} for row in rows[:40])])
    page = folder / "check.html"
    command = ["data", "check", str(folder / "parts" / "train.jsonl"), "--against", str(copied), "-o", str(page)]
    assert 10 == main([*command, "--limit", "leakage_certain=0", "--quiet"])
    return page


@pytest.fixture(scope="module")
def drift_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drift in numbers, labels (one of a single endless word) and words, per slice, with a column that is left out."""
    folder = tmp_path_factory.mktemp("drift")
    before = [{**row, "amount": at % 97, "at": at} for at, row in enumerate(_rows(600, 3))]
    now = [{**row, "amount": at % 97 + 40, "at": at} for at, row in enumerate(_rows(500, 4, extra=" wallet"))]
    page = folder / "drift.html"
    files = [str(_write(folder / "before.jsonl", before)), str(_write(folder / "now.jsonl", now))]
    assert 10 == main(["data", "drift", *files, "--slice", "label", "-o", str(page)])
    return page


@pytest.fixture(autouse=True)
def _chromium(screenshots: ModuleType) -> None:
    if screenshots.chromium_path() is None:
        pytest.skip("no Chromium here")


@pytest.mark.parametrize("name", ["check_page", "drift_page"])
def test_a_page_about_data_asks_for_nothing_fits_and_can_be_read_by_all(
    name: str, request: pytest.FixtureRequest, screenshots: ModuleType
) -> None:
    source = screenshots.axe_path()
    if source is None:
        pytest.skip("axe-core is not installed")
    seen = asyncio.run(
        screenshots.look(request.getfixturevalue(name), axe=source.read_text(encoding="utf-8"), full=False)
    )

    assert [((), 0, ())] * 4 == [(view.requests, view.overflow_px, view.violations) for view in seen]
    assert seen[0].png != seen[1].png  # light, dark

"""An endpoint that is down, from the start or half-way, as a user of the command line meets it."""

import time
from pathlib import Path

from tests import mock_openai
from tests.cli.conftest import Shipworthy

ROWS = 40
PROTOCOL = """
shipworthy: 1
name: served
datasets:
  d: {{path: d.jsonl}}
models:
  new: {{role: candidate, backend: openai, base_url: "{url}", model: echo, options: {{concurrency: 4, max_retries: 0}}}}
  floor: {{role: trivial, backend: trivial, strategy: majority}}
metrics:
  exact_match: {{dataset: d}}
gates:
  - {{metric: exact_match, at_least: 0.5}}
"""


def _write(folder: Path, url: str) -> None:
    rows = [f'{{"id": "{at}", "input": "q {at}", "reference": "q {at}"}}' for at in range(ROWS)]
    (folder / "d.jsonl").write_text("\n".join(rows), encoding="utf-8")
    (folder / "shipworthy.yaml").write_text(PROTOCOL.format(url=url), encoding="utf-8")


def test_an_endpoint_that_is_down_from_the_start_is_exit_2_within_ten_seconds(
    tmp_path: Path, shipworthy: Shipworthy
) -> None:
    _write(tmp_path, f"http://127.0.0.1:{mock_openai.free_port()}/v1")
    began = time.monotonic()
    shipworthy("validate", cwd=tmp_path)
    starting_s = time.monotonic() - began
    done = shipworthy("run", "--out", "out", cwd=tmp_path)

    assert time.monotonic() - began - 2 * starting_s < 10, "a busy machine starts slowly; that is not counted"
    assert 2 == done.returncode
    assert "cannot connect" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_endpoint_that_dies_half_way_is_exit_12_and_the_run_can_be_resumed(
    tmp_path: Path, shipworthy: Shipworthy
) -> None:
    with mock_openai.endpoint(dead_after=15) as endpoint:
        _write(tmp_path, endpoint.base_url)
        died = shipworthy("run", "--out", "out", cwd=tmp_path)
    with mock_openai.endpoint(port=endpoint.port) as again:
        went_on = shipworthy("run", "--out", "out", "--resume", cwd=tmp_path)
        asked = sum(again.stats()["answered"].values())

    assert (12, 0) == (died.returncode, went_on.returncode)
    assert "incomplete" in died.stdout and "--resume" in died.stdout
    assert ROWS - 15 == asked

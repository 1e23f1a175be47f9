"""What the runner itself costs: CPU per sample, wall-clock window and memory, against a mock endpoint.

The endpoint (50 ms latency, 6 % of requests met with 429) runs in another process, so that its CPU is not counted.
`python benchmarks/runner.py [SAMPLES] [IN_FLIGHT]` prints one line a repetition and one with the medians.
"""

import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPETITIONS = 5
LATENCY_S, REFUSED = 0.05, 0.06
ENDPOINT = Path(__file__).with_name("bare_endpoint.py")
BARS = {"cpu_ms_each": 0.5, "window_s": 1.0, "rss_mib": 120.0}
"""For 1,000 samples at 100 in flight."""


def measure(base_url: str, samples: int, in_flight: int) -> dict[str, Any]:
    """One run in this process. CPU is that beyond start-up: imports and the first response are paid before."""
    from shipworthy import models
    from shipworthy.evaluation.runner import Plan, ask
    from shipworthy.protocol.types import ModelSpec
    from shipworthy.records import Message, Prompt
    from shipworthy.store import Manifest, RunFolder

    spec = ModelSpec(
        role="candidate", backend="openai", base_url=base_url, model="echo", options={"concurrency": in_flight}
    )

    class Made(Sequence[Prompt]):
        """Prompts made when they are looked at, as the main job renders them from rows: the runner's memory is seen."""

        def __len__(self) -> int:
            return samples

        def __getitem__(self, at: Any) -> Any:
            content = f"What is {range(samples)[at]} plus one?"
            return Prompt(example_id=str(at), dataset="d", messages=(Message(role="user", content=content),))

    manifest = Manifest(run_id="b", created="", protocol={}, protocol_sha256="", candidate="m")
    with tempfile.TemporaryDirectory() as folder, RunFolder.create(Path(folder) / "run", manifest) as run:
        backend = models.load("m", spec, folder=Path())
        began, cpu = time.perf_counter(), time.process_time()
        gaps = asyncio.run(ask(Plan(prompts=Made(), backends={"m": backend}), run))
        window_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
        answered = sum(response.text is not None for response in run.responses())
    return {
        "answered": answered,
        "gaps": len(gaps),
        "cpu_ms_each": 1000 * cpu_s / samples,
        "window_s": window_s,
        "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main(samples: int = 1000, in_flight: int = 100) -> None:
    results = []
    for _ in range(REPETITIONS):
        with _endpoint() as base_url:
            command = [sys.executable, __file__, "--one", base_url, str(samples), str(in_flight)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            results.append(json.loads(done.stdout))
        print(json.dumps(results[-1]), flush=True)
    print(f"{samples} samples, {in_flight} in flight, 50 ms, 6 % refused; median of {REPETITIONS} (bar):")
    for name, bar in BARS.items():
        values = [result[name] for result in results]
        print(f"  {name:<12} {statistics.median(values):.3f}  [{min(values):.3f}, {max(values):.3f}]  (<= {bar:g})")


@contextmanager
def _endpoint() -> Iterator[str]:
    """The address of an endpoint that runs as long as the block."""
    command = [sys.executable, str(ENDPOINT), str(LATENCY_S), str(REFUSED)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.kill()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
    else:
        main(*map(int, sys.argv[1:]))

"""One evaluation by three tools: CPU seconds of the whole process and of each further sample, against one endpoint.

`pip install 'shipworthy[bench]'`, then `python benchmarks/beside_others.py [SAMPLES] [lm-eval=PYTHON]
[inspect=PYTHON] [only=TOOL]`; two of them name interpreters, where the packages cannot live in one environment. The
same questions go to the same local endpoint (another process, 50 ms, never refusing), 100 at a time, and exact match is
scored. Every tool runs its usual entry: here the whole main job (`shipworthy run`: data, evidence, gates, verdict,
report), there inspect's `eval` and `lm_eval`. The tools alternate; CPU is user and system time of the process and its
children, memory the peak of the process.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPETITIONS = 3
IN_FLIGHT, LATENCY_S = 100, 0.05
ENDPOINT = Path(__file__).with_name("bare_endpoint.py")
FEW = 50
"""A second size: the difference between the two is what further samples cost."""
BARS = {"inspect": 10.0, "lm-eval": 3.0}
ALL_RIGHT = {
    "shipworthy": r'"candidate":\s*\{\s*"value":\s*1\.0',
    "lm-eval": r"exact_match\|[^|]*\|\s*1\|",
    "inspect": r"^1\.0$",
}
"""What each tool prints when every sample was asked and scored as right: a cheap run must not be a broken one."""

PROTOCOL = """\
shipworthy: 1
name: beside
datasets: {{asked: {{path: asked.jsonl}}}}
models:
  echo: {{role: candidate, backend: openai, base_url: "{url}", model: echo, options: {{concurrency: {flight}}}}}
  floor: {{role: trivial, backend: trivial, strategy: constant, options: {{answer: "41"}}}}
metrics: {{exact_match: {{dataset: asked}}}}
gates: [{{metric: exact_match, at_least: 0.5}}]
"""

TASK = """\
task: beside
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/asked.jsonl}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{input}}}}"
doc_to_target: "{{{{reference}}}}"
generation_kwargs: {{until: ["###"], max_gen_toks: 16}}
metric_list: [{{metric: exact_match}}]
"""

INSPECT = """\
import sys
from inspect_ai import Task, eval
from inspect_ai.dataset import FieldSpec, json_dataset
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.scorer import exact
from inspect_ai.solver import generate

asked = json_dataset("asked.jsonl", FieldSpec(input="input", target="reference", id="id"))
limits = GenerateConfig(max_connections={flight})
model = get_model("openai/echo", base_url=sys.argv[1], api_key="none", responses_api=False, config=limits)
(log,) = eval(Task(dataset=asked, solver=generate(), scorer=exact()), model=model, display="none", log_dir="logs")
assert log.status == "success", log.error
print(log.results.scores[0].metrics["mean"].value)
"""


def commands(url: str, folder: Path, pythons: dict[str, str]) -> dict[str, list[str]]:
    """Tool -> its command line; the files it needs are written into the folder."""
    (folder / "protocol.yaml").write_text(PROTOCOL.format(url=url, flight=IN_FLIGHT), encoding="utf-8")
    (folder / "task.yaml").write_text(TASK.format(folder=folder), encoding="utf-8")
    (folder / "inspect_task.py").write_text(INSPECT.format(flight=IN_FLIGHT), encoding="utf-8")
    arguments = f"model=echo,base_url={url}/chat/completions,num_concurrent={IN_FLIGHT},max_retries=3"
    lm_eval = ["--model", "local-chat-completions", "--model_args", arguments, "--tasks", "beside"]
    return {
        "shipworthy": [sys.executable, "-m", "shipworthy", "run", "protocol.yaml", "--json", "--quiet"],
        "lm-eval": [pythons["lm-eval"], "-m", "lm_eval", *lm_eval, "--include_path", ".", "--apply_chat_template"],
        "inspect": [pythons["inspect"], "inspect_task.py", url],
    }


def spent(tool: str, samples: int, pythons: dict[str, str]) -> tuple[float, float]:
    """CPU seconds and peak MiB of one run over so many samples.

    Raises: RuntimeError: it did not score all of them as right.
    """
    with tempfile.TemporaryDirectory() as name, _endpoint() as url:
        folder = Path(name)
        rows = [{"id": str(at), "input": f"What is {at} plus one?", "reference": "42"} for at in range(samples)]
        (folder / "asked.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        command = commands(url, folder, pythons)[tool]
        environment = os.environ | {"OPENAI_API_KEY": "none", "HF_HOME": name, "HF_HUB_OFFLINE": "1"}
        out, errors = folder / "out.txt", folder / "errors.txt"
        with out.open("w") as stdout, errors.open("w") as stderr:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=stdout, stderr=stderr)
            _, process.returncode, used = os.wait4(process.pid, 0)
        if process.returncode or not re.search(ALL_RIGHT[tool], out.read_text()):
            raise RuntimeError(f"{tool} failed:\n{out.read_text()[-2000:]}\n{errors.read_text()[-4000:]}")
        return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main(samples: int = 1000, *, only: str | None = None, **pythons: str) -> None:
    """Print one line a tool: whole runs, and what a further sample costs."""
    interpreters = {"lm-eval": sys.executable, "inspect": sys.executable} | pythons
    tools = [tool for tool in ("shipworthy", "lm-eval", "inspect") if only in (None, tool)]
    runs: dict[tuple[str, int], list[tuple[float, float]]] = {(tool, n): [] for tool in tools for n in (FEW, samples)}
    for _ in range(REPETITIONS):
        for tool, n in runs:
            runs[tool, n].append(spent(tool, n, interpreters))
    print(f"{samples} samples, {IN_FLIGHT} in flight, 50 ms; median of {REPETITIONS}, load {os.getloadavg()[0]:.1f}:")
    cpu_s = {key: sorted(seconds for seconds, _ in found) for key, found in runs.items()}
    for tool in tools:
        whole, few = (statistics.median(cpu_s[tool, n]) for n in (samples, FEW))
        peak = statistics.median(mib for _, mib in runs[tool, samples])
        each_ms = 1000 * (whole - few) / (samples - FEW)
        times = whole / statistics.median(cpu_s["shipworthy", samples]) if only is None else 1.0
        bar = f", {times:.1f} times ours (>= {BARS[tool]:g})" if tool in BARS and only is None else ""
        spread = f"[{cpu_s[tool, samples][0]:.2f}, {cpu_s[tool, samples][-1]:.2f}]"
        print(f"  {tool:<10} {whole:6.2f} CPU s {spread}, {peak:4.0f} MiB, {each_ms:6.2f} ms a further sample{bar}")


@contextmanager
def _endpoint() -> Iterator[str]:
    """The address of an endpoint that runs as long as the block; reaped after it, so that its CPU is not counted."""
    command = [sys.executable, str(ENDPOINT), str(LATENCY_S), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.kill()


if __name__ == "__main__":
    named = dict(argument.split("=", 1) for argument in sys.argv[1:] if "=" in argument)
    sizes = [int(argument) for argument in sys.argv[1:] if "=" not in argument]
    main(*sizes, **named)

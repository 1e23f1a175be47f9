"""Files that people have and that hold no scores of examples: said by name, with what to give instead."""

import re
from collections.abc import Callable, Mapping

import msgspec

from shipworthy.data.results._peek import Start
from shipworthy.errors import BadInput

_CURVE = "one row a step of training and no examples; compare needs a score for each example of a test set"
_EXPORT = re.compile(r"^(?P<run>.+) - (?P<name>.+)__(MIN|MAX)$")


def refuse(start: Start) -> None:
    """Raises: BadInput: the file is known, and holds no scores of examples."""
    for what, holds in _KNOWN.items():
        if holds(start):
            raise BadInput(f"this is {what}", where=str(start.path))


def _wandb_history(start: Start) -> bool:
    return start.has("_step") and (start.has("_runtime") or start.has("_timestamp")) and not start.has("_wandb")


def _wandb_history_table(start: Start) -> bool:
    return {"_step", "_timestamp"} <= start.header or any(_EXPORT.match(name) for name in start.header)


def _mlflow_metric(start: Start) -> bool:
    """Lines of `timestamp value step`, as a file store keeps them."""
    lines = start.body.splitlines()[:20]
    return bool(lines) and all(re.fullmatch(rb"\d{10,16} [-+.\deE]+ \d+", line.strip()) for line in lines)


def _averages(start: Start) -> bool:
    """One object of numbers; a row of a table has an id."""
    if start.has("example_id") or start.has("id"):
        return False
    try:
        found = msgspec.json.decode(start.body, type=dict[str, float])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return bool(found)


def _lines(*patterns: bytes) -> Callable[[Start], bool]:
    """Whether each pattern begins a line, as in YAML."""
    return lambda start: all(re.search(pattern, start.body, re.MULTILINE) for pattern in patterns)


_KNOWN: Mapping[str, Callable[[Start], bool]] = {
    f"a W&B history: {_CURVE} (log one with wandb.Table and give its *.table.json)": _wandb_history,
    f"an export of W&B charts: {_CURVE} (log one with wandb.Table and give its *.table.json)": _wandb_history_table,
    "a W&B summary: one number a run and no examples; give the *.table.json of a wandb.Table": (
        lambda start: start.has("_wandb")
    ),
    "a W&B transaction log; give the *.table.json of a wandb.Table (in files/media/table)": (
        lambda start: start.body.startswith(b":W&B")
    ),
    "HELM's averages of a run: no instances; give the run's folder, with per_instance_stats.json": (
        lambda start: start.has("[].name.name", "[].count", "[].sum") and not start.has("[].instance_id")
    ),
    "a part of a HELM run; give the run's folder": lambda start: start.has("adapter_spec"),
    "a run of the OpenAI Evals API: counts of its results and no examples; give its output items": (
        lambda start: start.has("eval_id", "result_counts")
    ),
    "a part of a Shipworthy run; give the run's folder": (
        lambda start: start.has("run_id", "protocol_sha256") or start.has("verdict", "metrics", "coverage")
    ),
    f"a log of TensorBoard: {_CURVE}": lambda start: start.header == {"Wall time", "Step", "Value"},
    f"the state of a Hugging Face trainer: {_CURVE}": lambda start: start.has("log_history"),
    f"a metric of MLflow: {_CURVE} (give eval_results_table.json)": _mlflow_metric,
    "AlpacaEval's leaderboard: one row a model and no examples; give the annotations.json of both models": (
        lambda start: {"win_rate", "standard_error"} <= start.header
    ),
    "a list of AlpacaEval's outputs: answers without preferences; give the annotations.json of both models": (
        lambda start: start.has("[].instruction", "[].output", "[].generator") and not start.has("[].preference")
    ),
    "promptfoo's table as CSV, which tells no failure from a wrong answer; write it again with -o output.json": (
        lambda start: {"Status", "Score", "Grader Reason"} <= start.header
    ),
    "a configuration of promptfoo, not its results; run `promptfoo eval -o output.json` and give that, or begin a "
    "protocol with `shipworthy init --from` it": _lines(rb"^providers:", rb"^prompts:"),
    "a protocol, not results; run it with `shipworthy run`": _lines(rb"^shipworthy: *\d"),
    "a file of numbers by name: averages and no examples; give a score for each example": _averages,
}
"""What it is and what to give instead -> how it is known."""

SAID = tuple(_KNOWN)
"""What is refused, in words."""

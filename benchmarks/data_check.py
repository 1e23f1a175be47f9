"""`shipworthy data check` over 100,000 rows x 10 rules, beside Great Expectations where it is installed, alternately.

    python benchmarks/data_check.py [--rows 100000] [--repeats 5] [--all] [--growth] [--expectations PYTHON]

Each run is a process of its own, so that imports count; CPU seconds (user and system) and the peak of resident memory
come from the kernel. `--all` runs every check that needs no tokenizer. `--growth` also takes ten times the rows.
`--expectations` names a Python in which great_expectations and pandas are installed: it gets 10 expectations of the
same meaning over the same file (not null, length, regular expressions, uniqueness).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random

from shipworthy.demo import world

RULES = (
    *("not_json", "missing_field", "wrong_type", "empty_prompt", "empty_completion", "mojibake", "control_character"),
    *("replacement_character", "email_address", "repeated_row"),
)
COMMAND = "import sys; from shipworthy.cli import main; sys.exit(main())"
"""What the installed script `shipworthy` holds."""
EXPECTATIONS = """
import sys, pandas, great_expectations as gx
import great_expectations.expectations as e
frame = pandas.read_json(sys.argv[1], lines=True)
batch = gx.get_context(mode="ephemeral").data_sources.add_pandas("p").add_dataframe_asset("a")
batch = batch.add_batch_definition_whole_dataframe("b").get_batch({"dataframe": frame})
suite = gx.ExpectationSuite(name="s", expectations=[
    *(e.ExpectColumnToExist(column=c) for c in ("prompt", "completion")),
    *(e.ExpectColumnValuesToNotBeNull(column=c) for c in ("prompt", "completion")),
    *(e.ExpectColumnValueLengthsToBeBetween(column=c, min_value=1) for c in ("prompt", "completion")),
    *(e.ExpectColumnValuesToNotMatchRegex(column=c, regex="[\\x01-\\x08]") for c in ("prompt", "completion")),
    e.ExpectColumnValuesToNotMatchRegex(column="prompt", regex="[A-Za-z0-9.]+@[A-Za-z0-9.]+"),
    e.ExpectCompoundColumnsToBeUnique(column_list=["prompt", "completion"]),
])
print(batch.validate(suite).success)
"""


def cost(command: list[str]) -> tuple[float, float]:
    """(CPU seconds, MB) of one process."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 10):
        raise SystemExit(f"{' '.join(command[:6])} ended with {child.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def write(path: Path, rows: int) -> None:
    rng = Random("data_check")
    skills = ("ticket", "fact", "howto", "arithmetic")
    with path.open("w", encoding="utf-8") as file:
        for i in range(rows):
            sample = world.draw(skills[i % 4], rng, "train")  # type: ignore[arg-type]
            prompt = f"{sample.prompt} (case {i})"
            file.write(json.dumps({"prompt": prompt, "completion": sample.reference}) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--expectations", metavar="PYTHON")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for rows in (args.rows, 10 * args.rows) if args.growth else (args.rows,):
            compare(Path(folder) / f"{rows}.jsonl", rows, args)


def compare(path: Path, rows: int, args: argparse.Namespace) -> None:
    write(path, rows)
    only = [] if args.all else ["--only", ",".join(RULES)]
    ours = [sys.executable, "-c", COMMAND, "data", "check", str(path), "--quiet", *only]
    runs, others = [], []
    for _ in range(args.repeats):
        runs.append(cost(ours))
        if args.expectations:
            others.append(cost([args.expectations, "-c", EXPECTATIONS, str(path)]))
    said = "all rules" if args.all else f"{len(RULES)} rules"
    print(f"{rows:,} rows, {path.stat().st_size / 1e6:.1f} MB, {said}: {_middle(runs)}")
    if others:
        ratios = [other[0] / run[0] for other, run in zip(others, runs, strict=True)]
        print(f"Great Expectations, 10 expectations: {_middle(others)}")
        print(f"ratio {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")


def _middle(runs: list[tuple[float, float]]) -> str:
    seconds = [run[0] for run in runs]
    spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
    return f"{statistics.median(seconds):.2f} CPU s ({spread}), {max(run[1] for run in runs):.0f} MB"


if __name__ == "__main__":
    main()

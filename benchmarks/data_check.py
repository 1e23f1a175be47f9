"""`shipworthy data check` over 100,000 rows x 10 rules, beside Great Expectations where it is installed, alternately.

    python benchmarks/data_check.py [--rows 100000 ...] [--repeats 5] [--all | --template] [--packed]
                                    [--expectations PYTHON]

Each run is a process of its own, so that imports count; CPU seconds (user and system) and the peak of resident memory
come from the kernel. Several numbers of rows show the growth, in turn, each beside the first: 10,000,000 rows are a
file of 1.2 GB. `--all` runs every check that needs no tokenizer, `--template` those that do, with the demo's own.
`--packed` reads the same rows from a `.gz`.
`--expectations` names a Python in which great_expectations and pandas are installed: it gets 10 expectations of the
same meaning over the same file (not null, length, regular expressions, uniqueness).
"""

import argparse
import gzip
import json
import multiprocessing
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
DISTINCT = 100_000
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
    """Rows that differ in their number at least."""
    rng = Random("data_check")
    skills = ("ticket", "fact", "howto", "arithmetic")
    drawn = [world.draw(skills[i % 4], rng, "train") for i in range(min(rows, DISTINCT))]  # type: ignore[arg-type]
    with (
        gzip.open(path, "wt", 1, encoding="utf-8") if path.suffix == ".gz" else path.open("w", encoding="utf-8") as file
    ):
        for i in range(rows):
            sample = drawn[i % DISTINCT]
            file.write(json.dumps({"prompt": f"{sample.prompt} (case {i})", "completion": sample.reference}) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000], metavar="N")
    parser.add_argument("--repeats", type=int, default=5)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--all", action="store_true")
    which.add_argument("--template", action="store_true")
    parser.add_argument("--packed", action="store_true")
    parser.add_argument("--expectations", metavar="PYTHON")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = {rows: Path(folder) / f"{rows}.jsonl{'.gz' if args.packed else ''}" for rows in args.rows}
        for rows, path in paths.items():
            writer = multiprocessing.Process(target=write, args=(path, rows))
            writer.start()  # in a process of its own: a child's peak counts what its parent held
            writer.join()
        compare(paths, args)


def compare(paths: dict[int, Path], args: argparse.Namespace) -> None:
    """All files in turn, so that a busy machine is as busy for each."""
    said, words = _which(args)
    runs: dict[int, list[tuple[float, float]]] = {rows: [] for rows in paths}
    others = []
    for _ in range(args.repeats):
        for rows, path in paths.items():
            runs[rows].append(cost([sys.executable, "-c", COMMAND, "data", "check", str(path), "--quiet", *words]))
        if args.expectations:
            others.append(cost([args.expectations, "-c", EXPECTATIONS, str(paths[args.rows[0]])]))
    for rows, path in paths.items():
        print(
            f"{rows:,} rows, {path.stat().st_size / 1e6:.1f} MB, {said}: {_middle(runs[rows])}{_each(runs, rows, args)}"
        )
    if others:
        ratios = [other[0] / run[0] for other, run in zip(others, runs[args.rows[0]], strict=True)]
        print(f"Great Expectations, 10 expectations: {_middle(others)}")
        print(f"ratio {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")


def _which(args: argparse.Namespace) -> tuple[str, list[str]]:
    """What is looked for, in words and as options."""
    if args.all:
        return "all rules", []
    if args.template:
        return "template and tokenizer", [
            "--only",
            "template",
            "--tokenizer",
            str(Path(world.__file__).parent / "model"),
        ]
    return f"{len(RULES)} rules", ["--only", ",".join(RULES)]


def _each(runs: dict[int, list[tuple[float, float]]], rows: int, args: argparse.Namespace) -> str:
    """What a row more costs beside a row of the first file, without the start of the process."""
    first = args.rows[0]
    if rows == first:
        return ""
    further = statistics.median((b[0] - a[0]) / (rows - first) for a, b in zip(runs[first], runs[rows], strict=True))
    return f", {further * 1e6:.2f} us each further row"


def _middle(runs: list[tuple[float, float]]) -> str:
    seconds = [run[0] for run in runs]
    spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
    return f"{statistics.median(seconds):.2f} CPU s ({spread}), {max(run[1] for run in runs):.0f} MB"


if __name__ == "__main__":
    main()

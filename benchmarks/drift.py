"""Drift over two files beside Evidently: CPU seconds and peak memory, alternating runs in fresh processes.

    python benchmarks/drift.py --evidently /path/to/venv/bin/python [--repeats 3]
    python benchmarks/drift.py --growth             ours alone at 100 k, 1 M and 10 M rows

1,000,000 x 10 columns a side (7 numbers, 3 labels with 5, 50 and 1,000 values) in Parquet, nothing drifted. Evidently
is its DataDriftPreset with default settings, in a virtual environment of its own:

    python -m venv ev && ev/bin/pip install evidently==0.7.23 'pandas<3' pyarrow

Each side reads the files and judges every column. Times are shown with and without imports; the ratio is of the times
with imports, the smaller of the two.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

OURS = """
import json, resource, sys, time
from pathlib import Path
from shipworthy.data.drift import compare
ready = time.process_time()
found = compare(Path(sys.argv[1]), Path(sys.argv[2]))
"""
EVIDENTLY = """
import json, resource, sys, time
import pandas
from evidently import Report
from evidently.presets import DataDriftPreset
ready = time.process_time()
before, now = pandas.read_parquet(sys.argv[1]), pandas.read_parquet(sys.argv[2])
found = Report([DataDriftPreset()]).run(now, before).dict()
"""
TOLD = """
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"cpu_s": time.process_time(), "judged_s": time.process_time() - ready, "peak_mb": peak}))
"""


def write(folder: Path, rows: int) -> list[Path]:
    """Two files of one source, made in pieces so that memory stays small."""
    numbers = ", ".join(f"sqrt(-2 * ln(1 - random())) * cos(6.283185 * random()) * {i + 1} AS x{i}" for i in range(7))
    labels = ", ".join(f"CAST(CAST(floor(random() * {k}) AS INTEGER) AS VARCHAR) AS c{k}" for k in (5, 50, 1_000))
    made = []
    for side in ("reference", "current"):
        made.append(folder / f"{side}-{rows}.parquet")
        with duckdb.connect() as connection:
            connection.execute(f"SELECT setseed({0.1 if side == 'reference' else 0.2})")
            connection.execute(f"COPY (SELECT {numbers}, {labels} FROM range({rows})) TO '{made[-1]}' (FORMAT parquet)")
    return made


def measure(python: str, program: str, files: list[Path]) -> dict[str, float]:
    command = [python, "-W", "ignore", "-c", program + TOLD, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def beside(files: list[Path], python: str, repeats: int) -> None:
    ours, theirs = [], []
    for _ in range(repeats):
        ours.append(measure(sys.executable, OURS, files))
        theirs.append(measure(python, EVIDENTLY, files))
    for name, runs in (("shipworthy", ours), ("evidently", theirs)):
        print(f"{name:10s} {_spread([run['judged_s'] for run in runs])} s CPU, ", end="")
        print(f"with imports {_spread([run['cpu_s'] for run in runs])} s, {max(r['peak_mb'] for r in runs):.0f} MB")
    ratios = [other["cpu_s"] / own["cpu_s"] for own, other in zip(ours, theirs, strict=True)]
    print(f"evidently takes {_spread(ratios)} x the CPU time")


def growth(folder: Path, most: int) -> None:
    for rows in (100_000, 1_000_000, 10_000_000):
        if rows <= most:
            found = measure(sys.executable, OURS, write(folder, rows))
            print(f"{rows:>10,} rows  {found['judged_s']:6.2f} s CPU  {found['peak_mb']:4.0f} MB")


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} [{min(values):.2f}, {max(values):.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--evidently", metavar="PYTHON", help="an interpreter that can import evidently")
    parser.add_argument("--growth", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.growth:
            growth(Path(folder), 10_000_000)
        elif options.evidently:
            beside(write(Path(folder), options.rows), options.evidently, options.repeats)
        else:
            print(measure(sys.executable, OURS, write(Path(folder), options.rows)))


if __name__ == "__main__":
    main()

"""Worlds drawn at random: how often the judge errs in each, and the share that it refuses, by kind.

`python benchmarks/random_worlds.py` prints the table (many minutes); `--worlds 27 --runs 40` is a quick look.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.laws.random_worlds import BLOCK, KINDS, PROMOTE, Reached, reached, truths, world


def _line(kind: str, found: Sequence[Reached]) -> str:
    worlds = len({one.of.number for one in found})
    at = [one.promoted for one in found if one.truth == "at the margin" or len(truths(one.of)) == 1]
    equal = [one for one in found if one.truth == "equal"]
    blocked, refused = [one.blocked for one in equal], [one.refused for one in equal]
    shares = " | ".join(f"{np.mean(part):.3f} / {max(part):.3f}" for part in (at, blocked))
    return f"| {kind} | {worlds} | {shares} | {sum(one.broken > 3 for one in found)} | {np.mean(refused):.3f} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=200, help="how many worlds (default 200)")
    parser.add_argument(
        "--runs", type=int, default=150, help="runs a world; five times as many where a bar is exceeded"
    )
    given = parser.parse_args()
    found = []
    for of in map(world, range(given.worlds)):
        for truth in truths(of):
            found.append(one := reached(of, truth, given.runs))
            print(f"{one.promoted:.3f} {one.blocked:.3f} {one.refused:.3f} {one.runs:4d} {truth}: {of}", flush=True)
    print(
        f"\nBars: promoted at the margin {PROMOTE}, blocked without a loss {BLOCK}; each as mean / largest of worlds."
    )
    print("| worlds | how many | promoted | blocked | beyond 3 errors | refused |\n|---|---|---|---|---|---|")
    for kind in KINDS:
        if some := [one for one in found if one.of.kind == kind]:
            print(_line(kind, some))
    if ordinary := [one for one in found if one.of.ordinary]:
        print(_line("n >= 200, 40 or more clusters of one size", ordinary))
    return int(any(one.broken > 3 for one in found))


if __name__ == "__main__":
    sys.exit(main())

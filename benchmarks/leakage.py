"""Leakage of 100,000 against 10,000 rows of text: CPU seconds and memory, import included; and how both grow with rows.

Rows are support-desk tickets of the demo world, one in twenty of the test rows an edited copy of a training row. Each
size runs in a fresh process. Run: `python benchmarks/leakage.py [--rows 100000]`.
"""

import argparse
import random
import resource
import subprocess
import sys
import time

MOST_CPU_S, MOST_MB = 3.0, 500
SHARES = (0.1, 0.3, 1.0)
TOP = ("certain", "likely")
TIERS = (*TOP, "look_at_it")


def texts(rows: int, seed: int) -> list[str]:
    """Tickets with a question after them, about 22 words a row, so that 100,000 rows differ."""
    from shipworthy.demo import world

    rng = random.Random(seed)
    tickets, questions = (
        [sample.prompt.rpartition("\n")[2] for sample in world.training_samples(skill, n, seed)]
        for skill, n in (("ticket", rows // 5 + 100), ("howto", 2_000))
    )
    return [f"{rng.choice(tickets)} {rng.choice(questions)}" for _ in range(rows)]


def edited(text: str, rng: random.Random) -> str:
    words = text.split()
    for at in rng.sample(range(len(words)), len(words) // 10):
        words[at] = rng.choice(("really", "perhaps", "kindly", words[at][::-1]))
    return " ".join(words)


def one(rows: int) -> None:
    """Measure in this process and print: rows, CPU seconds, peak MB above the texts, copies found."""
    left, rng = texts(rows, 1), random.Random(2)
    right = texts(rows // 10, 3)
    copies = range(0, len(right), 20)
    for at in copies:
        right[at] = edited(left[rng.randrange(rows)], rng)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.process_time()
    from shipworthy.data import leakage

    found = leakage.find(left, right)
    spent = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    hit, seen = (len(found.flagged(*tiers) & set(copies)) / len(copies) for tiers in (TOP, TIERS))
    print(f"{rows} {spent:.3f} {peak:.0f} {before:.0f} {hit:.3f} {seen:.3f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--one", type=int)
    args = parser.parse_args()
    if args.one:
        one(args.one)
        return 0
    spent = peak = 0.0
    for share in SHARES:
        command = [sys.executable, __file__, "--one", str(int(args.rows * share))]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        rows, spent, peak, before, hit, seen = map(float, output.split())
        print(
            f"{rows:>9,.0f} x {rows // 10:>7,.0f} rows: {spent:.2f} CPU s ({1e6 * spent / rows:.1f} us a row), "
            f"peak {peak:.0f} MB ({before:.0f} MB of it texts and interpreter), "
            f"copies found certain or likely {hit:.1%}, at all {seen:.1%}"
        )
    print(f"limits for 100,000 x 10,000: {MOST_CPU_S} CPU s, {MOST_MB} MB")
    return 0 if args.rows != 100_000 or (spent <= MOST_CPU_S and peak <= MOST_MB) else 1


if __name__ == "__main__":
    sys.exit(main())

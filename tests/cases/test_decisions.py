"""Cases about what decides: the n that an open gate names."""

import json
import random
import re
from collections.abc import Callable
from pathlib import Path

Case = Callable[[str], Path]
Told = Callable[..., tuple[int, str, str]]

PROTOCOL = """shipworthy: 1
name: needed
datasets: {t: {path: t.jsonl, input: text, reference: label, cluster: customer}}
models: {c: {role: candidate, path: a.jsonl}, b: {role: production, path: a.jsonl}}
metrics: {accuracy: {dataset: t}}
gates: [{metric: accuracy, baseline: b, margin: 0.02}]
"""


def test_the_n_named_for_clusters_without_a_difference_settles_within_a_third(case: Case, told: Told) -> None:
    base = [json.loads(line) for line in (case("resume-with-data") / "data" / "test.jsonl").read_text().splitlines()]
    folder = case("n-needed-clusters")
    draw = random.Random(3)

    def asked(n: int) -> tuple[str, int | None]:
        rows = base[:n] + [dict(base[0], text=f"x {i} {draw.random()}", customer=f"c{draw.randint(1, 150)}")
                           for i in range(len(base), n)]  # fmt: skip
        (folder / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        answers = ({"example_id": i, "text": row["label"]} for i, row in enumerate(rows, 1))
        (folder / "a.jsonl").write_text("".join(json.dumps(answer) + "\n" for answer in answers))
        (folder / "p.yaml").write_text(PROTOCOL)
        _, out, _ = told("run", "p.yaml", "--out", f"run-{n}", "--quiet")
        named = re.search(r"about ([\d,]+) examples in all", out)
        return out, int(named[1].replace(",", "")) if named else None

    named = {n: asked(n)[1] for n in (300, 330)}
    settled = next(n for n in range(330, 500, 10) if asked(n)[1] is None)

    assert all(n is not None and 0.75 * settled <= n <= 4 / 3 * settled for n in named.values())

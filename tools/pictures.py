"""Draw the pictures of docs/concepts/decisions.md and write the lines under them, from what the judge finds.

    python tools/pictures.py            # writes docs/images/decisions/*.svg and the captions
    python tools/pictures.py --check    # exits 1 where one of them is out of date

Every interval is a finding of `shipworthy.gates.judge` on seeded rows, drawn by the report's own forest plot; the
worlds are those of benchmarks/decisions.py. Nothing is typed in by hand.
"""

import argparse
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import msgspec
import numpy as np
from scipy.special import gammaln

from shipworthy.protocol.types import GateSpec
from shipworthy.records import Finding
from shipworthy.stats.significance import mcnemar_exact
from shipworthy.web import _forest
from shipworthy.web._svg import Scale, text, tick_labels, ticks

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "concepts" / "decisions.md"
IMAGES = ROOT / "docs" / "images" / "decisions"
CSS = Path(_forest.__file__).parent / "templates" / "report.css"
WIDTH = 960
SEED = 7


class Picture(NamedTuple):
    """One drawing and the sentence under it."""

    svg: str
    caption: str


@cache
def worlds() -> ModuleType:
    """The simulated worlds of the benchmark."""
    name = "pictures_decisions"
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / "decisions.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(ROOT / "benchmarks" / "decisions.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- Pictures of findings --------------------------------------------------------------------------------------------


def outcomes() -> Picture:
    """The three outcomes, and a loss that is sure and small."""
    tables = {
        "no worse: passes": (2000, 60, 64),
        "worse, but within the margin: passes": (20_000, 1150, 1000),
        "shown worse: fails": (2000, 180, 90),
        "too few rows: inconclusive": (200, 12, 9),
    }
    rows = [named(worlds().judged(*counts).metrics[0], name) for name, counts in tables.items()]
    lines = [f"*{row.gate}*: {row.because}" for row in rows]
    return Picture(
        forest(rows, "Three outcomes of a gate with a margin of 2 points", "outcomes"), "; ".join(lines) + "."
    )


def slices() -> Picture:
    """Twenty slices of an equal candidate: by luck alone some of them look bad."""
    rng = np.random.default_rng(SEED)
    w = worlds()
    new, old = w.paired(rng, 20 * 200, disagreement=0.15, gain=0.0)
    gate = GateSpec(metric="accuracy", baseline="old", margin=0.02, slices=("suite",))
    found = w.verdict((gate,), w.table({"accuracy": (new, old)}, labels=np.repeat(np.arange(20), 200)), rng=rng)
    rows = [row for row in found.metrics if row.slice and "suite" in row.slice]
    below = sum(_value(row) < -0.02 for row in rows)
    uncorrected = sum(row.p_worse is not None and row.p_worse <= 0.05 for row in rows)
    failed = sum(row.outcome == "fail" for row in rows)
    caption = (
        f"Twenty slices of 200 rows, and a candidate that is exactly as good as its baseline: {below} slices lie more "
        f"than 2 points below zero, {uncorrected} would be called worse by a test at 5 % each, and {failed} fail after "
        f"Holm's correction. The verdict is {found.verdict}."
    )
    return Picture(forest(rows, "Twenty slices of an equal candidate", "slices", by_slice=True), caption)


def clusters() -> Picture:
    """The same rows, taken for independent and taken for what they are: the first seeded world that misleads."""
    for seed in range(1000):
        rows = _documents(np.random.default_rng(seed))
        if rows[0].outcome == "fail" and rows[1].outcome != "fail":
            break
    caption = (
        f"Forty documents with twenty-five questions each, and nothing lost in truth (the first seeded world that "
        f"misleads, number {seed}). Rows of one document succeed and fail together, so they say less than as many rows "
        f"of their own: the honest interval is {_width(rows[1]) / _width(rows[0]):.1f} times as wide, and the loss "
        f"that the short one shows is not there."
    )
    return Picture(forest(rows, "Rows in clusters", "clusters"), caption)


def _documents(rng: np.random.Generator) -> list[Finding]:
    w = worlds()
    new, old = w.documents(rng, 40, 25)
    codes = np.repeat(np.arange(40), 25)
    return [
        _gain(w.table({"accuracy": (new, old)}), "1,000 rows, taken for independent", rng),
        _gain(w.table({"accuracy": (new, old)}, clusters=codes), "the same rows, in 40 documents of 25", rng),
    ]


def repeats() -> Picture:
    """Rows that stand ten times under new ids."""
    rng = np.random.default_rng(SEED)
    w = worlds()
    new, old = w.paired(rng, 200, disagreement=0.15, gain=0.02)
    ten = tuple(np.repeat(side, 10) for side in (new, old))
    codes = np.repeat(np.arange(200), 10)
    rows = [
        _gain(w.table({"accuracy": (new, old)}), "200 rows", rng),
        _gain(w.table({"accuracy": ten}), "each ten times, believed", rng),
        _gain(w.table({"accuracy": ten}, clusters=codes), "each ten times, found", rng),
    ]
    caption = (
        f"Two hundred rows, and the same rows ten times under new ids. Believed, they make the interval "
        f"{_width(rows[0]) / _width(rows[1]):.1f} times narrower without a single new fact; found and made one "
        f"cluster each, they say what 200 rows say."
    )
    return Picture(forest(rows, "Repeated rows", "repeats"), caption)


def unanswered() -> Picture:
    """A candidate that does not answer half of what it gets wrong."""
    rng = np.random.default_rng(SEED)
    w = worlds()
    new, old = w.paired(rng, 500, disagreement=0.15, gain=0.0)
    absent = (new == 0) & (rng.random(500) < 0.5)
    gone = w.table({"accuracy": (new, old)}, absent=absent)
    rows = [
        _gain(w.table({"accuracy": (new, old)}), "every answer given", rng),
        _gain(gone, "half of the wrong missing, count as wrong", rng, missing="wrong"),
    ]
    left_out = _gain(gone, "half of the wrong missing, left out", rng, missing="common")
    caption = (
        f"Two equal models on 500 rows; then the candidate gives no answer to {int(absent.sum())} rows that it would "
        f"get wrong. Counted as wrong, nothing changes. Left out, it would read {_value(left_out):+.3f} instead of "
        f"{_value(rows[0]):+.3f}, and is not judged: the gaps follow difficulty. By default a run with missing rows is "
        f"not judged at all."
    )
    return Picture(forest(rows, "Unanswered rows", "unanswered"), caption)


def grave() -> Picture:
    """The same gain on few and on many rows: the clause on grave losses asks more of the few only."""
    rows = [
        named(worlds().judged(200, 20, 30).metrics[0], "gain of 5 points on 200 rows"),
        named(worlds().judged(800, 80, 120).metrics[0], "the same gain on 800 rows"),
    ]
    lines = "; ".join(f"*{row.gate}*: {row.because}" for row in rows)
    return Picture(forest(rows, "A grave loss is ruled out as well", "grave"), f"{lines}.")


def _gain(evidence: Any, name: str, rng: np.random.Generator, **decisions: Any) -> Finding:
    gate = GateSpec(metric="accuracy", baseline="old", margin=0.02)
    return named(worlds().verdict((gate,), evidence, rng=rng, **decisions).metrics[0], name)


def _value(finding: Finding) -> float:
    if finding.gain is None or finding.gain.value is None:
        raise ValueError(f"{finding.gate!r} has no gain")
    return finding.gain.value


def _width(finding: Finding) -> float:
    gain = finding.gain
    if gain is None or gain.low is None or gain.high is None:
        raise ValueError(f"{finding.gate!r} has no interval")
    return gain.high - gain.low


def named(finding: Finding, name: str) -> Finding:
    return msgspec.structs.replace(finding, gate=name)


# --- The picture of what is promoted ---------------------------------------------------------------------------------

N, DISAGREEMENT = 200, 0.2
GAINS = tuple(round(-0.01 * points, 2) for points in range(11))


def promoted() -> Picture:
    """How often each rule ships a candidate, by what it truly loses; exact, over every table that can come out."""
    rates = {
        "Shipworthy": _shares(_judge_ships()),
        "mean within 2 points": _shares(lambda lost, won: won - lost >= -0.02 * N - 1e-9),
        "not significantly worse": _shares(lambda lost, won: mcnemar_exact(lost, won).worse >= 0.05),
    }
    five = {name: values[GAINS.index(-0.05)] for name, values in rates.items()}
    caption = (
        f"A candidate that truly loses 5 points, on {N} rows where the models disagree on {DISAGREEMENT:.0%}: "
        f"“not significantly worse” ships it {five['not significantly worse']:.0%} of the time, a tolerance of 2 "
        f"points on means {five['mean within 2 points']:.0%}, the gate {five['Shipworthy']:.2%}."
    )
    return Picture(curves(rates), caption)


Ships = Callable[[Any, Any], Any]


def _judge_ships() -> Ships:
    """The judge's rule on every table: for each number of losses, the wins from which on it promotes (a staircase)."""
    least = np.full(N + 1, N + 1)
    won = 0
    for lost in range(N // 2):
        while lost + won <= N and worlds().judged(N, lost, won).verdict != "promote":
            won += 1
        least[lost] = won
    return lambda lost, wins: wins >= least[lost]


def _shares(ships: Ships) -> list[float]:
    lost, won = np.meshgrid(np.arange(N + 1), np.arange(N + 1), indexing="ij")
    there = lost + won <= N
    lost, won = lost[there], won[there]
    yes = np.asarray(ships(lost, won), dtype=float)
    return [float(yes @ _chance(lost, won, gain)) for gain in GAINS]


def _chance(lost: Any, won: Any, gain: float) -> Any:
    p_lost, p_won = (DISAGREEMENT - gain) / 2, (DISAGREEMENT + gain) / 2
    same = N - lost - won
    ways = gammaln(N + 1) - gammaln(lost + 1) - gammaln(won + 1) - gammaln(same + 1)
    return np.exp(ways + lost * np.log(p_lost) + won * np.log(p_won) + same * np.log(1 - DISAGREEMENT))


STROKES = (("pass", 240), ("inconclusive", 150), ("fail", 70))
"""Colour of a line, and how far down its name stands."""
_TOP, _BOTTOM = 20, 300


def curves(rates: Mapping[str, Sequence[float]]) -> str:
    """A line for each rule: chance of shipping (down the page) by true loss (across it)."""
    across = Scale(0.0, 10.0, 8.0, 72.0)
    parts = [_frame(across)]
    for (name, values), (kind, key_y) in zip(rates.items(), STROKES, strict=True):
        at = [(across.at(-100 * gain) * WIDTH / 100, _down(value)) for gain, value in zip(GAINS, values, strict=True)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
        parts.append(f'<g class="{kind}"><polyline class="curve" points="{line}"/></g>')
        parts.append(f'<g class="{kind}"><circle cx="75%" cy="{key_y - 4}" r="5"/></g>')
        parts.append(f'<text class="name" x="76.5%" y="{key_y}">{text(name)}</text>')
    return _standalone("".join(parts), "How often each rule ships a candidate", 360)


def _frame(across: Scale) -> str:
    lines = ['<text class="axis" x="0" y="13">shipped</text>']
    for share, label in zip((0, 0.25, 0.5, 0.75, 1), ("0 %", "25 %", "50 %", "75 %", "100 %"), strict=True):
        y = _down(share)
        lines.append(f'<line class="grid" x1="8%" x2="72%" y1="{y}" y2="{y}"/>')
        lines.append(f'<text class="tick" x="7%" y="{y + 4}" text-anchor="end">{label}</text>')
    marks = ticks(across)
    for mark, label in zip(marks, tick_labels(marks, "", signed=False), strict=True):
        lines.append(
            f'<text class="tick" x="{across.percent(mark)}" y="{_BOTTOM + 20}" text-anchor="middle">{label}</text>'
        )
    at = across.percent(2.0)
    lines.append(f'<line class="margin" x1="{at}" x2="{at}" y1="{_TOP}" y2="{_BOTTOM}"/>')
    lines.append(
        f'<text class="axis" x="40%" y="{_BOTTOM + 42}" text-anchor="middle">true loss, points; dashed: margin</text>'
    )
    return "".join(lines)


def _down(share: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * share


# --- Files -----------------------------------------------------------------------------------------------------------


def forest(rows: Sequence[Finding], title: str, key: str, *, by_slice: bool = False) -> str:
    """The report's forest plot as a file of its own."""
    drawn = _forest.forest(rows, _forest.WIDE, title=title, key=key, by_slice=by_slice)
    return drawn.replace('width="100%"', f'width="{WIDTH}"', 1).replace("<title", f"{_style()}<title", 1)


def _standalone(parts: str, title: str, height: int) -> str:
    head = f'<svg class="forest" role="img" width="{WIDTH}" height="{height}" xmlns="http://www.w3.org/2000/svg">'
    return f"{head}{_style()}<title>{text(title)}</title>{parts}</svg>"


@cache
def _style() -> str:
    """The report's colours, light and dark, and its rules for drawings; a drawing of its own has a ground as well."""
    css = CSS.read_text(encoding="utf-8")
    colours = css[: css.index("*, ::before")]
    rules = "\n".join(line for line in css.splitlines() if line.startswith(("svg ", "svg.")))
    rules = rules.replace("svg.narrow { display: none; }", "")
    own = "svg.forest { background: var(--card); font-family: system-ui, sans-serif; }"
    line = "svg polyline.curve { fill: none; stroke-width: 2.5; }"
    return f"<style>{colours}{rules}\n{own}\n{line}</style>"


PICTURES: Mapping[str, Callable[[], Picture]] = {
    "outcomes": outcomes,
    "promoted": promoted,
    "grave": grave,
    "slices": slices,
    "clusters": clusters,
    "repeats": repeats,
    "unanswered": unanswered,
}


def files() -> Iterator[tuple[Path, str]]:
    """Every file as it should be: the drawings, and the page with the lines under them."""
    page = PAGE.read_text(encoding="utf-8")
    for name, draw in PICTURES.items():
        picture = draw()
        yield IMAGES / f"{name}.svg", picture.svg + "\n"
        block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.S)
        if not block.search(page):
            raise ValueError(f"{PAGE} has no place for the picture {name!r}")
        page = block.sub(partial(_under, _wrapped(picture.caption)), page)
    yield PAGE, page


def _under(caption: str, found: re.Match[str]) -> str:
    return f"{found[1]}{caption}\n{found[2]}"


def _wrapped(words: str) -> str:
    lines = [""]
    for word in words.split():
        if len(lines[-1]) + len(word) >= 120:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    made = list(files())
    stale = [path for path, content in made if not path.is_file() or path.read_text(encoding="utf-8") != content]
    if check:
        names = ", ".join(path.name for path in stale)
        print(f"out of date, run `python tools/pictures.py`: {names}" if stale else "up to date")
        return 1 if stale else 0
    IMAGES.mkdir(parents=True, exist_ok=True)
    for path, content in made:
        path.write_text(content, encoding="utf-8")
    print(f"wrote {', '.join(path.name for path in stale) or 'nothing new'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The balance of a split, and what its parts can detect, for the report of `shipworthy data check`."""

from collections.abc import Sequence
from typing import Any

from shipworthy.data.split import Part, SplitReport, Stratum
from shipworthy.data.training.types import Source
from shipworthy.web._format import NOTHING, count, plural

MOST_STRATA, MOST_OPEN, MOST_STRATA_MARKDOWN = 100, 10, 10


def context(split: SplitReport | None, sources: Sequence[Source]) -> dict[str, Any]:
    """What the template needs; `split` None: the rows are no part of a split."""
    if split is None:
        return {"split": None}
    return {
        "split": split,
        "split_notes": notes(split, sources),
        "dealt": list(split.rule.parts()),
        "strata": worst(split)[:MOST_STRATA],
        "most_strata_open": MOST_OPEN,
        "detects": detects,
        "share": share,
        "stratum": stratum,
    }


def lines(split: SplitReport, sources: Sequence[Source]) -> list[str]:
    """The same as plain lines, the first a sentence on the whole."""
    said = [
        f"These rows are a part of {split.source.path}, at most {split.balance.off_by:.1f} rows off the wanted shares: "
        f"{split.balance.because}.",
        *(f"{part.name}: {plural(part.rows, 'row')}, {_of(part)}{_detects(part)}" for part in split.parts),
        *(
            f"{stratum(one)}: {', '.join(f'{name} {count(n)}' for name, n in one.parts.items())} ({one.off_by:.1f} off)"
            for one in worst(split)[:MOST_STRATA_MARKDOWN]
        ),
    ]
    return [*said, *notes(split, sources)]


def notes(split: SplitReport, sources: Sequence[Source]) -> list[str]:
    """What the split said of itself, and where a file is not what it wrote any more."""
    rows = {part.file: part.rows for part in split.parts}
    changed = [
        f"{one.path} holds {plural(one.rows + one.bad, 'row')} now, and {count(rows[name])} when it was written"
        for one in sources
        if (name := one.path.rpartition("/")[2]) in rows and rows[name] != one.rows + one.bad
    ]
    return [*split.notes, *changed]


def worst(split: SplitReport) -> list[Stratum]:
    """Strata, the farthest from the wanted shares first."""
    return sorted(split.balance.strata, key=lambda one: -one.off_by)


def detects(part: Part) -> list[str]:
    """`rules out a loss of 2.3 points where 10% of the answers differ`, one line a disagreement."""
    return [
        f"rules out a loss of {100 * margin:.1f} points where {float(differ):.0%} of the answers differ (power 80%)"
        if margin is not None
        else f"too few rows to rule out any loss where {float(differ):.0%} of the answers differ"
        for differ, margin in part.detects.items()
    ]


def stratum(one: Stratum) -> str:
    """`label = refund, length = 3-6 words`."""
    return ", ".join(f"{column} = {value}" for column, value in one.values.items())


def share(value: float) -> str:
    """`12.5%`; a dash for a part that is not dealt by share."""
    return f"{value:.1%}" if value else NOTHING


def _of(part: Part) -> str:
    wanted = f" (wanted {share(part.wanted)})" if part.wanted else ""
    return f"{share(part.share)}{wanted}"


def _detects(part: Part) -> str:
    return "".join(f"; {said}" for said in detects(part))

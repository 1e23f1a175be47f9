"""`shipworthy data leakage TRAIN TEST...`: which rows of a test set or a benchmark stand in the training data.

Tiers: certain (the same but for case, spacing, Unicode form), likely (at most 10 % of the words differ, beyond what
chance and this data's own unrelated rows reach), look_at_it. Exit codes: 0 nothing certain or likely · 2 bad input ·
10 rows are certain or likely copies.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shipworthy.errors import BadInput

if TYPE_CHECKING:
    from shipworthy.data.leakage import Effect, Leakage, Match

HELP = "find rows of a test set or benchmark that stand in the training data"
CLEAN, BLOCK = 0, 10
SHOWN = 10
_EXCERPT = 100


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("train", type=Path, metavar="TRAIN", help="training rows: JSONL (also .gz, .zst), JSON, CSV or Parquet")
    add("tests", type=Path, nargs="+", metavar="TEST", help="test sets or benchmarks; each is compared with TRAIN")
    add("--text", metavar="COL", help="column to compare; default what a row asks, by its format")
    add("--score", metavar="COL", help="column of TEST with a score: says what leaked rows do to its mean")
    add("--show", type=int, default=SHOWN, metavar="N", help=f"matches shown of each test set (default {SHOWN})")
    add("--clean", type=Path, metavar="FILE", help="write the rows of TEST without certain and likely copies (JSONL)")


@dataclass(frozen=True, slots=True)
class _Texts:
    """One file: its texts, where each stands, and the rows."""

    path: Path
    texts: list[str]
    where: list[str]
    fields: list[dict[str, Any]]


def run(args: argparse.Namespace) -> int:
    from shipworthy.cli._progress import Progress
    from shipworthy.data import leakage

    if args.clean is not None and (len(args.tests) > 1 or args.clean.exists()):
        raise BadInput("--clean writes one new file; give one TEST and a path where nothing is", where=str(args.clean))
    if args.show < 0:
        raise BadInput(f"--show is {args.show}; give 0 or more")
    bar = Progress(quiet=args.quiet)
    documents, worst = [], CLEAN
    train = _read(args.train, args.text)
    for number, path in enumerate(args.tests):
        bar.update("comparing", number, len(args.tests), path.name)
        test = _read(path, args.text)
        scores = _scores(test, args.score)
        found = leakage.find(train.texts, test.texts)
        effect = leakage.effect(scores, found.flagged()) if scores is not None else None
        worst = max(worst, BLOCK if found.flagged() else CLEAN)
        documents.append((test, found, effect))
    bar.close()
    if args.clean is not None:
        _write_clean(args.clean, *documents[0][:2])
    _print(train, documents, args)
    return worst


def _read(path: Path, column: str | None) -> _Texts:
    from shipworthy.data.rows import asked, rows

    read = list(rows(path))
    if not read:
        raise BadInput("the file has no rows", where=str(path))
    where = [f"{path}:{row.line}" for row in read]
    texts = [asked(row.fields, column, where=place) for row, place in zip(read, where, strict=True)]
    return _Texts(path, texts, where, [row.fields for row in read])


def _scores(test: _Texts, column: str | None) -> list[float] | None:
    if column is None:
        return None
    scores = []
    for fields, where in zip(test.fields, test.where, strict=True):
        if column not in fields:
            raise BadInput(f"no column {column!r}; the columns are {', '.join(map(str, fields))}", where=where)
        scores.append(_number(fields[column], column, where))
    return scores


def _number(value: Any, column: str, where: str) -> float:
    words = {"true": 1.0, "false": 0.0}
    try:
        return words[value.lower()] if isinstance(value, str) and value.lower() in words else float(value)
    except (TypeError, ValueError):
        raise BadInput(f"{column!r} is {str(value)[:40]!r}, not a number", where=where) from None


def _write_clean(path: Path, test: _Texts, found: "Leakage") -> None:
    import msgspec

    from shipworthy.store.files import write_atomic

    kept = [fields for row, fields in enumerate(test.fields) if row not in found.flagged()]
    write_atomic(path, b"".join(msgspec.json.encode(fields) + b"\n" for fields in kept))


# --- What is printed -------------------------------------------------------------------------------------------------


def _print(train: _Texts, found: Sequence[tuple[_Texts, "Leakage", "Effect | None"]], args: argparse.Namespace) -> None:
    if args.json:
        import msgspec

        document = {"train": str(train.path), "tests": [_document(train, *one) for one in found]}
        print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
        return
    for one in found:
        print("\n".join(_lines(train, *one, most=args.show)))
    if any(report.flagged() for _, report, _ in found):
        again = f"--clean {os.fspath(found[0][0].path.with_suffix(''))}.clean.jsonl"
        print(f"Next: shipworthy data leakage {args.train} {found[0][0].path} {again}")
    else:
        print(f"Next: shipworthy data seal {found[0][0].path} --budget 5")


def _document(train: _Texts, test: _Texts, found: "Leakage", effect: "Effect | None") -> dict[str, Any]:
    import msgspec

    built: dict[str, Any] = msgspec.to_builtins(found)
    for match in built["matches"]:
        left, right = match["left"], match["right"]
        match |= {"left_where": train.where[left], "right_where": test.where[right]}
        match |= {"left_text": train.texts[left], "right_text": test.texts[right]}
    return {"test": str(test.path), **built, "effect": msgspec.to_builtins(effect)}


def _lines(train: _Texts, test: _Texts, found: "Leakage", effect: "Effect | None", *, most: int) -> list[str]:
    n = found.right_rows
    tiers = ", ".join(f"{count} {tier} ({count / n:.2%})" for tier, count in found.rows.items())
    null = found.null
    lines = [f"{test.path}: {n} rows against {found.left_rows} of {train.path}: {tiers}"]
    capped = "; the training data hold near copies of their own rows" if null.capped else ""
    lines.append(
        f"  a likely copy carries {null.likely_bits:.0f} bits or more; {null.share:.1%} of {null.rows} training rows "
        f"reach {null.floor_bits:.0f} bits among themselves{capped}"
    )
    for match in found.matches[:most]:
        lines += _match(train, test, match)
    if len(found.matches) > most:
        lines.append(f"  … and {len(found.matches) - most} more matches (all of them with --json)")
    large = [cluster for cluster in found.clusters if len(cluster) > 2]
    if large:
        lines.append(f"  {len(large)} clusters hold more than one pair, the largest {max(map(len, large))} rows")
    return lines + (_effect(effect) if effect is not None else [])


def _match(train: _Texts, test: _Texts, match: "Match") -> list[str]:
    bits = f", {match.bits:.0f} bits" if match.bits is not None else ""
    return [
        f"  {match.tier} ({match.kind}, similarity {match.similarity:.2f}{bits})",
        f"    {test.where[match.right]}: {_excerpt(test.texts[match.right])}",
        f"    {train.where[match.left]}: {_excerpt(train.texts[match.left])}",
    ]


def _excerpt(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= _EXCERPT else one_line[: _EXCERPT - 1] + "…"


def _effect(effect: "Effect") -> list[str]:
    from shipworthy.cli._text import interval

    return [
        f"  score on clean rows {interval(effect.clean)} (n={effect.n_clean}), on flagged rows "
        f"{interval(effect.flagged)} (n={effect.n_flagged}); higher by {interval(effect.lift)} (95 %)"
    ]

"""Check a protocol and its data without asking a model; say what each gate can detect with this many examples.

`--schema` prints the JSON Schema of a protocol instead, for editors.
"""

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shipworthy.gates._explain import Power, Size
    from shipworthy.protocol import Protocol
    from shipworthy.records import Example, Prompt

HELP = "check a protocol and its data; say what each gate can detect"
CHARACTERS_PER_TOKEN = 4
"""English prose under a common vocabulary; only for the price that is announced before a run."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("protocol", nargs="?", type=Path, metavar="PROTOCOL", help="default: shipworthy.yaml")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of a protocol")


def run(args: argparse.Namespace) -> int:
    from shipworthy import gates, protocol
    from shipworthy.cli.run import protocol_path
    from shipworthy.evaluation.prepare import check

    if args.schema:
        print(json.dumps(protocol.schema(), indent=2))
        return 0
    path = protocol_path(args.protocol)
    checked = check(path, os.environ)
    promised = checked.protocol
    sizes = {name: _size(checked.examples, name) for name in promised.datasets}
    prices = _usd_per_example(promised, checked.prompts)
    rows = gates.explain(promised, sizes, checked.metrics, usd_per_example=prices)
    requests = len(checked.prompts) * len(promised.seeds) * sum(m.role != "published" for m in promised.models.values())
    cost_usd = sum(prices[name] * sizes[name].n for name in prices) or None
    if args.json:
        print(_json(protocol.digest(promised), requests, cost_usd, rows))
        return 0
    print(f"{path} is valid: {_counts(promised)}")
    print(f"It asks for {requests:,} answers{f', at most about ${cost_usd:.2f}' if cost_usd else ''}.")
    print("\n".join(["What each gate can detect:", *map(_line, _shown(rows))]))
    print(f"Next: shipworthy run{'' if path == Path('shipworthy.yaml') else f' {path}'}")
    return 0


MOST_SLICES = 12


def _shown(rows: "list[Power]") -> "list[Power]":
    """All gates, and the slices with the fewest examples."""
    slices = sorted((row for row in rows if row.slice), key=lambda row: row.n)[:MOST_SLICES]
    return [row for row in rows if row.slice is None or row in slices]


def _line(row: "Power") -> str:
    mark = "ok   " if row.enough else "     " if row.n_needed is None else "small"
    more = f" (about ${row.cost_usd:.2f} more)" if row.cost_usd else ""
    return f"  {mark} {row.gate}{f' [{row.slice}]' if row.slice else ''}: {row.says}{more}"


def _size(examples: "tuple[Example, ...]", dataset: str) -> "Size":
    from collections import Counter

    from shipworthy.gates._explain import Size

    rows = [example for example in examples if example.dataset == dataset]
    columns = sorted({column for row in rows for column in row.slices})
    return Size(
        n=len(rows),
        clusters=len({row.cluster for row in rows}) if any(row.cluster for row in rows) else None,
        labels={
            column: dict(Counter(row.slices[column] for row in rows if column in row.slices)) for column in columns
        },
    )


def _usd_per_example(promised: "Protocol", prompts: "tuple[Prompt, ...]") -> dict[str, float]:
    """What one example costs at most for all priced models together: its prompt, and `max_tokens` of answer."""
    priced = [m for m in promised.models.values() if m.usd_per_million_input or m.usd_per_million_output]
    prices: dict[str, float] = {}
    for name in promised.datasets if priced else ():
        lengths = [sum(len(m.content) for m in p.messages) for p in prompts if p.dataset == name]
        tokens = sum(lengths) / max(len(lengths), 1) / CHARACTERS_PER_TOKEN
        answers = [m.sampling.get("max_tokens", 0) * (m.usd_per_million_output or 0) for m in priced]
        paid = sum(tokens * (m.usd_per_million_input or 0) for m in priced) + sum(answers)
        prices[name] = paid * len(promised.seeds) / 1e6
    return prices


def _counts(promised: "Protocol") -> str:
    parts: Mapping[str, int] = {
        "datasets": len(promised.datasets),
        "models": len(promised.models),
        "metrics": len(promised.metrics),
        "gates": len(promised.gates),
    }
    return ", ".join(f"{n} {name if n != 1 else name.removesuffix('s')}" for name, n in parts.items())


def _json(digest: str, requests: int, cost_usd: float | None, rows: "list[Power]") -> str:
    import msgspec

    document = {"valid": True, "protocol_sha256": digest, "requests": requests, "cost_usd": cost_usd, "gates": rows}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()

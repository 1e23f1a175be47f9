"""Check a protocol and its data without asking a model; say what each gate can detect with this many examples.

`--from RUN` plans with what a finished run showed: how often the models disagree, the spread of a score, how alike the
examples of a cluster are. `--schema` prints the JSON Schema of a protocol instead, for editors.
"""

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from shipworthy.cli._plain import plain, quoted

if TYPE_CHECKING:
    from shipworthy.evaluation.prepare import Prepared
    from shipworthy.gates.planning import Power, Size
    from shipworthy.metrics.types import Metric
    from shipworthy.protocol import Protocol
    from shipworthy.protocol.types import Planning
    from shipworthy.records import Example

HELP = "check a protocol and its data; say what each gate can detect"
CHARACTERS_PER_TOKEN = 4
"""English prose under a common vocabulary; only for the price that is announced before a run."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("protocol", nargs="?", type=Path, metavar="PROTOCOL", help="default: shipworthy.yaml")
    parser.add_argument(
        "--from", dest="from_run", type=Path, metavar="RUN", help="plan with the spread that this finished run showed"
    )
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of a protocol")


def run(args: argparse.Namespace) -> int:
    import msgspec

    from shipworthy import gates, protocol
    from shipworthy.cli._follow_ups import refuse_unknown
    from shipworthy.cli.run import in_production, protocol_path
    from shipworthy.evaluation.prepare import check
    from shipworthy.evaluation.recordings import uncovered

    if args.schema:
        print(json.dumps(protocol.schema(), indent=2))
        return 0
    path = protocol_path(args.protocol)
    checked = check(path, os.environ, in_production=in_production)
    promised = checked.protocol
    refuse_unknown(promised)
    planning, notes = _planning(promised, checked.metrics, args.from_run)
    planned = msgspec.structs.replace(promised, planning=planning)
    by_dataset = {name: [row for row in checked.examples if row.dataset == name] for name in promised.datasets}
    sizes = {name: _size(rows) for name, rows in by_dataset.items()}
    prices = _usd_per_example(promised, checked)
    weighed = _weighed(promised, by_dataset, checked.metrics)
    rows = gates.explain(planned, sizes, checked.metrics, usd_per_example=prices, weighed=weighed)
    requests = len(checked.prompts) * len(promised.seeds) * sum(m.role != "published" for m in promised.models.values())
    cost_usd = sum(prices[name] * sizes[name].n for name in prices) or None
    ratings = _human_ratings(promised)
    gaps = uncovered(checked.recordings, promised.decisions.missing)
    if args.json:
        digest = protocol.digest(promised)
        print(
            _json(
                valid=True,
                protocol_sha256=digest,
                requests=requests,
                cost_usd=cost_usd,
                gates=rows,
                planning=planning,
                human_ratings=ratings,
                data=checked.training.print if checked.training else None,
                warnings=gaps,
            )
        )
        return 0
    print(plain(f"{path} is valid: {_counts(promised)}"))
    print(f"It asks for {requests:,} answers{f', at most about ${cost_usd:.2f}' if cost_usd else ''}.")
    believed = f"by what {args.from_run} showed" if args.from_run else "by `planning`; --from RUN takes a run's spread"
    told = _training(checked)
    print(
        "\n".join(
            [
                *map(plain, told),
                f"What each gate can detect ({believed}):",
                *map(_line, _shown(rows)),
                *(plain(f"  warning {gap.code}: {gap.message}") for gap in gaps),
                *notes,
                *ratings.values(),
            ]
        )
    )
    print(f"Next: shipworthy run{'' if path == Path('shipworthy.yaml') else f' {quoted(path)}'}")
    return 0


def _planning(promised: "Protocol", metrics: "Mapping[str, Metric]", run: Path | None) -> "tuple[Planning, list[str]]":
    """What is believed, and what a reader must know about where it comes from.

    Raises: BadInput: the run has no evidence, or shares no metric with the protocol.
    """
    import msgspec

    from shipworthy.errors import BadInput
    from shipworthy.evaluation.comparable import rescored
    from shipworthy.evaluation.main_job import question_of
    from shipworthy.gates.observed import observed
    from shipworthy.protocol import Protocol
    from shipworthy.store import RunFolder

    if run is None:
        return promised.planning, []
    with RunFolder.open(run) as folder:
        locked = folder.manifest
        earlier = msgspec.convert(locked.protocol, Protocol)
        seen = observed(question_of(earlier, locked), folder.evidence()).metrics
    shared = {name: beliefs for name, beliefs in seen.items() if name in promised.metrics}
    if not shared:
        raise BadInput("none of its gates compares a metric of this protocol", where=str(run))
    changed = [name for name in rescored(locked, metrics) if name in shared]
    notes = [f"  note  {name} is scored by another version than in that run; its spread may differ" for name in changed]
    planning = msgspec.structs.replace(promised.planning, metrics={**promised.planning.metrics, **shared})
    return planning, notes


def _training(checked: "Prepared") -> list[str]:
    """How each limit on the training data is kept: the hard gates that are known before a model is asked."""
    if checked.training is None:
        return []
    mark = {"pass": "ok   ", "fail": "FAIL ", "inconclusive": "     "}
    taken = checked.training.print
    lines = [f"  {mark[one.outcome]} data: {one.name}: {one.because}" for one in taken.limits]
    broken = sum(one.outcome == "fail" for one in taken.limits)
    would = "; a run would block" if broken else ""
    return [f"Training data, {taken.rows:,} rows: {broken} of {len(lines)} limits broken{would}", *lines]


EXPECTED_KAPPA, KAPPA_WITHIN, RATE_WITHIN = 0.6, 0.1, 0.05


def _human_ratings(promised: "Protocol") -> dict[str, str]:
    """How many ratings of people each human model needs, by model: for a rate, and for the agreement of two raters."""
    from shipworthy.protocol.margins import amount
    from shipworthy.stats.power import ratings_for_agreement, ratings_for_rate

    people = [name for name, spec in promised.models.items() if spec.role == "human"]
    lines = {}
    for name in people:
        margins = [amount(gate.margin) for gate in promised.gates if gate.baseline == name and gate.margin]
        shares = [one.value / 100 if one.form == "points" else one.value for one in margins if one.form != "percent"]
        within = min(shares, default=RATE_WITHIN)
        rate, both = ratings_for_rate(within), ratings_for_agreement(EXPECTED_KAPPA, KAPPA_WITHIN)
        lines[name] = (
            f"  human {name}: {rate:,} ratings know a share to +-{within:g} (95 %); {both:,} examples rated by two "
            f"people know a kappa of about {EXPECTED_KAPPA:g} to +-{KAPPA_WITHIN:g}"
        )
    return lines


MOST_SLICES = 12


def _shown(rows: "list[Power]") -> "list[Power]":
    """All gates, and the slices with the fewest examples."""
    slices = sorted((row for row in rows if row.slice), key=lambda row: row.n)[:MOST_SLICES]
    return [row for row in rows if row.slice is None or row in slices]


def _line(row: "Power") -> str:
    mark = "ok   " if row.enough else "     " if row.n_needed is None else "small"
    more = f" (about ${row.cost_usd:.2f} more)" if row.cost_usd else ""
    return plain(f"  {mark} {row.gate}{f' [{row.slice}]' if row.slice else ''}: {row.says}{more}")


def _weighed(
    promised: "Protocol", by_dataset: "Mapping[str, list[Example]]", metrics: "Mapping[str, Metric]"
) -> "dict[str, Size]":
    """What each metric can measure of its dataset, where that is not all of it."""
    found = {}
    for name, metric in metrics.items():
        every = by_dataset[promised.metrics[name].dataset]
        carried = [example for example in every if metric.weighs(example)]
        if len(carried) < len(every):
            found[name] = _size(carried)
    return found


def _size(rows: "list[Example]") -> "Size":
    from collections import Counter

    from shipworthy.data import clusters
    from shipworthy.gates.planning import Size

    columns = sorted({column for row in rows for column in row.slices})
    found = clusters(rows)
    groups = found.count
    return Size(
        n=len(rows),
        clusters=groups if groups < len(rows) else None,
        effective=found.effective if groups < len(rows) else None,
        repeats=found.repeats,
        labels={
            column: dict(Counter(row.slices[column] for row in rows if column in row.slices)) for column in columns
        },
    )


def _usd_per_example(promised: "Protocol", checked: "Prepared") -> dict[str, float]:
    """What one example costs at most for all priced models together: its prompt, and `max_tokens` of answer."""
    asked = [one.spec for one in checked.answering.values()]
    priced = [m for m in asked if m.usd_per_million_input or m.usd_per_million_output]
    prices: dict[str, float] = {}
    for name in promised.datasets if priced else ():
        lengths = [sum(len(m.content) for m in p.messages) for p in checked.prompts if p.dataset == name]
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


def _json(**document: object) -> str:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()

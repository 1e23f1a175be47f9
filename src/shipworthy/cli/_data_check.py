"""`shipworthy data check FILE...`: look at every row of training data.

Exit codes: 0 nothing worse than a warning, and all limits are kept · 2 a file or some rows cannot be read ·
10 a defect of severity error, a certain or likely copy of a row of TEST, or a limit is broken.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shipworthy.cli._plain import plain, quoted
from shipworthy.cli._reports import add_output, can_be_written
from shipworthy.errors import BadInput

if TYPE_CHECKING:
    from shipworthy.data.split import SplitReport
    from shipworthy.data.training.limits import LimitFinding
    from shipworthy.data.training.memory import Memory
    from shipworthy.data.training.types import DataReport, Found, Options, Overlap

CLEAN, BAD_INPUT, BLOCK = 0, 2, 10
_SHOWN_EXAMPLES = 3
_EXCERPT = 100
_SAMPLES = (".jsonl", ".json")
_RESUME = "what was looked at is kept, --resume goes on"


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "files",
        nargs="+",
        metavar="FILE",
        help="files, folders, patterns or URLs; JSONL, JSON, CSV, Parquet; .gz, .zst",
    )
    add("--kind", metavar="NAME", help="format of the rows; default: recognised from their columns")
    add("--goal", choices=("style", "vocabulary", "task", "domain"), help="what is trained for, for advice on size")
    add("--target", choices=("text", "json", "sql"), help="what completions are; default: recognised")
    add("--schema", metavar="FILE", help="JSON Schema that every JSON target must keep to")
    add("--database", metavar="FILE", help="SQLite database on which every SQL target must run (read-only)")
    add("--tokenizer", metavar="FOLDER", help="the model's tokenizer.json and chat template")
    add("--inference-template", metavar="FILE", help="chat template that is used in serving, if it is another")
    add("--max-length", type=int, metavar="TOKENS", help="what the trainer keeps of a row")
    add("--max-characters", type=int, default=100_000, metavar="N", help="a longer row is an error (default 100000)")
    add("--production", metavar="FILE", help="inputs from production, to see whether the set looks like them")
    add(
        "--against",
        action="append",
        default=[],
        type=Path,
        metavar="TEST",
        help="a test set or benchmark whose rows must not stand in FILE; repeats",
    )
    add("--only", action="append", default=[], metavar="NAME", help="a group of checks or a code; repeats, or commas")
    add("--skip", action="append", default=[], metavar="NAME", help="a group of checks or a code; repeats, or commas")
    add(
        "--limit", action="append", default=[], metavar="NAME=VALUE", help="truncated=1%%, template_variants=1; repeats"
    )
    add("--examples", type=int, default=5, metavar="K", help="places shown of each defect (default 5)")
    add("--resume", action="store_true", help="with --tokenizer or --database: go on where the same check was stopped")
    add("--review-sample", type=Path, metavar="FILE", help="write 5 to 10 %% of the rows for people to rate (JSONL)")
    add_output(parser)


def run(args: argparse.Namespace) -> int:
    options = _options(args)
    limits = dict(map(_limit, args.limit))
    can_be_written(args.output)
    can_be_written([args.review_sample] if args.review_sample else [], _SAMPLES)
    memory = _memory(args, options)
    report = _beside(_checked(args, options, memory), args)
    judged = _judged(report, limits)
    split = _split(args)
    print(_document(report, judged, split) if args.json else _text(report, judged, args), flush=True)
    _write(report, judged, split, args.output)  # after printing: a full disk does not cost the result
    if args.review_sample:
        _review(args)
    if memory is not None:
        memory.forget()
    if report.bad:
        raise BadInput(_bad_rows(report))
    broken = report.worst() == "error" or any(one.outcome != "pass" for one in judged)
    return BLOCK if broken else CLEAN


def _checked(args: argparse.Namespace, options: "Options", memory: "Memory | None") -> "DataReport":
    """The report on the files, with a bar; what took long is kept until all is written."""
    from shipworthy.cli._progress import Progress
    from shipworthy.data.training._run import check

    bar = Progress(quiet=args.quiet)

    def told(path: str, done: int, total: int) -> None:
        bar.update("reading", done, total, path)

    try:
        report = check(args.files, options, progress=told, memory=memory)
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(f"interrupted; {_RESUME}" if memory is not None else "") from interrupt
    finally:
        bar.close()
    if memory is not None and memory.lost is not None:
        bar.say(f"Note: nothing was kept for --resume; {memory.lost}")
    return report


def _memory(args: argparse.Namespace, options: "Options") -> "Memory | None":
    """Where dear looks are remembered until the check has ended; None: it has no dear ones."""
    if options.tokenizer is None and options.database is None:
        return None
    import os

    from shipworthy.data.training.memory import Memory, remembered
    from shipworthy.store.home import home

    path = home(os.environ, Path.cwd()) / "checks" / f"{remembered(args.files, options)}.jsonl"
    return Memory(path, options, resume=args.resume)


def _beside(report: "DataReport", args: argparse.Namespace) -> "DataReport":
    """The report with what the test sets share with the files."""
    if not args.against:
        return report
    import msgspec

    from shipworthy.data.training.overlap import file_texts, overlaps

    return msgspec.structs.replace(report, leakage=overlaps(args.files, map(file_texts, args.against), kind=args.kind))


def _judged(report: "DataReport", limits: Mapping[str, str]) -> Sequence["LimitFinding"]:
    if not limits:
        return ()
    from shipworthy.data.training.limits import evaluate_limits

    return evaluate_limits(report, limits)


# --- options ---------------------------------------------------------------------------------------------------------


def _options(args: argparse.Namespace) -> "Options":
    from shipworthy.data.training.types import Options

    for name, least in (("examples", 0), ("max_characters", 1), ("max_length", 1)):
        value = getattr(args, name)
        if value is not None and value < least:
            raise BadInput(f"--{name.replace('_', '-')} must be {least} or more, not {value}")
    names = ("kind", "goal", "target", "schema", "database", "tokenizer", "inference_template", "production")
    return Options(
        **{name: getattr(args, name) for name in names},
        only=_names(args.only),
        skip=_names(args.skip),
        examples=args.examples,
        max_characters=args.max_characters,
        max_length=args.max_length,
    )


def _names(given: Sequence[str]) -> tuple[str, ...]:
    return tuple(name.strip() for one in given for name in one.split(",") if name.strip())


def _limit(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals:
        raise BadInput(f"--limit wants NAME=VALUE, for example truncated=1%, not {given!r}")
    return name.strip(), value


# --- output ----------------------------------------------------------------------------------------------------------


def _split(args: argparse.Namespace) -> "SplitReport | None":
    """The split that a file is a part of, where somebody will read of it."""
    if not (args.output or args.json):
        return None
    from shipworthy.data.split import split_of

    return split_of(args.files)


def _write(
    report: "DataReport", judged: Sequence["LimitFinding"], split: "SplitReport | None", paths: Sequence[Path]
) -> None:
    if not paths:
        return
    from shipworthy.store.files import write_atomic
    from shipworthy.web.data_report import render

    for path in paths:
        kind = path.suffix.removeprefix(".")
        write_atomic(path, render(report, kind, limits=judged, split=split).encode())


def _review(args: argparse.Namespace) -> None:
    from shipworthy.data.training.review import as_jsonl, review_sample
    from shipworthy.store.files import write_atomic

    write_atomic(args.review_sample, as_jsonl(review_sample(args.files, kind=args.kind)))


def _document(report: "DataReport", judged: Sequence["LimitFinding"], split: "SplitReport | None") -> str:
    from shipworthy.web.data_report import render

    return render(report, "json", limits=judged, split=split).rstrip("\n")


def _text(report: "DataReport", judged: Sequence["LimitFinding"], args: argparse.Namespace) -> str:
    lines = [_head(report), *(f"  {one.path}: {one.kind}, {one.rows:,} rows" for one in report.sources[:12])]
    if len(report.sources) > 12:
        lines.append(f"  … and {len(report.sources) - 12} more files")
    for found in report.findings:
        lines += _found(found, min(_SHOWN_EXAMPLES, args.examples))
    for overlap in report.leakage:
        lines += _overlap(overlap, min(_SHOWN_EXAMPLES, args.examples))
    lines += [f"{one.outcome:<12} {one.because}" for one in judged]
    lines += [f"not run: {one.check} ({one.because})" for one in report.skipped]
    return "\n".join(map(plain, [*lines, f"Next: {_next(report, args)}"]))


def _head(report: "DataReport") -> str:
    kept_out = f", {report.bad:,} bad rows kept out" if report.bad else ""
    tally = [
        _plural(sum(f.severity == level for f in report.findings), level) for level in ("error", "warning", "note")
    ]
    looked = f"{len(report.checks)} kinds of defect looked for"
    leaks = sum(overlap.leaks for overlap in report.leakage)
    leaked = f"; {_plural(leaks, 'test row')} copied" if leaks else ""
    return f"{_plural(report.rows, 'row')}{kept_out}: {', '.join(tally)} ({looked}){leaked}"


def _plural(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _found(found: "Found", most: int) -> list[str]:
    lines = [f"{found.severity:<8} {found.code}: {found.title} ({_plural(found.count, 'row')}, {found.share:.2%})"]
    for place in found.examples[:most]:
        because = f" ({place.because})" if place.because else ""
        lines.append(f"           {place.where} {place.part}: {place.excerpt}{because}")
    return [*lines, f"           {found.remedy}"]


def _overlap(overlap: "Overlap", most: int) -> list[str]:
    tiers = ", ".join(f"{n:,} {tier}" for tier, n in overlap.tiers.items())
    lines = [f"{_level(overlap):<8} leakage: {overlap.against}, {overlap.rows:,} rows: {tiers}"]
    for pair in overlap.pairs[:most]:
        lines += [
            f"           {pair.tier} ({pair.kind}, similarity {pair.similarity:.2f})",
            f"             {pair.test_where}: {_excerpt(pair.test_text)}",
            f"             {pair.train_where}: {_excerpt(pair.train_text)}",
        ]
    if overlap.leaks:
        lines.append(
            "           take these rows out of the training data, or out of the test set, before anything is trained"
        )
    return lines


def _level(overlap: "Overlap") -> str:
    """ "clean" only where nothing is listed below it."""
    return "error" if overlap.leaks else "warning" if overlap.tiers["look_at_it"] else "clean"


def _excerpt(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= _EXCERPT else one_line[: _EXCERPT - 1] + "…"


def _next(report: "DataReport", args: argparse.Namespace) -> str:
    if report.worst() == "error":
        return "repair the rows above and check again" + (
            "" if args.output else "; -o report.html shows them as a page"
        )
    return f"shipworthy data split {quoted(args.files[0]) if len(args.files) == 1 else 'FILE'} --out split"


def _bad_rows(report: "DataReport") -> str:
    places = [
        (place.where, place.excerpt)
        for found in report.findings
        if found.code in ("not_json", "missing_field", "wrong_type", "another_kind")
        for place in found.examples
    ]
    if not places:
        return f"{report.bad:,} rows cannot be read; they were kept out"
    (where, why), others = places[0], places[1:]
    lines = ", ".join(place.rpartition(":")[2] for place, _ in others[:5])
    others_said = f"{_plural(report.bad - 1, 'more bad row')}: line {lines}{', …' if report.bad > 6 else ''}"
    more = f" (and {others_said})" if others else ""
    return f"{where}: {why}{more}"

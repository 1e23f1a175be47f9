"""From a kind and its options to a Metric, and to the scorer that finds its counts."""

import dataclasses
import difflib
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import msgspec

from shipworthy import metrics, plugins
from shipworthy.errors import BadInput
from shipworthy.evaluation.scoring.types import Context, Kind, Pool, Rated, Scorer, nothing_left_out, nothing_to_reach
from shipworthy.metrics.types import Metric
from shipworthy.records import Record

GROUP = "scorer"
_HERE = "shipworthy.evaluation.scoring"
BUILT_IN: Mapping[str, str] = {
    "attack_success": f"{_HERE}.attack:ATTACK_SUCCESS",
    "claims_supported": f"{_HERE}.support:CLAIMS_SUPPORTED",
    "code_pass": f"{_HERE}.code:CODE_PASS",
    "grammar_match": f"{_HERE}.grammar:GRAMMAR_MATCH",
    "judge_pairwise": f"{_HERE}.pairwise:JUDGE_PAIRWISE",
    "judge_score": f"{_HERE}.rubric:JUDGE_SCORE",
    "semantic_similarity": f"{_HERE}.similarity:SEMANTIC_SIMILARITY",
    "sql_match": f"{_HERE}.sql:SQL_MATCH",
    "toxicity": f"{_HERE}.toxicity:TOXICITY",
}
"""Kind -> a `Kind`. Packages add theirs by entry points of the group `shipworthy.scorer`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A scorer of a run, ready to score."""

    name: str
    dataset: str
    metric: Metric
    scorer: Scorer
    against: str | None
    pool: Pool | None
    rated: Rated | None
    left_out: Callable[[Any], frozenset[str]] = nothing_left_out
    reach: Callable[[Any], Coroutine[Any, Any, None]] = nothing_to_reach


def kind_of(name: str) -> Kind | None:
    """The kind that needs I/O and is called so; None: there is none, it may be a pure metric.

    Raises: BadInput: `file.py:object` is not there.
    """
    if name in metrics.BUILT_IN:
        return None
    if name not in BUILT_IN and ".py:" not in name and name not in plugins.names(GROUP, BUILT_IN):
        return None
    found = plugins.find(GROUP, name, BUILT_IN)
    return found if isinstance(found, Kind) else None


def build(spec_name: str, kind_name: str, options: Mapping[str, Any]) -> Metric | None:
    """The Metric that summarises what the scorer of this kind finds; None when this is no kind that needs I/O.

    Raises: BadInput: an option is unknown, missing or of the wrong type. UnknownName: no metric at all is called so.
    """
    kind = kind_of(kind_name)
    if kind is None:
        if kind_name not in metrics.BUILT_IN:
            plugins.find("metric", kind_name, {**metrics.BUILT_IN, **BUILT_IN})  # raises, and knows both tables
        return None
    return dataclasses.replace(kind.metric(_options(spec_name, kind_name, kind, options)), name=spec_name)


def load(kind_name: str, options: Mapping[str, Any], *, dataset: str, context: Context) -> Loaded | None:
    """The scorer of this kind, ready; None when this is no kind that needs I/O.

    Raises: BadInput: an option is wrong. MissingExtra: an optional package is not installed.
    """
    kind = kind_of(kind_name)
    if kind is None:
        return None
    converted = _options(context.name, kind_name, kind, options)
    return Loaded(
        name=context.name,
        dataset=dataset,
        metric=dataclasses.replace(kind.metric(converted), name=context.name),
        scorer=kind.load(converted, context),
        against=kind.against(converted),
        pool=kind.pool(converted),
        rated=kind.rated(converted),
        left_out=kind.left_out,
        reach=kind.reach,
    )


def is_heavy(spec_name: str, kind_name: str, options: Mapping[str, Any]) -> bool:
    """Whether loading this scorer takes weights into memory. Raises: BadInput: an option is wrong."""
    kind = kind_of(kind_name)
    return kind is not None and kind.heavy(_options(spec_name, kind_name, kind, options))


def _options(spec_name: str, kind_name: str, kind: Kind, given: Mapping[str, Any]) -> Record:
    what = f"metric {spec_name!r} ({kind_name})"
    known = [field.name for field in msgspec.structs.fields(kind.options)]
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise BadInput(f"{what}: unknown option {key!r}; {hint}known: {', '.join(known)}")
    try:
        return msgspec.convert(dict(given), kind.options)
    except msgspec.ValidationError as error:
        raise BadInput(f"{what}: {str(error).replace(' - at `$.', ' in option `')}") from error

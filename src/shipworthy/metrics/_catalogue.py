"""From a kind and its options to a Metric; from a kind to its description."""

import dataclasses
import difflib
import inspect
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union

import msgspec

from shipworthy import plugins
from shipworthy.errors import BadInput
from shipworthy.metrics.types import Kind, Metric
from shipworthy.records import Direction, Record

BUILT_IN: Mapping[str, str] = {
    "accuracy": "shipworthy.metrics.match:accuracy",
    "adaptive_ece": "shipworthy.metrics.ranking:adaptive_ece",
    "assertions": "shipworthy.metrics.assertions:assertions",
    "auroc": "shipworthy.metrics.ranking:auroc",
    "bbq_bias": "shipworthy.metrics.bias:bbq_bias",
    "bleu": "shipworthy.metrics.overlap:bleu",
    "brier": "shipworthy.metrics.calibration:brier",
    "brier_reliability": "shipworthy.metrics.calibration:brier_reliability",
    "brier_resolution": "shipworthy.metrics.calibration:brier_resolution",
    "chrf": "shipworthy.metrics.overlap:chrf",
    "citations_exist": "shipworthy.metrics.grounding:citations_exist",
    "cost": "shipworthy.metrics.usage:cost",
    "drop": "shipworthy.metrics.drop:drop",
    "ece": "shipworthy.metrics.calibration:ece",
    "energy": "shipworthy.metrics.usage:energy",
    "entropy": "shipworthy.metrics.likelihood:entropy",
    "equalised_odds": "shipworthy.metrics.bias:equalised_odds",
    "exact_match": "shipworthy.metrics.match:exact_match",
    "first_token": "shipworthy.metrics.usage:first_token",
    "group_gap": "shipworthy.metrics.bias:group_gap",
    "json_fields": "shipworthy.metrics.structured:json_fields",
    "json_match": "shipworthy.metrics.structured:json_match",
    "json_number": "shipworthy.metrics.reported:json_number",
    "json_valid": "shipworthy.metrics.structured:json_valid",
    "latency": "shipworthy.metrics.usage:latency",
    "latency_p50": "shipworthy.metrics.usage:latency_p50",
    "latency_p95": "shipworthy.metrics.usage:latency_p95",
    "length": "shipworthy.metrics.wording:length",
    "loss": "shipworthy.metrics.likelihood:loss",
    "macro_f1": "shipworthy.metrics.classes:macro_f1",
    "mcc": "shipworthy.metrics.classes:mcc",
    "memory_peak": "shipworthy.metrics.usage:memory_peak",
    "meteor": "shipworthy.metrics.summary:meteor",
    "micro_f1": "shipworthy.metrics.classes:micro_f1",
    "mrr": "shipworthy.metrics.retrieval:mrr",
    "ndcg": "shipworthy.metrics.retrieval:ndcg",
    "number_match": "shipworthy.metrics.numbers:number_match",
    "numbers_supported": "shipworthy.metrics.grounding:numbers_supported",
    "over_refusal": "shipworthy.metrics.refusal:over_refusal",
    "perplexity": "shipworthy.metrics.likelihood:perplexity",
    "quotes_supported": "shipworthy.metrics.grounding:quotes_supported",
    "recall_at_k": "shipworthy.metrics.retrieval:recall_at_k",
    "refusal": "shipworthy.metrics.refusal:refusal",
    "regex_match": "shipworthy.metrics.wording:regex_match",
    "repetition": "shipworthy.metrics.wording:repetition",
    "required_sections": "shipworthy.metrics.wording:required_sections",
    "rouge1": "shipworthy.metrics.summary:rouge1",
    "rouge2": "shipworthy.metrics.summary:rouge2",
    "rougeL": "shipworthy.metrics.summary:rouge_l_metric",
    "rougeLsum": "shipworthy.metrics.summary:rouge_lsum_metric",
    "schema_valid": "shipworthy.metrics.schema:schema_valid",
    "selective_risk": "shipworthy.metrics.ranking:selective_risk",
    "ter": "shipworthy.metrics.ter:ter",
    "token_f1": "shipworthy.metrics.match:token_f1",
    "tokens": "shipworthy.metrics.usage:tokens",
    "tokens_per_second": "shipworthy.metrics.usage:tokens_per_second",
    "tool_call": "shipworthy.metrics.tools:tool_call",
    "weighted_f1": "shipworthy.metrics.classes:weighted_f1",
}
"""Kind -> factory. A factory is a Metric, or a function of nothing or of its options that returns one."""


class OptionInfo(Record):
    """One option of a metric kind; `default` is None together with `required`."""

    name: str
    type: str
    required: bool
    default: Any
    meaning: str


class Description(Record):
    """What one metric kind is, with its default options (for required ones, with the documented example)."""

    kind: str
    summary: str
    unit: str
    better: Direction
    interval: Kind
    margin: float
    source: str
    version: str
    requires: tuple[str, ...]
    options: tuple[OptionInfo, ...]
    details: str


def names() -> list[str]:
    """Every metric kind that can be built here: the built-in ones and those of installed packages."""
    return plugins.names("metric", BUILT_IN)


def build(spec_name: str, kind: str, options: Mapping[str, Any]) -> Metric:
    """The metric `kind` with these options, under the protocol's name for it.

    Args:
        spec_name: the key under `metrics:`; becomes `Metric.name`.
        kind: a built-in kind, the entry point of a package, or `path/to/file.py:object`.
        options: as they stand in the protocol; converted to the kind's own options record.

    Raises:
        UnknownName: no such kind.
        BadInput: an option is unknown, missing or of the wrong type, or a user's factory returns no Metric.
    """
    factory = plugins.find("metric", kind, BUILT_IN)
    metric = _made(factory, options, f"metric {spec_name!r} ({kind})")
    return dataclasses.replace(metric, name=spec_name)


def describe(kind: str) -> Description:
    """What this kind measures, in which unit and direction, by which source, with which options.

    Raises: UnknownName: no such kind.
    """
    factory = plugins.find("metric", kind, BUILT_IN)
    type_ = _options_type(factory)
    infos = _infos(type_) if _is_record(type_) else ()
    metric = _made(factory, _example(type_) if infos else {}, f"metric {kind}")
    summary, _, details = (inspect.getdoc(factory) or "").partition("\n")
    return Description(
        kind=kind,
        summary=summary,
        details=details.strip(),
        unit=metric.unit,
        better=metric.better,
        interval=metric.kind,
        margin=metric.margin,
        source=metric.source,
        version=metric.version,
        requires=tuple(sorted(metric.requires)),
        options=infos,
    )


def _made(factory: Any, options: Mapping[str, Any], what: str) -> Metric:
    if isinstance(factory, Metric):
        _refuse_options(options, what)
        return factory
    if not callable(factory):
        raise BadInput(f"{what}: {type(factory).__name__} is neither a Metric nor a function that returns one")
    type_ = _options_type(factory)
    if type_ is None:
        _refuse_options(options, what)
    made = factory() if type_ is None else factory(_converted(options, type_, what))
    if not isinstance(made, Metric):
        raise BadInput(f"{what}: the factory returned {type(made).__name__}, not a Metric; return a Metric from it")
    return made


def _refuse_options(options: Mapping[str, Any], what: str) -> None:
    if options:
        raise BadInput(f"{what} takes no options; remove {', '.join(sorted(options))}")


def _options_type(factory: Any) -> Any:
    """The annotation of the factory's only parameter, `Any` without one, None for no parameter or no function."""
    if isinstance(factory, Metric) or not callable(factory):
        return None
    parameters = list(inspect.signature(factory).parameters)
    if not parameters:
        return None
    return typing.get_type_hints(factory).get(parameters[0], Any)


def _is_record(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, msgspec.Struct)


def _converted(options: Mapping[str, Any], type_: Any, what: str) -> Any:
    if not _is_record(type_):
        return dict(options)
    known = [field.name for field in msgspec.structs.fields(type_)]
    for key in options:
        if key not in known:
            raise BadInput(f"{what}: unknown option {key!r}; {_nearest(key, known)}")
    try:
        return msgspec.convert(dict(options), type_)
    except msgspec.ValidationError as error:
        raise BadInput(f"{what}: {str(error).replace(' - at `$.', ' in option `')}") from error


def _nearest(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(str(key), known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}known: {', '.join(known)}" if known else "this metric takes no options"


def _infos(type_: Any) -> tuple[OptionInfo, ...]:
    hints = typing.get_type_hints(type_, include_extras=True)
    return tuple(_info(field, hints[field.name]) for field in msgspec.structs.fields(type_))


def _info(field: msgspec.structs.FieldInfo, hint: Any) -> OptionInfo:
    return OptionInfo(
        name=field.name,
        type=_type_name(hint),
        required=field.required,
        default=None if field.required else _default(field),
        meaning=next((meta.description for meta in _metas(hint) if meta.description), ""),
    )


def _example(type_: Any) -> dict[str, Any]:
    """Documented example values of the required options."""
    hints = typing.get_type_hints(type_, include_extras=True)
    required = [field.name for field in msgspec.structs.fields(type_) if field.required]
    return {name: next(meta.examples[0] for meta in _metas(hints[name]) if meta.examples) for name in required}


def _default(field: msgspec.structs.FieldInfo) -> Any:
    default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    return msgspec.json.decode(msgspec.json.encode(default))  # as it would stand in a protocol


def _metas(hint: Any) -> list[msgspec.Meta]:
    return [meta for meta in getattr(hint, "__metadata__", ()) if isinstance(meta, msgspec.Meta)]


def _type_name(hint: Any) -> str:
    """A type as a protocol's author says it: text, number, list of text, one of a, b."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _type_name(args[0])
    if origin is Literal:
        return " or ".join(f"`{arg}`" for arg in args)
    if origin in (Union, types.UnionType):
        return " or ".join(_type_name(arg) for arg in args)
    if origin in (tuple, list):
        return f"list of {_type_name(args[0])}"
    if origin is dict:
        return "object"
    return _PLAIN.get(hint, "any")


_PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false", type(None): "null", dict: "object"}

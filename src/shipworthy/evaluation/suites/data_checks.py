"""Data checks: the first layer of a pipeline. Files of training rows, each limit a row that passes or fails."""

import msgspec

from shipworthy.data.training.limits import LimitFinding
from shipworthy.evaluation.suites.probes import Case, Standing, examples
from shipworthy.evaluation.suites.types import Made, Outcome, Part
from shipworthy.evaluation.training_data import look
from shipworthy.protocol.types import TrainingData


def data_checks(part: Part) -> Made:
    """The limits of `data` over files of training rows, one a row; slices by `check`, the metric is `assertions`.

    Options are the keys of `data` in a protocol (`files`, `limits`, `against` and so on); without any, the protocol's
    own `data`. The files are read before any model is asked, and every model has the same rows. A limit that could not
    be measured does not pass. `score` of an outcome is what was measured.

    Raises: BadInput: a file cannot be read, an option is wrong, or there is no limit.
    """
    looked = look(msgspec.structs.replace(part.protocol, data=_declared(part)), folder=part.folder)
    if looked is None or not looked.print.limits:
        raise part.wrong("has no limit to hold; name some under `options: {limits: ...}`")
    found = {f"data/{one.name}": _outcome(one) for one in looked.print.limits}
    cases = [Case(id=id, slices={"check": id.partition("/")[2]}, text=one.because) for id, one in found.items()]
    return Made(
        examples=examples(part.name, "data_checks", cases, secret=looked.print),
        role="unit",
        slices=("check",),
        probe=Standing(found),
    )


def _declared(part: Part) -> TrainingData:
    """The files and limits that the suite names, or those of the protocol."""
    if part.spec.of is not None:
        raise part.wrong("reads files, not a dataset of the protocol; name them under `options: {files: [...]}`")
    if part.spec.options:
        return part.options(TrainingData)
    if part.protocol.data is None:
        raise part.wrong("needs `options: {files: ..., limits: ...}`, or `data` in the protocol")
    return part.protocol.data


def _outcome(one: LimitFinding) -> Outcome:
    return Outcome(ok=one.outcome == "pass", because=one.because, score=one.observed)

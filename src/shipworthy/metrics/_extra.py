"""What a backend measured beside the text, in `Response.extra`.

What is missing there is the backend's fault and not the example's: it raises MissingEvidence, never BadInput, so that
an example can be checked before a model was asked.
"""

import math
from typing import Any

from shipworthy.errors import MissingEvidence
from shipworthy.metrics._answer import text_of
from shipworthy.records import Response


def number(response: Response, key: str, *, needed_by: str) -> float:
    """The finite number under `key`. Raises: MissingEvidence: there is none; ValueError: failed response."""
    text_of(response)
    value = response.extra.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _lacks(response, key, needed_by, "a number")
    return float(value)


def probability(response: Response, key: str, *, needed_by: str) -> float:
    """The number between 0 and 1 under `key`. Raises: MissingEvidence: it is not there or outside."""
    value = number(response, key, needed_by=needed_by)
    if not 0 <= value <= 1:
        raise _lacks(response, key, needed_by, "a number between 0 and 1")
    return value


def probabilities(response: Response, key: str, *, needed_by: str) -> dict[str, float]:
    """Label -> probability under `key`, which sum to 1. Raises: MissingEvidence: they are not there or do not."""
    text_of(response)
    value = response.extra.get(key)
    if not isinstance(value, dict) or not value or not all(_is_share(share) for share in value.values()):
        raise _lacks(response, key, needed_by, "an object of label: probability")
    if abs(sum(value.values()) - 1) > 1e-3:
        raise _lacks(response, key, needed_by, "probabilities that sum to 1")
    return {str(label): float(share) for label, share in value.items()}


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _lacks(response: Response, key: str, needed_by: str, wanted: str) -> MissingEvidence:
    return MissingEvidence(
        f"metric {needed_by} needs {wanted} as `extra.{key}` of every answer; {response.model!r} gave "
        f"{response.extra.get(key)!r} for {response.example_id!r}; have the backend report it or remove the metric"
    )

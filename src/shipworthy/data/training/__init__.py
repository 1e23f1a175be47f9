"""Training data before it is trained on: read any common format, look at every row, say what is wrong and where.

Names load on first use, so that the command pays for what it runs.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shipworthy.data.training._read import Reader
    from shipworthy.data.training._run import check, check_rows
    from shipworthy.data.training.limits import evaluate_limits
    from shipworthy.data.training.review import review_sample
    from shipworthy.data.training.types import DataReport, Options, Row

__all__ = ["DataReport", "Options", "Reader", "Row", "check", "check_rows", "evaluate_limits", "review_sample"]
_HOMES = {
    "Reader": "_read",
    "check": "_run",
    "check_rows": "_run",
    "evaluate_limits": "limits",
    "review_sample": "review",
    "DataReport": "types",
    "Options": "types",
    "Row": "types",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

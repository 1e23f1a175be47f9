"""What we learn and test on: files -> examples, their digest, and which of them are the same question.

Names load on first use: `shipworthy.data.training` reads a million rows without numpy, which `clusters` needs.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shipworthy.data._read import digest, read
    from shipworthy.data._repeats import Clusters, clusters

__all__ = ["Clusters", "clusters", "digest", "read"]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    home = {"digest": "_read", "read": "_read", "Clusters": "_repeats", "clusters": "_repeats"}.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)

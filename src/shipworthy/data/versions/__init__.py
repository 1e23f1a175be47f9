"""What a dataset is: the digest of its rows whatever their order; how two versions differ; where one came from."""

from shipworthy.data._pointers import Pointer, pointer_at
from shipworthy.data.versions._diff import Changed, Diff, RowPlace, diff
from shipworthy.data.versions._digest import Version, digest_of_rows, version
from shipworthy.data.versions._lineage import Lineage, Source, lineage_path, source_of, write_lineage

__all__ = [
    "Changed",
    "Diff",
    "Lineage",
    "Pointer",
    "RowPlace",
    "Source",
    "Version",
    "diff",
    "digest_of_rows",
    "lineage_path",
    "pointer_at",
    "source_of",
    "version",
    "write_lineage",
]

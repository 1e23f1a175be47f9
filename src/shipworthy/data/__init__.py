"""What we learn and test on: files -> examples, their digest, and which of them are the same question."""

from shipworthy.data._read import digest, read
from shipworthy.data._repeats import Clusters, clusters

__all__ = ["Clusters", "clusters", "digest", "read"]

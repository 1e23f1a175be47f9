"""Where a candidate comes from: written beside its weights, enough to make it again."""

from collections.abc import Mapping

from shipworthy.records import Record
from shipworthy.training.recipe import Recipe
from shipworthy.training.rows import DataFile

FILE = "lineage.json"


class Lineage(Record):
    """The whole origin of one candidate.

    Attributes:
        recipe: as it was run. data: every file with its sha256.
        base_sha256, tokenizer_sha256, adapter_sha256: of what training started from (adapter: "" where none).
        output_sha256: of the weights or the adapter that came out.
        versions: package -> version. device: what it ran on.
        steps, final_loss: optimizer steps, and the mean loss of the last tenth of them.
        seconds: wall time of the training loop alone.
    """

    recipe: Recipe
    data: tuple[DataFile, ...]
    base_sha256: str
    tokenizer_sha256: str
    adapter_sha256: str
    output_sha256: str
    versions: Mapping[str, str]
    device: str
    seed: int
    trainable_parameters: int
    steps: int
    final_loss: float
    seconds: float

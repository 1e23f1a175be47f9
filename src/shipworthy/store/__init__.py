"""THE ONLY DOOR TO DISK: run folders, ledger, response cache.

`RunFolder` is one run as plain files, `Manifest` what it promised, `Ledger` the hash-chained record of every decision.
Submodules: `run_folder`, `manifest`, `evidence`, `ledger`, `cache`, `seals` (sealed test sets), `digests`, `files`.
"""

from shipworthy.store.manifest import DatasetPrint, Manifest, ModelPrint
from shipworthy.store.run_folder import RunFolder

__all__ = ["DatasetPrint", "Manifest", "ModelPrint", "RunFolder"]

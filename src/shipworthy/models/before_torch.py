"""What must stand in the environment before torch and transformers are imported."""

import os

SETTINGS = {
    "HF_HUB_OFFLINE": "1",  # a path is a path: never ask a hub for a name that looks like one
    "TOKENIZERS_PARALLELISM": "false",  # batches are large, and forks warn
    "OMP_WAIT_POLICY": "PASSIVE",  # waiting threads sleep: on a busy machine, spinning ones cost most of the time
}


def settle() -> None:
    """Set what the user has not set. Call it before every import of torch; it costs nothing."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)

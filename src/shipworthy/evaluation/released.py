"""Baselines that the registry names: `backend: release` is whatever is in production when the run is locked.

The registry stands beside this package, so whoever calls the main job hands in how a release is found (`Surroundings`).
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from shipworthy.errors import BadInput, Refused
from shipworthy.protocol.types import ModelSpec, Protocol
from shipworthy.records import Record

RELEASE = "release"
PINNED = ("weights_sha256", "adapter_sha256", "tokenizer_sha256", "template_sha256", "files_sha256")
"""What must be, when a release is asked again, what it was when it was released."""


class Released(Record):
    """The model behind a release: how its run declared it, the folder of that run's protocol, and what it was then."""

    id: str
    spec: ModelSpec
    folder: str
    identity: dict[str, str]


InProduction = Callable[[str], Released | None]
"""Name of a protocol -> the release of that name that is in production; None: there is none."""


def nothing_released(name: str) -> Released | None:
    """Where no registry was handed in."""
    del name
    return None


class Answering(Record):
    """A model as it is loaded: its declaration, where its relative paths start, and the release it came from."""

    spec: ModelSpec
    folder: Path
    release: Released | None = None


def answering(name: str, promised: Protocol, folder: Path, in_production: InProduction) -> Answering:
    """How a model of the protocol in `folder` is loaded.

    Raises: BadInput: it is the release in production, and there is none.
    """
    spec = promised.models[name]
    if spec.backend != RELEASE or spec.role == "published":
        return Answering(spec=spec, folder=folder)
    wanted = spec.name or promised.name
    found = in_production(wanted)
    if found is None:
        raise BadInput(
            f"model {name!r} is the release of {wanted!r} in production, and there is none; put one there with "
            "`shipworthy release promote RUN`, or give the model a backend of its own"
        )
    own = msgspec.structs.replace(found.spec, role=spec.role)
    return Answering(spec=own, folder=Path(found.folder), release=found)


def identity_of(model: Answering, identity: Mapping[str, str]) -> dict[str, str]:
    """What goes into the manifest: the backend's own identity and the release it came from.

    Raises: Refused: weights, adapter, tokenizer or template are not those that were released.
    """
    if model.release is None:
        return dict(identity)
    for key in PINNED:
        then, now = model.release.identity.get(key), identity.get(key)
        if then is not None and now is not None and then != now:
            what = key.removesuffix("_sha256")
            raise Refused(
                f"{model.folder}: the {what} of release {model.release.id} changed since it was released, so it is not "
                "what is in production; restore the files, or release a new run"
            )
    sampled = {"temperature": str(model.spec.sampling["temperature"])} if "temperature" in model.spec.sampling else {}
    return {**sampled, **identity, "release": model.release.id}

"""The model in production, as the run that it was released from declared it."""

from pathlib import Path

import msgspec

from shipworthy.errors import BadInput, IntegrityError
from shipworthy.protocol.types import ModelSpec, Protocol
from shipworthy.records import Record
from shipworthy.registry.release import Release
from shipworthy.registry.releases import Registry, slug
from shipworthy.store import RunFolder
from shipworthy.store.run_seal import require_intact


class Production(Record):
    """A release, its candidate's declaration, and the folder in which that declaration's paths start."""

    release: Release
    spec: ModelSpec
    folder: str


def in_production(registry: Registry, name: str) -> Production | None:
    """What is in production of the protocol `name`; None where nothing is.

    Raises:
        IntegrityError: the release or its run was changed since.
        BadInput: the run's folder is gone, so nobody knows how to ask the model.
    """
    id = registry.production(slug(name))
    if id is None:
        return None
    if problems := registry.manifest_problems(id):
        raise IntegrityError(f"{problems[0].where}: {problems[0].because}")
    release = registry.show(id)
    if not (Path(release.run_path) / "manifest.json").is_file():
        raise BadInput(f"the run of release {id} is gone; put it back, or give a backend", where=release.run_path)
    with RunFolder.open(Path(release.run_path)) as run:
        require_intact(run, registry.ledger)
        locked = run.manifest
    spec = msgspec.convert(locked.protocol, Protocol).models[release.candidate]
    folder = Path(locked.settings.get("protocol_folder", ""))
    declared = Path(locked.protocol_path).parent  # relative to where it was run: right where the home lies beside it
    return Production(release=release, spec=spec, folder=str(folder if folder.is_dir() else declared))

"""Makes a candidate: checks everything that can be checked, trains, and leaves weights with their lineage."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec

from shipworthy.errors import BadInput
from shipworthy.models._hf_files import adapter_digest, tokenizer_digest, weights_digest
from shipworthy.training import lineage
from shipworthy.training.plan import Shape, shape_from_config
from shipworthy.training.recipe import ADAPTER_METHODS, Recipe
from shipworthy.training.rows import DataFile, Row, read_rows

Progress = Callable[[int, int, float], None]
"""(step, steps, loss), called after every optimizer step."""


def launch(recipe: Recipe, progress: Progress | None = None) -> lineage.Lineage:
    """Trains what `recipe` says; its output folder appears whole, at the end, or not at all.

    Raises:
        BadInput: a data file or the base is not what it should be, the output is taken, or the training diverged.
        BackendError: base or adapter is not wholly what its config describes.
        MissingExtra: the method needs a package that is not installed.
    """
    read_shape(recipe.base)
    output = Path(recipe.output)
    if output.exists():
        raise BadInput("is already there; remove it or name another `output`", where=str(output))
    rows, files = _read(recipe)
    partial = output.with_name(output.name + ".partial")
    from shipworthy.training._trl import train

    trained = train(recipe, rows, partial, progress or _silent)
    made = lineage.Lineage(
        recipe=recipe,
        data=tuple(files),
        base_sha256=weights_digest(recipe.base),
        tokenizer_sha256=tokenizer_digest(recipe.base),
        adapter_sha256=adapter_digest(recipe.adapter) if recipe.adapter else "",
        output_sha256=(adapter_digest if recipe.method in ADAPTER_METHODS else weights_digest)(partial),
        versions=trained.versions,
        device=trained.device,
        seed=recipe.seed,
        trainable_parameters=trained.trainable_parameters,
        steps=trained.steps,
        final_loss=trained.final_loss,
        seconds=trained.seconds,
    )
    (partial / lineage.FILE).write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n")
    partial.rename(output)
    return made


def read_shape(path: str | Path) -> Shape:
    """The shape of the model in a folder. Raises: BadInput: the folder holds no readable `config.json`."""
    file = Path(path) / "config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"no model can be read from this folder ({error})", where=str(path)) from error
    return shape_from_config(config, str(file))


def _silent(_step: int, _steps: int, _loss: float) -> None:
    """The progress of somebody who does not look."""


def _read(recipe: Recipe) -> tuple[list[Row], list[DataFile]]:
    rows: list[Row] = []
    files: list[DataFile] = []
    for path in (*recipe.data, *recipe.replay):
        more, file = read_rows(path, preference=recipe.method == "dpo")
        rows += more
        files.append(file)
    return rows, files

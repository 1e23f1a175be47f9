"""A recipe says how a candidate is fine-tuned: one small YAML file, every key known, every path beside the file."""

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from shipworthy.errors import BadInput
from shipworthy.records import Record

Method = Literal["full", "lora", "qlora", "dora", "galore", "dpo"]
ADAPTER_METHODS: frozenset[Method] = frozenset({"lora", "qlora", "dora", "dpo"})
"""Methods that leave an adapter; the others leave whole weights."""


class Recipe(Record):
    """How a candidate is fine-tuned; docs/reference/recipe.md says every key."""

    base: Annotated[str, Meta(description="Folder of the model to start from.")]
    method: Annotated[
        Method,
        Meta(
            description="full, lora, qlora (4-bit base), dora, galore (all weights, low-rank gradients) or dpo "
            "(preference pairs, trained as a LoRA)."
        ),
    ]
    data: Annotated[tuple[str, ...], Meta(description="JSONL files of the task, at least one.")]
    output: Annotated[
        str, Meta(description="Folder that will hold weights or adapter, and `lineage.json`; it must not be there yet.")
    ]
    replay: Annotated[
        tuple[str, ...], Meta(description="JSONL files of what must not be forgotten; mixed in row by row.")
    ] = ()
    adapter: Annotated[
        str | None, Meta(description="Folder of an adapter that is merged into the base before training starts.")
    ] = None
    epochs: Annotated[float, Meta(description="Passes over the rows.")] = 3.0
    learning_rate: Annotated[float, Meta(description="The highest rate of the schedule.")] = 1e-4
    batch_size: Annotated[int, Meta(description="Rows of one step.")] = 32
    rank: Annotated[int, Meta(description="Rank of the adapter, or of GaLore's projection.")] = 16
    alpha: Annotated[
        int | None, Meta(description="Scale of the adapter, or of GaLore's projection; left out: twice the rank.")
    ] = None
    beta: Annotated[float, Meta(description="Strength of DPO's pull towards the starting model.")] = 0.1
    warmup_steps: Annotated[int, Meta(description="Steps over which the learning rate rises.")] = 5
    max_length: Annotated[int, Meta(description="Tokens of a row; longer rows are cut.")] = 512
    seed: Annotated[int, Meta(description="Of the order of rows and of new weights.")] = 0

    def __post_init__(self) -> None:
        if not self.data:
            raise ValueError("`data` names no file; list at least one JSONL file")
        for name in ("epochs", "learning_rate", "batch_size", "rank", "beta", "max_length"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"`{name}` is {getattr(self, name)}; it must be above 0")


def read_recipe(path: str | Path) -> Recipe:
    """The recipe in a YAML file; its relative paths are taken from the file's own folder.

    Raises: BadInput: unreadable, not a mapping, an unknown key (the nearest known one is named), or a wrong value.
    """
    file = Path(path)
    values, lines = _mapping(file)
    _refuse_unknown(file, lines)
    try:
        recipe = msgspec.convert(values, Recipe)
    except (msgspec.ValidationError, ValueError) as error:
        raise BadInput(f"{error}", where=f"{file}:{_line_of(str(error), lines)}") from error
    return _beside(recipe, file.parent)


def _mapping(file: Path) -> tuple[dict[str, Any], dict[str, int]]:
    import yaml

    try:
        text = file.read_text(encoding="utf-8-sig")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror}); give the path of a recipe", where=str(file)) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(f"is not YAML: {' '.join(str(error).split())}", where=str(file)) from error
    if not isinstance(values, dict) or not isinstance(node, yaml.MappingNode):
        raise BadInput("a recipe is a mapping; start with `base:`, `method:`, `data:` and `output:`", where=str(file))
    return values, {str(key.value): key.start_mark.line + 1 for key, _ in node.value}


def _refuse_unknown(file: Path, lines: dict[str, int]) -> None:
    known = Recipe.__struct_fields__
    for key, line in lines.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
            raise BadInput(f"unknown key {key!r}; {hint}", where=f"{file}:{line}")


def _line_of(message: str, lines: dict[str, int]) -> int:
    """msgspec names a wrong value as `$.key`, our own checks as `key` in backticks."""
    return next((line for key, line in lines.items() if f"$.{key}" in message or f"`{key}`" in message), 1)


def _beside(recipe: Recipe, folder: Path) -> Recipe:
    return msgspec.structs.replace(
        recipe,
        base=str(folder / recipe.base),
        adapter=str(folder / recipe.adapter) if recipe.adapter else None,
        data=tuple(str(folder / name) for name in recipe.data),
        replay=tuple(str(folder / name) for name in recipe.replay),
        output=str(folder / recipe.output),
    )

"""A recipe says how a candidate is fine-tuned: one small YAML file, every key known, every path beside the file."""

import difflib
from pathlib import Path
from typing import Any, Literal

import msgspec

from shipworthy.errors import BadInput
from shipworthy.records import Record

Method = Literal["full", "lora", "qlora", "dora", "galore", "dpo"]
ADAPTER_METHODS: frozenset[Method] = frozenset({"lora", "qlora", "dora", "dpo"})
"""Methods that leave an adapter; the others leave whole weights."""


class Recipe(Record):
    """How a candidate is fine-tuned.

    Attributes:
        base: folder of the model to start from.
        method: full, lora, qlora (4-bit base), dora, galore (all weights, low-rank gradients) or dpo (preference
            pairs, trained as a LoRA).
        data: JSONL files of the task. replay: JSONL files of what must not be forgotten; mixed in row by row.
        output: folder that will hold weights or adapter, and `lineage.json`.
        adapter: folder of an adapter that is merged into the base before training starts.
        rank, alpha: of an adapter, or of GaLore's projection; alpha None means twice the rank.
        beta: strength of DPO's pull towards the starting model.
        max_length: tokens of a row; longer rows are cut.
    """

    base: str
    method: Method
    data: tuple[str, ...]
    output: str
    replay: tuple[str, ...] = ()
    adapter: str | None = None
    epochs: float = 3.0
    learning_rate: float = 1e-4
    batch_size: int = 32
    rank: int = 16
    alpha: int | None = None
    beta: float = 0.1
    warmup_steps: int = 5
    max_length: int = 512
    seed: int = 0

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

"""The training loop itself: TRL's SFT and DPO trainers with PEFT. The only module of this package that loads torch."""

import contextlib
import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shipworthy.errors import MissingExtra
from shipworthy.models import before_torch
from shipworthy.training._base import refuse_diverged, refuse_spoilt, start_of
from shipworthy.training.recipe import ADAPTER_METHODS, Recipe
from shipworthy.training.rows import Row

_PACKAGES = ("torch", "transformers", "trl", "peft", "datasets", "accelerate")
_NEEDS = {"qlora": ("bitsandbytes", "qlora"), "galore": ("galore_torch", "galore")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What the loop reports about itself; the weights are in the folder it was given."""

    versions: dict[str, str]
    device: str
    trainable_parameters: int
    steps: int
    final_loss: float
    seconds: float


def train(recipe: Recipe, rows: Sequence[Row], output: Path, progress: Callable[[int, int, float], None]) -> Trained:
    """Trains on `rows` and writes weights or adapter into `output`; nothing is downloaded, nothing is reported.

    Raises: as `start_of`; BadInput: the training diverged, and nothing was written.
    """
    _require(recipe)
    _quiet()
    import torch
    import transformers

    transformers.set_seed(recipe.seed)
    network, tokenizer = start_of(recipe)
    with tempfile.TemporaryDirectory() as scratch:
        trainer = _trainer(recipe, rows, network, tokenizer, scratch)
        losses = _follow(recipe, trainer, progress)
        started = time.monotonic()
        with _own_warnings_only():
            trainer.train()
        seconds = time.monotonic() - started
    refuse_spoilt(recipe, trainer.model)
    _write(recipe, trainer.model, tokenizer, output)
    last = losses[-max(1, len(losses) // 10) :]
    return Trained(
        versions={name: importlib.metadata.version(name) for name in _PACKAGES},
        device="cuda" if torch.cuda.is_available() else "cpu",
        trainable_parameters=sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
        steps=int(trainer.state.global_step),
        final_loss=sum(last) / len(last),
        seconds=seconds,
    )


def _require(recipe: Recipe) -> None:
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtra(f"training needs {', '.join(missing)}: pip install 'shipworthy[train]'")
    package, extra = _NEEDS.get(recipe.method, ("", ""))
    if package and importlib.util.find_spec(package) is None:
        raise MissingExtra(f"method {recipe.method!r} needs {package}: pip install 'shipworthy[{extra}]'")


def _quiet() -> None:
    """Settles the environment before torch is first imported, and silences progress bars."""
    before_torch.settle()
    os.environ["HF_DATASETS_OFFLINE"] = "1"
    import datasets
    import transformers

    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()


@contextlib.contextmanager
def _own_warnings_only() -> Iterator[None]:
    """Deprecations inside the trainers are not the user's to read."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _trainer(recipe: Recipe, rows: Sequence[Row], model: Any, tokenizer: Any, scratch: str) -> Any:
    import datasets
    import transformers
    import trl

    data = datasets.Dataset.from_list([_as_trl(row) for row in rows])
    options = _arguments(recipe, scratch)
    if recipe.method == "dpo":
        args, kind = trl.DPOConfig(beta=recipe.beta, **options), trl.DPOTrainer
    else:
        args, kind = trl.SFTConfig(completion_only_loss=True, **options), trl.SFTTrainer
    with _own_warnings_only():
        trainer = kind(
            model=model, args=args, train_dataset=data, processing_class=tokenizer, peft_config=_adapter(recipe)
        )
    trainer.remove_callback(transformers.PrinterCallback)
    return trainer


def _arguments(recipe: Recipe, scratch: str) -> dict[str, Any]:
    import torch

    options: dict[str, Any] = {
        "output_dir": scratch,
        "per_device_train_batch_size": recipe.batch_size,
        "num_train_epochs": recipe.epochs,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": recipe.warmup_steps,
        "max_length": recipe.max_length,
        "seed": recipe.seed,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # it would put the mean of earlier losses in the place of NaN
        "save_strategy": "no",
        "report_to": [],
        "bf16": False,
        _checkpointing(): False,
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "use_cpu": not torch.cuda.is_available(),
    }
    if recipe.method == "galore":
        options |= {
            "optim": "galore_adamw",
            "optim_target_modules": ["attn", "mlp"],
            "optim_args": f"rank={recipe.rank}, update_proj_gap=50, scale=1.0",
        }
    return options


def _checkpointing() -> str:
    """TRL recomputes activations unless told otherwise; transformers 5.2x renamed the switch."""
    import dataclasses

    import transformers

    names = {field.name for field in dataclasses.fields(transformers.TrainingArguments)}
    return "activation_checkpointing" if "activation_checkpointing" in names else "gradient_checkpointing"


def _adapter(recipe: Recipe) -> Any:
    if recipe.method not in ADAPTER_METHODS:
        return None
    import peft

    return peft.LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha or 2 * recipe.rank,
        lora_dropout=0.0,
        target_modules="all-linear",
        use_dora=recipe.method == "dora",
        task_type="CAUSAL_LM",
    )


def _as_trl(row: Row) -> dict[str, Any]:
    turns = {"prompt": row.prompt, "chosen" if row.rejected else "completion": row.completion}
    if row.rejected:
        turns["rejected"] = row.rejected
    return {key: [{"role": m.role, "content": m.content} for m in value] for key, value in turns.items()}


def _follow(recipe: Recipe, trainer: Any, progress: Callable[[int, int, float], None]) -> list[float]:
    """Calls `progress` after each step, and ends a training that diverged; returns the list that losses are put in."""
    import transformers

    losses: list[float] = []

    class Follow(transformers.TrainerCallback):  # type: ignore[misc]
        def on_log(self, _args: Any, state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
            if logs and "loss" in logs:
                norm = logs.get("grad_norm")
                refuse_diverged(
                    recipe,
                    int(state.global_step),
                    the_loss=float(logs["loss"]),
                    the_norm_of_the_gradient=None if norm is None else float(norm),
                )
                losses.append(float(logs["loss"]))
                progress(int(state.global_step), int(state.max_steps), losses[-1])

    trainer.add_callback(Follow())
    return losses


def _write(recipe: Recipe, model: Any, tokenizer: Any, output: Path) -> None:
    if output.exists():  # left by a run that was killed
        shutil.rmtree(output)
    output.mkdir(parents=True)
    if recipe.method in ADAPTER_METHODS:
        for config in model.peft_config.values():
            config.base_model_name_or_path = Path(recipe.base).name  # a path of this machine means nothing elsewhere
            config.target_modules = sorted(config.target_modules)  # a set is written in another order each time
        with _own_warnings_only():
            model.save_pretrained(output)
        (output / "README.md").unlink(missing_ok=True)  # a card full of blanks
    else:
        model.save_pretrained(output)
        tokenizer.save_pretrained(output)

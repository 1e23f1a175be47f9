"""Make a candidate from a recipe: real training on this machine; weights and their lineage are left in its `output`."""

import argparse
from pathlib import Path

from shipworthy.cli._progress import Progress

HELP = "make a candidate from a recipe"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="a YAML file; see docs/reference/recipe.md")


def run(args: argparse.Namespace) -> int:
    import msgspec

    from shipworthy import training

    recipe = training.read_recipe(args.recipe)
    progress = Progress(quiet=args.quiet or args.json)
    progress.say(f"Training {recipe.output} ({recipe.method}) from {recipe.base}")
    lineage = training.launch(
        recipe, lambda step, steps, loss: progress.update("training", step, steps, f"loss {loss:.3f}")
    )
    progress.close()
    if args.json:
        print(msgspec.json.encode(lineage).decode())
        return 0
    print(
        f"Made {recipe.output}: {lineage.steps} steps in {lineage.seconds:.0f} s, final loss {lineage.final_loss:.4f}, "
        f"{lineage.trainable_parameters:,} parameters trained"
    )
    print("Next: name it under `models:` in a protocol (backend: huggingface), then `shipworthy run`")
    return 0

"""What a recipe will cost, before anything is loaded: trainable parameters, memory, steps, work. Pure."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from shipworthy.errors import BadInput
from shipworthy.records import Record
from shipworthy.training.recipe import ADAPTER_METHODS, Recipe


class Shape(Record):
    """The dimensions of a decoder-only transformer with a gated feed-forward (Llama and its relatives)."""

    vocabulary: int
    hidden: int
    feed_forward: int
    layers: int
    heads: int
    key_value_heads: int
    head_size: int
    tied: bool

    def linear_layers(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of the seven projections of one layer."""
        query, keys = self.heads * self.head_size, self.key_value_heads * self.head_size
        attention = [(self.hidden, query), (self.hidden, keys), (self.hidden, keys), (query, self.hidden)]
        return [*attention, *[(self.hidden, self.feed_forward)] * 2, (self.feed_forward, self.hidden)]

    @property
    def parameters(self) -> int:
        """All weights: embeddings, projections, norms."""
        layer = sum(a * b for a, b in self.linear_layers()) + 2 * self.hidden
        return self.vocabulary * self.hidden * (1 if self.tied else 2) + self.layers * layer + self.hidden


class Plan(Record):
    """What a recipe will take.

    `memory_bytes` is weights, gradients, optimizer state and the activations of one batch of the longest rows (an
    estimate, good to about a factor of two). `flops` counts 6 per parameter and token (4 where only an adapter learns).
    `seconds` and `cost_usd` follow from the speed and the price that were given.
    """

    parameters: int
    trainable_parameters: int
    rows: int
    steps: int
    tokens: int
    memory_bytes: int
    flops: float
    seconds: float
    cost_usd: float


class Machine(Record):
    """What training runs on: sustained floating point operations a second, and what an hour costs."""

    flops_per_s: float = 4e10
    usd_per_hour: float = 0.0


def shape_from_config(config: Mapping[str, Any], where: str) -> Shape:
    """The shape that a Hugging Face `config.json` describes. Raises: BadInput: a dimension is missing or no number."""
    if not isinstance(config, Mapping):
        raise BadInput("holds no JSON object; restore the file", where=where)
    try:
        heads, hidden = int(config["num_attention_heads"]), int(config["hidden_size"])
        return Shape(
            vocabulary=int(config["vocab_size"]),
            hidden=hidden,
            feed_forward=int(config["intermediate_size"]),
            layers=int(config["num_hidden_layers"]),
            heads=heads,
            key_value_heads=int(config.get("num_key_value_heads") or heads),
            head_size=int(config.get("head_dim") or hidden // heads),
            tied=bool(config.get("tie_word_embeddings", False)),
        )
    except KeyError as error:
        raise BadInput(f"names no {error}, so no plan can be made for this kind of model", where=where) from error
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise BadInput(f"a dimension is no number above 0 ({error}); restore the file", where=where) from error


def plan(recipe: Recipe, shape: Shape, row_tokens: Sequence[int], machine: Machine | None = None) -> Plan:
    """What `recipe` will take on rows of these lengths (tokens a row, before cutting at `max_length`)."""
    machine = machine or Machine()
    lengths = [min(n, recipe.max_length) for n in row_tokens]
    steps = math.ceil(math.ceil(len(lengths) / recipe.batch_size) * recipe.epochs)
    tokens = round(sum(lengths) * recipe.epochs) * (2 if recipe.method == "dpo" else 1)
    learns = trainable_parameters(recipe, shape)
    flops = float(shape.parameters) * tokens * (4 if recipe.method in ADAPTER_METHODS else 6)
    seconds = flops / machine.flops_per_s
    return Plan(
        parameters=shape.parameters,
        trainable_parameters=learns,
        rows=len(lengths),
        steps=steps,
        tokens=tokens,
        memory_bytes=_memory(recipe, shape, learns, max(lengths, default=0)),
        flops=flops,
        seconds=seconds,
        cost_usd=seconds / 3600 * machine.usd_per_hour,
    )


def trainable_parameters(recipe: Recipe, shape: Shape) -> int:
    """Weights that the method changes; an adapter sits on all seven projections of every layer (Hu et al. 2021)."""
    if recipe.method not in ADAPTER_METHODS:
        return shape.parameters
    per_layer = sum(recipe.rank * (a + b) for a, b in shape.linear_layers())
    if recipe.method == "dora":  # one magnitude an output (Liu et al. 2024)
        per_layer += sum(b for _, b in shape.linear_layers())
    return shape.layers * per_layer


def _memory(recipe: Recipe, shape: Shape, learns: int, longest: int) -> int:
    weight_bytes = 0.55 if recipe.method == "qlora" else 4.0  # 4 bit and its scales (Dettmers et al. 2023)
    state = 8.0 * learns  # Adam's two moments in float32
    if recipe.method == "galore":  # moments live in the projected space (Zhao et al. 2024)
        state = 8.0 * shape.layers * sum(recipe.rank * max(a, b) for a, b in shape.linear_layers())
    positions = longest * recipe.batch_size * (2 if recipe.method == "dpo" else 1)
    per_layer = 12 * shape.hidden + 4 * shape.feed_forward + 2 * shape.heads * longest
    activations = 4.0 * positions * (shape.layers * per_layer + 3 * shape.vocabulary)
    return round(weight_bytes * shape.parameters + 4.0 * learns + state + activations)

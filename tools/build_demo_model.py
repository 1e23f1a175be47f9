"""Builds the embedded demo model from nothing: corpus, tokenizer, weights, and the adapter that is "in production".

    python tools/build_demo_model.py base [--out DIR]           # tokenizer and weights, about ten minutes on two cores
    python tools/build_demo_model.py production [--out DIR]     # the earlier LoRA that the story has in production
    python tools/build_demo_model.py samples [--out DIR]        # recorded answers for `shipworthy init`
    python tools/build_demo_model.py check [--rebuilt DIR]      # digests, and that a rebuild behaves the same

Everything follows from fixed seeds. Bytes may still differ between CPUs, so `check` compares a rebuilt base (without
`--rebuilt` it builds one) with the shipped one by what they do: the share of right answers of every skill may differ
by at most TOLERANCE.
"""

import argparse
import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from shipworthy.demo import ladder, story, world
from shipworthy.models._hf import HuggingFaceBackend
from shipworthy.models._hf_engine import Settings
from shipworthy.records import Message
from shipworthy.training import Recipe, launch, read_recipe

DIGESTS = "digest.json"
SPECIAL = ("<|pad|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>")
PAD, END, ASSISTANT = 0, 1, 3
TEMPLATE = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' }}"
    "{% if m['role'] == 'assistant' %}{% generation %}{{ m['content'] + '<|end|>' }}{% endgeneration %}"
    "{% else %}{{ m['content'] + '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
PROMPT_WEIGHT = 0.25  # prompts are drawn by a generator: their entropy teaches little, their words do


# --- Tokenizer -------------------------------------------------------------------------------------------------------


def build_tokenizer(seed: int, *, vocabulary: int = 768) -> PreTrainedTokenizerFast:
    """A byte-level BPE over the corpus and over tickets in all their forms; every digit is a token of its own."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_tokenizer_texts(seed), trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=SPECIAL[PAD],
        eos_token=SPECIAL[END],
        additional_special_tokens=list(SPECIAL[2:]),
        padding_side="left",
        model_max_length=512,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = TEMPLATE
    return fast


def _tokenizer_texts(seed: int) -> Iterator[str]:
    rng = Random(f"tokenizer/{seed}")
    for _ in range(6_000):
        document = world.pretraining_document(rng)
        yield document if isinstance(document, str) else "\n".join(m.content for m in document)
    for sample in world.training_samples("ticket", 2_000, seed):
        yield sample.prompt + "\n" + sample.reference


# --- Weights ---------------------------------------------------------------------------------------------------------


def config(vocabulary: int) -> LlamaConfig:
    """About 0.95 M parameters, tied embeddings."""
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        pad_token_id=PAD,
        eos_token_id=END,
        bos_token_id=END,
    )


def pretrain(tokenizer: PreTrainedTokenizerFast, *, seed: int, steps: int, rows: int, rate: float) -> LlamaForCausalLM:
    """Next-token training on `steps` batches of `rows` documents, each padded into a row of its own."""
    torch.manual_seed(seed)
    rng = Random(f"pretrain/{seed}")
    model = LlamaForCausalLM(config(len(tokenizer))).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.05)
    seen, started = 0, time.monotonic()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = (
                rate * min(1.0, (step + 1) / 50) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))
            )
        encoded = sorted((_encode(tokenizer, world.pretraining_document(rng)) for _ in range(rows)), key=len)
        total = 0.0
        for part in (encoded[: rows // 2], encoded[rows // 2 :]):  # short and long rows apart: half the padding
            loss = _loss(model, part) / 2
            loss.backward()
            total += loss.item()
            seen += sum(map(len, part))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 50 == 0 or step == steps - 1:
            spent = time.monotonic() - started
            print(f"step {step:5d}/{steps}  loss {total:.4f}  {seen / 1e6:.2f} M tokens  {spent:.0f} s", flush=True)
    return model.eval()


def _encode(tokenizer: PreTrainedTokenizerFast, document: Sequence[Message] | str) -> list[int]:
    if isinstance(document, str):
        text = document + SPECIAL[END]
    else:
        text = "".join(f"<|{m.role}|>{m.content}{SPECIAL[END]}" for m in document)
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
    return ids


def _loss(model: LlamaForCausalLM, rows: Sequence[list[int]]) -> torch.Tensor:
    longest = max(map(len, rows))
    ids = torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])
    weights = torch.tensor([_weights(row) + [0.0] * (longest - len(row)) for row in rows])[:, 1:]
    logits = model(input_ids=ids, attention_mask=ids.ne(PAD).long()).logits[:, :-1]
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")
    return (losses * weights).sum() / weights.sum()


def _weights(row: Sequence[int]) -> list[float]:
    if ASSISTANT not in row:
        return [1.0] * len(row)
    weights, answering = [], False
    for token in row:
        weights.append(1.0 if answering else PROMPT_WEIGHT)
        answering = token == ASSISTANT or (answering and token != END)
    return weights


def build_base(out: Path, *, seed: int = 0, steps: int = 2_000, rows: int = 96, rate: float = 3e-3) -> None:
    """Writes tokenizer, configuration and bf16 weights into `out`."""
    transformers.utils.logging.disable_progress_bar()
    tokenizer = build_tokenizer(seed)
    model = pretrain(tokenizer, seed=seed, steps=steps, rows=rows, rate=rate)
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    write_digests(out)


# --- The model in production -----------------------------------------------------------------------------------------

PRODUCTION_ROWS: dict[world.Skill, int] = {
    "ticket": 600,
    "arithmetic": 120,
    "fact": 60,
    "howto": 40,
    "unsafe": 60,
    "safe": 100,
}
PRODUCTION_SEED = 21


def build_production(out: Path) -> None:
    """Trains the earlier release: a rank 8 LoRA on few tickets and a little of everything else, kept in bf16."""
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "train.jsonl"
        rows = [s for skill, n in PRODUCTION_ROWS.items() for s in world.training_samples(skill, n, PRODUCTION_SEED)]
        data.write_text("".join(json.dumps(row) + "\n" for row in story.training_rows(rows)), encoding="utf-8")
        recipe = Recipe(
            base=str(story.MODEL),
            method="lora",
            data=(str(data),),
            output=f"{scratch}/adapter",
            epochs=9,
            learning_rate=2e-3,
            batch_size=16,
            rank=8,
            seed=PRODUCTION_SEED,
        )
        made = launch(recipe)
        print(f"{made.steps} steps, loss {made.final_loss:.3f}, {made.seconds:.0f} s")
        _keep_adapter(Path(recipe.output), out)
    write_digests(out)


def _keep_adapter(trained: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    weights = load_file(trained / "adapter_model.safetensors")
    save_file({name: tensor.to(torch.bfloat16) for name, tensor in weights.items()}, out / "adapter_model.safetensors")
    shutil.copy(trained / "adapter_config.json", out)


# --- Recorded answers ------------------------------------------------------------------------------------------------

SAMPLE_SETS: dict[str, tuple[world.Skill, int]] = {"tickets": ("ticket", 120), "safety": ("unsafe", 80)}


def build_samples(out: Path) -> None:
    """Writes test rows and what the production model and candidate A really answered to them."""
    (out / "responses").mkdir(parents=True, exist_ok=True)
    rows = {name: list(story.test_rows(skill))[:n] for name, (skill, n) in SAMPLE_SETS.items()}
    for name, part in rows.items():
        _write_lines(out / f"{name}.jsonl", part)
    with tempfile.TemporaryDirectory() as scratch:
        told = story.write(scratch)
        candidate = launch(read_recipe(told.candidate_a)).recipe.output
        backends = {
            "production": HuggingFaceBackend.load(told.base, adapter=told.production, settings=Settings(batch_size=16)),
            "candidate": HuggingFaceBackend.load(candidate, settings=Settings(batch_size=16)),
        }
        for name, backend in backends.items():
            lines = [line for part in rows.values() for line in _recorded(backend, part)]
            _write_lines(out / f"responses/{name}.jsonl", lines)


def _recorded(backend: HuggingFaceBackend, rows: Sequence[dict[str, str]]) -> Iterator[dict[str, Any]]:
    by_prompt = {row["prompt"]: row["id"] for row in rows}
    samples = [s for skill in world.SKILLS for s in world.test_samples(skill) if s.prompt in by_prompt]
    for sample, response in zip(samples, ladder.responses(backend, samples), strict=True):
        yield {
            "example_id": by_prompt[sample.prompt],
            "text": response.text,
            "latency_s": round(response.latency_s or 0.0, 5),
            "input_tokens": response.input_tokens,
            "output_tokens": response.output_tokens,
        }


def _write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


# --- Digests and the check of a rebuild ------------------------------------------------------------------------------

TOLERANCE = 0.10


def write_digests(folder: Path) -> None:
    """`digest.json`: the sha256 of every other file in the folder."""
    (folder / DIGESTS).write_text(json.dumps(_digests(folder), indent=1) + "\n", encoding="utf-8")


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.name != DIGESTS)
    return {file.name: sha256(file.read_bytes()).hexdigest() for file in files}


def check(rebuilt: Path | None) -> int:
    """0 when no shipped byte changed and a rebuilt base behaves like the shipped one; prints every difference."""
    changed = [
        f for f in (story.MODEL, story.PRODUCTION_ADAPTER) if json.loads((f / DIGESTS).read_text()) != _digests(f)
    ]
    for folder in changed:
        print(f"{folder.name}: its files are not those of {DIGESTS}")
    with tempfile.TemporaryDirectory() as scratch:
        if rebuilt is None:
            rebuilt = Path(scratch) / "model"
            build_base(rebuilt)
        far = _compare(rebuilt)
    return 1 if changed or far else 0


def _compare(rebuilt: Path) -> list[str]:
    shipped, again = (ladder.scores(ladder.model_answers(path)) for path in (story.MODEL, rebuilt))
    for skill in world.SKILLS:
        print(f"{skill:<11} shipped {shipped[skill]:.3f}  rebuilt {again[skill]:.3f}")
    far = [skill for skill in world.SKILLS if abs(shipped[skill] - again[skill]) > TOLERANCE]
    print(f"differ by more than {TOLERANCE}: {', '.join(far) or 'none'}")
    return list(far)


def main(argv: Sequence[str] | None = None) -> int:
    """Parses, runs one command, returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, default in (
        ("base", story.MODEL),
        ("production", story.PRODUCTION_ADAPTER),
        ("samples", story.MODEL.with_name("sample")),
    ):
        commands.add_parser(name).add_argument("--out", type=Path, default=default)
    commands.add_parser("check").add_argument("--rebuilt", type=Path, default=None)
    options = parser.parse_args(argv)
    if options.command == "check":
        return check(options.rebuilt)
    {"base": build_base, "production": build_production, "samples": build_samples}[options.command](options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())

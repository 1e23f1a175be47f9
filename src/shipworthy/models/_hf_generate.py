"""Writing answers with loaded weights. torch is used here.

Every answer's chance is its own: a row of a batch draws from numbers that its seed and example alone decide, so an
answer is the same whatever shares its batch. Logits that are not finite make a failed answer, never a token.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shipworthy.models._hf_engine import Completion, Engine, Settings
from shipworthy.models._hf_load import first_line
from shipworthy.models._hf_network import Loaded
from shipworthy.records import Message

NOT_FINITE = "the model's logits are not finite (NaN or infinite)"


def engine_of(loaded: Loaded, settings: Settings) -> Engine:
    """What the backend needs of loaded weights."""
    tokenizer, special = loaded.tokenizer, not settings.template
    return Engine(
        render=lambda messages: rendered(tokenizer, messages, template=settings.template),
        count=lambda text: len(tokenizer(text, add_special_tokens=special)["input_ids"]),
        generate=lambda texts, noise: _generate(loaded, settings, texts, noise),
        context=context_of(loaded),
        unreadable=_Reading(loaded, add_special_tokens=special),
        padded=not loaded.virtual_tokens,  # peft counts positions from the padding on, so padding would be read
    )


def context_of(loaded: Loaded) -> int:
    """How many tokens of text the model reads at once; a soft prompt takes its places."""
    config = loaded.base.network.config
    size = int(getattr(config, "max_position_embeddings", None) or loaded.tokenizer.model_max_length)
    return size - loaded.virtual_tokens


def rendered(tokenizer: Any, messages: Sequence[Message], *, template: bool, ended: bool = False) -> str:
    """The conversation as the model reads it, up to where it writes; `ended`: nothing is to be written any more.

    Raises: ValueError: the chat template refuses it.
    """
    import jinja2

    if not template:
        return "\n\n".join(message.content for message in messages)
    turns = [{"role": message.role, "content": message.content} for message in messages]
    try:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=not ended))
    except jinja2.TemplateError as error:
        raise ValueError(first_line(error)) from error


def stranger(tokenizer: Any, ids: Sequence[int], rows: int) -> str | None:
    """Why token ids cannot be read by an embedding of so many rows; None where they can."""
    odd = next((id for id in ids if id >= rows), None)
    if odd is None:
        return None
    token = tokenizer.convert_ids_to_tokens(odd)
    return f"it holds the token {token!r} with the id {odd}, and this model's embedding has {rows} rows"


def rows_of(loaded: Loaded) -> int | None:
    """How many rows the embedding has, where the tokenizer knows a token beyond them; else None."""
    rows = int(loaded.base.network.get_input_embeddings().num_embeddings)
    return rows if max(loaded.tokenizer.get_vocab().values(), default=0) >= rows else None


class _Reading:
    """Says why a text cannot be read; looks only where a token could be beyond the embedding."""

    def __init__(self, loaded: Loaded, *, add_special_tokens: bool) -> None:
        self._tokenizer = loaded.tokenizer
        self._rows = rows_of(loaded)
        self._special = add_special_tokens

    def __call__(self, text: str) -> str | None:
        if self._rows is None:
            return None
        return stranger(
            self._tokenizer, self._tokenizer(text, add_special_tokens=self._special)["input_ids"], self._rows
        )


# --- One batch --------------------------------------------------------------------------------------------------------


def _generate(loaded: Loaded, settings: Settings, texts: Sequence[str], noise: Sequence[int]) -> list[Completion]:
    import torch
    from transformers import LogitsProcessorList

    tokenizer = loaded.tokenizer
    batch = tokenizer(list(texts), return_tensors="pt", padding=True, add_special_tokens=not settings.template)
    watch = _Watch(len(texts))
    looks: list[Any] = [watch]
    how: dict[str, Any] = {"stop_strings": list(settings.stops)} if settings.stops else {}
    if settings.temperature > 0:
        looks.append(_Draw(settings, noise))
        how["num_beams"] = 1
    with torch.inference_mode(), loaded.network() as network:
        out = network.generate(
            input_ids=batch["input_ids"].to(network.device),
            attention_mask=batch["attention_mask"].to(network.device),
            max_new_tokens=settings.max_new_tokens,
            pad_token_id=tokenizer.pad_token_id,
            do_sample=False,  # what is drawn, `_Draw` draws
            num_return_sequences=1,
            return_dict_in_generate=False,
            remove_invalid_values=False,
            logits_processor=LogitsProcessorList(looks),
            tokenizer=tokenizer,
            **how,
        )
        ends = _ends(network, tokenizer)
    width = batch["input_ids"].shape[1]
    asked = batch["attention_mask"].sum(1).tolist()
    rows = zip(out[:, width:].tolist(), asked, watch.broke_at(), strict=True)
    write = _Writer(tokenizer, settings, ends)
    return [write.completion(ids, tokens, broke_at) for ids, tokens, broke_at in rows]


def _ends(network: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer, by the tokenizer and by the folder's generation_config.json."""
    said = network.generation_config.eos_token_id
    listed = [said] if isinstance(said, int) else list(said or ())
    own = () if tokenizer.eos_token_id is None else (tokenizer.eos_token_id, tokenizer.pad_token_id)
    return frozenset((*listed, *own))


@dataclass(frozen=True, slots=True)
class _Writer:
    tokenizer: Any
    settings: Settings
    ends: frozenset[int]

    def completion(self, ids: list[int], prompt_tokens: int, broke_at: int | None) -> Completion:
        """One row of a batch as text. `broke_at`: the first token whose logits were not finite."""
        last = next((at for at, token in enumerate(ids) if token in self.ends), None)
        kept = ids[:last]
        text = self.tokenizer.decode(kept, skip_special_tokens=True)
        cuts = [at for at in (text.find(stop) for stop in self.settings.stops) if at >= 0]
        ended = last is not None or bool(cuts) or len(ids) < self.settings.max_new_tokens
        broke = broke_at is not None and broke_at <= len(kept)
        return Completion(
            text=text[: min(cuts)] if cuts else text,
            input_tokens=int(prompt_tokens),
            output_tokens=len(kept),
            ended=ended,
            error=f"{NOT_FINITE} at token {broke_at + 1} of its answer" if broke and broke_at is not None else None,
        )


class _Watch:
    """Sees the logits of every step and remembers where a row's are not finite first."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._steps: list[Any] = []

    def __call__(self, _input_ids: Any, scores: Any) -> Any:
        self._steps.append(~scores.amax(-1).isfinite())  # the maximum of a row with NaN is NaN
        return scores

    def broke_at(self) -> list[int | None]:
        """The first step of each row whose logits were not finite, None where all were."""
        import torch

        if not self._steps:
            return [None] * self._rows
        steps_TR = torch.stack(self._steps).cpu()
        beams = steps_TR.shape[1] // self._rows
        broke_RT = steps_TR.T.reshape(self._rows, beams, -1).any(1)
        return [int(row.int().argmax()) if bool(row.any()) else None for row in broke_RT]


class _Draw:
    """Draws one token a row by the row's own numbers: the inverse of its cumulative probabilities, in float64."""

    def __init__(self, settings: Settings, noise: Sequence[int]) -> None:
        self._settings = settings
        generators = [random.Random(each) for each in noise]
        self._uniform_RT = [[own.random() for _ in range(settings.max_new_tokens)] for own in generators]
        self._begun: int | None = None

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        import torch

        if self._begun is None:
            self._begun = input_ids.shape[1]
        step = input_ids.shape[1] - self._begun
        uniform_R = torch.tensor([row[step] for row in self._uniform_RT], dtype=torch.float64, device=scores.device)
        wanted_RV = self._allowed(torch.softmax(scores.double() / self._settings.temperature, -1))
        below_RV = wanted_RV.cumsum(-1)
        aims_R1 = (uniform_R * below_RV[:, -1])[:, None].contiguous()
        chosen_R1 = torch.searchsorted(below_RV, aims_R1, right=True).clamp(max=scores.shape[-1] - 1)
        return torch.full_like(scores, -torch.inf).scatter_(1, chosen_R1, 0.0)

    def _allowed(self, shares_RV: Any) -> Any:
        """The probabilities with those outside `top_k` and `top_p` at zero; the likeliest token always stays."""
        import torch

        top_k, top_p = self._settings.top_k, self._settings.top_p
        if not top_k and top_p >= 1:
            return shares_RV
        ranked_RV, order_RV = shares_RV.sort(dim=-1, descending=True, stable=True)
        before_RV = ranked_RV.cumsum(-1) - ranked_RV
        out_RV = before_RV >= top_p
        out_RV[:, 0] = False
        if top_k:
            out_RV[:, top_k:] = True
        return shares_RV.masked_fill(torch.zeros_like(out_RV).scatter_(1, order_RV, out_RV), 0.0)

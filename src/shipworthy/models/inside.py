"""The inside of a local model: tokenizer, template, next-token logits, hidden states, gradients.

For suites that look at more than answers. torch and transformers load inside `Inside.load`; what leaves is numpy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shipworthy.errors import BackendError
from shipworthy.models._hf_adapters import merged, refuse_foreign
from shipworthy.models._hf_files import adapter_folder, model_folder
from shipworthy.models._hf_kinds import refuse_unless_it_writes
from shipworthy.models._hf_load import network_of, tokenizer_of, tokenizer_with
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Message

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LOCAL = "huggingface"
"""The backend whose models can be looked into."""


@dataclass(frozen=True, slots=True)
class States:
    """What the model computes at the last position of N texts.

    Attributes:
        logits_NV: (N, V) next-token logits, float64.
        hidden_NLH: (N, L, H) hidden state of every layer, the embeddings first.
    """

    logits_NV: "Floats"
    hidden_NLH: "Floats"


@dataclass(frozen=True, slots=True)
class Attribution:
    """Where the log-probability of the model's answer comes from, token by token of the text.

    Attributes:
        answer: what the model answers greedily, cut where it is long.
        spans_T: (T,) (first, past the last) character of each token in the text.
        saliency_T: (T,) Euclidean norm of the gradient of that log-probability by the token's embedding.
        left_out_T: (T,) log-probability lost when the token is left out (nats; 0 where it was not tried).
    """

    answer: str
    spans_T: tuple[tuple[int, int], ...]
    saliency_T: "Floats"
    left_out_T: "Floats"


class Inside:
    """A loaded tokenizer and network. Use `load`."""

    def __init__(self, tokenizer: Any, network: Any) -> None:
        self._tokenizer = tokenizer
        self._network = network

    @classmethod
    def load(cls, name: str, spec: ModelSpec, *, folder: Path) -> "Inside":
        """The local model that a protocol names, in float32, with its adapter.

        Raises: BackendError: it is behind an endpoint or recorded, or cannot be loaded. MissingExtra: no torch.
        """
        if spec.backend != LOCAL or spec.path is None:
            raise BackendError(
                f"model {name!r} has the backend {spec.backend}, and this suite looks inside the weights; "
                f"give it the backend {LOCAL} and a path, or leave the suite out"
            )
        path, adapter = folder / spec.path, folder / spec.adapter if spec.adapter else None
        return cls(*_loaded(path, adapter, str(spec.options.get("adapter_base", ""))))

    @property
    def ends(self) -> tuple[int, ...]:
        """Ids of the tokens that end an answer."""
        said = self._network.generation_config.eos_token_id
        ids = [said] if isinstance(said, int) else list(said or [])
        own = self._tokenizer.eos_token_id
        return tuple(dict.fromkeys([*ids, *([own] if own is not None else [])]))

    @property
    def context(self) -> int:
        """Longest text in tokens."""
        return int(getattr(self._network.config, "max_position_embeddings", None) or self._tokenizer.model_max_length)

    @property
    def special(self) -> tuple[str, ...]:
        """The special tokens as text."""
        return tuple(str(token) for token in self._tokenizer.all_special_tokens)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, nothing added."""
        return [int(token) for token in self._tokenizer(text, add_special_tokens=False)["input_ids"]]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, special ones included."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def render(self, messages: Sequence[Message], *, to_go_on: bool) -> str:
        """The conversation by the chat template; with `to_go_on` the assistant's turn is opened."""
        turns = [{"role": message.role, "content": message.content} for message in messages]
        return str(self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=to_go_on))

    def states(self, texts: Sequence[str], *, batch_size: int = 16) -> States:
        """Logits and hidden states at the last position of every text, padded on the left in batches."""
        import numpy as np

        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        logits: dict[int, Any] = {}
        hidden: dict[int, Any] = {}
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            rows, layers = self._last([self.encode(texts[at]) for at in batch])
            logits |= dict(zip(batch, rows, strict=True))
            hidden |= dict(zip(batch, layers, strict=True))
        every = range(len(texts))
        return States(np.stack([logits[at] for at in every]), np.stack([hidden[at] for at in every]))

    def stepwise(self, text: str) -> "Floats":
        """(V,) next-token logits when the text is read token by token through the key-value cache."""
        import torch

        past = None
        with torch.inference_mode():
            for token in self.encode(text):
                out = self._network(input_ids=self._ids([token]), past_key_values=past, use_cache=True)
                past = out.past_key_values
        return self._numbers(out.logits[0, -1])

    def routing(self, text: str) -> "Floats | None":
        """(layers, experts) share of tokens that each expert received first; None where the model routes nothing."""
        import torch

        if not hasattr(self._network.config, "num_experts_per_tok"):
            return None
        with torch.inference_mode():
            out = self._network(input_ids=self._ids(self.encode(text)), output_router_logits=True, use_cache=False)
        experts = out.router_logits[0].shape[-1]
        chosen = torch.stack([layer.reshape(-1, experts).argmax(-1) for layer in out.router_logits])
        return self._numbers(torch.nn.functional.one_hot(chosen, experts).double().mean(1))

    def attribution(
        self, messages: Sequence[Message], text: str, *, most: int = 64, answer_tokens: int = 32
    ) -> Attribution:
        """What in `text` (a part of the rendered conversation) the model's own answer hangs on.

        The answer is the greedy one, cut at `answer_tokens`. At most `most` tokens, the most salient ones, are left out
        in turn.

        Raises: BackendError: the template changes the text, so that its tokens cannot be found again.
        """
        import numpy as np

        rendered = self.render(messages, to_go_on=True)
        begins = rendered.rfind(text)
        if begins < 0:
            raise BackendError("the chat template changes the text, so no token of it can be attributed")
        coded = self._tokenizer(rendered, add_special_tokens=False, return_offsets_mapping=True)
        ids, spans = list(coded["input_ids"]), list(coded["offset_mapping"])
        inside = [at for at, (a, b) in enumerate(spans) if a >= begins and b <= begins + len(text) and b > a]
        answer = self._greedy(ids, answer_tokens)
        saliency = self._gradient(ids, answer)[inside]
        tried = sorted(range(len(inside)), key=lambda at: -saliency[at])[:most]
        left_out = np.zeros(len(inside))
        whole = self._log_probability(ids, answer)
        for at in tried:
            rest = ids[: inside[at]] + ids[inside[at] + 1 :]
            left_out[at] = whole - self._log_probability(rest, answer)
        where = tuple((spans[at][0] - begins, spans[at][1] - begins) for at in inside)
        return Attribution(self.decode(answer), where, saliency, left_out)

    def _greedy(self, ids: list[int], most: int) -> list[int]:
        """At least one token, at most `most`, without the one that ends the answer."""
        import torch

        answer: list[int] = []
        fed, past = self._ids(ids), None
        with torch.inference_mode():
            while len(answer) < most:
                out = self._network(input_ids=fed, past_key_values=past, use_cache=True)
                token, past = int(out.logits[0, -1].argmax()), out.past_key_values
                if token in self.ends and answer:
                    break
                answer.append(token)
                fed = self._ids([token])
        return answer

    def _gradient(self, ids: list[int], answer: list[int]) -> "Floats":
        """(T,) norms of the gradient of the answer's log-probability by each token's embedding."""
        import torch

        with torch.enable_grad():
            embedded = self._network.get_input_embeddings()(self._ids(ids + answer)).detach().requires_grad_(True)
            logits = self._network(inputs_embeds=embedded, use_cache=False).logits
            (gradient,) = torch.autograd.grad(self._summed(logits, answer), embedded)
        return self._numbers(gradient[0, : len(ids)].norm(dim=-1))

    def _log_probability(self, ids: list[int], answer: list[int]) -> float:
        import torch

        with torch.inference_mode():
            return float(self._summed(self._network(input_ids=self._ids(ids + answer), use_cache=False).logits, answer))

    def _summed(self, logits: Any, answer: list[int]) -> Any:
        """Log-probability of the answer, which ends the row (nats)."""
        scores = logits[0, -len(answer) - 1 : -1].float().log_softmax(-1)
        return scores.gather(-1, self._ids(answer)[0][:, None]).sum()

    def _last(self, rows: Sequence[list[int]]) -> "tuple[list[Floats], list[Floats]]":
        import torch

        width = max(map(len, rows))
        if width == 0:
            raise BackendError("a text without a single token has no state to look at")
        pad = self._tokenizer.pad_token_id or 0
        ids = torch.tensor([[pad] * (width - len(row)) + row for row in rows], device=self._network.device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=self._network.device)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        with torch.inference_mode():
            out = self._network(
                input_ids=ids, attention_mask=mask, position_ids=positions, output_hidden_states=True, use_cache=False
            )
        layers = torch.stack([layer[:, -1] for layer in out.hidden_states], dim=1)
        return list(self._numbers(out.logits[:, -1])), list(self._numbers(layers))

    def _ids(self, ids: list[int]) -> Any:
        import torch

        return torch.tensor([ids], device=self._network.device)

    @staticmethod
    def _numbers(tensor: Any) -> "Floats":
        import numpy as np

        return np.asarray(tensor.detach().double().cpu().numpy(), dtype=np.float64)


def _loaded(path: Path, adapter: Path | None, made_on: str) -> tuple[Any, Any]:
    """Tokenizer and network, whole and merged; kept apart from what answers: gradients need another attention."""
    model, lora = model_folder(path), adapter_folder(adapter) if adapter is not None else None
    refuse_unless_it_writes(model)
    import torch

    network = network_of(model, "AutoModelForCausalLM", attn_implementation="eager")
    tokenizer = tokenizer_of(model)
    if lora is not None:
        refuse_foreign(lora, model, said=made_on)
        network = merged(network, lora)
        tokenizer = tokenizer_with(lora, tokenizer)
    network.requires_grad_(False)
    return tokenizer, network.eval().to("cuda" if torch.cuda.is_available() else "cpu")

"""What the backend of local weights needs of them: settings, and four functions. Tests pass small ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from shipworthy.models._choices import Scoring
from shipworthy.models._hf_network import Dtype, Quantised
from shipworthy.models._noise import NOISE
from shipworthy.records import Message


class Settings(Scoring):
    """How a local model answers. `temperature` 0 is greedy; `max_new_tokens` bounds one answer.

    Sampling is what stands here: `temperature`, `top_p`, `top_k` (0: all) and `stop` (texts before which an answer
    ends); a folder's generation_config.json adds penalties and end tokens, never sampling.
    `template: false` leaves the chat template out. `stride` of perplexity in tokens; 0: windows that do not overlap.
    `merge: false` lets models on one base share it in memory; `quantised` needs bitsandbytes. `adapter_base` says what
    the folder of the base is called elsewhere, where its own name is not the one that the adapter was made on.
    """

    max_new_tokens: Annotated[int, Meta(ge=1)] = 64
    batch_size: Annotated[int, Meta(ge=1)] = 64
    temperature: Annotated[float, Meta(ge=0)] = 0.0
    top_p: Annotated[float, Meta(gt=0, le=1)] = 1.0
    top_k: Annotated[int, Meta(ge=0)] = 0
    stop: str | tuple[str, ...] = ()
    dtype: Dtype = "float32"
    merge: bool = True
    quantised: Quantised = "none"
    template: bool = True
    stride: Annotated[int, Meta(ge=0)] = 0
    adapter_base: str = ""

    @property
    def stops(self) -> tuple[str, ...]:
        """The texts before which an answer ends."""
        given = (self.stop,) if isinstance(self.stop, str) else self.stop
        return tuple(text for text in given if text)

    @property
    def sampling(self) -> dict[str, str]:
        """What decides how tokens are drawn, in the words of an identity; greedy answers know no `top_p`."""
        drawn = self.temperature > 0
        return {
            "temperature": str(self.temperature),
            "top_p": str(self.top_p if drawn else 1.0),
            "top_k": str(self.top_k if drawn else 0),
            "stop": " ".join(map(repr, self.stops)),
            **({"noise": NOISE} if drawn else {}),
        }


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model wrote for one rendered prompt; token counts by its own tokenizer, the end token excluded.

    `ended`: the model ended it; else `max_new_tokens` did. `error`: why it is no answer.
    """

    text: str
    input_tokens: int
    output_tokens: int
    ended: bool = True
    error: str | None = None


Generate = Callable[[Sequence[str], Sequence[int]], list[Completion]]
"""(rendered prompts of one batch, the noise of each, see `_noise`) -> one completion a prompt, in order."""


def _readable(_text: str) -> str | None:
    """The check where every token has a place."""
    return None


@dataclass(frozen=True, slots=True)
class Engine:
    """What the backend needs of a loaded model.

    `context`: longest prompt plus answer in tokens. `unreadable`: why the model cannot read a text, None where it can.
    `padded`: whether prompts of different length may share a batch.
    """

    render: Callable[[Sequence[Message]], str]
    count: Callable[[str], int]
    generate: Generate
    context: int
    unreadable: Callable[[str], str | None] = _readable
    padded: bool = True

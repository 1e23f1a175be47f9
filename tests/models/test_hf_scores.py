"""Trees, families and passes against the plainest oracle: one sequel at a time, its whole logits, one log-softmax."""

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipworthy.demo import story
from shipworthy.models._hf_scores import scores_by_family
from shipworthy.models._likelihood import Sequel

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")

TOLERANCE = {"float32": 1e-4, "bfloat16": 0.2}
"""Nats a token. bfloat16 has eight bits: a logit of 20 is rounded by up to 1/16, in either of the two passes."""
TOKEN = st.integers(0, 767)
HEADERS = st.sampled_from([(), tuple(range(7, 90)), tuple(range(7, 47))])
PROMPTS = st.lists(st.lists(TOKEN, min_size=1, max_size=30), min_size=1, max_size=9)
ENDINGS = st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=8).map(tuple), min_size=1, max_size=4, unique=True)


@cache
def _network(dtype: str) -> Any:
    import transformers

    return transformers.AutoModelForCausalLM.from_pretrained(story.MODEL, dtype=getattr(torch, dtype)).eval()


def _alone(network: Any, sequel: Sequel) -> float:
    with torch.inference_mode():
        logprobs = torch.log_softmax(network(torch.tensor([sequel.ids[:-1]])).logits[0].float(), -1)
    return sum(logprobs[at - 1, sequel.ids[at]].item() for at in range(sequel.start, len(sequel.ids)))


def _far(network: Any, groups: list[list[Sequel]]) -> float:
    """The largest distance of a log-probability from that of the sequel alone, nats a token."""
    found = scores_by_family(network, groups)
    return max(
        abs(score.logprob - _alone(network, sequel)) / score.tokens
        for group, scores in zip(groups, found, strict=True)
        for sequel, score in zip(group, scores, strict=True)
    )


@pytest.mark.parametrize("dtype", TOLERANCE)
@settings(max_examples=12, deadline=None)
@given(data=st.data(), prompts=PROMPTS)
def test_scores_are_those_of_each_sequel_alone_whatever_is_shared(
    dtype: str, data: st.DataObject, prompts: list[list[int]]
) -> None:
    groups = []
    for prompt in prompts:
        trunk = (1, *data.draw(HEADERS), *prompt)
        groups.append([Sequel((*trunk, *ending), len(trunk)) for ending in data.draw(ENDINGS)])

    assert TOLERANCE[dtype] >= _far(_network(dtype), groups)


def test_a_header_is_read_once_for_all_passes() -> None:
    read: list[int] = []
    network = _network("float32")
    header = tuple(range(1, 101))
    groups = [[Sequel((*header, 200 + at, 5, option), 102) for option in (6, 7)] for at in range(300)]
    handle = network.register_forward_pre_hook(
        lambda _, __, given: read.append(given["input_ids"].numel()), with_kwargs=True
    )
    try:
        scores_by_family(network, groups)
    finally:
        handle.remove()

    assert [100, 600] == [read[0], sum(read[1:])]


def test_a_text_beyond_a_sliding_window_is_scored_by_the_network_s_own_mask() -> None:
    import transformers

    torch.manual_seed(0)
    config = transformers.MistralConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        sliding_window=12,
        max_position_embeddings=128,
        initializer_range=0.5,
    )
    network = transformers.MistralForCausalLM(config).eval()
    groups = [
        [Sequel((*range(1, size), *ending), size - 1) for ending in ((9, 3, 4), (9, 5))] for size in (6, 9, 30, 40)
    ]

    assert 1e-4 >= _far(network, groups)

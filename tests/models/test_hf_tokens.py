"""Cutting a text at a special token must never show in its ids."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.models._hf_tokens import encoder

pytestmark = pytest.mark.train
tokenizers = pytest.importorskip("tokenizers")
CORPUS = ["hello there, hello again", "what is 2 plus 3 ?", " spaces  and\nlines", "the end of the end"] * 4
MARKS = ["<|user|>", "<|assistant|>", "<|end|>"]
TEXTS = st.lists(
    st.lists(st.sampled_from([*MARKS, "hello", " hello", "end", " the ", "2", "\n", "  ", "<|", "é"]), max_size=9).map(
        "".join
    ),
    min_size=1,
    max_size=6,
)


def _tokenizer(kind: str) -> Any:
    """A tokenizer of our own in the manner of a family: bytes (GPT-2), or pieces that begin with a mark for a space."""
    import transformers
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    match kind:
        case "bytes":
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        case "bytes with a space in front":
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        case "pieces, first":
            tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
        case "pieces, always":
            tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
        case _:
            tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("_"), normalizers.Lowercase()])
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=120, special_tokens=["<unk>", *MARKS]))
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", extra_special_tokens=MARKS
    )


KINDS = ["bytes", "bytes with a space in front", "pieces, first", "pieces, always", "a text is normalised"]
MADE = {kind: _tokenizer(kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
@given(texts=TEXTS)
def test_ids_are_those_of_each_whole_text(kind: str, texts: list[str]) -> None:
    tokenizer = MADE[kind]
    alone = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]

    assert alone == encoder(tokenizer, add_special_tokens=False)(texts)
    assert alone == encoder(tokenizer, add_special_tokens=False)(["<|user|>hello<|end|><|assistant|>", *texts])[1:]


def test_a_prompt_that_comes_with_every_option_is_encoded_once() -> None:
    asked: list[str] = []
    real = MADE["bytes"]

    class Counting:
        is_fast, added_tokens_decoder = True, real.added_tokens_decoder

        def __call__(self, texts: Any, **given: Any) -> Any:
            asked.extend([texts] if isinstance(texts, str) else texts)
            return real(texts, **given)

    prompt = "<|user|>hello there<|end|><|assistant|>"
    encoder(Counting(), add_special_tokens=False)([prompt, *(prompt + option for option in ("hello", "end"))])

    assert [prompt, prompt, "<|assistant|>", "<|assistant|>hello", "<|assistant|>end"] == asked


def test_texts_go_whole_where_special_tokens_are_added_around_them() -> None:
    class Adding:
        is_fast, added_tokens_decoder = True, MADE["bytes"].added_tokens_decoder

        def __call__(self, texts: list[str], *, add_special_tokens: bool) -> dict[str, list[list[int]]]:
            return {"input_ids": [[0 if add_special_tokens else 1, len(text)] for text in texts]}

    assert [[0, 9], [0, 1]] == encoder(Adding(), add_special_tokens=True)(["<|user|>a", "b"])

"""Texts to token ids, each part once: the prompt of a question comes again with every one of its options.

A special token cuts a text before anything else is done to it, so that what stands before and behind it is encoded
apart anyway. Texts are therefore cut at the token with which the template hands over to the model, and each part that
recurs is encoded once.
"""

import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

Encode = Callable[[Sequence[str]], list[list[int]]]


def encoder(tokenizer: Any, *, add_special_tokens: bool) -> Encode:
    """What encodes texts as the tokenizer does one by one, all cut at the last special token of the first of them.

    Texts go whole where nothing can be cut: no such token, special tokens added around each text, or a tokenizer in
    plain Python, which may treat a part otherwise than the whole.
    """

    def whole(texts: Sequence[str]) -> list[list[int]]:
        return [list(ids) for ids in tokenizer(list(texts), add_special_tokens=add_special_tokens)["input_ids"]]

    def cut(texts: Sequence[str]) -> list[list[int]]:
        mark = _last_mark(tokenizer, texts[0]) if texts else None
        return whole(texts) if mark is None else _joined(texts, mark, whole)

    return whole if add_special_tokens or not tokenizer.is_fast else cut


def _last_mark(tokenizer: Any, text: str) -> str | None:
    """The last special token of a text, as text. None: there is none, or another token contains it."""
    added = tokenizer.added_tokens_decoder
    special = {id: token.content for id, token in added.items() if token.special and not token.normalized}
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    mark = next((special[id] for id in reversed(ids) if id in special), None)
    others = [token.content for token in added.values() if token.content != mark]
    return None if mark is None or any(mark in other for other in others) else mark


def _joined(texts: Sequence[str], mark: str, whole: Encode) -> list[list[int]]:
    """Each text as its part up to the last mark and its part from there on; the mark, in both, is counted once."""
    cuts = [_parts(text, mark) for text in texts]
    parts = list(dict.fromkeys(part for cut in cuts for part in cut))
    ids = dict(zip(parts, whole(parts), strict=True))
    return [[*ids[cut[0]], *(id for part in cut[1:] for id in ids[part][1:])] for cut in cuts]


def _parts(text: str, mark: str) -> tuple[str, ...]:
    at = text.rfind(mark)
    return (text,) if at < 0 else (text[: at + len(mark)], text[at:])


def tokenization_digest(tokenizer: Any) -> str:
    """sha256 over what a loaded tokenizer does to a text, whatever else its files say.

    Libraries add keys when they save a tokenizer again (its class, its padding side, where it came from); those change
    no token. Padding and truncation are set anew for every call.
    """
    if tokenizer.is_fast:
        does = json.loads(tokenizer.backend_tokenizer.to_str()) | {"padding": None, "truncation": None}
    else:
        does = {"class": type(tokenizer).__name__, "vocabulary": tokenizer.get_vocab()}
    marks = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "unk_token_id")}
    cleans = bool(tokenizer.clean_up_tokenization_spaces)
    return sha256(json.dumps([does, marks, cleans], sort_keys=True).encode()).hexdigest()

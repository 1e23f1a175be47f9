"""What a text must be: there, finished, written once, and without the marks that a template adds."""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from operator import eq

from shipworthy.data.training.batch import Batch, Column
from shipworthy.data.training.checks import Desk

_PLACEHOLDER = (
    r"(?i)"
    r"\[(?:insert|your|name|company|date|link|address|todo|placeholder)\b[^\]\0]{0,60}\]|\blorem ipsum\b"
    r"|\b(?:TODO|FIXME|TBD)\b|<(?:your|insert) [^>\0]{1,40}>|\{\{[^}\0]{1,60}\}\}|\bXXX+\b"
)
_PLACEHOLDER_WORDS = frozenset([b"todo", b"fixme", b"tbd", b"lorem", b"xxx", b"xxxx"])
_SPECIAL = (
    r"<\|(?:im_start|im_end|endoftext|begin_of_text|end_of_text|eot_id|start_header_id|end_header_id|system|user|assistant"
    r"|end|pad|eom_id)\|>|\[/?INST\]|<</?SYS>>|</?s>|<(?:bos|eos|pad|unk)>|<(?:start|end)_of_turn>"
)
_SPECIAL_MARKS = ("<|", "INST]", "SYS>>", "<s>", "</s>", "<bos>", "<eos>", "<pad>", "<unk>", "_of_turn>")
_TWO_BOS = r"(?:<s>\s*){2}|(?:<bos>\s*){2}|(?:<\|begin_of_text\|>\s*){2}|(?:<\|startoftext\|>\s*){2}"
_HEADS: Mapping[str, str] = {
    "alpaca": "### Instruction",
    "chatml": "<|im_start|>",
    "llama-2": "[INST]",
    "llama-3": "<|start_header_id|>",
    "gemma": "<start_of_turn>",
    "phi": "<|user|>",
    "human-assistant": "Human:",
    "user-assistant": "USER:",
    "question-answer": "Question:",
    "q-a": "Q:",
}
_TAILS = ("\n\n###\n\n", " ->", "=>", "### Response:", "Assistant:", "ASSISTANT:", "Answer:", "\nA:", "Output:")
_WEAK = frozenset(["plain", "question-answer", "q-a", "Answer:", "A:", "Output:", "=>", "->"])
"""Marks that people also write without any template; alone among plain prompts they are none."""
_LOOP = (
    r"(?i)"
    r"\b(\w[\w'-]*)(?:[^\w\0]{1,3}\1\b){3,}"
)
"""Never over NUL, which stands between two rows: answers of one word each are no loop."""
_SENTENCE = re.compile(r"(?<=[.!?\n])\s+")
_PLAIN_TEXT_KINDS = ("text", "prompt_completion", "prompt", "preference")


class Text:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._found = desk.found
        self._variants: dict[str, int] = {}
        self._odd: dict[str, list[tuple[str, str]]] = {}

    def look(self, batch: Batch) -> None:
        self._empty(batch)
        for part, column in batch.parts:
            if self._found.wanted("placeholder"):
                self._placeholders(batch, part, column)
            if self._found.wanted("special_token") or self._found.wanted("double_bos"):
                self._marks(batch, part, column)
        if batch.label_N is None or isinstance(batch.label_N[0], bool):
            self._completions(batch)
        if self._found.wanted("mixed_templates"):
            self._templates(batch)

    # --- emptiness and repetition ---

    def _empty(self, batch: Batch) -> None:
        if batch.kind != "text":
            self._blank("empty_prompt", batch, "prompt", batch.prompts)
        if batch.completion_N is not None and batch.kind not in ("squad", "rag"):
            self._blank("empty_completion", batch, "completion", batch.completions)
        if batch.rejected_N is not None:
            self._blank("empty_rejected", batch, "rejected", batch.rejecteds)

    def _blank(self, code: str, batch: Batch, part: str, column: Column) -> None:
        if all(column.values) and not any(map(str.isspace, column.values)):
            return
        for index, text in enumerate(column.values):
            if not text.strip() and not self._other_fault(code, batch, index):
                self._found.add(code, batch, index, part, repr(text[:40]))

    @staticmethod
    def _other_fault(code: str, batch: Batch, index: int) -> bool:
        """A conversation without an answer is `nothing_to_learn`, one without a question `no_user_turn`."""
        turns = batch.conversation(index)
        if code == "empty_completion":
            return turns[-1].role != "assistant"
        return code == "empty_prompt" and not any(turn.role == "user" for turn in turns)

    def _completions(self, batch: Batch) -> None:
        said = batch.completion_N
        if said is None:
            return
        wanted = self._found.wanted
        for index in self._trailing(said) if wanted("trailing_whitespace") else ():
            self._found.add("trailing_whitespace", batch, index, "completion", repr(said[index][-60:]))
        for index in self._echoes(batch.prompt_N, said) if wanted("prompt_echoed") else ():
            self._found.add("prompt_echoed", batch, index, "completion", said[index])
        if wanted("loop"):
            self._loops(batch, said)
        if wanted("unclosed_fence") and "```" in batch.completions.joined:
            for index in [i for i, text in enumerate(said) if text.count("```") % 2]:
                self._found.add("unclosed_fence", batch, index, "completion", said[index][-120:])

    @staticmethod
    def _trailing(said: Sequence[str]) -> list[int]:
        if not any(map(str.isspace, [text[-1:] for text in said])):
            return []
        return [i for i, text in enumerate(said) if text[-1:].isspace() and text.strip()]

    @staticmethod
    def _echoes(asked_N: Sequence[str], said: Sequence[str]) -> list[int]:
        if True not in map(str.startswith, said, asked_N):
            return []
        pairs = zip(asked_N, said, strict=True)
        return [i for i, (asked, text) in enumerate(pairs) if len(asked) > 20 and text.startswith(asked)]

    def _loops(self, batch: Batch, said: Iterable[str]) -> None:
        words = batch.completions.tokens
        if b"\1\1\1" in bytes(map(eq, words, words[1:])):
            for index, match in batch.completions.hits(_LOOP):
                if not match[1].isdigit():
                    self._found.add("loop", batch, index, "completion", batch.completions.excerpt(match, index))
        for index, text in enumerate(said):
            if len(text) > 120:
                self._sentences(batch, index, text)

    def _sentences(self, batch: Batch, index: int, text: str) -> None:
        sentences = [one for one in _SENTENCE.split(text) if len(one) > 12]
        run = 1
        for before, after in itertools.pairwise(sentences):
            run = run + 1 if before == after else 1
            if run == 3:
                self._found.add("loop", batch, index, "completion", after)
                return

    # --- marks of templates and people ---

    def _placeholders(self, batch: Batch, part: str, column: Column) -> None:
        joined = column.joined
        if "[" in joined or "{{" in joined or "<" in joined or not _PLACEHOLDER_WORDS.isdisjoint(column.words):
            for index, match in column.hits(_PLACEHOLDER):
                if match[0][0] in "[<{lL" or match[0].isupper():
                    self._found.add("placeholder", batch, index, part, column.excerpt(match, index))

    def _marks(self, batch: Batch, part: str, column: Column) -> None:
        if not any(mark in column.joined for mark in _SPECIAL_MARKS):
            return
        for index, match in column.hits(_TWO_BOS):
            self._found.add("double_bos", batch, index, part, column.excerpt(match, index))
        if batch.kind not in _PLAIN_TEXT_KINDS:
            for index, match in column.hits(_SPECIAL):
                self._found.add("special_token", batch, index, part, column.excerpt(match, index))

    def _templates(self, batch: Batch) -> None:
        joined = batch.prompts.joined
        heads = {name: mark for name, mark in _HEADS.items() if mark in joined}
        tails = [mark for mark in _TAILS if mark in joined]
        if not heads and not tails:
            self._variants["plain"] = self._variants.get("plain", 0) + len(batch)
            self._keep_odd("plain", batch, range(min(len(batch), self._found.keep)))
            return
        for index, text in enumerate(batch.prompt_N):
            name = _variant(text, heads, tails)
            self._variants[name] = self._variants.get(name, 0) + 1
            self._keep_odd(name, batch, (index,))

    def _keep_odd(self, name: str, batch: Batch, indices: Iterable[int]) -> None:
        places = self._odd.setdefault(name, [])
        if len(places) < self._found.keep:
            places.extend((batch.where(index), batch.prompt_N[index]) for index in indices)

    def close(self) -> None:
        if not self._variants:
            return
        usual = max(self._variants, key=self._variants.__getitem__)
        for name in [name for name in self._variants if usual == "plain" and _WEAK.issuperset(name.split(" … "))]:
            self._variants["plain"] += self._variants.pop(name) if name != "plain" else 0
        self._desk.measures["template_variants"] = float(len(self._variants))
        for name, n in self._variants.items():
            if name != usual:
                kept = self._odd.get(name, [])
                for where, text in kept[:n]:
                    self._found.at("mixed_templates", where, "prompt", text, f"{name}, the rest is {usual}")
                self._found.whole(
                    "mixed_templates", n - len(kept[:n]), f"{len(self._variants)} templates, most are {usual}"
                )


def _variant(text: str, heads: Mapping[str, str], tails: Iterable[str]) -> str:
    begin, end = text.lstrip(), text.rstrip(" ")
    head = next(
        (name for name, mark in heads.items() if begin.startswith(mark) or (mark[0] in "#<[" and mark in text)), ""
    )
    tail = next((mark.strip() for mark in tails if end.endswith(mark)), "")
    return " … ".join(part for part in (head, tail) if part) or "plain"

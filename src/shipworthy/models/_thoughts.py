"""Thoughts that a model wrote into its answer (`<think>…</think>`), told apart from what it answers. Pure.

A block begins where its tag begins a line, outside fenced code: a tag in the middle of a sentence is text. A chat
template may have written the opening tag itself; what stands before a closing tag alone is thoughts as well.
"""

import re
from dataclasses import dataclass

_NAMES = "think|thinking|thought|seed:think"
_TAG = re.compile(
    rf"<(?P<slash>/?)(?P<name>{_NAMES})>|\[(?P<slash2>/?)(?P<name2>THINK)\]|◁(?P<slash3>/?)(?P<name3>think)▷",
    re.IGNORECASE,
)
"""DeepSeek, Qwen and most others; Seed-OSS; Mistral; Kimi."""
_FENCE = re.compile(r"^[ \t]*(```|~~~)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Split:
    """An answer without its thoughts, the thoughts, and whether the text ended within them."""

    answer: str
    thoughts: str
    unfinished: bool


def split(text: str) -> Split | None:
    """The thoughts apart from the answer; None: there are none."""
    said: list[str] = []
    thoughts: list[str] = []
    begun: str | None = None
    at = 0
    tags = [(tag, *_read(tag)) for tag in _TAG.finditer(text)]
    within = 0
    for number, (tag, name, closes) in enumerate(tags):
        if begun is None and not closes:
            before = "".join(said) + text[at : tag.start()]
            if not _begins_a_line(before):
                continue
            said.append(text[at : tag.start()])
            begun, at, within = name, tag.end(), 0
        elif begun == name and not closes:
            within += 1
        elif begun == name and within and _ends_later(name, within, tags[number + 1 :]):
            within -= 1  # the end of a block within the block
        elif closes and (begun == name or (begun is None and number == 0)):
            thoughts.append(text[at : tag.start()])
            begun, at = None, tag.end()
    if begun is None and not thoughts:
        return None
    (said if begun is None else thoughts).append(text[at:])
    inner = "\n\n".join(filter(None, (thought.strip() for thought in thoughts)))
    return Split("".join(said).lstrip(), inner, unfinished=begun is not None)


def _ends_later(name: str, depth: int, tags: list[tuple[re.Match[str], str, bool]]) -> bool:
    """Whether `depth` open blocks are all closed by the tags that follow: an opening tag may be a mere mention."""
    for _, other, closes in tags:
        if other == name:
            depth += -1 if closes else 1
            if depth == 0:
                return True
    return False


def _read(tag: re.Match[str]) -> tuple[str, bool]:
    """(which kind of tag, whether it closes)."""
    found = tag.groupdict()
    for end in ("", "2", "3"):
        if found[f"name{end}"] is not None:
            return f"{found[f'name{end}'].lower()}{end}", bool(found[f"slash{end}"])
    raise AssertionError("one of the names matched")


def _begins_a_line(before: str) -> bool:
    """Whether what follows stands at the beginning of a line, and not in fenced code."""
    line = before.rpartition("\n")[2]
    return not line.strip() and len(_FENCE.findall(before)) % 2 == 0

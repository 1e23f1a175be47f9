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
    for number, tag in enumerate(_TAG.finditer(text)):
        name, closes = _read(tag)
        if begun is None and not closes:
            before = "".join(said) + text[at : tag.start()]
            if not _begins_a_line(before):
                continue
            said.append(text[at : tag.start()])
            begun, at = name, tag.end()
        elif closes and (begun == name or (begun is None and number == 0)):
            thoughts.append(text[at : tag.start()])
            begun, at = None, tag.end()
    if begun is None and not thoughts:
        return None
    (said if begun is None else thoughts).append(text[at:])
    inner = "\n\n".join(filter(None, (thought.strip() for thought in thoughts)))
    return Split("".join(said).lstrip(), inner, unfinished=begun is not None)


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

"""The Porter stemmer with NLTK's extensions, which ROUGE and METEOR are defined with.

Source: Porter 1980, "An algorithm for suffix stripping"; NLTK's departures from it. Stems equal NLTK's, by test.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

Condition = Callable[[str], bool]
Rule = tuple[str, str, Condition | None]

_IRREGULAR = {
    "sky": "sky", "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie", "news": "news", "innings": "inning",
    "inning": "inning", "outings": "outing", "outing": "outing", "cannings": "canning", "canning": "canning",
    "howe": "howe", "proceed": "proceed", "exceed": "exceed", "succeed": "succeed",
}  # fmt: skip


def _consonants(word: str) -> list[bool]:
    """Per letter, whether it is a consonant; y is one at the start and after a vowel."""
    flags: list[bool] = []
    for letter in word:
        flags.append(not flags[-1] if letter == "y" and flags else letter not in "aeiou")
    return flags


def _measure(word: str) -> int:
    """Porter's m: how often a vowel is followed by a consonant."""
    flags = _consonants(word)
    return sum(not one and two for one, two in pairwise(flags))


def _any(word: str) -> bool:
    return _measure(word) > 0


def _several(word: str) -> bool:
    return _measure(word) > 1


def _ends_short(word: str) -> bool:
    """Ends consonant, vowel, consonant (not w, x, y), or is just vowel, consonant."""
    flags = _consonants(word)
    return (flags[-3:] == [True, False, True] and word[-1] not in "wxy") or flags == [False, True]


def _first(word: str, rules: Sequence[Rule]) -> str:
    """The word after the first rule whose suffix it has; a rule whose condition fails ends the search."""
    for suffix, to, holds in rules:
        if word.endswith(suffix):
            stem = word[: len(word) - len(suffix)]
            return stem + to if holds is None or holds(stem) else word
    return word


_STEP_1A: tuple[Rule, ...] = (("sses", "ss", None), ("ies", "i", None), ("ss", "ss", None), ("s", "", None))
_STEP_2: tuple[Rule, ...] = (
    *((suffix, to, _any)
    for suffix, to in {
        "ational": "ate", "tional": "tion", "enci": "ence", "anci": "ance", "izer": "ize", "bli": "ble", "alli": "al",
        "entli": "ent", "eli": "e", "ousli": "ous", "ization": "ize", "ation": "ate", "ator": "ate", "alism": "al",
        "iveness": "ive", "fulness": "ful", "ousness": "ous", "aliti": "al", "iviti": "ive", "biliti": "ble",
        "fulli": "ful",
    }.items()),
    ("logi", "log", lambda stem: _any(stem + "l")),
)  # fmt: skip
_STEP_3: tuple[Rule, ...] = tuple(
    (suffix, to, _any)
    for suffix, to in {
        "icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": "",
    }.items()
)  # fmt: skip
_STEP_4: tuple[Rule, ...] = tuple(
    (suffix, "", _several if suffix != "ion" else lambda stem: _several(stem) and stem[-1] in "st")
    for suffix in (
        "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate",
        "iti", "ous", "ive", "ize",
    )
)  # fmt: skip


def _step_1a(word: str) -> str:
    return word[:-1] if word.endswith("ies") and len(word) == 4 else _first(word, _STEP_1A)


def _step_1b(word: str) -> str:
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if _any(word[:-3]) else word
    for suffix in ("ed", "ing"):
        stem = word[: len(word) - len(suffix)]
        if word.endswith(suffix) and not all(_consonants(stem)):
            return _repaired(stem)
    return word


def _repaired(stem: str) -> str:
    """What -ed and -ing leave behind, made a word again: conflat -> conflate, hopp -> hop, fil -> file."""
    if stem.endswith(("at", "bl", "iz")):
        return stem + "e"
    if len(stem) >= 2 and stem[-1] == stem[-2] and _consonants(stem)[-1]:
        return stem if stem[-1] in "lsz" else stem[:-1]
    return stem + "e" if _measure(stem) == 1 and _ends_short(stem) else stem


def _step_1c(word: str) -> str:
    return word[:-1] + "i" if word.endswith("y") and len(word) > 2 and _consonants(word[:-1])[-1] else word


def _step_2(word: str) -> str:
    return _step_2(word[:-2]) if word.endswith("alli") and _any(word[:-4]) else _first(word, _STEP_2)


def _step_5(word: str) -> str:
    stem = word[:-1]
    if word.endswith("e") and (_several(stem) or (_measure(stem) == 1 and not _ends_short(stem))):
        word = stem
    return word[:-1] if word.endswith("ll") and _several(word[:-1]) else word


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """The stem of a word; words of one or two letters stay."""
    word = word.lower()
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 2:
        return word
    word = _step_2(_step_1c(_step_1b(_step_1a(word))))
    return _step_5(_first(_first(word, _STEP_3), _STEP_4))

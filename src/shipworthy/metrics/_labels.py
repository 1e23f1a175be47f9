"""Which of the declared labels a text names: whole words that mean the label, not what happens to look like it.

A label inside a number ("6.5"), a compound ("A-level"), an abbreviation ("i.e."), the article "a", the pronoun "I",
the "no" of "no doubt" and a denied label ("not entailment", "isn't positive", "non-toxic") name nothing. What is left
must be one label; several are none.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

_QUOTES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "“": '"', "”": '"', "−": "-", "‐": "-", "‑": "-"})
_OUTER = ".,;:!?\"'`*()[]"
_SEEN = 80
"""Characters on either side of a label that are looked at."""


class _Place(NamedTuple):
    """One place where a label stands: the label without case, what it looks like there, and what is around it."""

    label: str
    written: str
    before: str
    after: str


def label_in(text: str, labels: Sequence[str]) -> str | None:
    """The one declared label that the text names.

    Without `labels`: the text itself without surrounding space and punctuation, unless it is nothing else (`.`, `:)`)
    or the mark is a prime (`f'`). With them: the label that equals the text, else the only label that is named in it
    (a label inside a longer one does not count). Case, width (`５`, `Ａ`) and the mark between a label's words
    (`not_entailment`, "not entailment") are ignored. None: no label or several.
    """
    plain = _plain(text)
    bare = _bare(plain).casefold()
    if not labels:
        return bare
    known = _by_plain_form(tuple(labels))
    for form in (plain.strip().casefold(), bare):
        if (whole := known.get(form)) is not None:
            return whole
    found = {place.label for place in _places(plain, tuple(labels)) if _names(place)}
    return next(label for label in labels if _key(label) in found) if len(found) == 1 else None


def _plain(text: str) -> str:
    """One width and one kind of quote, minus and hyphen; superscripts stay apart from the digit before."""
    text = unicodedata.normalize(
        "NFKC", re.sub(r"(?<=\d)([\u00b2\u00b3\u00b9\u2070-\u2079\u00bc-\u00be\u2150-\u215e])", r"^\1", text)
    )
    return text.translate(_QUOTES)


def _bare(text: str) -> str:
    """Without outer space and punctuation; the point of ".5" is part of its number."""
    bare = text.strip().strip(_OUTER).strip()
    if not bare:
        return _unquoted(text.strip())
    prime = re.search(rf"{re.escape(bare)}('+)", text)
    if prime and bare[-1:].isalnum() and not re.search(rf"['\"]\s*{re.escape(bare)}", text):
        bare += prime[1]
    at = text.find(bare) if bare else 0
    return text[at - 1] + bare if bare[:1].isdigit() and at and text[at - 1] in ".," else bare


def _unquoted(marks: str) -> str:
    """Punctuation that is the whole label, without a pair of quotes around it."""
    quoted = len(marks) > 2 and marks[0] == marks[-1] and marks[0] in "'\"`"
    return marks[1:-1] if quoted else marks


def _key(label: str) -> str:
    return re.sub(r"(?<=\w)[\s_-]+(?=\w)", " ", _plain(label).strip().casefold())


@lru_cache(maxsize=4096)
def _by_plain_form(labels: tuple[str, ...]) -> dict[str, str]:
    """The first label of each plain form: looked up for every answer, however many labels there are."""
    return {_plain(label).strip().casefold(): label for label in reversed(labels)}


@lru_cache(maxsize=4096)
def _any_of(labels: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted({_key(label) for label in labels}, key=len, reverse=True)
    words = [re.escape(label).replace(r"\ ", r"[\s_-]+") for label in longest_first]
    return re.compile(r"(?<!\w)(?:" + "|".join(words) + r")(?!\w)")


def _places(text: str, labels: tuple[str, ...]) -> list[_Place]:
    folded = text.casefold()
    cased = text if len(text) == len(folded) else folded
    return [
        _Place(
            label=_key(match[0]),
            written=cased[match.start() : match.end()],
            before=cased[max(0, match.start() - _SEEN) : match.start()],
            after=cased[match.end() : match.end() + _SEEN],
        )
        for match in _any_of(labels).finditer(folded)
    ]


def _names(place: _Place) -> bool:
    if _joined(place) or _denied(place):
        return False
    if place.label[:1].isdigit() or place.label[-1:].isdigit():
        return not _in_number(place)
    if place.label == "no":
        return _is_answer_no(place)
    return place.label not in _WORDS or _is_option(place)


# --- Part of something longer -----------------------------------------------------------------------------------------

_POINTER = re.compile(r"(?:option|answer|choice|letter|label|class|category|verdict|result|score|rating|grade)-$", re.I)
_SIGNED = re.compile(r"(?:\+\+|#|[+-](?=\s*(?:$|[).,;!?\n])))")
_NAMED_APART = re.compile(r"'[^\W\d_]|-[^\W_]")
_INTO = re.compile(r"[^\W\d_]'$|\w-$")


def _joined(place: _Place) -> bool:
    """Whether the label is part of a compound ("A-level", "I'm", "half-true"), a grade (B-) or an abbreviation."""
    numeral = place.label.isdigit()
    if _INTO.search(place.before) and not _POINTER.search(place.before):
        return True
    if not numeral and _NAMED_APART.match(place.after):
        return True
    if len(place.label) > 1 or numeral:
        return False
    abbreviated = re.search(r"\b\w\.$", place.before) or re.match(r"\.\w(?!\w)", place.after)
    ratio = re.search(r"\w[/&]$", place.before) or re.match(r"[/&]\w", place.after)
    return bool(abbreviated or ratio or _SIGNED.match(place.after))


_MONTH = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*"
_NUMBER_BEFORE = re.compile(
    rf"(?:\d[.,:/'^\-–⁄]|[$€£¥₹]\s?|(?:^|[^\w\s])[-–]|\s[-–]|(?:^|[\s(=:])[.,]|\d[\u00a0\u202f ]|\b{_MONTH}\.?\s)$",
    re.I,
)
_NUMBER_AFTER = re.compile(
    rf"(?:[.,:/'^\-–⁄]\d|\s?[%‰°$€£¥₹⁄]|\s\d|[*^]{{1,2}}\d"
    rf"|\s?(?:percent|per\s?cent|hundred|thousand|million|billion|trillion)\b|\s(?:of\s)?{_MONTH}\b)",
    re.I,
)


def _in_number(place: _Place) -> bool:
    """Whether more of the number stands around these digits: a sign, decimals, thousands, a currency, a date."""
    after = re.sub(r"^\.0+(?![\d.,])", "", place.after)  # 3.0 is 3
    return bool(_NUMBER_BEFORE.search(place.before) or _NUMBER_AFTER.match(after))


# --- Denied -----------------------------------------------------------------------------------------------------------

_FILL = (
    "a|an|the|any|at|all|in|of|be|been|being|is|are|was|were|it|this|that|really|very|so|clearly|truly|actually|"
    "quite|entirely|completely|totally|strictly|necessarily|exactly|particularly|overly|especially|considered|"
    "deemed|classed|classified|labelled|labeled|look|looks|seem|seems|sound|sounds|appear|appears|express|"
    "expresses|contain|contains|show|shows|convey|conveys|count|counts|qualify|qualifies|as|to|sign|signs|"
    "evidence|hint|hints|trace|case|example|answer|option|choice|label|class|either|longer|even|way|ein|eine|"
    "einen|der|die|das|wirklich|sehr"
)
_NOT = (
    r"\bnot|n't|\bcannot|\bnever|\bno|\bnon|\bneither|\bnor|\bhardly|\bscarcely|\bwithout|\brather than|\binstead of"
    r"|\bopposed to|\bfar from|\banything but|\bunlikely to be|\bnicht|\bkeine?[nrms]?|\bpas|\bningún|\bnunca"
)
_DENIED = re.compile(rf"(?:{_NOT})(?:\s+(?:{_FILL})\b){{0,5}}[\s\-_]*[\"'*`(\[]*$", re.I)
_DENIED_AFTER = re.compile(r"[\"'*_`)\]]*\s*[:=?]\s*[\"'*_`]*(?:no|not|false)\b", re.I)


def _denied(place: _Place) -> bool:
    """Whether the text says that it is *not* this label, within the clause that names it."""
    if place.label in ("no", "not", "none", "false"):
        return bool(re.search(r"(?:\bnot|n't)\s+(?:a\s+)?[\"'*`]*$", place.before, re.I))
    return bool(
        _DENIED.search(place.before) or (place.label not in ("yes", "true") and _DENIED_AFTER.match(place.after))
    )


# --- Words that are also labels ---------------------------------------------------------------------------------------

_WORDS = frozenset("aioeyuаиовксуя")
"""Single letters that are words of a running text: articles, pronouns, conjunctions, prepositions."""
_PRONOUNS = frozenset("iя")
_MARK = r"(?:option|choice|letter|answer|label|select|choose|pick|chose|picked|selected)"
_MARKED = re.compile(
    rf"\b{_MARK}s?\s*(?:is|are|was|would be|must be|should be|:|=|->)*\s*[\"'*_`(\[]*$|[:=→]\s*[\"'*_`(\[]*$", re.I
)
_ENCLOSED_BEFORE, _ENCLOSED_AFTER = re.compile(r"[(\[{\"'*_`]$"), re.compile(r"[)\]}\"'*_`]")
_CLOSED = re.compile(r"[\"'*_`]*[)\]}:]")
_CLAUSE_END = re.compile(r"[\"'*_`)\]]*[ \t]*(?:$|[\r\n.,;!?])")
_NO_ARTICLE = re.compile(
    r"\s+(?:is|was|are|because|since|as|and|or|but|would|seems|appears|matches|has|isn't|wasn't|best|over|due)\b|\s+[-–—=]"
)
_NO_PRONOUN = re.compile(r"\s+is\b|\s+[-–—=]")
_SENTENCE_START = re.compile(r"(?:^|[.!?:\n]|[\"'*(])\s*$")


def _is_option(place: _Place) -> bool:
    """Whether a letter that is also a word stands there as an option: set apart, pointed at, or where no word could."""
    if _ENCLOSED_BEFORE.search(place.before) and _ENCLOSED_AFTER.match(place.after):
        return True
    marked, ended = bool(_MARKED.search(place.before)), bool(_CLAUSE_END.match(place.after))
    if _CLOSED.match(place.after) or (marked and ended):
        return True
    if place.label in _PRONOUNS:
        lone = ended and re.search(r"(?:^|\n)\W*$", place.before)
        return bool(lone or _NO_PRONOUN.match(place.after))
    pointed = re.search(rf"\b{_MARK}\s+[\"'*_`(]*$", place.before, re.I) and place.written.isupper()
    middle = place.written.isupper() and place.label != "a" and not _SENTENCE_START.search(place.before)
    return bool(ended or _NO_ARTICLE.match(place.after) or pointed or middle)


_GOES_ON = (
    r"because|since|as|it|this|that|these|those|the|he|she|they|there|we|i|you|not|its|his|her|and|but|if|due|based"
    r"|according"
)
_NO_END = re.compile(rf"[\"'*_`)\]]*\s*(?:$|[.,;:!?)\n—–-])|[\"'*_`]+|\s+(?:{_GOES_ON})\b", re.I)
_NUMERO = re.compile(r"\.?\s?\d|\.\s?\d")


def _is_answer_no(place: _Place) -> bool:
    """Whether "no" answers: it ends its clause or a new one begins; before a noun ("no doubt") it belongs to that."""
    return bool(_NO_END.match(place.after)) and not _NUMERO.match(place.after)

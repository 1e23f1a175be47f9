"""Which language a row is in: by script, and by the commonest words of nine Latin-script languages.

A floor that needs no model: it is sure of sentences, silent about short or mixed texts.
"""

import re
from collections import Counter

from shipworthy.data.training.batch import Batch, Column
from shipworthy.data.training.checks import Desk

_COMMON = {
    "en": "the of and to is that it for you with are this have not be what how was your from can please my",
    "de": "der die und das ist nicht ich ein eine mit für auf sie den von zu wie was bitte sich auch wir haben kann",
    "fr": "le la les et est une des pour que dans pas vous je qui sur avec ce au mais comment quel nous cette mon",
    "es": "el los las una que en por con para como está del pero más cómo qué usted mi puedo quiero esta muy hay",
    "it": "il che di gli una per non con sono come della nel questo mi più anche perché quale vorrei del ho può",
    "pt": "o os uma que não com para como você do da em mais por meu qual está isso quero são ao foi minha",
    "nl": "het een van en niet dat ik je met op voor zijn hoe wat naar mijn deze kan maar aan ook heb wij",
    "pl": "nie jest się na do to jak że co mam proszę dla czy mój po od przez ale być tak moje które",
    "tr": "bir ve bu için ile ne nasıl da de çok mı var ben değil benim gibi daha olarak lütfen ama",
}
_WORDS = {language: frozenset(words.split()) for language, words in _COMMON.items()}
_FOREIGN = {
    language: frozenset(word.encode() for word in words - _WORDS["en"] if len(word) > 2)
    for language, words in _WORDS.items()
    if language != "en"
}
_SCRIPTS = (
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
    ("ko", re.compile("[\uac00-\ud7af]")),
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("zh", re.compile("[\u4e00-\u9fff]")),
)
_TOKEN = re.compile(r"[^\W\d_]+")
_KEPT = 4096


class Language:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._found = desk.found
        self._rows: Counter[str] = Counter()
        self._odd: dict[str, list[tuple[str, str]]] = {}

    def look(self, batch: Batch) -> None:
        if batch.kind == "sql":
            return
        if self._all_english(batch.prompts) and self._all_english(batch.completions):
            self._rows["en"] += len(batch)
            return
        for index, asked in enumerate(batch.prompt_N):
            said = batch.completion_N[index] if batch.completion_N is not None and batch.label_N is None else ""
            ours, theirs = language(asked), language(said)
            if ours and theirs and ours != theirs:
                self._found.add("language_switch", batch, index, "completion", said, f"{ours} asked, {theirs} answered")
            row = ours or theirs
            if row:
                self._count(row, batch.where(index), asked or said)

    @staticmethod
    def _all_english(column: Column) -> bool:
        """No word of another language occurs in three or more forms, and every character is ASCII."""
        return column.ascii and all(len(column.words & foreign) < 3 for foreign in _FOREIGN.values())

    def _count(self, row: str, where: str, text: str) -> None:
        self._rows[row] += 1
        places = self._odd.setdefault(row, [])
        if len(places) < max(_KEPT // 8, self._found.keep):
            places.append((where, text))

    def close(self) -> None:
        known = sum(self._rows.values())
        if not known:
            return
        usual, n = self._rows.most_common(1)[0]
        self._desk.measures["languages"] = float(len(self._rows))
        if n < 0.8 * known:
            return  # several languages are meant
        for name, count in self._rows.items():
            if name != usual:
                places = self._odd.get(name, [])[:count]
                for where, text in places:
                    self._found.at("language_mix", where, "prompt", text, f"{name}, the rest is {usual}")
                self._found.whole("language_mix", count - len(places), f"most rows are {usual}")


def language(text: str) -> str | None:
    """ISO 639-1 code, or None where too little speaks for one language."""
    if not text.isascii():
        letters = len(_TOKEN.sub(lambda found: "x" * len(found[0]), text[:2000]))
        for name, script in _SCRIPTS:
            if len(script.findall(text[:2000])) > 0.3 * letters:
                return name
    words = {word.lower() for word in _TOKEN.findall(text[:2000])}
    votes = sorted(((len(words & common), name) for name, common in _WORDS.items()), reverse=True)
    (most, name), (second, _) = votes[0], votes[1]
    return name if most >= 3 and most >= 2 * second else None

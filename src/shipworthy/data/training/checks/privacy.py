"""Personal data and secrets: by shape, and by checksum where there is one. Each batch is screened as bytes first.

Sources: ISO/IEC 7812-1 (Luhn), ISO 13616 and 7064 (IBAN, mod 97), RFC 2606 and 5737 (reserved names and addresses).
"""

import re
from collections.abc import Callable, Iterator, Mapping

from shipworthy.data.training.batch import Batch, Column
from shipworthy.data.training.checks import Desk

_DIGIT_CLASSES = bytes.maketrans(b"123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"0" * 9 + b"A" * 26)
_EMAIL = (
    r"(?a)"
    r"(?<![\w.+-])[A-Za-z0-9][\w.%+-]{0,63}@((?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24})\b"
)
_RESERVED = re.compile(r"(?:^|\.)(?:example\.(?:com|org|net)|example|test|invalid|localhost)$", re.IGNORECASE)
_RUN = r"[+(]?\d[\d ().-]{5,30}\d"
"""What may be a number of any kind; the patterns below then look at it alone."""
_LONGEST_RUN = 32
"""Characters; a run of so many may go on behind its end."""
_CARD = (
    r"(?<![\d.])(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6011|65\d\d|35[2-8]\d)(?:([ -]?)\d{4}\1\d{4}\1\d{4})(?![\d.])"
    r"|(?<![\d.])3[47]\d\d[ -]?\d{6}[ -]?\d{5}(?![\d.])"
)
"""Visa, Mastercard, Discover, JCB (4 groups of 4) and American Express; other lengths are mostly just numbers."""
_IBAN = r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"
_IBAN_LENGTH = {
    "AT": 20,
    "BE": 16,
    "CH": 21,
    "CZ": 24,
    "DE": 22,
    "DK": 18,
    "EE": 20,
    "ES": 24,
    "FI": 18,
    "FR": 27,
    "GB": 22,
    "GR": 27,
    "HR": 21,
    "HU": 28,
    "IE": 22,
    "IT": 27,
    "LT": 20,
    "LU": 20,
    "LV": 21,
    "NL": 18,
    "NO": 15,
    "PL": 28,
    "PT": 25,
    "RO": 24,
    "SE": 24,
    "SI": 19,
    "SK": 24,
    "TR": 26,
    "UA": 29,
    "SA": 24,
    "AE": 23,
    "IL": 23,
}
_PHONE = (
    r"(?<![\w.+-])(?<!\d )(?:\+\d{1,3}[ .-]?(?:\(0?\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){1,5}"
    r"|\(\d{3}\) ?\d{3}[-. ]\d{4}|\d{3}[-.]\d{3}[-.]\d{4})(?![\w-])"
)
_SOCIAL = r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\d-])"
_ADDRESS = r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"
_SECRETS: dict[str, str] = {
    mark.lower(): f"(?a){pattern}"
    for mark, pattern in {
        "AKIA": r"\bAKIA[0-9A-Z]{16}\b",
        "ASIA": r"\bASIA[0-9A-Z]{16}\b",
        "ghp_": r"\bghp_[A-Za-z0-9]{36,}",
        "gho_": r"\bgho_[A-Za-z0-9]{36,}",
        "ghs_": r"\bghs_[A-Za-z0-9]{36,}",
        "github_pat_": r"\bgithub_pat_\w{22,}",
        "glpat-": r"\bglpat-[\w-]{20,}",
        "sk-": r"\bsk-(?:proj-|ant-)?(?=[\w-]*\d)[\w-]{20,}",
        "k_live_": r"\b[sr]k_live_[A-Za-z0-9]{16,}",
        "xox": r"\bxox[abprs]-[\w-]{10,}",
        "AIza": r"\bAIza[\w-]{35}",
        "hf_": r"\bhf_[A-Za-z0-9]{30,}",
        "npm_": r"\bnpm_[A-Za-z0-9]{36}",
        "eyJ": r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}",
        " PRIVATE KEY": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    }.items()
}
"""Keys whose maker gave them a shape. The mark, in small letters, says where to look."""
_ASSIGNED = (
    r"(?ai)"
    r"\b(?:password|passwd|api[_-]?key|secret[_-]?key|access[_-]?token)\b[\"']?\s?[:=]\s?[\"']?"
    r"(?=[^\s\"'\0]*\d)[^\s\"'\0<>{},;]{8,}"
)
_ASSIGNED_WORDS = ("password", "passwd", "api_key", "api-key", "apikey", "secret_key", "access_token")


class Privacy:
    def __init__(self, desk: Desk) -> None:
        self._found = desk.found

    def look(self, batch: Batch) -> None:
        for part, column in batch.parts:
            for code, index, match in _hits(column, self._found.wanted):
                self._found.add(code, batch, index, part, _masked(column, match, index))

    def close(self) -> None:
        pass


def _hits(column: Column, wanted: Callable[[str], bool]) -> Iterator[tuple[str, int, re.Match[str]]]:
    if wanted("email_address") and "@" in column.joined:
        for index, match in column.near(("@",), _EMAIL):
            if not _RESERVED.search(match[1]):
                yield "email_address", index, match
    if wanted("secret"):
        for mark, pattern in _SECRETS.items():
            for index, match in column.near((mark,), pattern):
                yield "secret", index, match
        for index, match in column.near(_ASSIGNED_WORDS, _ASSIGNED):
            yield "secret", index, match
    if wanted("iban") or any(map(wanted, _NUMBERS)):
        yield from _by_shape(column)


def _by_shape(column: Column) -> Iterator[tuple[str, int, re.Match[str]]]:
    """Numbers; a batch without a long enough run of digits is passed over."""
    shape = column.raw.translate(_DIGIT_CLASSES, b" -()+.")
    if b"AA00" in shape:
        for index, match in column.hits(_IBAN):
            if iban(match[0]):
                yield "iban", index, match
    if b"0000000" in shape or any(b".".join(digits) in column.raw.translate(_DIGIT_CLASSES) for digits in _DOTTED):
        for index, run in column.hits(_RUN):
            if _too_few(run[0]):
                continue
            yield from ((code, index, match) for code, match in _numbers(column, index, run))


_DOTTED = ([b"0", b"0", b"0"], [b"0", b"00", b"0"], [b"0", b"000", b"0"])


def _too_few(run: str) -> bool:
    """Digits for any number that is looked for: a phone number has 8, an address on the network three points."""
    return len(run) < _LONGEST_RUN and sum(map(str.isdigit, run)) < 8 and run.count(".") < 3


def _numbers(column: Column, index: int, run: re.Match[str]) -> Iterator[tuple[str, re.Match[str]]]:
    """What one run of digits is; each pattern sees the characters around it."""
    end = column.starts[index] + len(column.values[index])
    for code, (pattern, holds) in _NUMBERS.items():
        for match in re.compile(pattern).finditer(column.joined, run.start(), min(end, run.end() + 8)):
            if holds(match[0]):
                yield code, match


def luhn(text: str) -> bool:
    """Whether 13 to 19 digits (spaces and hyphens between them) end in their Luhn check digit."""
    digits = [int(sign) for sign in text if sign.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) < 3:
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


def iban(text: str) -> bool:
    """Whether this has the length of its country and the check digits that ISO 7064 mod 97-10 gives it."""
    bare = text.replace(" ", "")
    if len(bare) != _IBAN_LENGTH.get(bare[:2], -1):
        return False
    return int("".join(str(int(sign, 36)) for sign in bare[4:] + bare[:4])) % 97 == 1


def _public(text: str) -> bool:
    """Routable, and not one of the addresses everybody writes in examples."""
    parts = [int(part) for part in text.split(".")]
    if max(parts) > 255 or any(part != str(int(part)) for part in text.split(".")):
        return False
    a, b, c, _ = parts
    private = a in (0, 10, 127) or a >= 224 or (a, b) in ((192, 168), (169, 254)) or (a == 172 and 16 <= b < 32)
    documented = (a, b, c) in ((192, 0, 2), (198, 51, 100), (203, 0, 113)) or text in ("8.8.8.8", "1.1.1.1", "1.2.3.4")
    return not private and not documented


_NUMBERS: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    "card_number": (_CARD, luhn),
    "social_security_number": (_SOCIAL, bool),
    "phone_number": (_PHONE, lambda text: 8 <= sum(map(str.isdigit, text)) <= 15),
    "ip_address": (_ADDRESS, _public),
}


def _masked(column: Column, match: re.Match[str], index: int) -> str:
    """The place with the value itself hidden, so that a report does not spread it."""
    kept = match[0][:4]
    return column.excerpt(match, index).replace(match[0], kept + "…" * (len(match[0]) > 4))

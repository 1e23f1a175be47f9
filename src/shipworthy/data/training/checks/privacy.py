"""Personal data and secrets: by shape, and by checksum where there is one. Each batch is screened as bytes first.

Sources: ISO/IEC 7812-1 (Luhn), ISO 13616 and 7064 (IBAN, mod 97), RFC 2606 and 5737 (reserved names and addresses).
"""

import re
from collections.abc import Iterator

from shipworthy.data.training.batch import Batch, Column
from shipworthy.data.training.checks import Desk

_DIGIT_CLASSES = bytes.maketrans(b"123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"0" * 9 + b"A" * 26)
_EMAIL = re.compile(r"(?<![\w.+-])[A-Za-z0-9][\w.%+-]{0,63}@((?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24})\b", re.ASCII)
_RESERVED = re.compile(r"(?:^|\.)(?:example\.(?:com|org|net)|example|test|invalid|localhost)$", re.IGNORECASE)
_CARD = re.compile(r"(?<![\d.])[3-6]\d{3}(?:[ -]?\d){9,15}(?![\d])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
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
_PHONE = re.compile(
    r"(?<![\w.+-])(?:\+\d{1,3}[ .-]?(?:\(0?\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){1,5}"
    r"|\(\d{3}\) ?\d{3}[-. ]\d{4}|\d{3}[-.]\d{3}[-.]\d{4})(?![\w-])"
)
_SOCIAL = re.compile(r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\d-])")
_ADDRESS = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_SECRET = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}|\bgithub_pat_\w{22,}|\bglpat-[\w-]{20,}"
    r"|\bsk-(?:proj-|ant-)?[\w-]{20,}|\b[sr]k_live_[A-Za-z0-9]{16,}|\bxox[abprs]-[\w-]{10,}|\bAIza[\w-]{35}"
    r"|\bhf_[A-Za-z0-9]{30,}|\bnpm_[A-Za-z0-9]{36}|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"
    r"|-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"
    r"|\b(?:password|passwd|api[_-]?key|secret[_-]?key|access[_-]?token)\b[\"']?\s?[:=]\s?[\"']?(?=[^\s\"'\0]*\d)[^\s\"'\0<>{}]{8,}",
    re.ASCII | re.IGNORECASE,
)
_SECRET_MARKS = (
    *("AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "sk-", "k_live_", "xox", "AIza"),
    *("hf_", "npm_", "eyJ", "PRIVATE KEY-----"),
)
_SECRET_WORDS = frozenset(
    [b"password", b"passwd", b"api", b"apikey", b"api_key", b"secret_key", b"access_token", b"secret"]
)


class Privacy:
    def __init__(self, desk: Desk) -> None:
        self._found = desk.found

    def look(self, batch: Batch) -> None:
        for part, column in batch.parts:
            for code, index, match in _hits(column):
                self._found.add(code, batch, index, part, _masked(code, column, match, index))

    def close(self) -> None:
        pass


def _hits(column: Column) -> Iterator[tuple[str, int, re.Match[str]]]:
    joined = column.joined
    if "@" in joined:
        for index, match in column.hits(_EMAIL):
            if not _RESERVED.search(match[1]):
                yield "email_address", index, match
    if any(mark in joined for mark in _SECRET_MARKS) or not _SECRET_WORDS.isdisjoint(column.words):
        for index, match in column.hits(_SECRET):
            yield "secret", index, match
    yield from _numbers(column)


def _numbers(column: Column) -> Iterator[tuple[str, int, re.Match[str]]]:
    shape = column.raw.translate(_DIGIT_CLASSES, b" -()+")
    if b"0.0" in shape or b"000.000" in shape:
        for index, match in column.hits(_ADDRESS):
            if _public(match[0]):
                yield "ip_address", index, match
    if b"AA00" in shape:
        for index, match in column.hits(_IBAN):
            if iban(match[0]):
                yield "iban", index, match
    if b"0000000" not in shape.replace(b".", b""):
        return
    for index, match in column.hits(_CARD):
        if luhn(match[0]):
            yield "card_number", index, match
    for index, match in column.hits(_SOCIAL):
        yield "social_security_number", index, match
    for index, match in column.hits(_PHONE):
        if 8 <= sum(map(str.isdigit, match[0])) <= 15:
            yield "phone_number", index, match


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


def _masked(code: str, column: Column, match: re.Match[str], index: int) -> str:
    """The place with the value itself hidden, so that a report does not spread it."""
    kept = match[0][:4]
    return column.excerpt(match, index).replace(match[0], kept + "…" * (len(match[0]) > 4))

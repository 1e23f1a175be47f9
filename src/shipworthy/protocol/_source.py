"""Text -> protocol, with the place of everything in it."""

import hashlib
from dataclasses import dataclass

import msgspec

from shipworthy import records
from shipworthy.errors import ProtocolError
from shipworthy.protocol._consistency import settle
from shipworthy.protocol._shape import convert
from shipworthy.protocol._yaml import Path, Tree
from shipworthy.protocol._yaml import parse as parse_yaml
from shipworthy.protocol.types import Protocol

MANY_HARD_GATES = 10


@dataclass(frozen=True, slots=True)
class Source:
    """A protocol and where its parts stand, so that a later stage can point at `file:line:column`."""

    protocol: Protocol
    tree: Tree

    def line_of(self, *path: str | int) -> str:
        """`file:line:column` of a part, as in `line_of("datasets", "tickets", "path")`; what is not written down
        (a default) gives the place of what it belongs to."""
        whole: Path = path
        return self.tree.at(whole)

    @property
    def warnings(self) -> tuple[records.Warning, ...]:
        """What is allowed but seldom meant."""
        return warnings(self.protocol)


def decode(data: bytes, *, where: str) -> str:
    """A protocol file's bytes as text. Raises: ProtocolError: not UTF-8, with line, column and byte."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ProtocolError("the file is UTF-16; save it as UTF-8", where=f"{where}:1:1")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raw: bytes = error.object
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        message = f"byte 0x{raw[error.start]:02X} is not UTF-8; save the file as UTF-8"
        raise ProtocolError(message, where=f"{where}:{line}:{column}") from None


def parse(text: str, *, where: str) -> Source:
    """The protocol in `text` with its places; `where` names the file in messages.

    Raises: ProtocolError: one sentence with file:line:column, and the nearest valid name for an unknown one.
    """
    tree = parse_yaml(text, where=where)
    return Source(protocol=settle(tree, convert(tree, Protocol)), tree=tree)


def load(text: str, *, where: str) -> Protocol:
    """The protocol in `text`; see `parse`."""
    return parse(text, where=where).protocol


def digest(protocol: Protocol) -> str:
    """sha256 of the protocol as canonical JSON: sorted keys, defaults spelled out; comments and layout do not count."""
    return hashlib.sha256(msgspec.json.encode(protocol, order="sorted")).hexdigest()


def warnings(protocol: Protocol) -> tuple[records.Warning, ...]:
    """What is allowed but seldom meant: more than ten hard gates."""
    hard = sum(gate.level == "hard" for gate in protocol.gates)
    if hard <= MANY_HARD_GATES:
        return ()
    message = f"{hard} hard gates: every one must pass, so a good candidate will often fail to; make some of them soft"
    return (records.Warning(code="many_hard_gates", message=message, count=hard),)

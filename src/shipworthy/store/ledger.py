"""The ledger: an append-only, hash-chained record of everything that was decided, in one SQLite file.

Each entry carries the hash of the one before it, so an entry that is edited, removed or put in between breaks the
chain. What a chain alone cannot see is found by the head file beside it (`ledger.head`): it holds the last index and
hash, so a shortened ledger is found, and the SHA-256 of the whole SQLite file, so that every changed byte is found, one
in a part of the file that holds no entry as well. Runs and releases keep anchors (index and hash) of their own, so that
a ledger shortened together with its head is found too. See docs/decisions/0060.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from shipworthy.errors import BadInput, IntegrityError
from shipworthy.records import Record
from shipworthy.store import digests
from shipworthy.store.files import folder_lock, make_folder, one_sentence, write_atomic

FILE, HEAD = "ledger.sqlite", "ledger.head"
_START = "0" * 64
_SCHEMA = (
    "CREATE TABLE entry (idx INTEGER PRIMARY KEY, time TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, "
    "actor TEXT NOT NULL, payload TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL) STRICT",
    "CREATE TRIGGER entry_is_not_updated BEFORE UPDATE ON entry "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
    "CREATE TRIGGER entry_is_not_deleted BEFORE DELETE ON entry "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
)
_COLUMNS = "idx, time, kind, subject, actor, payload, previous, hash"


class Anchor(Record):
    """A point of the ledger that is remembered elsewhere: an index (0: before the first entry) and its hash."""

    index: int
    hash: str


class Entry(Record):
    """One decision. `index` counts from 1; `time` is UTC ISO 8601; `hash` is over all other fields."""

    index: int
    time: str
    kind: str
    subject: str
    actor: str
    payload: dict[str, Any]
    previous: str
    hash: str


class Broken(Record):
    """The first index that is not what was written, and why."""

    index: int
    because: str


class _Head(Record):
    """What stands in ledger.head; `pending` is the entry that was about to be committed when the file was written."""

    last: Anchor
    file_sha256: str
    pending: Anchor | None = None


class Ledger:
    """The ledger in `folder` (made by the first append). Every call opens and closes its own connection, so one object
    may be used from several threads and after a fork."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / FILE
        self._head = folder / HEAD

    def append(
        self,
        kind: str,
        subject: str,
        actor: str,
        payload: Mapping[str, Any],
        *,
        now: datetime,
        check: Callable[[Sequence[Entry]], None] | None = None,
    ) -> Entry:
        """Add one entry; when this returns it is on disk. Several processes may append at once.

        Args:
            kind: what happened, `noun.verb`: run.sealed, release.promoted, seal.look.
            subject: about what: a run id, a release, a dataset.
            actor: who or what decided.
            payload: anything that JSON can say.
            now: with its timezone; the ledger reads no clock.
            check: sees all entries about `subject` while nobody else can append, and may raise to refuse.

        Raises:
            BadInput: the disk is full or read-only.
            IntegrityError: the ledger is not what its head says; nothing is appended to a broken ledger.
        """
        make_folder(self.folder)
        with folder_lock(self.folder), self._opened(create=True) as db:
            last = self._trusted_last(db)
            if check is not None:
                check(_select(db, " WHERE subject = ?", [subject]))
            entry = _entry(last, _iso(now), (kind, subject, actor), dict(payload))
            head = self._read_head() or _Head(last=last, file_sha256="")
            self._write_head(msgspec.structs.replace(head, last=last, pending=_anchor(entry)))
            _insert(db, entry)
            self._write_head(_Head(last=_anchor(entry), file_sha256=digests.of_file(self._file)))
        return entry

    def entries(self, *, kind: str | None = None, subject: str | None = None) -> list[Entry]:
        """All entries in order, or those of one kind or about one subject. IntegrityError: the file cannot be read."""
        if not self._file.exists():
            return []
        asked = [(column, value) for column, value in (("kind", kind), ("subject", subject)) if value is not None]
        where = " WHERE " + " AND ".join(f"{column} = ?" for column, _ in asked) if asked else ""
        with self._opened() as db:
            return _select(db, where, [value for _, value in asked])

    def anchor(self) -> Anchor:
        """The ledger's end, to be remembered elsewhere."""
        if not self._file.exists():
            return Anchor(index=0, hash=_START)
        with self._opened() as db:
            return _last(db)

    def holds(self, anchor: Anchor) -> bool:
        """Whether the entry that was the end when `anchor` was taken still stands unchanged."""
        if anchor.index == 0:
            return anchor.hash == _START
        if not self._file.exists():
            return False
        with self._opened() as db:
            row = db.execute("SELECT hash FROM entry WHERE idx = ?", [anchor.index]).fetchone()
        return row is not None and row[0] == anchor.hash

    def verify(self) -> Broken | None:
        """None, or the first index that is not what was written.

        Finds every changed byte of the ledger and of its head, and a shortened ledger. An append that a crash cut off
        between its commit and its head is not a break; the next append settles it.
        """
        if not self._file.exists() and not self._head.exists():
            return None
        with folder_lock(self.folder):
            try:
                return self._verify()
            except (IntegrityError, BadInput) as error:
                return Broken(index=0, because=str(error))

    def _verify(self) -> Broken | None:
        head = self._read_head()
        if head is None:
            return Broken(index=0, because=f"{HEAD} is missing")
        if not self._file.exists():
            never = head.last.index == 0 and head.pending is not None
            return None if never else Broken(index=1, because=f"{FILE} is missing")
        with self._opened() as db:  # opening rolls back what a crash left half-written
            first = _first_broken(db)
            last = _last(db)
        if first is not None:
            return first
        if last != head.last and last != head.pending:
            told = f"{HEAD} ends with entry {head.last.index}, {FILE} with {last.index}"
            return Broken(index=min(last.index, head.last.index) + 1, because=told)
        if last == head.last and digests.of_file(self._file) != head.file_sha256 and last.index > 0:
            return Broken(index=last.index, because=f"bytes of {FILE} changed, though no entry did")
        return None

    def _trusted_last(self, db: sqlite3.Connection) -> Anchor:
        last, head = _last(db), self._read_head()
        if last not in ((head.last, head.pending) if head else (Anchor(index=0, hash=_START),)):
            raise IntegrityError(
                f"{self._file}: the ledger was cut or edited, so nothing is added to it; see: shipworthy release verify"
            )
        return last

    def _read_head(self) -> _Head | None:
        if not self._head.exists():
            return None
        with one_sentence(self._head):
            content = self._head.read_bytes()
        try:
            head = msgspec.json.decode(content, type=_Head)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise IntegrityError(f"{self._head}: was edited ({error}); restore it") from error
        if digests.canonical(head) != content:
            raise IntegrityError(f"{self._head}: was edited (not as it was written); restore it")
        return head

    def _write_head(self, head: _Head) -> None:
        write_atomic(self._head, digests.canonical(head))

    @contextmanager
    def _opened(self, *, create: bool = False) -> Iterator[sqlite3.Connection]:
        mode = "rwc" if create else "rw"
        try:
            uri = f"{self._file.absolute().as_uri()}?mode={mode}"
            with closing(sqlite3.connect(uri, uri=True, timeout=60, isolation_level=None)) as db:
                db.execute("PRAGMA synchronous = EXTRA")
                if create and db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
                    db.execute("BEGIN IMMEDIATE")
                    for statement in _SCHEMA:
                        db.execute(statement)
                    db.execute("COMMIT")
                yield db
        except sqlite3.OperationalError as error:
            raise BadInput(
                f"the ledger cannot be opened or written ({error}); check the disk", where=str(self._file)
            ) from error
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise IntegrityError(f"{self._file}: was cut or edited ({error}); restore it from a copy") from error


# --- Entries ---------------------------------------------------------------------------------------------------------


def _entry(last: Anchor, time: str, said: tuple[str, str, str], payload: dict[str, Any]) -> Entry:
    kind, subject, actor = said
    payload = msgspec.json.decode(digests.canonical(payload))  # as it will be read, so that its hash is the same
    draft = Entry(
        index=last.index + 1,
        time=time,
        kind=kind,
        subject=subject,
        actor=actor,
        payload=payload,
        previous=last.hash,
        hash="",
    )
    return msgspec.structs.replace(draft, hash=_hash(draft))


def _hash(entry: Entry) -> str:
    fields = {name: value for name, value in msgspec.structs.asdict(entry).items() if name != "hash"}
    return hashlib.sha256(digests.canonical(fields)).hexdigest()


def _anchor(entry: Entry) -> Anchor:
    return Anchor(index=entry.index, hash=entry.hash)


def _insert(db: sqlite3.Connection, entry: Entry) -> None:
    row = msgspec.structs.astuple(entry)
    db.execute("BEGIN IMMEDIATE")
    try:
        db.execute(
            f"INSERT INTO entry ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [*row[:5], digests.canonical(entry.payload).decode(), *row[6:]],
        )
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _select(db: sqlite3.Connection, where: str, values: list[str]) -> list[Entry]:
    rows = db.execute(f"SELECT {_COLUMNS} FROM entry{where} ORDER BY idx", values)
    return [_decoded(row) for row in rows]


def _decoded(row: tuple[Any, ...]) -> Entry:
    if not isinstance(row[0], int) or not all(isinstance(field, str) for field in row[1:]):
        raise IntegrityError(f"ledger entry {row[0]!r} was edited (a field is no text any more)")
    try:
        payload = msgspec.json.decode(row[5], type=dict[str, Any])
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise IntegrityError(f"ledger entry {row[0]} was edited (its payload is no JSON: {error})") from error
    return Entry(
        index=row[0],
        time=row[1],
        kind=row[2],
        subject=row[3],
        actor=row[4],
        payload=payload,
        previous=row[6],
        hash=row[7],
    )


def _last(db: sqlite3.Connection) -> Anchor:
    row = db.execute("SELECT idx, hash FROM entry ORDER BY idx DESC LIMIT 1").fetchone()
    return Anchor(index=row[0], hash=row[1]) if row else Anchor(index=0, hash=_START)


def _first_broken(db: sqlite3.Connection) -> Broken | None:
    schema = [row[0] for row in db.execute("SELECT sql FROM sqlite_master ORDER BY rowid")]
    if schema != list(_SCHEMA):
        return Broken(index=0, because="the table or its triggers were changed")
    previous = _START
    for index, row in enumerate(db.execute(f"SELECT {_COLUMNS} FROM entry ORDER BY idx"), start=1):
        because = _wrong(row, index, previous)
        if because:
            return Broken(index=index, because=because)
        previous = row[7]
    return None


def _wrong(row: tuple[Any, ...], index: int, previous: str) -> str | None:
    try:
        entry = _decoded(row)
    except IntegrityError as error:
        return str(error)
    if entry.index != index:
        return f"entry {index} is missing"
    if entry.previous != previous:
        return f"entry {index} does not follow the entry before it"
    if entry.hash != _hash(entry) or digests.canonical(entry.payload).decode() != row[5]:
        return f"entry {index} was edited"
    return None


def _iso(now: datetime) -> str:
    if now.tzinfo is None:
        raise ValueError("the ledger needs a time with its timezone")
    return now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

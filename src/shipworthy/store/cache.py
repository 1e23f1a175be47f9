"""Answers already paid for: one SQLite table from a key to a Response, shared by processes on one machine."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from shipworthy.errors import BadInput, IntegrityError
from shipworthy.records import Prompt, Response
from shipworthy.store import digests
from shipworthy.store.files import make_folder

FILE = "responses.sqlite"
_FORM = 2
"""Counts the ways in which answers are read: what was kept before is asked again (2: thoughts are taken off)."""
_SCHEMA = "CREATE TABLE IF NOT EXISTS response (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID, STRICT"


def key(identity: Mapping[str, str], prompt: Prompt, *, seed: int) -> str:
    """What two questions must share to share an answer: the model's identity, the conversation and the seed."""
    messages = [msgspec.structs.asdict(message) for message in prompt.messages]
    return digests.of_value({"form": _FORM, "identity": dict(identity), "messages": messages, "seed": seed})


class Cache:
    """The cache in `folder` (made if needed). Close it, or use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        make_folder(folder)
        self._file = folder / FILE
        with self._said():
            # one run at a time has it, but not always the thread that made it: a server judges in workers
            self._db = sqlite3.connect(self._file, timeout=60, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute(_SCHEMA)

    def get(self, key: str) -> Response | None:
        """The answer under `key`, as it was put: the caller sets example, dataset and model anew. None: not there."""
        with self._said():
            row = self._db.execute("SELECT value FROM response WHERE key = ?", [key]).fetchone()
        if row is None:
            return None
        try:
            return msgspec.json.decode(row[0], type=Response)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise IntegrityError(f"{self._file}: a cached answer is broken ({error}); delete the file") from error

    def put(self, key: str, response: Response) -> None:
        """Keep an answer; the last one under a key stays. Raises ValueError for an error: errors are asked again."""
        if response.error is not None:
            raise ValueError("an error is not cached, so that it is asked again")
        with self._said():
            self._db.execute("INSERT OR REPLACE INTO response VALUES (?, ?)", [key, msgspec.json.encode(response)])

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> "Cache":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise BadInput(
                f"the cache cannot be opened or written ({error}); check the disk", where=str(self._file)
            ) from error
        except sqlite3.DatabaseError as error:
            raise IntegrityError(f"{self._file}: is no cache any more ({error}); delete the file") from error

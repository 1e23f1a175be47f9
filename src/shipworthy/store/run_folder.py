"""A run as plain files, readable without Shipworthy.

`manifest.json`, `examples.jsonl`, `responses.jsonl` (append-only), `evidence.parquet`, `verdict.json` and what is
rendered from them. Every file is replaced whole (temporary file, fsync, rename) except `responses.jsonl`, which grows
by one `write` a line. A line therefore survives kill -9 as soon as `append` returns; against power loss the file is
synced once a second and on `close`, so at most the last second of answers is asked again.
"""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from shipworthy.errors import BadInput, Refused
from shipworthy.records import Evidence, Example, Response, Verdict
from shipworthy.store.files import make_folder, one_sentence, replace_atomic, write_atomic
from shipworthy.store.manifest import Manifest, Status
from shipworthy.store.posix import fcntl

if TYPE_CHECKING:
    from typing import Self

T = TypeVar("T")
MANIFEST, EXAMPLES, RESPONSES = "manifest.json", "examples.jsonl", "responses.jsonl"
EVIDENCE, VERDICT = "evidence.parquet", "verdict.json"
_LOCK = ".lock"
_SYNC_EVERY_S = 1.0


class RunFolder:
    """One run on disk. Reading takes no lock; the first write takes the folder's lock and holds it until `close`.

    `path` is the folder, `manifest` what stands in its manifest.json. Use it as a context manager, or call `close`.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self._lock: int | None = None
        self._log: int | None = None
        self._synced_at = 0.0

    @classmethod
    def create(cls, path: Path, manifest: Manifest) -> "Self":
        """Start a run in `path` (made if needed) and lock it.

        Raises:
            BadInput: a run lies there already, or the folder cannot be written.
            Refused: another process is running there.
        """
        make_folder(path)
        run = cls(path, manifest)
        run.lock()
        if (path / MANIFEST).exists():
            run.close()
            raise BadInput(
                "a run lies here already; continue it with --resume or choose another folder", where=str(path)
            )
        try:
            run._write_manifest()
        except BaseException:
            run.close()
            raise
        return run

    @classmethod
    def open(cls, path: Path) -> "Self":
        """The run in `path`. Raises BadInput: there is none, or its manifest is broken."""
        if not (path / MANIFEST).is_file():
            raise BadInput(f"no run lies here ({MANIFEST} is missing); check the path", where=str(path))
        return cls(path, _decode_file(path / MANIFEST, Manifest))

    def lock(self) -> None:
        """Keep other processes from writing here. A lock whose holder was killed is free at once (the kernel's flock).

        Raises: Refused: another process writes here; the message names its process id.
        """
        if self._lock is not None:
            return
        with one_sentence(self.path):
            handle = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 20).decode(errors="replace").strip() or "unknown"
            os.close(handle)
            raise Refused(
                f"{self.path}: process {holder} is running here; wait for it or choose another folder"
            ) from None
        self._lock = handle
        with one_sentence(self.path):
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Sync what was appended and give the lock back. Closing twice is fine."""
        log, self._log = self._log, None
        lock, self._lock = self._lock, None
        try:
            if log is not None:
                _sync_and_close(log, self.path / RESPONSES)
        finally:
            if lock is not None:
                os.close(lock)

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def set_status(self, status: Status) -> None:
        """Write how far the run has come into the manifest."""
        self.manifest = msgspec.structs.replace(self.manifest, status=status)
        self._write_manifest()

    # --- Responses: append-only -------------------------------------------------------------------------------------

    def append(self, response: Response) -> None:
        """Add one line to responses.jsonl; when this returns, the line survives kill -9.

        Raises: BadInput: the disk is full or read-only; the file then ends with the last whole line.
        """
        line = msgspec.json.encode(response) + b"\n"
        log = self._log if self._log is not None else self._open_log()
        with one_sentence(self.path / RESPONSES):
            before = os.fstat(log).st_size
            try:
                written = os.write(log, line)
                if written < len(line):
                    os.write(log, line[written:])  # a full disk raises here and says so
            except OSError:
                with suppress(OSError):  # the first error is the one to tell; a part left here is cut on the next open
                    os.ftruncate(log, before)
                raise
            if (now := time.monotonic()) - self._synced_at > _SYNC_EVERY_S:
                os.fsync(log)
                self._synced_at = now

    def responses(self) -> Iterator[Response]:
        """Every whole line of responses.jsonl, in order; a torn last line is left out. BadInput names a broken one."""
        yield from _read_lines(self.path / RESPONSES, Response)

    def _open_log(self) -> int:
        self.lock()
        path = self.path / RESPONSES
        with one_sentence(path):
            log = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            _cut_torn_line(log)
        self._log = log
        self._synced_at = time.monotonic()
        return log

    # --- Whole files ------------------------------------------------------------------------------------------------

    def write_examples(self, examples: Iterable[Example]) -> None:
        """Write examples.jsonl, one example a line, all datasets one after another."""
        self.lock()
        encoder = msgspec.json.Encoder()

        def write(temporary: Path) -> None:
            with temporary.open("wb") as stream:
                stream.writelines(encoder.encode(example) + b"\n" for example in examples)

        replace_atomic(self.path / EXAMPLES, write)

    def examples(self) -> Iterator[Example]:
        """Every example of the run, in the order in which they were written."""
        yield from _read_lines(self.path / EXAMPLES, Example)

    def write_evidence(self, evidence: Sequence[Evidence]) -> None:
        """Write evidence.parquet: one row a unit, model and metric (see `store.evidence`)."""
        from shipworthy.store import evidence as parquet

        self.lock()
        replace_atomic(self.path / EVIDENCE, lambda temporary: parquet.write(temporary, evidence))

    def evidence(self) -> list[Evidence]:
        """What `write_evidence` wrote, equal to the last bit. BadInput: there is none or it cannot be read."""
        from shipworthy.store import evidence as parquet

        return parquet.read(self.path / EVIDENCE)

    def write_verdict(self, verdict: Verdict) -> None:
        """Write verdict.json: the JSON of `compare`, `gate` and `run`."""
        self.write_text(VERDICT, msgspec.json.format(msgspec.json.encode(verdict), indent=2).decode() + "\n")

    def verdict(self) -> Verdict:
        """What stands in verdict.json. BadInput: the run has none yet, or the file is broken."""
        if not (self.path / VERDICT).is_file():
            raise BadInput("this run has no verdict yet; finish it with: shipworthy run --resume", where=str(self.path))
        return _decode_file(self.path / VERDICT, Verdict)

    def write_text(self, name: str, text: str) -> None:
        """Write any other file of the run, whole or not at all; `name` may hold folders (`sign_offs/a.json`)."""
        self.lock()
        path = self.path / name
        make_folder(path.parent)
        write_atomic(path, text.encode())

    def _write_manifest(self) -> None:
        text = msgspec.json.format(msgspec.json.encode(self.manifest), indent=2).decode()
        self.write_text(MANIFEST, text + "\n")


def _decode_file(path: Path, kind: type[T]) -> T:
    with one_sentence(path):
        content = path.read_bytes()
    return _decode(content, kind, where=str(path))


def _decode(content: bytes, kind: type[T], *, where: str) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BadInput(f"not a {kind.__name__.lower()} ({error}); the file was cut or edited", where=where) from error


def _read_lines(path: Path, kind: type[Any]) -> Iterator[Any]:
    if not path.exists():
        return
    decoder = msgspec.json.Decoder(kind)
    with one_sentence(path), path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.endswith(b"\n"):
                return  # torn by a crash in the middle of a write: as if it had never been answered
            try:
                value = decoder.decode(line)
            except (msgspec.DecodeError, ValueError, RecursionError):
                value = _decode(line, kind, where=f"{path}:{number}")  # raises, with the line
            yield value


def _cut_torn_line(log: int) -> None:
    size = os.fstat(log).st_size
    end = size
    while end > 0:
        start = max(0, end - 65536)
        newline = os.pread(log, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end < size:
        os.ftruncate(log, end)


def _sync_and_close(log: int, path: Path) -> None:
    with one_sentence(path):
        try:
            os.fsync(log)
        finally:
            os.close(log)

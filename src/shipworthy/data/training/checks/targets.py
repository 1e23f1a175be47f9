"""Targets that a program will read: JSON against its schema, SQL on its database, answers in their contexts."""

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shipworthy.data.training.batch import Batch
from shipworthy.data.training.checks import Desk
from shipworthy.data.training.types import Skipped
from shipworthy.errors import BadInput

if TYPE_CHECKING:
    import sqlite3

_NEARLY_ALL = 0.8
_SQL_STARTS = ("select", "with", "insert", "update", "delete", "create")
_STEPS = 10_000
_TRACKED_SHAPES = 2_000
_OTHER_KEYS = "other keys than the rest"
_SYNTAX = ("syntax error", "incomplete input", "unrecognized token")


class Targets:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._found = desk.found
        self._schema = _schema(desk.options.schema) if desk.options.schema else None
        self._database = _Database(desk.options.database, desk.options.sql_seconds)
        self._as: dict[str, str] = {}
        self._keys: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        self._counts: dict[tuple[str, ...], int] = {}
        self._other_shapes = 0
        self._sql = False

    def look(self, batch: Batch) -> None:
        self._grounding(batch)
        if batch.completion_N is None or batch.label_N is not None:
            return
        kind = self._as.setdefault(batch.lines.path, self._desk.options.target or _recognised(batch))
        if kind == "json":
            self._json(batch, batch.completion_N)
        elif kind == "sql":
            self._sql = True
            self._desk.look("sql", batch, self._queries)

    # --- JSON ---

    def _json(self, batch: Batch, said: Sequence[str]) -> None:
        import msgspec

        for index, text in enumerate(said):
            if not text.strip():
                continue
            try:
                value = msgspec.json.decode(text)
            except (msgspec.DecodeError, RecursionError) as error:
                self._found.add("target_not_json", batch, index, "completion", text, str(error))
                continue
            schema = batch.schema_N[index] if batch.schema_N is not None else None
            self._against(batch, index, text, value, schema)
            if isinstance(value, dict):
                self._shape(batch.where(index), tuple(sorted(value)), text)

    def _against(self, batch: Batch, index: int, text: str, value: Any, schema: Any) -> None:
        validator = self._schema if schema is None else _validator(schema, batch.where(index))
        if validator is None:
            return
        error = next(validator.iter_errors(value), None)
        if error is not None:
            at = "/".join(map(str, error.absolute_path)) or "the whole"
            self._found.add("target_breaks_schema", batch, index, "completion", text, f"{at}: {error.message[:160]}")

    def _shape(self, where: str, keys: tuple[str, ...], text: str) -> None:
        if keys not in self._counts and len(self._counts) >= _TRACKED_SHAPES:
            self._other_shapes += 1
            return
        self._counts[keys] = self._counts.get(keys, 0) + 1
        places = self._keys.setdefault(keys, [])
        if len(places) < self._found.keep:
            places.append((where, text))

    # --- SQL ---

    def _queries(self, batch: Batch) -> Mapping[int, int]:
        """Adds what the database says against the queries; counts nothing."""
        for index, text in enumerate(batch.completion_N or ()):
            if text.strip():
                error = self._database.error(text)
                if error is not None:
                    code = "sql_does_not_parse" if any(sign in error for sign in _SYNTAX) else "sql_does_not_run"
                    self._found.add(code, batch, index, "completion", text, error)
        return {}

    # --- contexts ---

    def _grounding(self, batch: Batch) -> None:
        if batch.contexts_N is None:
            return
        for index, contexts in enumerate(batch.contexts_N):
            joined = " ".join(contexts or ())
            if not joined.strip():
                self._found.add("empty_contexts", batch, index, "contexts", batch.prompt_N[index])
                continue
            said = batch.completion_N[index] if batch.completion_N is not None else ""
            words = {word for word in _words(said) if len(word) > 2 or word.isdigit()}
            if len(words) >= 2 and words.isdisjoint(_words(joined)):
                self._found.add("ungrounded_answer", batch, index, "completion", said)

    def close(self) -> None:
        total = sum(self._counts.values()) + self._other_shapes
        usual = max(self._counts, key=self._counts.__getitem__, default=())
        if self._counts and self._counts[usual] > _NEARLY_ALL * total:
            for keys, places in self._keys.items():
                if keys != usual:
                    said = f"keys {', '.join(keys) or 'none'}; usual are {', '.join(usual)}"
                    for where, text in places:
                        self._found.at("target_keys", where, "completion", text, said)
                    self._found.whole("target_keys", self._counts[keys] - len(places), _OTHER_KEYS)
            self._found.whole("target_keys", self._other_shapes, _OTHER_KEYS)
        if self._sql and self._desk.options.database is None:
            self._desk.skipped.append(Skipped(check="sql_does_not_run", because="needs --database FILE (SQLite)"))
        self._database.close()


def _words(text: str) -> set[str]:
    return set("".join(sign if sign.isalnum() else " " for sign in text.casefold()).split())


def _recognised(batch: Batch) -> str:
    """What nearly all completions of the first batch are."""
    if batch.kind == "sql":
        return "sql"
    if batch.kind in ("squad", "rag", "tool_prompts") or batch.tools_N is not None or batch.completion_N is None:
        return "text"
    said = [text.strip() for text in batch.completion_N[:2_000] if text.strip()]
    as_json = sum(text.startswith(("{", "[")) for text in said)
    as_sql = sum(text[:8].lower().startswith(_SQL_STARTS) and " " in text for text in said)
    if as_json > _NEARLY_ALL * len(said):
        return "json"
    queries = as_sql > _NEARLY_ALL * len(said) and sum(" from " in text.lower() for text in said) > 0.5 * len(said)
    return "sql" if queries else "text"


def _schema(path: str) -> Any:
    try:
        schema = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot be read as a JSON Schema ({error})", where=path) from None
    return _validator(schema, path)


def _validator(schema: Any, where: str) -> Any:
    """A validator that fetches nothing from the network."""
    import jsonschema
    from referencing import Registry

    cls = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        cls.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise BadInput(f"not a valid JSON Schema: {error.message[:200]}", where=where) from None
    return cls(schema, registry=Registry())


class _Database:
    """Runs queries read-only with a time limit; without a file, only asks whether SQLite can parse them."""

    def __init__(self, path: str | None, seconds: float) -> None:
        self._path, self._seconds = path, seconds
        self._opened: sqlite3.Connection | None = None
        if path is not None:
            self._connection()  # a wrong path is said before the first row is read

    def _connection(self) -> "sqlite3.Connection":
        import sqlite3

        if self._opened is None:
            target = (
                "file::memory:" if self._path is None else Path(self._path).absolute().as_uri() + "?mode=ro&immutable=1"
            )
            try:
                self._opened = sqlite3.connect(target, uri=True)
                self._opened.execute("SELECT count(*) FROM sqlite_master")
            except sqlite3.Error as error:
                raise BadInput(f"this is not a SQLite database that can be read ({error})", where=self._path) from None
            self._opened.execute("PRAGMA query_only = 1")
            self._opened.set_authorizer(_only_reading)
        return self._opened

    def error(self, query: str) -> str | None:
        """What SQLite says against the query, None when it runs."""
        import sqlite3
        import time

        connection = self._connection()
        deadline = time.monotonic() + self._seconds
        connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        try:
            with closing(connection.execute(query if self._path else f"EXPLAIN {query}")) as rows:
                rows.fetchmany(100)
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            said = str(error)
            if self._path is None and not any(sign in said for sign in _SYNTAX):
                return None  # "no such table": it parses, which is all that can be known here
            return f"it ran longer than {self._seconds:g} s" if "interrupted" in said else said
        return None

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()


def _only_reading(action: int, *_: object) -> int:
    import sqlite3

    allowed = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
    return sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY

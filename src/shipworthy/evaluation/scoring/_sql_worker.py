"""A process that runs untrusted queries on databases that it can only read, each under a time and a row limit.

Stand-alone: started as `python -I _sql_worker.py SETTINGS`, with an empty environment and limits on its memory and
files. Each line of standard input is a query, answered by one line. A query that does not heed its limit is stopped by
whoever started this process, with it.
"""

import base64
import datetime
import decimal
import json
import resource
import sqlite3
import sys
import threading
import time
import uuid
from typing import Any

Json = dict[str, Any]
_STEPS_BETWEEN_LOOKS = 1000
_LONGEST_VALUE = 16 << 20
_DENIED_FUNCTIONS = frozenset({"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"})


class _TooManyRows(Exception):
    pass


def main() -> None:
    """Serve queries until standard input ends."""
    settings: Json = json.loads(sys.argv[1])
    memory = settings["memory_mb"] << 20
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout.write('{"ready": true}\n')
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(settings, json.loads(line))) + "\n")
        sys.stdout.flush()


def _answer(settings: Json, job: Json) -> Json:
    run = _duckdb if job["engine"] == "duckdb" else _sqlite
    started = time.monotonic()
    try:
        rows = [[_plain(value) for value in row] for row in run(settings, job["database"], job["sql"])]
        return {"rows": rows}
    except MemoryError:
        return {"error": f"it asked for more than {settings['memory_mb']} MB", "stopped": "memory"}
    except _TooManyRows:
        return {"error": f"it gives more than {settings['max_rows']} rows", "stopped": "rows"}
    except Exception as error:  # noqa: BLE001 - whatever a query raises is its result
        if time.monotonic() - started >= settings["wall_s"]:
            return {"error": f"stopped after {settings['wall_s']:g} s", "stopped": "time"}
        return {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:400]}", "stopped": ""}


def _plain(value: Any) -> Any:
    """A value as JSON tells it: numbers as numbers, the rest as tagged text."""
    if value is None or isinstance(value, str | bool | int | float):
        return {"": repr(value)} if isinstance(value, float) and value - value != 0 else value
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return {"bytes": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta | uuid.UUID):
        return str(value)
    return {type(value).__name__: str(value)}


# --- SQLite -----------------------------------------------------------------------------------------------------------


def _allowed(action: int, _one: str | None, two: str | None, _database: str | None, _trigger: str | None) -> int:
    """SQLite asks for everything that a statement would do; reading is all that it may."""
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_DENY if (two or "").casefold() in _DENIED_FUNCTIONS else sqlite3.SQLITE_OK
    reading = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE)
    return sqlite3.SQLITE_OK if action in reading else sqlite3.SQLITE_DENY


def _sqlite(settings: Json, database: str, sql: str) -> list[tuple[Any, ...]]:
    deadline = time.monotonic() + settings["wall_s"]
    connection = sqlite3.connect(f"file:{_quoted(database)}?mode=ro&immutable=1", uri=True, isolation_level=None)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.text_factory = lambda content: content.decode(errors="replace")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.set_authorizer(_allowed)
        connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
        return _fetched(connection.execute(sql), settings["max_rows"])
    finally:
        connection.close()


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _fetched(cursor: Any, most: int) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = cursor.fetchmany(most + 1)
    if len(rows) > most:
        raise _TooManyRows
    return rows


# --- DuckDB -----------------------------------------------------------------------------------------------------------


def _duckdb(settings: Json, database: str, sql: str) -> list[tuple[Any, ...]]:
    import duckdb

    config = {
        "threads": "1",
        "memory_limit": f"{settings['memory_mb'] // 2}MB",
        "max_temp_directory_size": "0KB",
        "enable_external_access": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "lock_configuration": "true",
    }
    connection = duckdb.connect(database, read_only=True, config=config)
    timer = threading.Timer(settings["wall_s"], connection.interrupt)
    try:
        statements = connection.extract_statements(sql)
        if [one.type for one in statements] != [duckdb.StatementType.SELECT]:
            raise PermissionError("a single SELECT is all that may run")
        timer.start()
        return _fetched(connection.execute(statements[0]), settings["max_rows"])
    except duckdb.OutOfMemoryException as error:
        raise MemoryError from error
    finally:
        timer.cancel()
        connection.close()


if __name__ == "__main__":
    main()

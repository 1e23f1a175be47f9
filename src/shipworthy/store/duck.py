"""One way to open DuckDB: nothing is fetched, and nothing is drawn into what a command prints."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

OFFLINE = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}


def connect(path: str = ":memory:") -> "duckdb.DuckDBPyConnection":
    """A connection to a database file, or to memory. duckdb is imported here: 30 ms that not every command need pay."""
    import duckdb

    connection = duckdb.connect(path, config=OFFLINE)
    connection.execute("SET enable_progress_bar = false")  # a slow query would draw it into the JSON on stdout
    return connection


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C in the midst of a query, which duckdb reports as a RuntimeError, is a KeyboardInterrupt again."""
    try:
        yield
    except RuntimeError as error:
        if str(error) == "Query interrupted":
            raise KeyboardInterrupt from error
        raise

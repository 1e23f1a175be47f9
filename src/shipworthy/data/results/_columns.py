"""A JSON object of `columns` and `data`: a W&B table (`*.table.json`), MLflow's `log_table`, pandas' orient "split".

Read as any table: wide, tidy, or a file a model. Where no column is `example_id`, the id is the first column that is
called like one or like a question.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from shipworthy.data.results import _table, _tables
from shipworthy.data.results._formats import Format
from shipworthy.data.results._long import Long
from shipworthy.data.results._peek import Start
from shipworthy.data.results._query import Query

IDS = ("example_id", "id", "sample_id", "index", "inputs", "input", "question", "prompt", "instruction", "query")


def is_file(start: Start) -> bool:
    """Columns and rows, whatever else stands beside them."""
    return start.has("columns", "data")


def read(paths: Sequence[Path], query: Query) -> Long:
    """Raises: BadInput: see the tables."""
    if not query.id_columns:
        columns = _table.read(paths[0]).columns
        found = next((name for name in IDS if name in columns), None)
        if found is not None:
            query = msgspec.structs.replace(query, id_columns=(found,))
    return _tables.read(paths, query)


FORMAT = Format(
    title="table of columns and data",
    version="W&B tables (`*.table.json`), MLflow's `log_table`, pandas' orient `split`",
    recognised="a JSON object with `columns` and `data`; ids from `example_id`, `id`, or the question's column",
    direction="the metric's name, as in any table",
    failures="as in any table",
    ties="as in any table",
    repeats="as in any table",
    test="tests/data/test_columns.py::test_a_table_of_wandb_is_read",
    read=read,
    asks_for_ids=True,
    is_file=is_file,
)

"""How the reader runs its queries: columns by name, all rows at once, or a stream of them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager
from typing import Any, cast

import sqlalchemy as sa

from tracefoundry.store.json_slices import SLICE_CHARACTERS
from tracefoundry.store.records import TEXT_CHARACTERS

_STREAMED: dict[str, Any] = {"stream_results": True, "max_row_buffer": 50}
_FEW: dict[str, Any] = {"stream_results": True, "max_row_buffer": 8}
"""For rows of up to some megabytes."""

_FETCH_BYTES = 1024 * 1024
"""What one fetch of small rows should bring."""
_FETCH_ROWS = (8, 512)
"""Fewest and most rows of a fetch."""

Statement = sa.Select[*tuple[Any, ...]]


def columns_of(table: sa.Table, names: Iterable[str]) -> tuple[sa.ColumnElement[Any], ...]:
    """The columns of these names, in their order; JSON as the text that is stored."""
    return tuple(
        sa.cast(table.c[name], sa.Text).label(name)
        if isinstance(table.c[name].type, sa.JSON)
        else table.c[name]
        for name in names
    )


_NARROW: dict[type[Any], int] = {sa.JSON: SLICE_CHARACTERS, sa.Text: TEXT_CHARACTERS + 1}
"""Characters that are read of a column, by its type."""


def narrow_columns(table: sa.Table, names: Iterable[str]) -> tuple[sa.ColumnElement[Any], ...]:
    """Like :func:`columns_of`, with the first characters of what is too large for an answer: of
    JSON one slice, of plain text one character more than is shown."""
    return tuple(
        sa.func.substr(column, 1, _NARROW[type(table.c[name].type)]).label(name)
        if type(table.c[name].type) in _NARROW
        else column
        for name, column in zip(names, columns_of(table, names), strict=True)
    )


def fetch(connection: sa.Connection, statement: Statement) -> list[tuple[Any, ...]]:
    """All rows of a statement, as the driver makes them: booleans are integers on SQLite.

    A SQLAlchemy row takes longer to build than the record that it becomes, and a trace may have
    100,000 spans.
    """
    base = connection.dialect.loaded_dbapi.Error
    with connection.execute(statement) as result:
        try:
            return cast("list[tuple[Any, ...]]", result.cursor.fetchall())
        except base as error:
            # As SQLAlchemy's own error, which the engine knows how to report.
            raise sa.exc.DBAPIError.instance(None, None, error, base) from error


def pairs(connection: sa.Connection, statement: Statement) -> list[tuple[Any, Any]]:
    """All rows of a statement that selects two columns."""
    return cast("list[tuple[Any, Any]]", fetch(connection, statement))


def stream(
    connection: sa.Connection, statement: Statement, *, few: bool = False
) -> AbstractContextManager[Iterable[sa.Row[*tuple[Any, ...]]]]:
    """The rows of a statement, each of which can be large: a few are held at once, or with
    ``few`` very few."""
    return connection.execute(statement, execution_options=_FEW if few else _STREAMED)


def stream_sized(
    connection: sa.Connection,
    statement: Statement,
    size_of: Callable[[sa.Row[*tuple[Any, ...]]], int],
) -> Generator[tuple[sa.Row[*tuple[Any, ...]], int], None, None]:
    """The rows of a statement, each with its size in bytes. Large rows are fetched a few at a time;
    the smaller they turn out to be, the more are fetched at once, because each fetch costs a round
    trip."""
    fewest, most = _FETCH_ROWS
    count = fewest
    with connection.execute(statement, execution_options=_FEW) as result:
        while rows := result.fetchmany(count):
            total = 0
            for row in rows:
                size = size_of(row)
                total += size
                yield row, size
            grown = _FETCH_BYTES * len(rows) // max(1, total)
            count = max(fewest, min(grown, 4 * count, most))

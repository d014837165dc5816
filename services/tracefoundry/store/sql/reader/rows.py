"""Rows as the driver makes them: plain tuples, from which the reader builds its records.

A SQLAlchemy row costs more time than the record that it becomes, and a trace may have 100,000
spans. Only drivers' own types come out: booleans are integers on SQLite.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import sqlalchemy as sa

ROWS_AT_ONCE = 50
"""Rows that a stream holds at a time: each of them can be large."""

_STREAMED: dict[str, Any] = {"stream_results": True}

Statement = sa.Select[*tuple[Any, ...]]


def columns_of(table: sa.Table, names: Iterable[str]) -> tuple[sa.ColumnElement[Any], ...]:
    """The columns of these names, in their order; JSON as the text that is stored."""
    return tuple(
        sa.cast(table.c[name], sa.Text).label(name)
        if isinstance(table.c[name].type, sa.JSON)
        else table.c[name]
        for name in names
    )


def fetch(connection: sa.Connection, statement: Statement) -> list[tuple[Any, ...]]:
    """All rows of a statement."""
    with connection.execute(statement) as result, _driver_errors(connection):
        return cast("list[tuple[Any, ...]]", result.cursor.fetchall())


def pairs(connection: sa.Connection, statement: Statement) -> list[tuple[Any, Any]]:
    """All rows of a statement that selects two columns."""
    return cast("list[tuple[Any, Any]]", fetch(connection, statement))


@contextmanager
def stream(connection: sa.Connection, statement: Statement) -> Iterator[Iterator[tuple[Any, ...]]]:
    """The rows of a statement, of which only a few are held at once, while the block lasts."""
    with connection.execute(statement, execution_options=_STREAMED) as result:
        yield _portions(connection, result.cursor)


def _portions(connection: sa.Connection, cursor: Any) -> Iterator[tuple[Any, ...]]:
    while True:
        with _driver_errors(connection):
            rows: list[tuple[Any, ...]] = cursor.fetchmany(ROWS_AT_ONCE)
        if not rows:
            return
        yield from rows


@contextmanager
def _driver_errors(connection: sa.Connection) -> Iterator[None]:
    """Raise the driver's errors as SQLAlchemy's, which the engine knows how to report."""
    base = connection.dialect.loaded_dbapi.Error
    try:
        yield
    except base as error:
        raise sa.exc.DBAPIError.instance(None, None, error, base) from error

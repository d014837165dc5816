"""How the reader runs its queries: columns by name, all rows at once, or a stream of them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, cast

import sqlalchemy as sa

from tracefoundry.store.json_slices import SLICE_CHARACTERS
from tracefoundry.store.records import TEXT_CHARACTERS

_STREAMED: dict[str, Any] = {"stream_results": True, "max_row_buffer": 50}
_FEW: dict[str, Any] = {"stream_results": True, "max_row_buffer": 8}
"""For rows of up to some megabytes."""

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

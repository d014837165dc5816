"""Deleting rows in batches, each a short transaction, where no partition can be dropped.

Rows are picked by their place in the table (``ctid``, ``rowid``), which bounds a batch whatever
the keys look like, and the condition is asked again at the delete: a row that was changed
meanwhile stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from tracefoundry.store.sql.engine import reading, write_again

BATCH_ROWS = 5_000
"""Rows deleted in one transaction: writers get their turn between two."""
FOUND_ROWS = 50_000
"""Rows looked up at once on SQLite, where looking may read a whole index."""

_BYTES: postgresql.ARRAY[bytes] = postgresql.ARRAY(sa.LargeBinary)

Check = Callable[[], None]
"""Called between batches; raises to end the work there."""
Condition = sa.ColumnElement[bool]


def execute(engine: sa.Engine, statement: sa.Delete | sa.Update) -> int:
    """Run one statement in a transaction of its own; returns how many rows it changed.

    Raises:
        StoreUnavailable: nothing was changed; trying again may help.
    """
    return write_again(engine, lambda connection: connection.execute(statement).rowcount)


def one_of(
    connection: sa.Connection, column: sa.ColumnElement[bytes], values: Sequence[bytes]
) -> Condition:
    """``column IN values``. On PostgreSQL the values go as the text of one array: to bind each for
    itself takes longer than to find the rows."""
    if connection.dialect.name == "postgresql":
        text = "{" + ",".join(f'"\\\\x{value.hex()}"' for value in values) + "}"
        return column == sa.any_(sa.cast(sa.literal(text, sa.Text), _BYTES))
    return column.in_(values)


def count(engine: sa.Engine, table: sa.Table, *where: Condition) -> int:
    """How many rows a delete would take."""
    with reading(engine) as connection:
        statement = sa.select(sa.func.count()).select_from(table).where(*where)
        return int(connection.execute(statement).scalar_one())


def delete(engine: sa.Engine, table: sa.Table, check: Check, *where: Condition) -> int:
    """Delete rows in batches; returns how many. On PostgreSQL the conditions should name one day,
    so that the other partitions are not looked at.

    Raises:
        StoreUnavailable: batches before are deleted; calling again goes on.
    """
    if engine.dialect.name == "postgresql":
        return _delete_postgres(engine, table, check, where)
    return _delete_sqlite(engine, table, check, where)


def _delete_postgres(
    engine: sa.Engine, table: sa.Table, check: Check, where: Sequence[Condition]
) -> int:
    place: sa.ColumnElement[Any] = sa.literal_column("ctid")
    picked = sa.select(place).select_from(table).where(*where).limit(BATCH_ROWS)
    statement = sa.delete(table).where(
        place == sa.any_(sa.func.array(picked.scalar_subquery())), *where
    )
    total = 0
    while True:
        check()
        deleted = execute(engine, statement)
        total += deleted
        if deleted < BATCH_ROWS:
            return total


def _delete_sqlite(
    engine: sa.Engine, table: sa.Table, check: Check, where: Sequence[Condition]
) -> int:
    place: sa.ColumnElement[Any] = sa.literal_column("rowid")
    picked = sa.select(place).select_from(table).where(*where).limit(FOUND_ROWS)
    total = 0
    while True:
        check()
        with reading(engine) as connection:
            found = list(connection.execute(picked).scalars())
        for at in range(0, len(found), BATCH_ROWS):
            check()
            statement = sa.delete(table).where(place.in_(found[at : at + BATCH_ROWS]), *where)
            total += execute(engine, statement)
        if len(found) < FOUND_ROWS:
            return total

"""Working through many rows in batches, each in a short transaction: writers get their turn between
two, and an interruption loses the work of one batch at most.

Traces are found by keyset: each batch begins behind the last row of the one before. Rows of other
tables are picked by their place in the table (``ctid``, ``rowid``), which bounds a batch whatever
the keys look like; the condition is asked again at the delete, so a row that was changed in between
stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from tracefoundry.store.api import DiskFull
from tracefoundry.store.deletion_api import Check
from tracefoundry.store.sql.engine import reading, write_again

BATCH_ROWS = 5_000
"""Rows deleted in one transaction."""
FOUND_ROWS = 50_000
"""Rows looked up at once on SQLite, where looking may read a whole index."""

Row: TypeAlias = sa.Row[*tuple[Any, ...]]
Condition: TypeAlias = sa.ColumnElement[bool]
Find: TypeAlias = Callable[[sa.Connection, Row | None], list[Row]]
"""Finds the next rows behind one, the first ones behind None."""

Item = TypeVar("Item")
Result = TypeVar("Result")

_BYTES: postgresql.ARRAY[bytes] = postgresql.ARRAY(sa.LargeBinary)


def no_check() -> None:
    """The check of work that is never ended early."""


def batches(engine: sa.Engine, find: Find, check: Check = no_check) -> Iterator[list[Row]]:
    """What ``find`` finds, batch by batch, without locks."""
    last: Row | None = None
    while True:
        check()
        with reading(engine) as connection:
            found = find(connection, last)
        if not found:
            return
        yield found
        last = found[-1]


def in_parts(
    engine: sa.Engine,
    items: Sequence[Item],
    work: Callable[[sa.Connection, Sequence[Item]], Result],
) -> Iterator[Result]:
    """Work on items in one transaction; on a disk too full for that on the halves of them, each in
    a transaction of its own, and so on.

    Raises:
        DiskFull: there is no room even for one item.
    """
    try:
        result = write_again(engine, lambda connection: work(connection, items))
    except DiskFull:
        if len(items) < 2:
            raise
        middle = len(items) // 2
        yield from in_parts(engine, items[:middle], work)
        yield from in_parts(engine, items[middle:], work)
    else:
        yield result


def limit_size(rows: Iterable[Row], most: float) -> list[Row]:
    """The first rows, until the column ``size`` of all of them is more than ``most`` in sum."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += row.size
        if size > most:
            break
    return batch


def one_of(
    connection: sa.Connection, column: sa.ColumnElement[bytes], values: Sequence[bytes]
) -> Condition:
    """``column IN values``. On PostgreSQL the values go as the text of one array: binding each by
    itself takes longer than finding the rows."""
    if connection.dialect.name == "postgresql":
        text = "{" + ",".join(f'"\\\\x{value.hex()}"' for value in values) + "}"
        return column == sa.any_(sa.cast(sa.literal(text, sa.Text), _BYTES))
    return column.in_(values)


def count_rows(engine: sa.Engine, table: sa.Table, *where: Condition) -> int:
    """How many rows a delete would take."""
    with reading(engine) as connection:
        statement = sa.select(sa.func.count()).select_from(table).where(*where)
        return int(connection.execute(statement).scalar_one())


def delete_rows(engine: sa.Engine, table: sa.Table, check: Check, *where: Condition) -> int:
    """Delete rows in batches; returns how many. On PostgreSQL the conditions should name one day,
    so that the other partitions are not looked at.

    Raises:
        StoreUnavailable: batches before are deleted; calling again goes on.
    """
    if engine.dialect.name == "postgresql":
        return _delete_by_ctid(engine, table, check, where)
    return _delete_by_rowid(engine, table, check, where)


def _delete_by_ctid(
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
        deleted = _execute(engine, statement)
        total += deleted
        if deleted < BATCH_ROWS:
            return total


def _delete_by_rowid(
    engine: sa.Engine, table: sa.Table, check: Check, where: Sequence[Condition]
) -> int:
    place: sa.ColumnElement[Any] = sa.literal_column("rowid")
    picked = sa.select(place).select_from(table).where(*where).limit(FOUND_ROWS)

    def delete(connection: sa.Connection, places: Sequence[int]) -> int:
        return connection.execute(sa.delete(table).where(place.in_(places), *where)).rowcount

    total = 0
    while True:
        check()
        with reading(engine) as connection:
            found = list(connection.execute(picked).scalars())
        for at in range(0, len(found), BATCH_ROWS):
            check()
            total += sum(in_parts(engine, found[at : at + BATCH_ROWS], delete))
        if len(found) < FOUND_ROWS:
            return total


def _execute(engine: sa.Engine, statement: sa.Delete) -> int:
    """Run a statement in a transaction of its own; returns how many rows it changed."""
    return write_again(engine, lambda connection: connection.execute(statement).rowcount)

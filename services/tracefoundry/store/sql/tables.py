"""The tables as SQLAlchemy Core metadata, made from the column list (``sql.columns``).

The reader queries :data:`metadata`, which is the newest schema. Migrations ask for what their own
revision made, so that a database that is migrated step by step gets each column once.

JSON columns are read as text: select them with ``sa.cast(column, sa.Text)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from tracefoundry.store.sql import columns
from tracefoundry.store.sql.schema import Column, Index, Table, Type

_TYPES: dict[Type, sa.types.TypeEngine[Any]] = {
    Type.SMALLINT: sa.SmallInteger(),
    Type.INT: sa.Integer(),
    Type.BIGINT: sa.BigInteger(),
    # SQLite numbers rows by itself only where the type is exactly INTEGER.
    Type.SERIAL: sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
    Type.DOUBLE: sa.Double(),
    Type.BOOL: sa.Boolean(),
    Type.TEXT: sa.Text(),
    Type.BYTES: sa.LargeBinary(),
    Type.JSON: sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
}


def make_table(table: Table, metadata: sa.MetaData) -> sa.Table:
    """A table as it is at the newest revision, with its indexes."""
    made = _table(table, table.columns, metadata)
    for index in table.indexes:
        _index(made, index)
    return made


def create_tables(connection: sa.Connection, revision: str) -> sa.MetaData:
    """Make the tables that a revision adds, with the columns and indexes they had then."""
    metadata = sa.MetaData()
    for table in columns.TABLES:
        if table.since == revision:
            there = [column for column in table.columns if column.since <= revision]
            made = _table(table, there, metadata)
            made.create(connection, checkfirst=False)
            # One by one: SQLAlchemy makes the indexes of a table in no particular order.
            for index in table.indexes:
                if index.since <= revision:
                    _index(made, index).create(connection, checkfirst=False)
    return metadata


def added_columns(
    revision: str, tables: Sequence[Table] = columns.TABLES
) -> list[tuple[str, sa.Column[Any]]]:
    """Names of tables and the columns that a revision adds to them."""
    return [
        (table.name, _column(column))
        for table in tables
        for column in table.columns
        if table.since < revision and column.since == revision
    ]


def create_added_indexes(connection: sa.Connection, revision: str) -> None:
    """Make the indexes that a revision adds to older tables, after its columns."""
    for table in columns.TABLES:
        if table.since < revision:
            made = _table(table, table.columns, sa.MetaData())
            for index in table.indexes:
                if index.since == revision:
                    _index(made, index).create(connection, checkfirst=False)


def _table(table: Table, there: Sequence[Column], metadata: sa.MetaData) -> sa.Table:
    partition_by = None if table.partition_by is None else f"RANGE ({table.partition_by})"
    return sa.Table(
        table.name,
        metadata,
        *(_column(column) for column in there),
        sa.PrimaryKeyConstraint(*table.key),
        postgresql_partition_by=partition_by,
    )


def _column(column: Column) -> sa.Column[Any]:
    default: Any = column.default
    return sa.Column(
        column.name,
        _TYPES[column.type],
        nullable=column.null,
        unique=column.unique or None,
        server_default=sa.false() if default is False else default,
    )


def _index(table: sa.Table, index: Index) -> sa.Index:
    parts = [sa.text(part) if part.startswith("(") else table.c[part] for part in index.on]
    where = None if index.where is None else sa.text(index.where)
    return sa.Index(index.name, *parts, postgresql_where=where, sqlite_where=where)


metadata = sa.MetaData()

projects = make_table(columns.PROJECTS, metadata)
resources = make_table(columns.RESOURCES, metadata)
scopes = make_table(columns.SCOPES, metadata)
spans = make_table(columns.SPANS, metadata)
span_logs = make_table(columns.SPAN_LOGS, metadata)
traces = make_table(columns.TRACES, metadata)
tombstones = make_table(columns.TOMBSTONES, metadata)
payload_blobs = make_table(columns.PAYLOAD_BLOBS, metadata)
payload_list_parts = make_table(columns.PAYLOAD_LIST_PARTS, metadata)
span_payload_refs = make_table(columns.SPAN_PAYLOAD_REFS, metadata)
payload_days = make_table(columns.PAYLOAD_DAYS, metadata)
payload_tombstones = make_table(columns.PAYLOAD_TOMBSTONES, metadata)
tokens = make_table(columns.TOKENS, metadata)
audit_log = make_table(columns.AUDIT_LOG, metadata)
project_usage = make_table(columns.PROJECT_USAGE, metadata)
imported_spans = make_table(columns.IMPORTED_SPANS, metadata)
imported_span_logs = make_table(columns.IMPORTED_SPAN_LOGS, metadata)
staged_imports = make_table(columns.STAGED_IMPORTS, metadata)
exports = make_table(columns.EXPORTS, metadata)

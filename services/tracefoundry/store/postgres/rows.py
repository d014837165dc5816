"""Binary COPY rows, in buffers that are put together by hand.

psycopg's ``write_row`` adapts value by value and costs about 20 us a span; these buffers cost a
third of that. The format (PostgreSQL documentation, COPY, "Binary Format"): per row a 16-bit
field count, then per field a 32-bit length (-1 for NULL) and the value in network byte order.
jsonb is a version byte 1 and the text. The fields are ``Table.written``, as in the column list of
the COPY statement.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

from tracefoundry.store.preparation import LogRow, SpanRow
from tracefoundry.store.sql.columns import IMPORTED_SPAN_LOGS, IMPORTED_SPANS, SPAN_LOGS, SPANS
from tracefoundry.store.sql.encoding import make_encoder
from tracefoundry.store.sql.schema import Column, Table, Type
from tracefoundry.store.values import ID_BYTES

COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
COPY_TRAILER = struct.pack(">h", -1)

_NULL = struct.pack(">i", -1)

_NUMBERS = {
    Type.SMALLINT: ("h", 2),
    Type.INT: ("i", 4),
    Type.BIGINT: ("q", 8),
    Type.DOUBLE: ("d", 8),
    Type.BOOL: ("?", 1),
}
"""By type: the value in :mod:`struct`'s notation, and its length in bytes."""


def copy_encoder(table: Table) -> Callable[..., tuple[bytes, bytes]]:
    """The encoder of COPY rows of a table that has a digest; see :func:`make_encoder`."""
    return make_encoder(table, CopyFormat(len(table.written)))


class CopyFormat:
    """Source of binary COPY rows; see :class:`tracefoundry.store.sql.encoding.RowFormat`.

    Neighbours of fixed length are packed by one call of :mod:`struct`, whose format holds their
    lengths. Of these one may be NULL: there are two formats then, with and without it.
    """

    def __init__(self, fields: int) -> None:
        self.names: dict[str, Any] = {
            "NULL": _NULL,
            "FIELDS": struct.pack(">h", fields),
            "DIGEST_LENGTH": struct.pack(">i", ID_BYTES),
            "length": struct.Struct(">i").pack,
            "json_length": struct.Struct(">ib").pack,
            "join": b"".join,
            "blake2b": blake2b,
        }

    def run(self, columns: Sequence[Column]) -> str:
        cells: list[str] = []
        fixed: list[Column] = []
        for column in columns:
            if _fixed(column) is None:
                cells += self._packed(fixed)
                cells += _variable(column)
                fixed = []
                continue
            if column.null and any(other.null for other in fixed):
                cells += self._packed(fixed)
                fixed = []
            fixed.append(column)
        cells += self._packed(fixed)
        return cells[0] if len(cells) == 1 else f"join(({', '.join(cells)},))"

    def _packed(self, columns: Sequence[Column]) -> list[str]:
        """The cell of neighbours of fixed length; nothing for none."""
        if not columns:
            return []
        without = self._pack(columns, with_null=True)
        for column in columns:
            if column.null:
                there = self._pack(columns, with_null=False)
                return [f"({without} if (given := {column.value}) is None else {there})"]
        return [without]

    def _pack(self, columns: Sequence[Column], *, with_null: bool) -> str:
        """A call that packs these columns, the nullable one as NULL or from ``given``."""
        layout = ">"
        arguments: list[str] = []
        for column in columns:
            code, size = _fixed(column) or ("", 0)
            if column.null and with_null:
                layout += "i"
                arguments.append("-1")
            else:
                layout += f"i{code}"
                arguments += [str(size), "given" if column.null else str(column.value)]
        if arguments == ["-1"]:
            return "NULL"
        name = f"pack_{len(self.names)}"
        self.names[name] = struct.Struct(layout).pack
        return f"{name}({', '.join(arguments)})"

    def nulls(self, count: int) -> str:
        self.names[f"NULLS_{count}"] = _NULL * count
        return f"NULLS_{count}"

    def digest(self, runs: Sequence[str], identity: str) -> str:
        return f"blake2b(join(({', '.join(runs)}, {identity})), digest_size={ID_BYTES}).digest()"

    def row(self, runs: Sequence[str]) -> str:
        parts = ["DIGEST_LENGTH, digest" if run == "digest" else run for run in runs]
        return f"join((FIELDS, {', '.join(parts)}))"


def _fixed(column: Column) -> tuple[str, int] | None:
    """Notation and length of values of fixed length; None for other columns."""
    if column.type is Type.BYTES and column.size is not None:
        return f"{column.size}s", column.size
    return _NUMBERS.get(column.type)


def _variable(column: Column) -> list[str]:
    """The cells of a column whose values differ in length: its length, and its value."""
    value = column.value
    if column.type is Type.JSON:
        if column.null:
            return [
                f"(NULL if (json := {value}) is None else json_length(len(json) + 1, 1) + json)"
            ]
        return [f"json_length(len(json := {value}) + 1, 1)", "json"]
    encode = ".encode()" if column.type is Type.TEXT else ""
    if column.null:
        with_length = f"length(len(text := text{encode})) + text"
        return [f"(NULL if (text := {value}) is None else {with_length})"]
    return [f"length(len(text := ({value}){encode}))", "text"]


span_row: SpanRow = copy_encoder(SPANS)
"""The COPY row of a span and its digest."""

log_row: LogRow = copy_encoder(SPAN_LOGS)
"""The COPY row of a log record and its content hash."""

imported_span_row = copy_encoder(IMPORTED_SPANS)
"""The COPY row of an imported span and its digest; takes the day of the import first."""

imported_log_row = copy_encoder(IMPORTED_SPAN_LOGS)
"""The same for a log record."""

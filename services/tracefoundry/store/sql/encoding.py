"""Row encoders, made from the column list as Python source and compiled once.

A call or a loop for each column of each span would cost more than the encoding itself, so an
encoder is a function without either, as one would write it by hand. What differs between the
databases is the :class:`RowFormat`; :class:`TupleFormat` gives rows as tuples of bound values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from itertools import groupby
from typing import Any, Protocol

import msgspec

from tracefoundry.store import values
from tracefoundry.store.sql.schema import Column, Part, Table, Type


class RowFormat(Protocol):
    """Source of the parts of a row. A run is a sequence of columns that stand side by side."""

    names: dict[str, Any]
    """What the source refers to, besides the functions of ``store.values``."""

    def run(self, columns: Sequence[Column]) -> str:
        """An expression for the values of a run."""
        ...

    def nulls(self, count: int) -> str:
        """An expression for a run of NULLs."""
        ...

    def digest(self, runs: Sequence[str], identity: str) -> str:
        """An expression for the digest over runs, given by their variables, and ``identity``."""
        ...

    def row(self, runs: Sequence[str]) -> str:
        """An expression for the row of these runs, given by their variables; ``digest`` stands for
        the column of that name."""
        ...


def make_encoder(table: Table, row_format: RowFormat) -> Callable[..., Any]:
    """A function from ``table.arguments`` to the row; of a table with a digest to (row, digest).

    The values are those of ``table.written``, in that order.
    """
    code = _source(table, row_format)
    names: dict[str, Any] = {**vars(values), **row_format.names}
    # The source is made of our own column list; nothing in it comes from outside.
    exec(compile(code, f"<encoder of {table.name}>", "exec"), names)  # noqa: S102
    encoder: Callable[..., Any] = names["encode"]
    return encoder


def _source(table: Table, row_format: RowFormat) -> str:
    """The source of the encoder, a function ``encode``."""
    lines = [f"def encode({', '.join(table.arguments)}):"]
    if Part.VIEW in table.present:
        lines.append("    genai = span.genai")
    runs: list[str] = []
    sent: list[str] = []
    for part, group in groupby(table.written, key=lambda column: column.part):
        columns = list(group)
        if part is Part.DIGEST:
            runs.append("digest")
            continue
        name = f"run_{len(runs)}"
        runs.append(name)
        expression = row_format.run(columns)
        if part in table.present:
            expression = (
                f"{expression} if {table.present[part]} else {row_format.nulls(len(columns))}"
            )
        if part is Part.SENT:
            sent.append(name)
        lines.append(f"    {name} = {expression}")
    if "digest" in runs:
        lines.append(f"    digest = {row_format.digest(sent, table.identity)}")
        lines.append(f"    return {row_format.row(runs)}, digest")
    else:
        lines.append(f"    return {row_format.row(runs)}")
    return "\n".join(lines)


class TupleFormat:
    """Rows as tuples of values to bind: text for JSON, None for NULL.

    SQLite gives columns declared as JSON numeric affinity: it would turn the text of a number into
    a number, so that the double 3.0 of a log's body came back as the integer 3, and others with a
    wrong last digit. It never converts bytes, so a value that is a number alone is bound as bytes.
    """

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"pack": msgspec.msgpack.encode, "blake2b": blake2b}

    def run(self, columns: Sequence[Column]) -> str:
        return _tuple(self._cell(column) for column in columns)

    def _cell(self, column: Column) -> str:
        if column.type is not Type.JSON:
            return str(column.value)
        if column.null:
            decoded = 'json if json[0] in b"-0123456789" else json.decode()'
            return f"None if (json := ({column.value})) is None else {decoded}"
        return f"({column.value}).decode()"

    def nulls(self, count: int) -> str:
        return _tuple(["None"] * count)

    def digest(self, runs: Sequence[str], identity: str) -> str:
        # msgpack writes the length of each value before it, so no two rows look the same.
        parts = ", ".join([*runs, identity])
        return f"blake2b(pack(({parts})), digest_size={values.ID_BYTES}).digest()"

    def row(self, runs: Sequence[str]) -> str:
        if len(runs) == 1:
            return runs[0]
        return _tuple(run if run == "digest" else f"*{run}" for run in runs)


def _tuple(cells: Any) -> str:
    return f"({', '.join(cells)},)"

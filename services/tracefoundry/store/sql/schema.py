"""How a table is described: its columns, where their values come from, its key and its indexes.

The tables themselves stand in ``sql.columns``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from tracefoundry.model.times import DAY_NS

FIRST_REVISION = "0001"


class Type(Enum):
    """A column's type, by PostgreSQL's name of it."""

    SMALLINT = "smallint"
    INT = "int"
    BIGINT = "bigint"
    SERIAL = "bigserial"
    DOUBLE = "float8"
    BOOL = "bool"
    TEXT = "text"
    BYTES = "bytea"
    JSON = "jsonb"


class Part(Enum):
    """What a column of a span or log tells, which decides whether it counts in the digest.

    The digest tells a resend from a conflict. It is over what was sent, not over what is derived
    from it: a better GenAI view makes no other span.
    """

    SENT = "sent"
    """As the sender gave it: counts in the digest."""
    DIGEST = "digest"
    """The digest itself."""
    KEPT = "kept"
    """Does not count in the digest."""
    ASIDE = "aside"
    """What left the row or was taken out of it; NULL in most rows."""
    VIEW = "view"
    """The GenAI view; all NULL in spans that have none."""


Growth = Literal["sum", "least", "greatest"]

_FIELD = re.compile(r"(\w+)\.(\w+)( or None)?")


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        value: expression for its value, see ``sql.columns``; None where inserts leave it out.
        size: number of bytes, where all values have the same.
        null: whether it may be NULL.
        part: see :class:`Part`; only for spans and logs.
        grows: how the value of a trace that exists grows with more spans; None where only the
            recompute changes it.
        default: the database's default.
        unique: whether no two rows may have the same value.
        since: the revision that adds it.
    """

    name: str
    type: Type
    value: str | None = None
    size: int | None = None
    null: bool = False
    part: Part = Part.SENT
    grows: Growth | None = None
    default: str | bool | None = None
    unique: bool = False
    since: str = FIRST_REVISION

    @property
    def field(self) -> tuple[str, str] | None:
        """The model's object and field that this column is a plain copy of, if it is one."""
        found = None if self.value is None else _FIELD.fullmatch(self.value)
        return None if found is None else (found[1], found[2])


@dataclass(frozen=True, slots=True)
class Index:
    """An index that is not the primary key. ``on`` are columns, or expressions in parentheses."""

    name: str
    on: tuple[str, ...]
    where: str | None = None
    since: str = FIRST_REVISION


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    Attributes:
        key: columns of the primary key, in its order.
        arguments: names of the arguments that an encoder of its rows takes.
        partition_by: the column by whose day PostgreSQL partitions the table.
        identity: expression for bytes that count in the digest besides the SENT columns.
        present: by part, the expression that is false where all its columns are NULL.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    partition_by: str | None = None
    indexes: tuple[Index, ...] = ()
    identity: str = "b''"
    present: dict[Part, str] = field(default_factory=dict)
    since: str = FIRST_REVISION

    @property
    def written(self) -> tuple[Column, ...]:
        """The columns that an insert writes, in the order of the encoders' values."""
        return tuple(column for column in self.columns if column.value is not None)

    @property
    def day_length(self) -> int:
        """How long a day is in the unit of ``partition_by``: nanoseconds or days."""
        return DAY_NS if (self.partition_by or "").endswith("_ns") else 1

    def typed(self, names: Sequence[str]) -> tuple[Column, ...]:
        """The columns of these names, in this order."""
        by_name = {column.name: column for column in self.columns}
        return tuple(by_name[name] for name in names)

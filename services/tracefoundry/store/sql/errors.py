"""What the errors of both drivers mean to the store.

psycopg and sqlite3 name their errors alike (PEP 249), and psycopg adds PostgreSQL's SQLSTATE. So
one mapping serves the writers, which use the drivers themselves, and the engine, whose SQLAlchemy
wraps them. psycopg is not imported: a process on SQLite does not need it.
"""

from __future__ import annotations

import sqlite3

from tracefoundry.store.api import DiskFull, SchemaNotReady, StoreUnavailable

_REFUSED_CLASSES = ("22", "54")
"""SQLSTATE classes of refused content: data exceptions, and limits that a row itself exceeds."""
_NOT_NULL_VIOLATION = "23502"
_CHECK_VIOLATION = "23514"
_GAVE_WAY = frozenset({"40001", "40P01"})
"""A serialisation failure and a deadlock."""
_TAKES_NO_WRITES = "25006"
_DISK_FULL = "53100"
_SQLITE_NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})
_MISSING_PRIVILEGE = "42501"
_MISSING_SCHEMA = frozenset({"42P01", "42703", "3F000"})
"""A table, a column and a schema that is not there."""
_MISSING_IN_SQLITE = ("no such table", "no such column", "has no column")
_PASSING = frozenset({"OperationalError", "InterfaceError", "InternalError"})
"""PEP 249's classes of errors that may pass."""


def reason_of(error: BaseException) -> str:
    """The first line of a driver's message: no statement, and no row that caused it."""
    diagnosis = getattr(error, "diag", None)
    if diagnosis is not None and diagnosis.message_primary:
        return str(diagnosis.message_primary)
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def unavailable(error: BaseException) -> StoreUnavailable | None:
    """The store's error for a driver's error that may pass; None for a refused row or a defect."""
    reason = reason_of(error)
    if _sqlstate(error) in _MISSING_SCHEMA or any(text in reason for text in _MISSING_IN_SQLITE):
        return SchemaNotReady(
            f"the database schema is not up to date ({reason}): run `tracefoundry migrate`"
        )
    if _sqlstate(error) == _MISSING_PRIVILEGE:
        return StoreUnavailable(
            f"the database role lacks a privilege ({reason}): run `tracefoundry migrate` with"
            " TRACEFOUNDRY_DATABASE_ROLES naming it, or use the role of this process"
        )
    if is_disk_full(error):
        return DiskFull(f"the disk of the database is full: {reason}")
    classes = {cls.__name__ for cls in type(error).__mro__}
    if classes & _PASSING or (isinstance(error, sqlite3.Error) and "not a database" in reason):
        return StoreUnavailable(f"the database cannot answer now: {reason}")
    return None


def refuses_row(error: BaseException) -> bool:
    """Whether the content of a row is the reason, so that trying again cannot help."""
    state = _sqlstate(error)
    return (
        state[:2] in _REFUSED_CLASSES
        or state == _NOT_NULL_VIOLATION
        or (state == _CHECK_VIOLATION and not is_missing_partition(error))
        or isinstance(error, sqlite3.DataError | sqlite3.IntegrityError | OverflowError)
    )


def is_missing_partition(error: BaseException) -> bool:
    """Whether no partition takes a row: a check violation that names no constraint."""
    diagnosis = getattr(error, "diag", None)
    return _sqlstate(error) == _CHECK_VIOLATION and not getattr(diagnosis, "constraint_name", None)


def gave_way(error: BaseException) -> bool:
    """Whether a transaction gave way to another one and may succeed when it runs again."""
    return _sqlstate(error) in _GAVE_WAY


def is_disk_full(error: BaseException) -> bool:
    """Whether there was no room to write. SQLite says so where it appends, and reports an I/O error
    where it cannot enlarge the index of its log or flush; PostgreSQL has a state for it."""
    code = getattr(error, "sqlite_errorcode", None)
    return _sqlstate(error) == _DISK_FULL or code in _SQLITE_NO_ROOM


def takes_no_writes(error: BaseException) -> bool:
    """Whether the server, or the transaction, is read-only."""
    return _sqlstate(error) == _TAKES_NO_WRITES


def _sqlstate(error: BaseException) -> str:
    return getattr(error, "sqlstate", None) or ""

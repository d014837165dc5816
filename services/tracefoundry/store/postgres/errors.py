"""PostgreSQL's errors, sorted into what the rest of the store acts on."""

from __future__ import annotations

import psycopg
from psycopg import errors

from tracefoundry.store.contract import StoreError, StoreUnavailable
from tracefoundry.store.transaction import RowRefused

DATA_CLASSES = ("22", "54")
"""SQLSTATE classes of refused content: data exceptions, and limits that a row itself exceeds."""


def is_missing_partition(error: psycopg.Error) -> bool:
    """True for a row that no partition takes: check_violation without a constraint's name."""
    return isinstance(error, errors.CheckViolation) and not error.diag.constraint_name


def is_retryable(error: psycopg.Error) -> bool:
    """True for errors that vanish when the transaction runs again."""
    return isinstance(error, errors.DeadlockDetected | errors.SerializationFailure)


def store_error(error: psycopg.Error) -> StoreError:
    """The store's own error for a driver error."""
    state = error.sqlstate or ""
    text = first_line(error)
    if (
        state[:2] in DATA_CLASSES
        or isinstance(error, errors.NotNullViolation)
        or (isinstance(error, errors.CheckViolation) and error.diag.constraint_name)
    ):
        return RowRefused(text)
    if isinstance(error, errors.UndefinedTable | errors.UndefinedColumn):
        return StoreUnavailable(
            f"the database schema is not up to date ({text}): run `tracefoundry migrate`"
        )
    return StoreUnavailable(f"PostgreSQL: {text}")


def first_line(error: psycopg.Error) -> str:
    """The first line of a driver message, without the statement or row that caused it."""
    if error.diag.message_primary:
        return error.diag.message_primary
    return (str(error).splitlines() or [type(error).__name__])[0][:300]

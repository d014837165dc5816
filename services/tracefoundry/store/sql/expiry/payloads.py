"""Rows about payloads while they expire: the marks of days, blobs, parts, and names of objects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tracefoundry.store.sql.engine import reading, write_again
from tracefoundry.store.sql.tables import payload_blobs, payload_days


def days_with_blobs(engine: sa.Engine, project: int, before_day: int) -> list[int]:
    """Days before one on which a project has payloads stored, in order."""
    days: list[int] = []
    blob = payload_blobs.c
    with reading(engine) as connection:
        while True:
            # A step through the index a day; DISTINCT would read every row.
            statement = sa.select(sa.func.min(blob.day)).where(
                blob.project_id == project, blob.day < before_day
            )
            if days:
                statement = statement.where(blob.day > days[-1])
            day = connection.execute(statement).scalar_one()
            if day is None:
                return days
            days.append(day)


def marked_days(engine: sa.Engine) -> dict[tuple[int, int], str]:
    """(project, day) of which the payloads are gone, with the reason."""
    with reading(engine) as connection:
        rows = connection.execute(
            sa.select(payload_days.c.project_id, payload_days.c.day, payload_days.c.reason)
        )
        return {(row.project_id, row.day): row.reason for row in rows}


def mark_day(engine: sa.Engine, project: int, day: int, now_ns: int, reason: str) -> None:
    """Say of a day that its payloads have expired; a mark that is there stays as it is.

    Raises:
        StoreUnavailable: it was not marked; trying again may help.
    """

    def work(connection: sa.Connection) -> None:
        insert: Any = (
            postgresql.insert(payload_days)
            if connection.dialect.name == "postgresql"
            else sqlite.insert(payload_days)
        )
        row = {"project_id": project, "day": day, "expired_at_ns": now_ns, "reason": reason}
        connection.execute(insert.values(row).on_conflict_do_nothing())

    write_again(engine, work)


def mark_is_over(project: int, before_day: int) -> list[sa.ColumnElement[bool]]:
    """The condition of marks that nothing needs any more: spans have expired too, and so have the
    rows of all blobs."""
    return [
        payload_days.c.project_id == project,
        payload_days.c.day < before_day,
        ~sa.exists().where(
            payload_blobs.c.project_id == project, payload_blobs.c.day == payload_days.c.day
        ),
    ]


def named_objects(
    engine: sa.Engine, project: int, day: int, digests: Iterable[bytes]
) -> set[bytes]:
    """Those of these objects of a project's day in which a blob is stored."""
    blob = payload_blobs.c
    statement = sa.select(blob.object).distinct()
    statement = statement.where(
        blob.project_id == project, blob.day == day, blob.object.in_(list(digests))
    )
    with reading(engine) as connection:
        return set(connection.execute(statement).scalars())

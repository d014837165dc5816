"""Tombstones: rows that keep deleted traces and payloads away, or say what became of them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tracefoundry.model.limits import WINDOW_AHEAD_NS
from tracefoundry.model.times import date_of, day_of_date
from tracefoundry.store.deletion_records import (
    PayloadRemovalPlan,
    UnneededObject,
)
from tracefoundry.store.records import ANY_TIME_NS
from tracefoundry.store.sql.tables import payload_tombstones, tombstones

DELETED = "deleted"
_REMOVING = "removing"
"""How the reason of a payload's tombstone begins that names objects (``DAY/SHA256``) which lost
their last row and may still be stored."""


def insert_into(connection: sa.Connection, table: sa.Table) -> Any:
    """An INSERT of this database's dialect, which knows ON CONFLICT."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def write_tombstones(
    connection: sa.Connection,
    project: int,
    last_times_ns: Mapping[bytes, int],
    *,
    now_ns: int,
    window_ns: int,
) -> None:
    """Write the tombstones of traces, by trace id with the latest known time of each.

    A span that is still on its way may start as late as a clock that runs ahead says; a tombstone
    is over when the window of accepted start times (``window_ns`` back) has passed even that one.
    """
    rows = [
        {
            "project_id": project,
            "trace_id": trace_id,
            "deleted_at_ns": now_ns,
            "keep_until_ns": min(max(last_ns, now_ns + WINDOW_AHEAD_NS) + window_ns, ANY_TIME_NS),
            "reason": DELETED,
        }
        for trace_id, last_ns in sorted(last_times_ns.items())
    ]
    insert = insert_into(connection, tombstones)
    changed = {name: insert.excluded[name] for name in ("deleted_at_ns", "keep_until_ns", "reason")}
    connection.execute(
        insert.on_conflict_do_update(index_elements=["project_id", "trace_id"], set_=changed), rows
    )


def write_payload_tombstones(
    connection: sa.Connection, plan: PayloadRemovalPlan, now_ns: int
) -> None:
    """Write the tombstones of removed payloads. The first payload of an object names it, as one
    that is to be removed."""
    named: set[bytes] = set()
    rows = []
    for ref, place in sorted(plan.removed.items()):
        reason = DELETED
        if place.object not in named:
            named.add(place.object)
            reason = f"{_REMOVING} {date_of(plan.day).isoformat()}/{place.object.hex()}"
        rows.append(
            {
                "project_id": plan.project_id,
                "ref": ref,
                "deleted_at_ns": now_ns,
                "keep_until_ns": plan.keep_until_ns,
                "reason": reason,
            }
        )
    insert = insert_into(connection, payload_tombstones)
    new, old = insert.excluded, payload_tombstones.c
    # A ref can have been stored on several days, each in an object of its own.
    names_objects = old.reason.like(f"{_REMOVING} %")
    changed: Mapping[str, Any] = {
        "deleted_at_ns": new.deleted_at_ns,
        "keep_until_ns": sa.case(
            (old.keep_until_ns > new.keep_until_ns, old.keep_until_ns), else_=new.keep_until_ns
        ),
        "reason": sa.case(
            (
                names_objects & new.reason.like(f"{_REMOVING} %"),
                old.reason + sa.func.substr(new.reason, len(_REMOVING) + 1),
            ),
            (names_objects, old.reason),
            else_=new.reason,
        ),
    }
    connection.execute(
        insert.on_conflict_do_update(index_elements=["project_id", "ref"], set_=changed), rows
    )


def unneeded_objects(
    connection: sa.Connection, project: int, *where: sa.ColumnElement[bool], limit: int | None
) -> list[UnneededObject]:
    """Objects that payload tombstones name, at most of ``limit`` tombstones."""
    row = payload_tombstones.c
    statement = (
        sa.select(row.ref, row.reason)
        .where(row.project_id == project, row.reason.like(f"{_REMOVING} %"), *where)
        .limit(limit)
    )
    return [
        UnneededObject(ref, *_day_and_object(name))
        for ref, reason in connection.execute(statement)
        for name in reason.split(" ")[1:]
    ]


def forget_objects(connection: sa.Connection, project: int, refs: Sequence[bytes]) -> None:
    """Let the tombstones of these payloads name no objects any more."""
    row = payload_tombstones.c
    connection.execute(
        sa.update(payload_tombstones)
        .where(row.project_id == project, row.ref.in_(refs))
        .values(reason=DELETED)
    )


def _day_and_object(name: str) -> tuple[int, bytes]:
    date, _, digest = name.partition("/")
    return day_of_date(datetime.date.fromisoformat(date)), bytes.fromhex(digest)

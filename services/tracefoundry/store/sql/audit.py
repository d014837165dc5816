"""The audit log's rows: adding, counting up, and reading pages of them, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tracefoundry.store.sql.tables import audit_log

Outcome = Literal["allowed", "denied"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One thing that was done or refused.

    Attributes:
        at_ns: when; of a counted entry when it was refused first.
        action: what, such as ``payload.read``.
        outcome: ``allowed`` or ``denied``.
        actor: name of the token; None where nobody was recognised.
        role: the actor's.
        project: name of the project it was about; None for several, or where none was named.
        target: what it was done to: a trace id, a ref, a token's name.
        address: from where.
        status: HTTP status (or its equal in gRPC) of a refusal.
        count: how often; above 1 only with a ``counted_key``.
        counted_key: entries with the same one are one row, whose counts are added up.
        detail: a few words more.
    """

    at_ns: int
    action: str
    outcome: Outcome
    actor: str | None = None
    role: str | None = None
    project: str | None = None
    target: str | None = None
    address: str | None = None
    status: int | None = None
    count: int = 1
    counted_key: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class AuditPosition:
    """Where a page of entries ends: the next one begins below it."""

    at_ns: int
    entry_id: int


def add(connection: sa.Connection, entry: AuditEntry) -> None:
    """Add an entry that is not counted."""
    connection.execute(sa.insert(audit_log).values(asdict(entry)))


def count_up(connection: sa.Connection, entries: Sequence[AuditEntry]) -> None:
    """Add counted entries, each to the row of its ``counted_key`` where there is one."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    # Sorted, so that two processes that count the same addresses do not lock each other out.
    for entry in sorted(entries, key=lambda entry: entry.counted_key or ""):
        statement = dialect.insert(audit_log).values(asdict(entry))
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[audit_log.c.counted_key],
                set_={"count": audit_log.c.count + statement.excluded.count},
            )
        )


def page(
    connection: sa.Connection,
    *,
    start_ns: int,
    end_ns: int,
    limit: int,
    action: str | None = None,
    outcome: str | None = None,
    project: str | None = None,
    after: AuditPosition | None = None,
) -> tuple[list[AuditEntry], AuditPosition | None]:
    """Entries of ``[start_ns, end_ns)``, newest first, and where the next page begins."""
    statement = sa.select(audit_log).where(
        audit_log.c.at_ns >= start_ns, audit_log.c.at_ns < end_ns
    )
    for column, wanted in (
        (audit_log.c.action, action),
        (audit_log.c.outcome, outcome),
        (audit_log.c.project, project),
    ):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if after is not None:
        statement = statement.where(
            audit_log.c.at_ns <= after.at_ns,
            sa.or_(audit_log.c.at_ns < after.at_ns, audit_log.c.entry_id < after.entry_id),
        )
    statement = statement.order_by(audit_log.c.at_ns.desc(), audit_log.c.entry_id.desc())
    rows = connection.execute(statement.limit(limit + 1)).mappings().all()
    following = None
    if len(rows) > limit:
        rows = rows[:limit]
        following = AuditPosition(rows[-1]["at_ns"], rows[-1]["entry_id"])
    return [
        AuditEntry(**{key: value for key, value in row.items() if key != "entry_id"})
        for row in rows
    ], following

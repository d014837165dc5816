"""Projects and what they set for themselves."""

from __future__ import annotations

import sqlalchemy as sa

from tracefoundry.store.contract import ProjectRecord
from tracefoundry.store.sql.tables import projects


def all_projects(connection: sa.Connection) -> list[ProjectRecord]:
    """Every project, by name."""
    rows = connection.execute(sa.select(*_COLUMNS).order_by(projects.c.name)).mappings()
    return [ProjectRecord(**row) for row in rows]


def find(connection: sa.Connection, name: str) -> ProjectRecord | None:
    """The project of a name."""
    statement = sa.select(*_COLUMNS).where(projects.c.name == name)
    found = connection.execute(statement).mappings().first()
    return None if found is None else ProjectRecord(**found)


def lock(connection: sa.Connection, name: str) -> ProjectRecord | None:
    """The project of a name, which nobody else changes until the transaction ends."""
    statement = sa.select(*_COLUMNS).where(projects.c.name == name).with_for_update()
    found = connection.execute(statement).mappings().first()
    return None if found is None else ProjectRecord(**found)


def add(connection: sa.Connection, name: str, created_at_ns: int) -> ProjectRecord:
    """A new project without settings of its own.

    Raises:
        sqlalchemy.exc.IntegrityError: the name is taken.
    """
    statement = (
        sa.insert(projects)
        .values(name=name, created_at_ns=created_at_ns)
        .returning(projects.c.project_id)
    )
    project_id = connection.execute(statement).scalar_one()
    return ProjectRecord(project_id=project_id, name=name, created_at_ns=created_at_ns)


def save_settings(connection: sa.Connection, project: ProjectRecord) -> None:
    """Store what a project sets for itself."""
    connection.execute(
        sa.update(projects)
        .where(projects.c.project_id == project.project_id)
        .values(
            redaction=project.redaction,
            retention_spans_ns=project.retention_spans_ns,
            retention_payloads_ns=project.retention_payloads_ns,
        )
    )


def retention_of(project: ProjectRecord, spans_ns: int, payloads_ns: int) -> tuple[int, int]:
    """How long a project's spans and payloads are kept, in ns.

    Args:
        project: what it sets itself counts first.
        spans_ns: the platform's retention of spans.
        payloads_ns: the platform's retention of payloads. A payload never outlives the span that
            refers to it, so the shorter of the two holds.
    """
    spans = project.retention_spans_ns or spans_ns
    return spans, min(project.retention_payloads_ns or payloads_ns, spans)


_COLUMNS = (
    projects.c.project_id,
    projects.c.name,
    projects.c.created_at_ns,
    projects.c.redaction,
    projects.c.retention_spans_ns,
    projects.c.retention_payloads_ns,
)

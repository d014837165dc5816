"""How names of tokens are stored, so that each project has its own.

The column ``tokens.name`` is unique over the whole table. If it held the bare names, a project's
admin could learn by trying which names the tokens of other projects have. So the name of a
project's token is stored behind its project's id: ``7:ci``. Names of tokens for all projects are
stored as they are; none begins with digits and a colon. Older versions stored all names bare: those
of a project's tokens are still found by it.
"""

from __future__ import annotations

import sqlalchemy as sa

from tracefoundry.store.sql.tables import tokens


def stored_name(name: str, project_id: int | None) -> str:
    """What the column holds for a token of this name; ``project_id`` None is for all projects."""
    return name if project_id is None else f"{project_id}:{name}"


def name_of(stored: str, project_id: int | None) -> str:
    """The name of a token, from what the column holds."""
    return stored if project_id is None else stored.removeprefix(f"{project_id}:")


def has_name(name: str, project_id: int | None) -> sa.ColumnElement[bool]:
    """SQL that is true for the token of a project that has this name."""
    if project_id is None:
        return sa.and_(tokens.c.project_id.is_(None), tokens.c.name == name)
    return sa.and_(
        tokens.c.project_id == project_id,
        tokens.c.name.in_([name, stored_name(name, project_id)]),
    )

"""Access tokens by their hash: the rows, and nothing about what a token is or may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import sqlalchemy as sa

from tracefoundry.store.sql.tables import projects, tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRecord:
    """A token as it is stored. Times are ns since the epoch.

    Attributes:
        project_id: the only project that it holds for; None for all.
        project: that project's name.
        expires_at_ns: from when it is not accepted any more; None for never.
    """

    token_id: int
    token_hash: bytes = field(repr=False)
    name: str
    role: str
    project_id: int | None
    project: str | None
    created_at_ns: int
    expires_at_ns: int | None
    revoked_at_ns: int | None

    def state(self, now_ns: int) -> Literal["live", "expired", "revoked"]:
        """Whether it is accepted, and why not."""
        if self.revoked_at_ns is not None:
            return "revoked"
        if self.expires_at_ns is not None and self.expires_at_ns <= now_ns:
            return "expired"
        return "live"


def by_hash(connection: sa.Connection, token_hash: bytes) -> TokenRecord | None:
    """The token with this hash, in whatever state."""
    return _one(connection, tokens.c.token_hash == token_hash)


def by_name(connection: sa.Connection, name: str) -> TokenRecord | None:
    """The token with this name, in whatever state."""
    return _one(connection, tokens.c.name == name)


def by_id(connection: sa.Connection, token_id: int) -> TokenRecord | None:
    """The token with this id, in whatever state."""
    return _one(connection, tokens.c.token_id == token_id)


def all_tokens(connection: sa.Connection) -> list[TokenRecord]:
    """Every token, by name."""
    rows = connection.execute(_SELECT.order_by(tokens.c.name)).mappings()
    return [TokenRecord(**row) for row in rows]


def any_live(connection: sa.Connection, now_ns: int) -> bool:
    """True when there is a token that is accepted."""
    statement = sa.select(tokens.c.token_id).where(
        tokens.c.revoked_at_ns.is_(None),
        sa.or_(tokens.c.expires_at_ns.is_(None), tokens.c.expires_at_ns > now_ns),
    )
    return connection.execute(statement.limit(1)).first() is not None


def add(
    connection: sa.Connection,
    *,
    token_hash: bytes,
    name: str,
    role: str,
    project_id: int | None,
    created_at_ns: int,
    expires_at_ns: int | None,
) -> int:
    """Store a new token; returns its id.

    Raises:
        sqlalchemy.exc.IntegrityError: the name or the token is there already.
    """
    statement = (
        sa.insert(tokens)
        .values(
            token_hash=token_hash,
            name=name,
            role=role,
            project_id=project_id,
            created_at_ns=created_at_ns,
            expires_at_ns=expires_at_ns,
        )
        .returning(tokens.c.token_id)
    )
    token_id: int = connection.execute(statement).scalar_one()
    return token_id


def change(
    connection: sa.Connection,
    token_id: int,
    *,
    name: str,
    expires_at_ns: int | None,
    revoked_at_ns: int | None,
) -> None:
    """Set what may change of a token.

    Raises:
        sqlalchemy.exc.IntegrityError: the name is taken.
    """
    connection.execute(
        sa.update(tokens)
        .where(tokens.c.token_id == token_id)
        .values(name=name, expires_at_ns=expires_at_ns, revoked_at_ns=revoked_at_ns)
    )


_SELECT = sa.select(
    tokens.c.token_id,
    tokens.c.token_hash,
    tokens.c.name,
    tokens.c.role,
    tokens.c.project_id,
    projects.c.name.label("project"),
    tokens.c.created_at_ns,
    tokens.c.expires_at_ns,
    tokens.c.revoked_at_ns,
).select_from(tokens.outerjoin(projects, projects.c.project_id == tokens.c.project_id))


def _one(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> TokenRecord | None:
    found = connection.execute(_SELECT.where(condition)).mappings().first()
    return None if found is None else TokenRecord(**found)

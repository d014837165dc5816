"""Everything about access that one process needs, made and closed together."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from tracefoundry.auth.audit import AuditLog
from tracefoundry.auth.authenticator import Authenticator, find_in
from tracefoundry.auth.gate import Gate
from tracefoundry.auth.projects import Projects
from tracefoundry.auth.tokens import Tokens
from tracefoundry.settings import Settings


@dataclass(frozen=True, slots=True)
class Access:
    """Authentication of requests, and what admins change. Close it before its engine."""

    gate: Gate
    audit: AuditLog
    tokens: Tokens
    projects: Projects
    authenticator: Authenticator | None

    def close(self) -> None:
        """Write what is counted, and end the threads."""
        if self.authenticator is not None:
            self.authenticator.close()
        self.audit.close()


def open_access(engine: sa.Engine, platform: Settings, *, ask_tokens: bool) -> Access:
    """Access through an engine that stays the caller's.

    ``platform`` says what holds for projects that set nothing. Give it an engine of its own where
    others are busy: a login must not wait behind a slow search.
    """
    audit = AuditLog(engine)
    authenticator = Authenticator(find_in(engine)) if ask_tokens else None
    return Access(
        Gate(authenticator, audit),
        audit,
        Tokens(engine, audit),
        Projects(engine, audit, platform),
        authenticator,
    )

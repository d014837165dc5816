"""Everything about access that one process needs, made and closed together."""

from __future__ import annotations

from dataclasses import dataclass

from tracefoundry.auth.audit import AuditLog
from tracefoundry.auth.authenticator import Authenticator
from tracefoundry.auth.gate import Gate
from tracefoundry.auth.projects import Projects
from tracefoundry.auth.tokens import Tokens
from tracefoundry.settings import Settings
from tracefoundry.store.api import Administration


@dataclass(frozen=True, slots=True)
class Access:
    """Authentication of requests, and what admins change. Close it before its store."""

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


def open_access(administration: Administration, platform: Settings, *, ask_tokens: bool) -> Access:
    """Access over the administration of a store that stays the caller's.

    ``platform`` gives the settings of projects that set nothing themselves.
    """
    audit = AuditLog(administration)
    authenticator = Authenticator(administration.tokens_of) if ask_tokens else None
    return Access(
        Gate(authenticator, audit),
        audit,
        Tokens(administration, audit),
        Projects(administration, audit, platform),
        authenticator,
    )

"""Who is asking: a role, and the projects it holds for.

Roles are not a ladder throughout. ``ingest`` sends OTLP and does nothing else, and nobody else
sends OTLP, so that a token that leaks from an agent reads nothing and one that leaks from a reader
writes nothing. From ``viewer`` to ``admin`` each may do what the one before may, and more.
"""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a token is for."""

    INGEST = "ingest"
    VIEWER = "viewer"
    ENGINEER = "engineer"
    ADMIN = "admin"


_READERS = (Role.VIEWER, Role.ENGINEER, Role.ADMIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The one behind a request.

    Attributes:
        name: the token's name, or ``loopback`` where no token is asked for.
        role: what it may do.
        project_id: the only project that it may touch; None for all.
        project: name of that project.
        address: from where it asks; None where that is not known.
        unrestricted: no token was asked for, so this caller may also send OTLP.
    """

    name: str
    role: Role
    project_id: int | None = None
    project: str | None = None
    address: str | None = None
    unrestricted: bool = False

    @property
    def may_send(self) -> bool:
        """Send OTLP."""
        return self.unrestricted or self.role is Role.INGEST

    @property
    def may_read(self) -> bool:
        """Read metadata: traces, spans, attributes that are not content."""
        return self.role in _READERS

    @property
    def may_read_content(self) -> bool:
        """Read payloads and their previews, search in them, export."""
        return self.role in (Role.ENGINEER, Role.ADMIN)

    @property
    def may_administer(self) -> bool:
        """Delete, import, and see and change tokens, projects and the audit log."""
        return self.role is Role.ADMIN


def loopback_caller(address: str | None = None) -> Caller:
    """The caller where no login is asked for: an admin."""
    return Caller(name="loopback", role=Role.ADMIN, address=address, unrestricted=True)


def terminal_caller() -> Caller:
    """The caller of a command on the database itself: an admin, because whoever can write the
    database may do anything. Its name holds the user's, for the audit log.
    """
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return Caller(name=f"terminal:{user}", role=Role.ADMIN)

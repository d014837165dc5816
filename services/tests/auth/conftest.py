"""Access on stores of every kind, with a clock that tests can move."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tracefoundry.auth.audit import AuditLog
from tracefoundry.auth.caller import Caller, loopback_caller
from tracefoundry.auth.projects import Projects
from tracefoundry.auth.tokens import Tokens
from tracefoundry.model.times import SECOND_NS
from tracefoundry.settings import Settings
from tracefoundry.store.api import Administration, Store
from tracefoundry.store.records import AuditEntry

START_NS = 1_700_000_000 * SECOND_NS


@dataclass
class Clock:
    """The time, in seconds since :data:`START_NS`."""

    seconds: float = 0.0

    def __call__(self) -> float:
        """As a monotonic clock."""
        return self.seconds

    def now_ns(self) -> int:
        """As ns since the epoch."""
        return START_NS + round(self.seconds * SECOND_NS)


@dataclass
class Office:
    """What admins work with, on one store."""

    administration: Administration
    clock: Clock
    audit: AuditLog
    tokens: Tokens
    projects: Projects
    boss: Caller = field(default_factory=loopback_caller)

    def entries(self, action: str | None = None) -> list[AuditEntry]:
        """The audit log, newest first."""
        return self.audit.page(start_ns=0, end_ns=2**63 - 1, limit=1000, action=action)[0]


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until a test moves it."""
    return Clock()


@pytest.fixture
def office(store: Store, clock: Clock) -> Iterator[Office]:
    """Tokens, projects and audit log on a store of each kind."""
    administration = store.administration
    audit = AuditLog(administration, now_ns=clock.now_ns)
    yield Office(
        administration,
        clock,
        audit,
        Tokens(administration, audit, now_ns=clock.now_ns),
        Projects(administration, audit, Settings(), now_ns=clock.now_ns),
    )
    audit.close()

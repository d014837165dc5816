"""What a process says of itself."""

from __future__ import annotations

import msgspec


class Alive(msgspec.Struct):
    """The process is alive."""

    ok: bool


class CheckResult(msgspec.Struct):
    """One thing that the process needs."""

    ok: bool
    reason: str | None
    """Why it is not well."""


class Readiness(msgspec.Struct):
    """Everything the process needs, by name: ``database``, ``object_store``."""

    checks: dict[str, CheckResult]

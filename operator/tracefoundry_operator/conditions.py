"""Conditions, and the answers of ingest pods: the parts of a status.

A condition keeps its transition time until its status changes, so an unchanged status equals the
previous one and is not written again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MESSAGE_LIMIT = 1024
"""Maximum characters of a message; a termination message can have 4,096."""

REACHABLE = "Reachable"
CHECK_FAILED = "CheckFailed"
"""Reasons of conditions that report the answers of ingest pods."""


class ConditionType(StrEnum):
    """The conditions of an instance."""

    READY = "Ready"
    PROGRESSING = "Progressing"
    DEGRADED = "Degraded"
    DATABASE_READY = "DatabaseReady"
    SCHEMA_MIGRATED = "SchemaMigrated"
    OBJECT_STORE_READY = "ObjectStoreReady"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, without its times."""

    type: str
    status: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Check:
    """Whether ingest pods reach the database or the bucket; if not, the reason."""

    ok: bool
    reason: str


Checks = Mapping[str, Check]
"""``database`` and ``object_store``; a name is absent when no pod answered."""


def remembered(previous: Mapping[str, Any]) -> Checks:
    """The answers of ingest pods as a status reports them.

    Used between the start of the operator and its first probe: otherwise each start would write a
    status without them.
    """
    names_by_type = {
        ConditionType.DATABASE_READY.value: "database",
        ConditionType.OBJECT_STORE_READY.value: "object_store",
    }
    return {
        names_by_type[condition["type"]]: Check(
            condition["reason"] == REACHABLE, condition["message"]
        )
        for condition in previous.get("conditions", ())
        if condition["type"] in names_by_type and condition["reason"] in (REACHABLE, CHECK_FAILED)
    }


def timed(
    conditions: Iterable[Condition],
    previous: Iterable[Mapping[str, Any]],
    generation: int,
    *,
    now: dt.datetime,
) -> list[dict[str, Any]]:
    """Conditions as the API has them; the transition time changes only with the status."""
    before = {condition["type"]: condition for condition in previous}
    moment = now.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = []
    for condition in conditions:
        old = before.get(condition.type, {})
        same = old.get("status") == condition.status
        found.append(
            {
                "type": str(condition.type),
                "status": condition.status,
                "observedGeneration": generation,
                "lastTransitionTime": old["lastTransitionTime"] if same else moment,
                "reason": condition.reason,
                "message": _short(condition.message),
            }
        )
    return found


def sentences(parts: Sequence[str]) -> str:
    """The parts as sentences, each with one full stop."""
    return ". ".join(part.rstrip(".") for part in parts) + "."


def _short(message: str) -> str:
    if len(message) <= MESSAGE_LIMIT:
        return message
    return message[: MESSAGE_LIMIT - 4] + " ..."

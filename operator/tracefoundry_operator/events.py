"""Kubernetes events for people who run ``kubectl describe``: one for each transition.

An event in each pass would hide all others. Events are deleted after an hour; conditions report the
present state.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tracefoundry_operator.conditions import ConditionType
from tracefoundry_operator.manifests.rendering import Manifest
from tracefoundry_operator.ownership import MANAGER

MESSAGE_LIMIT = 1024
"""Maximum characters of an event's message (API server)."""

_GOOD = {ConditionType.DEGRADED.value: "False", "Failed": "False"}
"""The good status of conditions for which it is not ``True``."""

_WITHOUT_EVENTS = frozenset({ConditionType.PROGRESSING.value})
"""Conditions that change too often for events."""

_EXPECTED = frozenset(
    {
        "ExportRunning",
        "InstanceNotReady",
        "InstanceSuspended",
        "InstanceUnmanaged",
        "MigrationRunning",
        "NotAccepted",
        "ReadingResult",
        "Suspended",
        "Unmanaged",
    }
)
"""Reasons of bad conditions that are expected in normal operation: events of type Normal."""


def transitions(
    previous: Iterable[Mapping[str, Any]], present: Iterable[Mapping[str, Any]]
) -> Iterator[Mapping[str, Any]]:
    """Conditions whose status changed, or whose reason changed while they are bad.

    A new condition counts when its status is known, except a Degraded or Failed that is False.
    """
    before = {condition["type"]: condition for condition in previous}
    for condition in present:
        old = before.get(condition["type"])
        if condition["type"] in _WITHOUT_EVENTS or condition["status"] == "Unknown":
            continue
        if old is None:
            if _good(condition) and condition["type"] in _GOOD:
                continue
            yield condition
        elif old["status"] != condition["status"] or (
            old["reason"] != condition["reason"] and not _good(condition)
        ):
            yield condition


def event(resource: Mapping[str, Any], condition: Mapping[str, Any], now: dt.datetime) -> Manifest:
    """The event for a condition of a resource."""
    metadata = resource["metadata"]
    moment = now.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    message = f"{condition['type']} is {condition['status']}: {condition['message']}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{metadata['name'][:200]}.{secrets.token_hex(8)}",
            "namespace": metadata["namespace"],
        },
        "involvedObject": {
            "apiVersion": resource["apiVersion"],
            "kind": resource["kind"],
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
        "type": "Normal" if _good(condition) or condition["reason"] in _EXPECTED else "Warning",
        "reason": condition["reason"],
        "message": message[:MESSAGE_LIMIT],
        "source": {"component": MANAGER},
        "reportingComponent": MANAGER,
        "reportingInstance": MANAGER,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }


def _good(condition: Mapping[str, Any]) -> bool:
    return bool(condition["status"] == _GOOD.get(condition["type"], "True"))

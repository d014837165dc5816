"""The Prometheus metrics of the operator."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tracefoundry_operator import __version__
from tracefoundry_operator.conditions import ConditionType
from tracefoundry_operator.kinds import ObjectKey

_STATES = ("True", "False", "Unknown")


class Metrics:
    """All metrics of one operator, in their own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.reconciles = Counter(
            "tracefoundry_operator_reconcile",
            "Passes over one resource.",
            ("kind", "result"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "tracefoundry_operator_reconcile_seconds",
            "Duration of a pass over one TraceFoundry.",
            registry=self.registry,
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        self.applies = Counter(
            "tracefoundry_operator_apply",
            "Requests that change an object, by its kind.",
            ("kind", "action", "result"),
            registry=self.registry,
        )
        self.conditions = Gauge(
            "tracefoundry_operator_condition",
            "1 for the present status of a condition of a TraceFoundry, 0 for the others.",
            ("namespace", "name", "condition", "status"),
            registry=self.registry,
        )
        self.exports = Gauge(
            "tracefoundry_operator_exports",
            "TraceExports of an instance by phase: refused, waiting, running, complete, failed,"
            " replay_failed.",
            ("export_namespace", "export_instance", "phase"),
            registry=self.registry,
        )
        self._exports: dict[ObjectKey, tuple[str, str, str]] = {}
        self.event_age = Gauge(
            "tracefoundry_operator_last_watch_event_age_seconds",
            "Time since the last event from the watch of a kind.",
            ("kind",),
            registry=self.registry,
        )
        self.resync_age = Gauge(
            "tracefoundry_operator_last_resync_age_seconds",
            "Time since the last comparison of all records with the API server.",
            registry=self.registry,
        )
        self.missed = Counter(
            "tracefoundry_operator_missed_changes",
            "Changes that a comparison found and no watch had delivered, by kind.",
            ("kind",),
            registry=self.registry,
        )
        Gauge(
            "tracefoundry_operator_build_info",
            "Always 1; the version is a label.",
            ("version",),
            registry=self.registry,
        ).labels(__version__).set(1)

    def follow(
        self, *, event_ages: Mapping[str, Callable[[], float]], resync_age: Callable[[], float]
    ) -> None:
        """Compute the ages, those of events by kind, when the metrics are read."""
        for kind, age in event_ages.items():
            self.event_age.labels(kind).set_function(age)
        self.resync_age.set_function(resync_age)

    def show_conditions(self, key: ObjectKey, conditions: Iterable[Mapping[str, Any]]) -> None:
        """Show the conditions of an instance."""
        for condition in conditions:
            for state in _STATES:
                self.conditions.labels(key.namespace, key.name, condition["type"], state).set(
                    float(condition["status"] == state)
                )

    def show_export(
        self, key: ObjectKey, instance: str, conditions: Iterable[Mapping[str, Any]]
    ) -> None:
        """Count an export under the phase that its conditions say."""
        self.forget_export(key)
        labels = (key.namespace, instance, export_phase(conditions))
        self._exports[key] = labels
        self.exports.labels(*labels).inc()

    def forget_export(self, key: ObjectKey) -> None:
        """Do not count an export any more."""
        labels = self._exports.pop(key, None)
        if labels is None:
            return
        if labels in self._exports.values():
            self.exports.labels(*labels).dec()
        else:
            self.exports.remove(*labels)

    def forget(self, key: ObjectKey) -> None:
        """Remove the series of an instance."""
        for kind in ConditionType:
            for state in _STATES:
                with contextlib.suppress(KeyError):  # has no series
                    self.conditions.remove(key.namespace, key.name, kind.value, state)


def export_phase(conditions: Iterable[Mapping[str, Any]]) -> str:
    """The phase of an export, in one word."""
    found = {each["type"]: (each["status"], each["reason"]) for each in conditions}
    unknown = ("Unknown", "")
    if found.get("Failed", unknown)[0] == "True":
        return "failed"
    if found.get("Complete", unknown)[0] == "True":
        failed = found.get("ReplayPassed", unknown)[0] == "False"
        return "replay_failed" if failed else "complete"
    if found.get("Accepted", unknown)[0] != "True":
        return "refused"
    active = ("ExportRunning", "ExportFailing", "PodsFailing", "ReadingResult")
    return "running" if found.get("Complete", unknown)[1] in active else "waiting"


class Stopwatch:
    """Seconds since its creation or last reset."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def reset(self) -> None:
        """Start again at zero."""
        self._since = time.monotonic()

    def seconds(self) -> float:
        """The elapsed time."""
        return time.monotonic() - self._since

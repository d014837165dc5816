"""Comparison of all records with the API server: at the start, and every few minutes.

kopf (1.45) repairs most interruptions of a watch itself. A watch that delivered nothing for
``watching.inactivity_timeout`` (70 s, longer than the interval of bookmarks) is connected again
from its last version. A refused request is repeated. If that does not help, or the server sends an
ERROR event, kopf ends with an error, and a new process begins. Two things are left, as
``tests/test_kopf_watches.py`` shows:

- After 410 Gone kopf lists again, and a list does not name what was deleted in between. So the
  comparison drops records whose object no longer exists.
- A watch may deliver bookmarks but no changes; kopf counts bookmarks as activity. The comparison
  takes the changes in, and the watch counts as silent until it delivers an event. When kopf has had
  the time to repair it, the liveness probe fails, because only a new process restarts such a watch.

Lists are read object by object, and only versions are kept in between: the Secrets of a whole
cluster do not fit into the operator's memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from tracefoundry_operator.cluster import ApiError, Body, Cluster
from tracefoundry_operator.kinds import POD, RESOURCES, SECRET, Kind, ObjectKey, key_of_body
from tracefoundry_operator.metrics import Metrics, Stopwatch
from tracefoundry_operator.records import read_child
from tracefoundry_operator.state import State
from tracefoundry_operator.watches import SELECTOR, Watches

GRACE_S = 10.0
"""Time for a watch to deliver what a list already contains."""

REPAIR_S = 90.0
"""Time for kopf to repair a watch: its inactivity timeout of 70 s, and a margin."""

START_RETRY_S = 2.0

_log = logging.getLogger(__name__)


class Resync:
    """Compares all kinds."""

    def __init__(
        self,
        cluster: Cluster,
        state: State,
        watches: Watches,
        metrics: Metrics,
        *,
        kinds: tuple[Kind, ...],
        namespaces: tuple[str, ...],
        grace_s: float = GRACE_S,
        repair_s: float = REPAIR_S,
    ) -> None:
        """
        Args:
            cluster: is listed.
            state: has the records.
            watches: takes changes in.
            metrics: counts missed changes.
            kinds: in the order in which they are listed.
            namespaces: that are watched; empty means all.
            grace_s: for :data:`GRACE_S`.
            repair_s: for :data:`REPAIR_S`.
        """
        self._cluster = cluster
        self._state = state
        self._watches = watches
        self._metrics = metrics
        self._kinds = kinds
        self._namespaces: tuple[str | None, ...] = namespaces or (None,)
        self._grace_s = grace_s
        self._repair_s = repair_s
        self.age = Stopwatch()
        """Time since the last complete comparison."""
        self._silent: dict[tuple[str, str | None], Stopwatch] = {}
        watches.on_event = self._on_event

    @property
    def silent(self) -> frozenset[str]:
        """Kinds with a watch that missed a change, and that kopf had enough time to repair."""
        return frozenset(
            kind for (kind, _), since in self._silent.items() if since.seconds() >= self._repair_s
        )

    def problem(self, *, resync_s: float, failures_allowed: int) -> str | None:
        """Why the process should be restarted; None when it need not be.

        The age of a watch's last event is no reason: most kinds do not change for days.
        """
        if self.silent:
            return f"no watch events for changes in: {', '.join(sorted(self.silent))}"
        if self.age.seconds() > failures_allowed * resync_s:
            return f"no comparison with the API server for {self.age.seconds():.0f} s"
        return None

    async def start(self) -> None:
        """List everything until it succeeds: no pass may begin with incomplete records."""
        while True:
            try:
                for kind in self._kinds:
                    await self._take_in_all(kind)
            except ApiError as error:
                _log.warning("cannot list yet: %s", error)
                await asyncio.sleep(START_RETRY_S)
            else:
                self.age.reset()
                return

    async def run(self, interval_s: float) -> None:
        """Compare at each interval, until cancelled."""
        while True:
            await asyncio.sleep(interval_s)
            try:
                await self.compare()
            except ApiError as error:
                _log.warning("cannot compare with the API server: %s", error)

    async def compare(self) -> None:
        """Compare once.

        Raises:
            ApiError: a list could not be read.
        """
        for kind in self._kinds:
            await self._compare(kind)
        if self._silent:
            kinds = sorted({kind for kind, _ in self._silent})
            _log.error("watches did not deliver changes in: %s", ", ".join(kinds))
        self.age.reset()

    async def _compare(self, kind: Kind) -> None:
        before = self._state.versions(kind)
        changed, listed = set(), set()
        async for key, body in self._list(kind):
            listed.add(key)
            if before.get(key) != _version(body):
                changed.add(key)
        deleted = before.keys() - listed
        if not changed and not deleted:
            return
        await asyncio.sleep(self._grace_s)
        for key in deleted:
            if self._state.version(key) == before[key]:
                self._metrics.missed.labels(kind.name).inc()
                self._watches.forget(key)
        missed_updates = {key for key in changed if self._state.version(key) == before.get(key)}
        if not missed_updates:
            return
        # List again: an object that was created and deleted since has no record, rightly.
        async for key, body in self._list(kind):
            unchanged = self._state.version(key) == before.get(key)
            if key in missed_updates and unchanged and _version(body) != before.get(key):
                self._metrics.missed.labels(kind.name).inc()
                self._watches.observe(kind, body)
                self._silent.setdefault(self._watch_of(kind, key.namespace), Stopwatch())

    async def _take_in_all(self, kind: Kind) -> None:
        listed = set()
        async for key, body in self._list(kind):
            listed.add(key)
            self._watches.observe(kind, body)
        # Records of an earlier list that failed before its end.
        for key in self._state.versions(kind).keys() - listed:
            self._watches.forget(key)

    async def _list(self, kind: Kind) -> AsyncIterator[tuple[ObjectKey, Body]]:
        """All objects of a kind that have records."""
        whole = kind in (SECRET, *RESOURCES)
        selector = None if whole else SELECTOR
        for namespace in self._namespaces:
            async for body in self._cluster.list_all(kind, namespace, selector=selector):
                # Users may copy the labels of children to objects of their own.
                if whole or kind == POD or read_child(kind.name, body) is not None:
                    yield key_of_body(kind, body), body

    def _on_event(self, kind: Kind, namespace: str) -> None:
        self._silent.pop(self._watch_of(kind, namespace), None)

    def _watch_of(self, kind: Kind, namespace: str) -> tuple[str, str | None]:
        """The watch for a namespace: there is one for all namespaces, or one for each."""
        return kind.name, namespace if namespace in self._namespaces else None


def _version(body: Body) -> str:
    version: str = body["metadata"]["resourceVersion"]
    return version

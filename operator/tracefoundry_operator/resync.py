"""Compares what is known with the API server, at the start and every few minutes.

A watch can fall silent without an error, and what was deleted while it was interrupted is never
told. So all kinds are listed now and then. What the lists say and no watch told within a grace
time is taken in; and if it was a change, not only a deletion, the watch is silent, until it tells
anything again. So long the liveness probe fails: only a new process makes all watches anew.

Lists are read object by object, and only their versions are remembered: the Secrets of a whole
cluster do not fit into the operator's memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from tracefoundry_operator.cluster import ApiError, Body, Cluster
from tracefoundry_operator.kinds import Kind, ObjectKey
from tracefoundry_operator.metrics import Metrics, Stopwatch

GRACE_S = 10.0
"""How long a watch may take to tell what a list said already."""

START_RETRY_S = 2.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A kind with its records.

    Attributes:
        kind: what is listed.
        selector: labels that limit the list, as the watch is limited.
        concerns: whether an object is one that is kept; labels are copied to others.
        versions: resourceVersion of each object that is known.
        version: resourceVersion of one object, as it is known; None when it is not.
        take_in: note an object.
        drop: forget an object.
    """

    kind: Kind
    selector: str | None
    concerns: Callable[[Body], bool]
    versions: Callable[[], dict[ObjectKey, str]]
    version: Callable[[ObjectKey], str | None]
    take_in: Callable[[Body], None]
    drop: Callable[[ObjectKey], None]


class Resync:
    """The comparison of all kinds."""

    def __init__(
        self,
        cluster: Cluster,
        watched: tuple[Watched, ...],
        metrics: Metrics,
        *,
        namespaces: tuple[str, ...],
        grace_s: float = GRACE_S,
    ) -> None:
        self._cluster = cluster
        self._watched = watched
        self._metrics = metrics
        self._namespaces: tuple[str | None, ...] = namespaces or (None,)
        self._grace_s = grace_s
        self.age = Stopwatch()
        self._silent: set[tuple[str, str | None]] = set()

    @property
    def silent(self) -> frozenset[str]:
        """Kinds with a watch that did not tell what a comparison found, and nothing since."""
        return frozenset(kind for kind, _ in self._silent)

    def told(self, kind: Kind, namespace: str) -> None:
        """Note that a watch itself delivered something of this kind and namespace."""
        self._silent.discard(self._watch(kind, namespace))

    async def start(self) -> None:
        """List everything until it works: nothing may be decided on half of it."""
        while True:
            try:
                for each in self._watched:
                    await self._take_in_all(each)
            except ApiError as error:
                _log.warning("cannot list yet: %s", error)
                await asyncio.sleep(START_RETRY_S)
            else:
                self.age.reset()
                return

    async def run(self, interval_s: float) -> None:
        """Compare for ever."""
        while True:
            await asyncio.sleep(interval_s)
            try:
                await self.compare()
            except ApiError as error:
                _log.warning("cannot compare with the API server: %s", error)

    async def compare(self) -> None:
        """Compare once.

        Raises:
            ApiError: a list could not be had.
        """
        for each in self._watched:
            await self._compare(each)
        if self._silent:
            _log.error("no watch told of changes in: %s", ", ".join(sorted(self.silent)))
        self.age.reset()

    async def _compare(self, each: Watched) -> None:
        before = each.versions()
        suspects, listed = set(), set()
        async for key, body in self._list(each):
            listed.add(key)
            if before.get(key) != _version(body):
                suspects.add(key)
        ghosts = before.keys() - listed
        if not suspects and not ghosts:
            return
        await asyncio.sleep(self._grace_s)
        for key in ghosts:
            if each.version(key) == before[key]:
                self._metrics.missed.labels(each.kind.name).inc()
                each.drop(key)
        untold = {key for key in suspects if each.version(key) == before.get(key)}
        if not untold:
            return
        # Once more: what was made and deleted meanwhile was told, and is gone.
        async for key, body in self._list(each):
            if key in untold and each.version(key) == before.get(key) != _version(body):
                self._metrics.missed.labels(each.kind.name).inc()
                each.take_in(body)
                self._silent.add(self._watch(each.kind, key.namespace))

    async def _take_in_all(self, each: Watched) -> None:
        listed = set()
        async for key, body in self._list(each):
            listed.add(key)
            each.take_in(body)
        # Of a list before, which could not be had to its end.
        for key in each.versions().keys() - listed:
            each.drop(key)

    async def _list(self, each: Watched) -> AsyncIterator[tuple[ObjectKey, Body]]:
        for namespace in self._namespaces:
            found = self._cluster.list_all(each.kind, namespace, selector=each.selector)
            async for body in found:
                if each.concerns(body):
                    yield _key(each.kind, body), body

    def _watch(self, kind: Kind, namespace: str) -> tuple[str, str | None]:
        """The watch that has to tell of this namespace: there is one for all, or one for each."""
        return kind.name, namespace if namespace in self._namespaces else None


def _version(body: Body) -> str:
    version: str = body["metadata"]["resourceVersion"]
    return version


def _key(kind: Kind, body: Body) -> ObjectKey:
    return ObjectKey(kind.name, body["metadata"]["namespace"], body["metadata"]["name"])

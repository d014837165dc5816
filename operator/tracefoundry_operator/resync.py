"""Compares what is known with the API server, at the start and every few minutes.

A watch can fall silent without an error, and what was deleted while it was interrupted is never
told. So all kinds are listed now and then. What the lists say and no watch told within a grace
time is taken in; and if it was a change, not only a deletion, the watch is silent: the liveness
probe then fails, because only a new process makes all watches anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
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
        take_in: note an object.
        drop: forget an object.
    """

    kind: Kind
    selector: str | None
    concerns: Callable[[Body], bool]
    versions: Callable[[], dict[ObjectKey, str]]
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
        self.silent: frozenset[str] = frozenset()
        """Kinds whose watch did not tell what the last comparison found."""

    async def start(self) -> None:
        """List everything until it works: nothing may be decided on half of it."""
        while True:
            try:
                for each in self._watched:
                    for body in (await self._list(each)).values():
                        each.take_in(body)
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
        silent = set()
        for each in self._watched:
            if await self._compare(each):
                silent.add(each.kind.name)
        if silent:
            _log.error("no watch told of changes in: %s", ", ".join(sorted(silent)))
        self.silent = frozenset(silent)
        self.age.reset()

    async def _compare(self, each: Watched) -> bool:
        """True when a change was found that no watch told."""
        before = each.versions()
        listed = await self._list(each)
        suspects = {
            key: body
            for key, body in listed.items()
            if before.get(key) != body["metadata"]["resourceVersion"]
        }
        ghosts = before.keys() - listed.keys()
        if not suspects and not ghosts:
            return False
        await asyncio.sleep(self._grace_s)
        known = each.versions()
        for key in ghosts:
            if known.get(key) == before[key]:
                self._metrics.missed.labels(each.kind.name).inc()
                each.drop(key)
        untold = [key for key in suspects if known.get(key) == before.get(key)]
        if not untold:
            return False
        # Once more: what was made and deleted meanwhile was told, and is gone.
        again = await self._list(each)
        known = each.versions()
        missed = [
            again[key]
            for key in untold
            if key in again and known.get(key) != again[key]["metadata"]["resourceVersion"]
        ]
        for body in missed:
            self._metrics.missed.labels(each.kind.name).inc()
            each.take_in(body)
        return bool(missed)

    async def _list(self, each: Watched) -> dict[ObjectKey, Body]:
        return {
            _key(each.kind, body): body
            for namespace in self._namespaces
            async for body in self._cluster.list_all(each.kind, namespace, selector=each.selector)
            if each.concerns(body)
        }


def _key(kind: Kind, body: Body) -> ObjectKey:
    return ObjectKey(kind.name, body["metadata"]["namespace"], body["metadata"]["name"])

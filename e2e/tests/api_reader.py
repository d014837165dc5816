"""Objects straight from the API server, fast enough to time what happens to them.

A call of kubectl takes a tenth of a second or more; through its proxy it is a few milliseconds.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
from tracefoundry_operator.kinds import OWNED, Kind

from kube import Kube, Object

POLL_S = 0.01
MERGE = {"Content-Type": "application/merge-patch+json"}
BY_PLURAL = {kind.plural: kind for kind in OWNED}
"""Kinds of children, by the names that kubectl knows them by."""


@dataclass(frozen=True, slots=True)
class ApiReader:
    """The API server, asked as administrator."""

    client: httpx.Client

    def find(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """An object, or None where there is none."""
        answer = self.client.get(kind.path(namespace, name))
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        found: Object = answer.json()
        return found

    def list(self, kind: Kind, namespace: str, selector: str = "") -> list[Object]:
        """All objects of a kind, by label if one is given."""
        answer = self.client.get(
            kind.path(namespace), params={"labelSelector": selector} if selector else {}
        )
        answer.raise_for_status()
        items: list[Object] = answer.json()["items"]
        return items

    def merge(self, kind: Kind, namespace: str, name: str, change: Object) -> None:
        """Change an object by a merge patch."""
        path = kind.path(namespace, name)
        self.client.patch(path, json=change, headers=MERGE).raise_for_status()

    def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """Delete an object, and what belongs to it in the background."""
        self.client.request(
            "DELETE", kind.path(namespace, name), json={"propagationPolicy": "Background"}
        ).raise_for_status()


@contextlib.contextmanager
def reading(kube: Kube) -> Iterator[ApiReader]:
    """A reader, through a proxy that ends with it."""
    with (
        kube.proxied() as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        yield ApiReader(client)


def timed(what: str, condition: Callable[[], bool], *, deadline_s: float) -> float:
    """Wait until a condition holds; the seconds it took, to a hundredth."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > deadline_s:
            raise AssertionError(f"{what}: not within {deadline_s:.0f} s")
        time.sleep(POLL_S)
    return time.monotonic() - started

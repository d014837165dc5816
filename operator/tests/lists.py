"""An API server that can only list, for the comparison with what watches told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from tracefoundry_operator import kinds
from tracefoundry_operator.cluster import ApiError, Body


class Lists:
    """What the test says is there, all of one kind."""

    def __init__(self, kind: kinds.Kind = kinds.SECRET) -> None:
        self.kind = kind
        self.items: list[dict[str, Any]] = []
        self.failures = 0
        """Lists that break off after their first object."""
        self.after: Callable[[], object] = lambda: None
        self.after_failure: Callable[[], object] = lambda: None

    async def list_all(
        self, kind: kinds.Kind, namespace: str | None, *, selector: str | None = None
    ) -> AsyncIterator[Body]:
        """What the test put there."""
        if kind != self.kind:
            return
        for item in list(self.items):
            if namespace in (None, item["metadata"]["namespace"]):
                yield item
            if self.failures:
                self.failures -= 1
                self.after_failure()
                raise ApiError("not now")
        self.after()


def body(name: str, version: str, *, namespace: str = "tracing") -> dict[str, Any]:
    """An object of a list."""
    return {"metadata": {"namespace": namespace, "name": name, "resourceVersion": version}}

"""An API server that can only list, for the comparison with records."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from tracefoundry_operator import kinds
from tracefoundry_operator.cluster import ApiError, Body


class Lists:
    """The objects of one kind, as a test sets them."""

    def __init__(self, kind: kinds.Kind = kinds.SECRET) -> None:
        self.kind = kind
        self.items: list[dict[str, Any]] = []
        self.failures = 0
        """How many lists fail after their first object."""
        self.after: Callable[[], object] = lambda: None
        self.after_failure: Callable[[], object] = lambda: None

    async def list_all(
        self, kind: kinds.Kind, namespace: str | None, *, selector: str | None = None
    ) -> AsyncIterator[Body]:
        """The objects that the test set."""
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
    return {
        "metadata": {
            "namespace": namespace,
            "name": name,
            "uid": f"uid-of-{name}",
            "resourceVersion": version,
        }
    }

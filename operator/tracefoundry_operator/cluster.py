"""The requests that the operator makes to an API server, as a protocol, and their errors.

``apply.py`` implements the protocol; the other modules depend on this one only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from tracefoundry_operator.kinds import Kind
from tracefoundry_operator.manifests.rendering import Manifest

Body = Mapping[str, Any]


class ApiError(Exception):
    """The API server refused a request or could not be reached.

    Attributes:
        status: HTTP status; 0 when there was no answer.
        reason: the answer's ``reason``, one word.
        permanent: the same request would be refused again.
        terminating: the namespace is being deleted or is gone, so nothing can be created in it.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        reason: str = "",
        permanent: bool = False,
        terminating: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.permanent = permanent
        self.terminating = terminating


class Cluster(Protocol):
    """Requests to the API server. Except ``get`` and ``delete``, they raise ApiError for 404."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Body | None:
        """One object; None when it does not exist.

        Raises:
            ApiError: for anything else.
        """

    def list_all(
        self, kind: Kind, namespace: str | None, *, selector: str | None = None
    ) -> AsyncIterator[Body]:
        """All objects of a namespace or of the cluster, page by page.

        The kind's field selector applies too. A caller that keeps no object needs the memory of
        one page.

        Raises:
            ApiError: a page could not be read.
        """

    async def apply(
        self, kind: Kind, manifest: Manifest, *, manager: str, force: bool, status: bool = False
    ) -> Body:
        """Apply server-side, and return the object. ``status``: apply its status only.

        Raises:
            ApiError: 409 when another manager owns a field and ``force`` is not set.
        """

    async def create(self, kind: Kind, manifest: Manifest, *, manager: str) -> Body:
        """Create an object.

        Raises:
            ApiError: 409 when an object of this name exists.
        """

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str) -> bool:
        """Delete the object with this uid and, in the background, its dependents.

        Returns False when no object has this uid.

        Raises:
            ApiError: for anything else.
        """

    async def knows(self, kind: Kind) -> bool:
        """Whether the cluster serves this kind.

        Raises:
            ApiError: discovery failed.
        """

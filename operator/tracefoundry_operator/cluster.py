"""What the operator asks of an API server, in words, and the errors that it may answer with.

``apply.py`` is the one implementation; this module is what the rest of the operator knows of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from tracefoundry_operator.kinds import Kind
from tracefoundry_operator.manifests.rendering import Manifest

Body = Mapping[str, Any]


class ApiError(Exception):
    """The API server refused a request, or could not be reached.

    Attributes:
        status: of HTTP; 0 when there was no answer.
        reason: in one word, from the answer.
        permanent: the same request would be refused again.
        terminating: the namespace is being deleted or gone, so nothing can be made in it.
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
    """Requests to the API server. All but ``get`` and ``delete`` raise ApiError for 404 too."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Body | None:
        """One object; None when there is none.

        Raises:
            ApiError: for anything else.
        """

    def list_all(
        self, kind: Kind, namespace: str | None, *, selector: str | None = None
    ) -> AsyncIterator[Body]:
        """All objects of a namespace, or of the cluster, page by page.

        The kind's own field selector limits it too. Who keeps no object has one page in memory.

        Raises:
            ApiError: a page could not be had.
        """

    async def apply(
        self, kind: Kind, manifest: Manifest, *, manager: str, force: bool, status: bool = False
    ) -> Body:
        """Apply server-side; the object as it then is. ``status``: its status alone.

        Raises:
            ApiError: 409 when another manager has a field and ``force`` is not set.
        """

    async def create(self, kind: Kind, manifest: Manifest, *, manager: str) -> Body:
        """Make an object.

        Raises:
            ApiError: 409 when there is one of this name.
        """

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str) -> bool:
        """Delete the object with this uid and, in the background, what belongs to it.

        False when there is none of this uid.

        Raises:
            ApiError: for anything else.
        """

    async def knows(self, kind: Kind) -> bool:
        """Whether the cluster serves this kind.

        Raises:
            ApiError: it could not be asked.
        """

"""Requests to the API server: the only module that imports the Kubernetes client.

The client's typed classes block the event loop for seconds at their first use, and its dynamic
classes need a writable folder. So requests are sent as plain HTTP requests with the client's
configuration, TLS and authentication. Server-side apply makes them idempotent.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_incluster_config, load_kube_config

from tracefoundry_operator.cluster import ApiError, Body
from tracefoundry_operator.kinds import Kind
from tracefoundry_operator.manifests.rendering import Manifest

TIMEOUT_S = 30.0

_TOKEN_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


class KubernetesApi:
    """The API server of a cluster."""

    def __init__(self, client: Any) -> None:
        self._client = client

    @classmethod
    async def connect(cls) -> KubernetesApi:
        """Configure from the pod's ServiceAccount, else from KUBECONFIG; sends no request."""
        configuration = Configuration()
        if in_cluster():
            load_incluster_config(client_configuration=configuration)
        else:
            await load_kube_config(client_configuration=configuration)
        return cls(ApiClient(configuration=configuration))

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def get(self, kind: Kind, namespace: str, name: str) -> Body | None:
        """See :class:`~tracefoundry_operator.cluster.Cluster`."""
        try:
            return await self._request("GET", kind.path(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def list_all(
        self, kind: Kind, namespace: str | None, *, selector: str | None = None
    ) -> AsyncIterator[Body]:
        """See :class:`~tracefoundry_operator.cluster.Cluster`."""
        query = [("limit", str(kind.page))]
        if selector is not None:
            query.append(("labelSelector", selector))
        if kind.fields is not None:
            query.append(("fieldSelector", kind.fields))
        following: str | None = None
        while following != "":
            page = await self._request(
                "GET",
                kind.path(namespace),
                query=[*query, ("continue", following)] if following else query,
            )
            items = page.get("items") or []
            following = page.get("metadata", {}).get("continue", "")
            # Free the page before the next one is read.
            del page
            items.reverse()
            while items:
                yield items.pop()

    async def apply(
        self, kind: Kind, manifest: Manifest, *, manager: str, force: bool, status: bool = False
    ) -> Body:
        """See :class:`~tracefoundry_operator.cluster.Cluster`."""
        metadata = manifest["metadata"]
        path = kind.path(metadata["namespace"], metadata["name"])
        return await self._request(
            "PATCH",
            f"{path}/status" if status else path,
            query=[("fieldManager", manager), ("force", str(force).lower())],
            content_type="application/apply-patch+yaml",
            body=manifest,
        )

    async def create(self, kind: Kind, manifest: Manifest, *, manager: str) -> Body:
        """See :class:`~tracefoundry_operator.cluster.Cluster`."""
        return await self._request(
            "POST",
            kind.path(manifest["metadata"]["namespace"]),
            query=[("fieldManager", manager)],
            body=manifest,
        )

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str) -> bool:
        """See :class:`~tracefoundry_operator.cluster.Cluster`."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            # The default for Jobs leaves their pods behind.
            "propagationPolicy": "Background",
        }
        try:
            await self._request("DELETE", kind.path(namespace, name), body=options)
        except ApiError as error:
            if error.status in (404, 409):
                return False
            raise
        return True

    async def knows(self, kind: Kind) -> bool:
        """See :class:`~tracefoundry_operator.cluster.Cluster`."""
        try:
            found = await self._request("GET", f"/apis/{kind.api_version}")
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return any(each.get("name") == kind.plural for each in found.get("resources", ()))

    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: list[tuple[str, str]] | None = None,
        content_type: str = "application/json",
        body: Mapping[str, Any] | None = None,
    ) -> Body:
        try:
            request = await self._client.param_serialize(
                method,
                path,
                query_params=query or [],
                header_params={"Accept": "application/json", "Content-Type": content_type},
                body=dict(body) if body is not None else None,
                auth_settings=["BearerToken"],
            )
            answer = await self._client.call_api(*request, _request_timeout=TIMEOUT_S)
            content = await answer.response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiError(
                f"{method} {path}: no answer from the API server ({type(error).__name__}: {error})"
            ) from error
        if answer.status >= 300:
            raise _refusal(method, path, answer.status, content)
        try:
            found: Body = json.loads(content)
        except ValueError as error:
            raise ApiError(
                f"{method} {path}: the answer is not JSON", status=answer.status
            ) from error
        return found


def in_cluster() -> bool:
    """Whether the pod's ServiceAccount is used; a KUBECONFIG takes precedence."""
    return _TOKEN_FILE.exists() and "KUBECONFIG" not in os.environ


def _refusal(method: str, path: str, status: int, content: bytes) -> ApiError:
    try:
        answer = json.loads(content)
        reason, message = answer.get("reason", ""), answer.get("message", "")
        details = answer.get("details") or {}
        causes = [each.get("reason") for each in details.get("causes") or ()]
        namespace_gone = status == 404 and details.get("kind") == "namespaces"
    except (ValueError, AttributeError):
        reason, message, causes = "", content[:200].decode("utf-8", "replace"), []
        namespace_gone = False
    # The API server answers 500 to an object that does not match its schema.
    mismatch = status == 500 and "failed to create typed patch object" in message
    return ApiError(
        f"{method} {path}: {status} {reason} {message}".strip(),
        status=status,
        reason=reason,
        permanent=mismatch or status in (400, 405, 415, 422),
        terminating=namespace_gone or "NamespaceTerminating" in causes,
    )

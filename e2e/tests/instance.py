"""A TraceFoundry in the cluster, with its own database, bucket, Secrets and volume."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

import backends
from backends import S3, Postgres
from cluster import support_images
from cluster.access import Access
from kube import Kube, Object, condition, restricted_pod, wait_for

API_VERSION = "tracefoundry.dev/v1alpha1"
READY_S = 180.0
SMALL: Object = {"resources": {"requests": {"cpu": "20m", "memory": "128Mi"}}}
"""Requests that fit a small node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance under test."""

    kube: Kube
    namespace: str
    name: str
    admin_token: str = field(default_factory=lambda: "tf_" + secrets.token_urlsafe(32), repr=False)
    ingest_token: str = field(default_factory=lambda: "tf_" + secrets.token_urlsafe(32), repr=False)

    def create(self, access: Access, postgres: Postgres, s3: S3, **spec: Any) -> None:
        """Create what it depends on, then the resource. ``spec`` replaces parts of the default."""
        database = f"{self.namespace}-{self.name}".replace("-", "_")
        backends.create_database(self.kube, database)
        bucket = f"{self.namespace}-{self.name}"
        backends.make_bucket(self.kube, s3, bucket)
        claim = f"queue-{self.name}-collector-0"
        self.kube.apply(
            backends.storage_class(),
            backends.volume(access, f"{self.namespace}-{claim}", claim, self.namespace),
            self.secret("pg", url=postgres.url(database)),
            self.secret("s3", AWS_ACCESS_KEY_ID=s3.access_key, AWS_SECRET_ACCESS_KEY=s3.secret_key),
            self.secret("admin-token", token=self.admin_token),
            self.secret("ingest-token", token=self.ingest_token),
            self.resource(bucket=bucket, endpoint=s3.endpoint, **spec),
        )

    def secret(self, name: str, **texts: str) -> Object:
        """A Secret of the instance's namespace."""
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": self.namespace},
            "stringData": texts,
        }

    def resource(self, *, bucket: str, endpoint: str, **spec: Any) -> Object:
        """The resource: one replica of each, and requests that fit a small node."""
        return {
            "apiVersion": API_VERSION,
            "kind": "TraceFoundry",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {
                "database": {"secretRef": {"name": "pg"}},
                "objectStore": {
                    "bucket": bucket,
                    "endpoint": endpoint,
                    "region": "us-east-1",
                    "secretRef": {"name": "s3"},
                },
                "auth": {
                    "adminTokenSecretRef": {"name": "admin-token"},
                    "ingestTokenSecretRef": {"name": "ingest-token"},
                },
                "collector": {
                    "storage": {"size": "1Gi", "className": backends.STORAGE_CLASS},
                    **SMALL,
                },
                "ingest": {"replicas": 1, **SMALL},
                "query": {"replicas": 1, **SMALL},
                "ui": {"replicas": 1, **SMALL},
                **spec,
            },
        }

    def get(self) -> Object:
        """The resource as it is now."""
        found = self.kube.get("tracefoundry", self.name, self.namespace)
        assert found is not None, f"{self.namespace}/{self.name} is gone"
        return found

    def patch(self, **spec: Any) -> None:
        """Change fields of the specification."""
        self.kube.run(
            "patch", "tracefoundry", self.name, "-n", self.namespace, "--type=merge",
            f"--patch={json.dumps({'spec': spec})}",
        )  # fmt: skip

    def remove(self) -> None:
        """Start to delete it with its namespace and its volume, without waiting for the end."""
        volume = f"{self.namespace}-queue-{self.name}-collector-0"
        for kind, name in (("namespace", self.namespace), ("persistentvolume", volume)):
            self.kube.run("delete", kind, name, "--wait=false", "--ignore-not-found")

    def reason(self, kind: str) -> str | None:
        """The reason of a condition, or None where it is not there."""
        for each in self.get().get("status", {}).get("conditions", []):
            if each["type"] == kind:
                return str(each["reason"])
        return None

    def wait_ready(self) -> float:
        """Wait for the condition Ready of the present generation; the seconds it took."""

        def ready() -> bool:
            found = self.get()
            seen = found.get("status", {}).get("observedGeneration")
            return seen == found["metadata"]["generation"] and condition(found, "Ready") == "True"

        return wait_for(f"{self.namespace}/{self.name} Ready", ready, deadline_s=READY_S)

    def send_traces(self, service: str, count: int) -> None:
        """Send traces by a real OTLP exporter in a pod, through the collector's Service."""
        image = support_images.static("telemetrygen")
        pod = restricted_pod(
            f"sender-{secrets.token_hex(3)}",
            self.namespace,
            image=image.reference,
            args=["traces", f"--otlp-endpoint={self.name}-collector:4317", "--otlp-insecure",
                  f"--traces={count}", f"--service={service}", "--rate=0", "--workers=1"],
        )  # fmt: skip
        name = pod["metadata"]["name"]
        self.kube.apply(pod)

        def done() -> bool:
            found = self.kube.get("pod", name, self.namespace)
            phase = (found or {}).get("status", {}).get("phase")
            assert phase != "Failed", self.kube.logs(name, self.namespace)
            return bool(phase == "Succeeded")

        wait_for(f"sender {name} done", done, deadline_s=90)

    @contextlib.contextmanager
    def api(self, token: str | None = None, *, through: str = "query") -> Iterator[Api]:
        """The query API through a forwarded port, as administrator unless a token is given.

        An empty token is none. ``through`` is the component whose Service is asked.
        """
        with self.kube.forwarded(f"service/{self.name}-{through}", 8080, self.namespace) as port:
            yield Api(f"http://127.0.0.1:{port}", self.admin_token if token is None else token)


@dataclass(frozen=True, slots=True)
class Api:
    """The query API at an address."""

    url: str
    token: str = field(repr=False)

    def ask(
        self, path: str, method: str = "GET", *, body: Object | None = None, **parameters: str
    ) -> httpx.Response:
        """Any request; the caller looks at the status."""
        return httpx.request(
            method,
            self.url + path,
            params=parameters,
            json=body,
            headers={"Authorization": f"Bearer {self.token}"} if self.token else {},
            timeout=30,
        )

    def get(self, path: str, **parameters: str) -> dict[str, Any]:
        """The answer to a read."""
        answer = self.ask(path, "GET", body=None, **parameters)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def traces(self, service: str) -> list[dict[str, Any]]:
        """All traces of a service, up to 1,000."""
        found: list[dict[str, Any]] = self.get("/api/traces", service=service, limit="1000")[
            "traces"
        ]
        return found

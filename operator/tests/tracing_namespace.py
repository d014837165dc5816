"""A namespace with Secrets and instances, and the work of controllers and kubelets in it."""

from __future__ import annotations

import base64
import datetime as dt
import urllib.error
from collections.abc import Iterable, Mapping
from typing import Any

from tests.api_server import ApiServer, Json, wait
from tracefoundry_operator import kinds
from tracefoundry_operator.kinds import Kind, ObjectKey

SECRETS = {
    "pg": {"url": "postgresql://somewhere/tracefoundry"},
    "s3": {"AWS_ACCESS_KEY_ID": "made-up", "AWS_SECRET_ACCESS_KEY": "made-up"},
    "admin-token": {"token": "made-up-admin"},
    "ingest-token": {"token": "made-up-ingest"},
}


class TracingNamespace:
    """One namespace of a test."""

    def __init__(self, server: ApiServer, name: str) -> None:
        self.server = server
        self.name = name

    def make(self, secrets: Mapping[str, Mapping[str, str]] = SECRETS) -> None:
        """Make it, with these Secrets."""
        self.server.request(
            "POST",
            "/api/v1/namespaces",
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {
                    "name": self.name,
                    "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
                },
            },
        )
        for name, values in secrets.items():
            self.put_secret(name, values)

    def put_secret(self, name: str, values: Mapping[str, str]) -> None:
        """Make or replace a Secret."""
        path = kinds.SECRET.path(self.name, name)
        data = {key: base64.b64encode(text.encode()).decode() for key, text in values.items()}
        if self.server.find(path) is not None:
            self.server.request("DELETE", path)
        self.server.request(
            "POST",
            kinds.SECRET.path(self.name),
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data},
        )

    def put(self, spec: Mapping[str, Any], name: str = "main") -> Json:
        """Make an instance."""
        return self.server.request(
            "POST",
            kinds.INSTANCE.path(self.name),
            {
                "apiVersion": "tracefoundry.dev/v1alpha1",
                "kind": "TraceFoundry",
                "metadata": {"name": name},
                "spec": dict(spec),
            },
        )

    def change(self, spec: Mapping[str, Any], name: str = "main") -> Json:
        """Change some fields of an instance's spec."""
        return self.server.merge(kinds.INSTANCE.path(self.name, name), {"spec": dict(spec)})

    def delete(self, kind: Kind, name: str) -> None:
        """Delete an object, and what belongs to it in the background."""
        self.server.request(
            "DELETE", kind.path(self.name, name), {"propagationPolicy": "Background"}
        )

    def find(self, kind: Kind, name: str) -> Json | None:
        """One object."""
        return self.server.find(kind.path(self.name, name))

    def status(self, name: str = "main") -> Json:
        """Status of an instance."""
        found = self.find(kinds.INSTANCE, name)
        assert found is not None
        status: Json = found.get("status", {})
        return status

    def condition(self, type_: str, name: str = "main") -> tuple[str, str, str]:
        """Status, reason and message of a condition; three empty texts while there is none."""
        for each in self.status(name).get("conditions", ()):
            if each["type"] == type_:
                return each["status"], each["reason"], each["message"]
        return "", "", ""

    def wait_for(self, type_: str, status: str, reason: str, name: str = "main") -> str:
        """Wait for a condition; its message."""
        wait(
            lambda: (status, reason) == self.condition(type_, name)[:2],
            f"{type_} is {status} for {reason}",
        )
        return self.condition(type_, name)[2]

    def children(self, name: str = "main") -> dict[ObjectKey, Json]:
        """All objects that belong to an instance."""
        owner = self.find(kinds.INSTANCE, name)
        uid = owner["metadata"]["uid"] if owner is not None else None
        found = {}
        for kind in kinds.OWNED:
            for item in self.server.request("GET", kind.path(self.name))["items"]:
                for reference in item["metadata"].get("ownerReferences", ()):
                    if reference["uid"] == uid:
                        found[ObjectKey(kind.name, self.name, item["metadata"]["name"])] = item
        return found

    def versions(self, name: str = "main") -> dict[str, str]:
        """resourceVersions of an instance and of all its children."""
        instance = self.find(kinds.INSTANCE, name)
        assert instance is not None
        return {
            "instance": instance["metadata"]["resourceVersion"],
            **{
                f"{key.kind}/{key.name}": each["metadata"]["resourceVersion"]
                for key, each in self.children(name).items()
            },
        }

    def jobs(self, name: str = "main") -> list[Json]:
        """Migration Jobs of an instance."""
        return [each for key, each in self.children(name).items() if key.kind == "Job"]

    def unfinished_job(self, name: str = "main") -> Json | None:
        """The migration Job that still runs."""
        for job in self.jobs(name):
            if not job.get("status", {}).get("conditions"):
                return job
        return None

    def find_job(self, name: str) -> Json | None:
        """The migration Job of an instance, if there is one; cheaper than all its children."""
        selector = f"app.kubernetes.io/instance={name}"
        path = f"{kinds.JOB.path(self.name)}?labelSelector={selector}"
        items: list[Json] = self.server.request("GET", path)["items"]
        return items[0] if items else None

    def end_migration(self, name: str = "main", *, failed: bool = False) -> None:
        """Do what the Job controller does when the migration's pod has ended."""
        wait(lambda: self.unfinished_job(name), f"{name} has a migration to end")
        self.complete(self.unfinished_job(name), failed=failed)

    def complete(self, job: Json | None, *, failed: bool = False) -> None:
        """Say that a Job has ended."""
        assert job is not None
        now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        types = ("FailureTarget", "Failed") if failed else ("SuccessCriteriaMet", "Complete")
        status: Json = {
            "startTime": now,
            "conditions": [
                {
                    "type": each,
                    "status": "True",
                    "lastTransitionTime": now,
                    "reason": "BackoffLimitExceeded" if failed else "CompletionsReached",
                    "message": "it failed too often" if failed else "",
                }
                for each in types
            ],
        }
        if failed:
            status["failed"] = 1
        else:
            status.update(completionTime=now, succeeded=1)
        path = kinds.JOB.path(self.name, job["metadata"]["name"])
        self.server.merge(f"{path}/status", {"status": status})

    def make_pod(self, job: Json, status: Json) -> None:
        """Do what the Job controller and a kubelet do with the pod of a Job."""
        metadata, template = job["metadata"], job["spec"]["template"]
        name = self._pod_name(job)
        self.server.request(
            "POST",
            kinds.POD.path(self.name),
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": name,
                    "labels": template["metadata"]["labels"],
                    "ownerReferences": [
                        {
                            "apiVersion": "batch/v1",
                            "kind": "Job",
                            "name": metadata["name"],
                            "uid": metadata["uid"],
                            "controller": True,
                        }
                    ],
                },
                "spec": template["spec"],
            },
        )
        self.change_pod(job, status)

    def change_pod(self, job: Json, status: Json) -> None:
        """Do what a kubelet does when something happens to the pod of a Job."""
        path = kinds.POD.path(self.name, self._pod_name(job))
        self.server.merge(f"{path}/status", {"status": status})

    @staticmethod
    def _pod_name(job: Json) -> str:
        metadata = job["metadata"]
        return f"{metadata['name']}-{metadata['uid'][:5]}"

    def run_pods(self, name: str = "main", only: Iterable[str] | None = None) -> None:
        """Do what the controllers do when all pods are ready."""
        for kind in (kinds.DEPLOYMENT, kinds.STATEFUL_SET):
            for item in self.server.request("GET", kind.path(self.name))["items"]:
                labels = item["metadata"]["labels"]
                component = labels["app.kubernetes.io/component"]
                if labels["app.kubernetes.io/instance"] != name or (only and component not in only):
                    continue
                count = item["spec"]["replicas"]
                status = {
                    "observedGeneration": item["metadata"]["generation"],
                    "replicas": count,
                    "updatedReplicas": count,
                    "readyReplicas": count,
                    "availableReplicas": count,
                }
                path = kind.path(self.name, item["metadata"]["name"])
                try:
                    self.server.merge(f"{path}/status", {"status": status})
                except urllib.error.HTTPError as error:
                    # Of an earlier instance, and collected since the list.
                    if error.code != 404:
                        raise

    def settle(self, name: str = "main") -> None:
        """From nothing to Ready."""
        self.end_migration(name)

        def ready() -> bool:
            self.run_pods(name)
            conditions = {each: self.condition(each, name)[:2] for each in ("Ready", "Progressing")}
            return conditions == {
                "Ready": ("True", "AllPodsReady"),
                "Progressing": ("False", "RolledOut"),
            }

        wait(ready, f"{name} is ready")

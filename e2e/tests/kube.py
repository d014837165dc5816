"""kubectl for tests: objects as dicts, and waits that end by a deadline."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cluster import programs

Object = dict[str, Any]
POLL_S = 0.25
COMMAND_DEADLINE_S = 120.0

RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "latest",
}


class KubectlFailed(AssertionError):
    """kubectl failed; the message has its output."""


class Kube:
    """One cluster, as its administrator."""

    def __init__(self, kubeconfig: Path, context: str) -> None:
        """The context is named in every call: a file may hold several."""
        self.kubeconfig = kubeconfig
        self.context = context
        self._command = [
            str(programs.client("kubectl")),
            f"--kubeconfig={kubeconfig}",
            f"--context={context}",
        ]

    def run(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        """Run kubectl and return its output."""
        result = subprocess.run(
            [*self._command, *arguments], input=stdin, capture_output=True, text=True,
            timeout=COMMAND_DEADLINE_S, check=False,
        )  # fmt: skip
        if check and result.returncode != 0:
            raise KubectlFailed(f"kubectl {' '.join(arguments)}: {result.stderr.strip()}")
        return result.stdout

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Apply objects server-side."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        self.run(
            "apply", "--server-side", "--force-conflicts", "--field-manager=e2e", "-f", "-",
            stdin=text,
        )  # fmt: skip

    def get(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """An object, or None where there is none."""
        text = self.run("get", kind, name, "-o", "json", "--ignore-not-found", *_within(namespace))
        return json.loads(text) if text.strip() else None

    def list(self, kind: str, namespace: str | None = None, selector: str = "") -> list[Object]:
        """All objects of a kind, by label if one is given."""
        label = ["-l", selector] if selector else []
        text = self.run("get", kind, "-o", "json", *label, *_within(namespace))
        items: list[Object] = json.loads(text)["items"]
        return items

    def logs(self, pod: str, namespace: str, *arguments: str) -> str:
        """What a pod's containers printed."""
        return self.run("logs", pod, *_within(namespace), *arguments)

    def execute(self, pod: str, namespace: str, *command: str) -> str:
        """Run a command in a pod."""
        return self.run("exec", pod, *_within(namespace), "--", *command)

    def make_namespace(self, name: str) -> None:
        """A namespace that admits none but restricted pods."""
        self.apply(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": name, "labels": RESTRICTED},
            }
        )

    def pod_ready(self, pod: Object) -> bool:
        """Whether its condition Ready is true."""
        return condition(pod, "Ready") == "True"

    @contextlib.contextmanager
    def forwarded(self, target: str, port: int, namespace: str) -> Iterator[int]:
        """A loopback port here that reaches ``port`` of a pod or Service."""
        with self._listening(
            "port-forward", target, f":{port}", "--address=127.0.0.1", *_within(namespace)
        ) as local:
            yield local

    @contextlib.contextmanager
    def proxied(self) -> Iterator[int]:
        """A loopback port here that reaches the API server, as administrator."""
        with self._listening("proxy", "--port=0", "--address=127.0.0.1") as local:
            yield local

    @contextlib.contextmanager
    def _listening(self, *arguments: str) -> Iterator[int]:
        process = subprocess.Popen(
            [*self._command, *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            if process.stdout is None:
                raise KubectlFailed(f"{arguments[0]} has no output")
            line = process.stdout.readline()
            found = re.search(r"127\.0\.0\.1:(\d+)", line)
            if found is None:
                process.terminate()
                said = f"{line}{process.stdout.read()}"
                raise KubectlFailed(f"kubectl {' '.join(arguments)}: {said}")
            yield int(found[1])
        finally:
            process.terminate()
            process.wait(timeout=20)
            if process.stdout is not None:
                process.stdout.close()


def condition(resource: Object, kind: str) -> str | None:
    """The status of a condition, or None where it is not there."""
    for each in resource.get("status", {}).get("conditions", []):
        if each["type"] == kind:
            return str(each["status"])
    return None


def wait_for(what: str, condition: Callable[[], bool], *, deadline_s: float) -> float:
    """Wait until ``condition`` holds; returns the seconds it took."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > deadline_s:
            raise AssertionError(f"{what}: not within {deadline_s:.0f} s")
        time.sleep(POLL_S)
    return time.monotonic() - started


def restricted_pod(
    name: str,
    namespace: str,
    *,
    image: str,
    command: Sequence[str] = (),
    user: int = 65532,
    **container: Any,
) -> Object:
    """A pod as strict as the product's own, with /tmp to write to."""
    volumes = container.pop("volumes", [])
    labels = container.pop("labels", {})
    mounts = container.pop("volumeMounts", [])
    spec: Object = {
        "restartPolicy": container.pop("restartPolicy", "Never"),
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": container.pop("terminationGracePeriodSeconds", 5),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": user,
            "fsGroup": user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": name,
                "image": image,
                "imagePullPolicy": "IfNotPresent",
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "resources": {
                    "requests": {"cpu": "10m", "memory": "32Mi"},
                    "limits": {"memory": "512Mi"},
                },
                "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, *mounts],  # noqa: S108
                **({"command": list(command)} if command else {}),
                **container,
            }
        ],
        "volumes": [{"name": "tmp", "emptyDir": {}}, *volumes],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": spec,
    }


def _within(namespace: str | None) -> list[str]:
    return ["-n", namespace] if namespace else []

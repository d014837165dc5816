"""The operator in the cluster, by the chart, with the images of this checkout."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from cluster import images, programs, support_images
from cluster.access import Access
from kube import Kube, Object, wait_for

NAMESPACE = "tracefoundry-system"
RELEASE = "tracefoundry"
OPERATOR = "tracefoundry-operator"
OPERATOR_PORT = 8080
CHART = programs.ROOT / "charts" / "tracefoundry"
INSTALL_DEADLINE_S = 120


class HelmFailed(AssertionError):
    """helm failed; the message has its output."""


@dataclass(frozen=True, slots=True)
class Helm:
    """helm on one cluster."""

    kube: Kube

    def run(self, *arguments: str) -> str:
        """Run helm and return its output."""
        result = subprocess.run(
            [str(programs.client("helm")), f"--kubeconfig={self.kube.kubeconfig}",
             f"--kube-context={self.kube.context}", *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            timeout=INSTALL_DEADLINE_S + 60,
        )  # fmt: skip
        if result.returncode != 0:
            raise HelmFailed(f"helm {' '.join(arguments)}: {result.stderr[-3000:]}")
        return result.stdout

    def install(self) -> None:
        """Install the operator, or upgrade it, and wait until its pod is Ready."""
        self.kube.make_namespace(NAMESPACE)
        values = {
            "image": _image("tracefoundry-operator"),
            "operandImage": _image("tracefoundry"),
            "collectorImage": _image("tracefoundry-collector"),
        }
        self.run(
            "upgrade", "--install", RELEASE, str(CHART), "--namespace", NAMESPACE, "--wait",
            f"--timeout={INSTALL_DEADLINE_S}s", f"--values={_written(self.kube, values)}",
        )  # fmt: skip

    def uninstall(self) -> None:
        """Take the operator away; custom resources and their definitions stay."""
        self.run("uninstall", RELEASE, "--namespace", NAMESPACE, "--wait", "--ignore-not-found")


def load_images(access: Access) -> None:
    """Make the product's images known to the node, built if need be."""
    for image in images.IMAGES:
        access.load(images.build(image).archive)
    access.load(support_images.static("telemetrygen").archive)


def scale(kube: Kube, replicas: int) -> None:
    """Take the operator away (0) or bring it back (1), and wait until it is so."""
    kube.run("scale", f"deployment/{OPERATOR}", f"--replicas={replicas}", "-n", NAMESPACE)

    def done() -> bool:
        pods = kube.list("pods", NAMESPACE, f"app.kubernetes.io/name={OPERATOR}")
        return len(pods) == replicas and all(kube.pod_ready(pod) for pod in pods)

    wait_for(f"{replicas} pods of the operator", done, deadline_s=90)


@dataclass(frozen=True, slots=True)
class Running:
    """An operator's process, and how to kill it."""

    kube: Kube
    pod: str
    kill: Callable[[], None]

    def forget(self) -> None:
        """Delete the pod of a killed process: kubelet would wait longer after each crash."""
        self.kube.run("delete", "pod", self.pod, "-n", NAMESPACE, "--grace-period=0", "--force")


def running(kube: Kube, access: Access) -> Running:
    """The operator as soon as its process runs, ready or not."""
    found: list[Object] = []

    def runs() -> bool:
        found[:] = [
            pod
            for pod in kube.list("pods", NAMESPACE, f"app.kubernetes.io/name={OPERATOR}")
            if "deletionTimestamp" not in pod["metadata"]
            and any("running" in each["state"] for each in _containers(pod))
        ]
        return len(found) == 1

    wait_for("a process of the operator", runs, deadline_s=60)
    (container,) = _containers(found[0])
    return Running(kube, found[0]["metadata"]["name"], access.killer(container["containerID"]))


def wait_ready(kube: Kube) -> None:
    """Wait until the operator has listed all resources."""

    def ready() -> bool:
        pods = kube.list("pods", NAMESPACE, f"app.kubernetes.io/name={OPERATOR}")
        return len(pods) == 1 and kube.pod_ready(pods[0])

    wait_for("a Ready operator", ready, deadline_s=90)


def _containers(pod: Object) -> list[Object]:
    statuses: list[Object] = pod["status"].get("containerStatuses", [])
    return statuses


def passes(kube: Kube) -> float:
    """How many passes over TraceFoundry resources the operator has finished since its start."""
    return _sum(kube, "tracefoundry_operator_reconcile_total", 'kind="TraceFoundry"')


def writes(kube: Kube) -> float:
    """How many objects the operator has changed since its start."""
    return _sum(kube, "tracefoundry_operator_apply_total")


def _sum(kube: Kube, name: str, label: str = "") -> float:
    with kube.forwarded(f"deployment/{OPERATOR}", OPERATOR_PORT, NAMESPACE) as port:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if line.startswith(name) and label in line
    )


def _image(name: str) -> dict[str, str]:
    return {"repository": f"{images.PREFIX}{name}", "tag": images.version()}


def _written(kube: Kube, values: object) -> str:
    path = kube.kubeconfig.with_name("chart-values.json")
    path.write_text(json.dumps(values))
    return str(path)

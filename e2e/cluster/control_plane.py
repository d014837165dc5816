"""etcd, the API server, the controller manager and the scheduler, in the order they need."""

from __future__ import annotations

import http.client
import ssl
import subprocess
from pathlib import Path

from cluster import processes, programs
from cluster.place import (
    API_PORT,
    API_SERVICE_ADDRESS,
    NODE_ADDRESS,
    POD_RANGE,
    SERVICE_RANGE,
    Place,
    write_config,
)
from cluster.processes import Process

_ETCD = "http://127.0.0.1:2379"


def start(place: Place, holder: Process) -> Process:
    """Start what is not running yet; returns the API server, which may not be ready."""
    if processes.find(place, "etcd") is None:
        processes.start(place, "etcd", _etcd(place), inside=holder.pid)
    api = processes.find(place, "apiserver")
    if api is None:
        api = processes.start(place, "apiserver", _apiserver(place), inside=holder.pid)
    return api


def start_controllers(place: Place, holder: Process) -> None:
    """Start those that act on objects.

    The API server must be ready: the controller manager exits when it may not yet read the
    ConfigMap that the authorization bootstrap makes readable.
    """
    for name, command in (
        ("controller-manager", _controller_manager(place)),
        ("scheduler", _scheduler(place)),
    ):
        if processes.find(place, name) is None:
            processes.start(place, name, command, inside=holder.pid)


def answers_ready(place: Place, port: int) -> bool:
    """Whether the API server says so, asked by its forwarded port."""
    context = ssl.create_default_context(cafile=place.pki / "ca.crt")
    context.load_cert_chain(place.pki / "admin.crt", place.pki / "admin.key")
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def kubectl(
    place: Place, *arguments: str, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run kubectl as administrator through the forwarded port."""
    return subprocess.run(
        [str(programs.program("kubectl")), f"--kubeconfig={place.kubeconfig}", *arguments],
        input=stdin or "", capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def _etcd(place: Place) -> list[str]:
    return [
        str(programs.program("etcd")),
        f"--data-dir={place.root / 'etcd'}",
        f"--listen-client-urls={_ETCD}",
        f"--advertise-client-urls={_ETCD}",
        "--listen-peer-urls=http://127.0.0.1:2380",
        # A cluster for tests lives as long as its machine: waiting for the disk buys nothing.
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def _apiserver(place: Place) -> list[str]:
    pki = place.pki
    return [
        str(programs.program("kube-apiserver")),
        f"--etcd-servers={_ETCD}",
        f"--secure-port={API_PORT}",
        f"--bind-address={NODE_ADDRESS}",
        f"--advertise-address={NODE_ADDRESS}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--kubelet-certificate-authority={pki / 'ca.crt'}",
        f"--kubelet-client-certificate={pki / 'apiserver-kubelet-client.crt'}",
        f"--kubelet-client-key={pki / 'apiserver-kubelet-client.key'}",
        # Else logs and exec look up the node's name, which no DNS knows.
        "--kubelet-preferred-address-types=InternalIP",
        f"--service-account-issuer=https://{API_SERVICE_ADDRESS}",
        f"--service-account-key-file={pki / 'service-accounts.pub'}",
        f"--service-account-signing-key-file={pki / 'service-accounts.key'}",
        f"--requestheader-client-ca-file={pki / 'ca.crt'}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={pki / 'front-proxy-client.crt'}",
        f"--proxy-client-key-file={pki / 'front-proxy-client.key'}",
        f"--audit-policy-file={_audit_policy(place)}",
        f"--audit-log-path={place.logs / 'audit.log'}",
        "--audit-log-maxsize=200",
        "--audit-log-maxbackup=1",
        "--profiling=false",
    ]


def _audit_policy(place: Place) -> Path:
    """Write a policy that records who was refused: tests look for 403 of the chart's account."""
    return write_config(
        place.config("audit.yaml"),
        "apiVersion: audit.k8s.io/v1\n"
        "kind: Policy\n"
        "omitStages: [RequestReceived, ResponseStarted]\n"
        "rules:\n"
        '- {level: Metadata, userGroups: ["system:serviceaccounts"]}\n'
        "- {level: None}\n",
    )


def _controller_manager(place: Place) -> list[str]:
    config = place.inner_kubeconfig("controller-manager")
    pki = place.pki
    return [
        str(programs.program("kube-controller-manager")),
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        "--bind-address=127.0.0.1",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={pki / 'service-accounts.key'}",
        f"--root-ca-file={pki / 'ca.crt'}",
        f"--cluster-signing-cert-file={pki / 'ca.crt'}",
        f"--cluster-signing-key-file={pki / 'ca.key'}",
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={POD_RANGE}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--leader-elect=false",
    ]


def _scheduler(place: Place) -> list[str]:
    config = place.inner_kubeconfig("scheduler")
    return [
        str(programs.program("kube-scheduler")),
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
    ]

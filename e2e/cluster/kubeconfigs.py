"""Kubeconfig files: one a program inside the namespaces, and one for people and tests outside."""

from __future__ import annotations

import base64
from pathlib import Path

import yaml

from cluster.place import API_PORT, CONTEXT, NODE_ADDRESS, Place, write_config

INNER = {
    "admin": "admin",
    "controller-manager": "controller-manager",
    "scheduler": "scheduler",
    "proxy": "proxy",
    "kubelet": "node",
}


def write_inner(place: Place) -> None:
    """Write those of the cluster's own programs, which reach the API server by its address."""
    for name, leaf in INNER.items():
        _write(place, place.inner_kubeconfig(name), leaf, f"https://{NODE_ADDRESS}:{API_PORT}")


def write_outer(place: Place, port: int) -> None:
    """Write the administrator's, for a forwarded port on the loopback address outside."""
    _write(place, place.kubeconfig, "admin", f"https://127.0.0.1:{port}")


def _write(place: Place, path: Path, leaf: str, server: str) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": CONTEXT,
                "cluster": {
                    "server": server,
                    "certificate-authority-data": _data(place.pki / "ca.crt"),
                },
            }
        ],
        "users": [
            {
                "name": leaf,
                "user": {
                    "client-certificate-data": _data(place.pki / f"{leaf}.crt"),
                    "client-key-data": _data(place.pki / f"{leaf}.key"),
                },
            }
        ],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": leaf}}],
        "current-context": CONTEXT,
    }
    write_config(path, yaml.safe_dump(config))


def _data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()

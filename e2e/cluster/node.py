"""The node: containerd, kubelet, kube-proxy and CoreDNS.

Settings that a container without some capabilities needs are marked: without them the programs
refuse to start there, and they do no harm elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import yaml

from cluster import control_groups, namespaces, processes, programs
from cluster.place import (
    DNS_DOMAIN,
    DNS_PORT,
    NODE,
    NODE_ADDRESS,
    PAUSE_IMAGE,
    POD_RANGE,
    Place,
    write_config,
)
from cluster.processes import Process

_CNI_PROGRAMS = Path("/usr/lib/cni")


def start_containerd(place: Place, holder: Process) -> None:
    """Start the container runtime and wait until it takes calls."""
    if processes.find(place, "containerd") is not None:
        return
    _write_network(place)
    config = write_config(place.config("containerd.toml"), _containerd(place))
    runtime = processes.start(
        place, "containerd", ["containerd", "--config", str(config)], inside=holder.pid
    )
    # Seen through the process: the socket lies in the cluster's own /run.
    socket = Path(f"/proc/{runtime.pid}/root{place.containerd_socket}")
    processes.wait_until(place, runtime, socket.exists, deadline_s=30, what="socket of the runtime")


def import_image(holder: Process, archive: Path, place: Place) -> None:
    """Make the images of an OCI archive known to kubelet."""
    namespaces.run(
        holder, "ctr", "--address", str(place.containerd_socket), "--namespace", "k8s.io",
        "images", "import", str(archive), deadline_s=300,
    )  # fmt: skip


def container_pid(holder: Process, container: str, place: Place) -> int:
    """The id of a container's first process, as this machine knows it."""
    listed = namespaces.run(
        holder, "ctr", "--address", str(place.containerd_socket), "--namespace", "k8s.io",
        "tasks", "ls",
    )  # fmt: skip
    for line in listed.splitlines():
        name, pid, *_ = line.split()
        if name == container:
            return int(pid)
    raise processes.StartFailed(f"container {container} does not run")


def start_agents(place: Place, holder: Process) -> None:
    """Start kubelet, kube-proxy and CoreDNS; the API server must answer."""
    for name, command in (
        ("kubelet", _kubelet(place)),
        ("kube-proxy", _kube_proxy(place)),
        ("coredns", _coredns(place)),
    ):
        if processes.find(place, name) is None:
            processes.start(place, name, command, inside=holder.pid)


def _containerd(place: Place) -> str:
    return f"""version = 2
root = "{place.root}/containerd"
state = "/run/containerd"
[grpc]
  address = "{place.containerd_socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  # Without the capability SYS_RESOURCE no sandbox starts otherwise.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{_CNI_PROGRAMS}"
    conf_dir = "{place.config("cni")}"
"""


def _write_network(place: Place) -> None:
    folder = place.config("cni")
    conflist = {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "pods0",
                "isGateway": True,
                "ipMasq": True,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": POD_RANGE.replace("/16", "/24")}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                    "dataDir": str(place.root / "addresses"),
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }
    write_config(folder / "10-pods.conflist", json.dumps(conflist))


def _kubelet(place: Place) -> list[str]:
    pki = place.pki
    resolv = write_config(place.config("resolv.conf"), f"nameserver {NODE_ADDRESS}\n")
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pki / "kubelet-server.crt"),
        "tlsPrivateKeyFile": str(pki / "kubelet-server.key"),
        "clusterDNS": [NODE_ADDRESS],
        "clusterDomain": DNS_DOMAIN,
        "resolvConf": str(resolv),
        "containerRuntimeEndpoint": f"unix://{place.containerd_socket}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": control_groups.name(place),
        "failSwapOn": False,
        "failCgroupV1": False,
        # The three that a machine without SYS_RESOURCE and with little of everything needs.
        "oomScoreAdj": 0,
        "maxOpenFiles": 20000,
        "enforceNodeAllocatable": [],
        "evictionHard": {
            "memory.available": "50Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
        },
        "imageGCHighThresholdPercent": 100,
        "maxPods": 200,
        "serializeImagePulls": False,
        # A mounted Secret or ConfigMap follows its change in seconds, not in a minute.
        "syncFrequency": "5s",
        "configMapAndSecretChangeDetectionStrategy": "Watch",
    }
    return [
        str(programs.program("kubelet")),
        f"--config={_write(place, 'kubelet.yaml', config)}",
        f"--kubeconfig={place.inner_kubeconfig('kubelet')}",
        f"--hostname-override={NODE}",
        f"--node-ip={NODE_ADDRESS}",
        f"--root-dir={place.root / 'kubelet'}",
    ]


def _kube_proxy(place: Place) -> list[str]:
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": POD_RANGE,
        "hostnameOverride": NODE,
        "bindAddress": NODE_ADDRESS,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "clientConnection": {"kubeconfig": str(place.inner_kubeconfig("proxy"))},
        "oomScoreAdj": 0,
        # Tables that belong to the whole machine are not ours to resize.
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    }
    return [
        str(programs.program("kube-proxy")),
        f"--config={_write(place, 'kube-proxy.yaml', config)}",
    ]


def _coredns(place: Place) -> list[str]:
    corefile = write_config(
        place.config("Corefile"),
        f""".:{DNS_PORT} {{
    bind {NODE_ADDRESS}
    errors
    kubernetes {DNS_DOMAIN} in-addr.arpa ip6.arpa {{
        kubeconfig {place.inner_kubeconfig("admin")}
        pods insecure
        ttl 2
    }}
    cache 2
}}
""",
    )
    return [str(programs.program("coredns")), "-conf", str(corefile)]


def _write(place: Place, name: str, config: Mapping[str, object]) -> Path:
    return write_config(place.config(name), yaml.safe_dump(dict(config)))

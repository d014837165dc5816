"""What the other tests take for granted: a node, restricted pods, names, volumes, servers."""

from __future__ import annotations

import textwrap
from pathlib import Path

import boto3
import psycopg
import pytest

import backends
from cluster import access as cluster_access
from cluster.access import Access
from kube import Kube, KubectlFailed, condition, restricted_pod, wait_for

_LOOKS_UP_AND_CALLS = """
    import socket, ssl, sys, urllib.error, urllib.request
    address = socket.gethostbyname("kubernetes.default.svc.cluster.local")
    short = socket.gethostbyname("kubernetes.default")
    try:
        urllib.request.urlopen("https://kubernetes.default.svc", timeout=10,
                               context=ssl._create_unverified_context())
    except urllib.error.HTTPError as answer:
        print(address == short, answer.code, flush=True)
"""


def test_every_node_is_ready(kube: Kube) -> None:
    """At least one node, and all of them take pods."""
    nodes = kube.list("nodes")
    assert nodes
    assert {"True"} == {condition(node, "Ready") for node in nodes}


def test_a_restricted_pod_finds_a_service_by_name_and_reaches_it(
    kube: Kube, namespace: str, python_image: str
) -> None:
    """Scheduling, sandbox, DNS with search domains, Service addresses and logs in one go."""
    program = textwrap.dedent(_LOOKS_UP_AND_CALLS)
    pod = restricted_pod("probe", namespace, image=python_image, command=["python3", "-c", program])
    kube.apply(pod)
    _wait_for_phase(kube, namespace, "probe", "Succeeded")
    # 401 or 403 is the API server's own answer: the Service led there.
    assert kube.logs("probe", namespace).split()[0] == "True"
    assert kube.logs("probe", namespace).split()[1] in {"401", "403"}


def test_commands_run_in_a_pod_whose_root_is_read_only(
    kube: Kube, namespace: str, python_image: str
) -> None:
    """Exec works; only /tmp takes a file."""
    kube.apply(
        restricted_pod(
            "sleeper",
            namespace,
            image=python_image,
            command=["python3", "-c", "import signal; signal.pause()"],
        )
    )
    _wait_for_phase(kube, namespace, "sleeper", "Running")
    assert kube.execute("sleeper", namespace, "sh", "-c", "echo x >/tmp/x && id -u") == "65532\n"
    with pytest.raises(KubectlFailed, match="Read-only file system"):
        kube.execute("sleeper", namespace, "sh", "-c", "echo x >/x")


def test_a_pod_that_asks_for_more_is_refused(kube: Kube, namespace: str, python_image: str) -> None:
    """The namespaces of these tests do enforce the restricted standard."""
    pod = restricted_pod("neighbour", namespace, image=python_image)
    pod["spec"]["hostNetwork"] = True
    with pytest.raises(KubectlFailed, match="violates PodSecurity"):
        kube.apply(pod)


def test_postgres_18_answers_in_the_cluster(kube: Kube, postgres: backends.Postgres) -> None:
    """The server that the platform's tests use, asked through a forwarded port."""
    with (
        kube.forwarded("pod/postgres", backends.POSTGRES_PORT, backends.NAMESPACE) as port,
        psycopg.connect(postgres.url("postgres", host="127.0.0.1", port=port)) as connection,
    ):
        version = connection.execute("show server_version").fetchone()
    assert version is not None
    assert str(version[0]).startswith("18.")


def test_the_s3_server_keeps_an_object(kube: Kube, s3: backends.S3) -> None:
    """A bucket is made, an object put and read."""
    with kube.forwarded("pod/s3", backends.S3_PORT, backends.NAMESPACE) as port:
        client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id=s3.access_key,
            aws_secret_access_key=s3.secret_key,
        )
        client.create_bucket(Bucket="check")
        client.put_object(Bucket="check", Key="a", Body=b"text")
        assert client.get_object(Bucket="check", Key="a")["Body"].read() == b"text"
        client.close()


def test_any_other_context_is_refused(access: Access, tmp_path: Path) -> None:
    """A kubeconfig of somebody's cluster is not touched."""
    other = tmp_path / "kubeconfig"
    other.write_text(access.kubeconfig.read_text().replace(access.context, "production"))
    with pytest.raises(cluster_access.Refused, match="'production'"):
        cluster_access.checked_context(other)


def _wait_for_phase(kube: Kube, namespace: str, name: str, phase: str) -> None:
    def reached() -> bool:
        pod = kube.get("pod", name, namespace)
        return pod is not None and pod["status"].get("phase") == phase

    wait_for(f"pod {name} {phase}", reached, deadline_s=60)

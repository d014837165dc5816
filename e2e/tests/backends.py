"""PostgreSQL and an S3 server as pods, on volumes of the node.

Their claims are bound to volumes made by hand: the local cluster has no provisioner, and a pod of a
restricted namespace may not mount a folder of the node itself.
"""

from __future__ import annotations

import base64
import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3

from cluster import support_images
from cluster.access import Access
from kube import Kube, Object, restricted_pod, wait_for

NAMESPACE = "e2e-backends"
STORAGE_CLASS = "e2e-by-hand"
POSTGRES_PORT = 5432
S3_PORT = 7070
READY_S = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """A running server; each instance under test gets a database of its own."""

    password: str = field(repr=False)
    pod: Object = field(repr=False)
    host: str = f"postgres.{NAMESPACE}.svc.cluster.local"

    def url(self, database: str, *, host: str | None = None, port: int = POSTGRES_PORT) -> str:
        """The URL of a database, from within the cluster unless ``host`` says otherwise."""
        return f"postgresql://postgres:{self.password}@{host or self.host}:{port}/{database}"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3:
    """A running S3 server with one account."""

    access_key: str
    secret_key: str
    host: str = f"s3.{NAMESPACE}.svc.cluster.local"

    @property
    def endpoint(self) -> str:
        """The URL from within the cluster."""
        return f"http://{self.host}:{S3_PORT}"


def volume(access: Access, name: str, claim: str, namespace: str, size: str = "2Gi") -> Object:
    """A volume of the node, kept for the claim of that name."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "labels": {"tracefoundry.dev/e2e": "true"}},
        "spec": {
            "capacity": {"storage": size},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": STORAGE_CLASS,
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": access.volume(name), "type": "Directory"},
            "claimRef": {"name": claim, "namespace": namespace},
        },
    }


def storage_class() -> Object:
    """The class that no provisioner serves."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": STORAGE_CLASS},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "Immediate",
    }


def claim(name: str, namespace: str, size: str = "2Gi") -> Object:
    """The claim that takes the volume kept for it."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": STORAGE_CLASS,
            "resources": {"requests": {"storage": size}},
        },
    }


def start_postgres(kube: Kube, access: Access) -> Postgres:
    """Start PostgreSQL and wait until it answers."""
    image = support_images.postgres()
    access.load(image.archive)
    password = secrets.token_hex(12)
    pod = _start(
        kube,
        access,
        name="postgres",
        image=image.reference,
        port=POSTGRES_PORT,
        user=support_images.POSTGRES_USER_ID,
        environment={"POSTGRES_PASSWORD": password},
        command=["/bin/sh", "-ec", _POSTGRES],
        probe=["pg_isready", "-h", "127.0.0.1", "-U", "postgres"],
    )
    return Postgres(password=password, pod=pod)


@contextlib.contextmanager
def postgres_away(kube: Kube, postgres: Postgres) -> Iterator[None]:
    """End the server; it comes back with the data it had."""
    kube.run("delete", "pod", "postgres", "-n", NAMESPACE, "--wait=true")
    try:
        yield
    finally:
        kube.apply(postgres.pod)
        _wait_ready(kube, "postgres")


# A restart finds the data folder of before. PostgreSQL insists on a folder that nobody else may
# read, so its own lies below the volume.
_POSTGRES = """
umask 077
if [ ! -s /data/pg/PG_VERSION ]; then
    printf '%s' "$POSTGRES_PASSWORD" >/tmp/password
    initdb -D /data/pg -U postgres -A scram-sha-256 --pwfile=/tmp/password -E UTF8 \
        --locale=C.UTF-8 --no-sync >/tmp/initdb.log
    rm /tmp/password
    echo 'host all all all scram-sha-256' >>/data/pg/pg_hba.conf
fi
exec postgres -D /data/pg -k /tmp -c listen_addresses='*' -c max_connections=200
"""


def create_database(kube: Kube, name: str) -> None:
    """Make an empty database."""
    create = f'PGPASSWORD="$POSTGRES_PASSWORD" createdb -h 127.0.0.1 -U postgres {name}'
    kube.execute("postgres", NAMESPACE, "/bin/sh", "-c", create)


def start_s3(kube: Kube, access: Access) -> S3:
    """Start the S3 server and wait until it takes connections."""
    image = support_images.static("versitygw")
    access.load(image.archive)
    server = S3(access_key="e2e" + secrets.token_hex(8), secret_key=secrets.token_hex(20))
    _start(
        kube,
        access,
        name="s3",
        image=image.reference,
        port=S3_PORT,
        user=65532,
        environment={"ROOT_ACCESS_KEY": server.access_key, "ROOT_SECRET_KEY": server.secret_key},
        # The sidecar holds metadata as files: not every file system has attributes.
        command=["/versitygw", "--port", f":{S3_PORT}", "--region", "us-east-1", "posix",
                 "--sidecar", "/data/sidecar", "/data/root"],
        folders=("sidecar", "root"),
    )  # fmt: skip
    return server


@contextlib.contextmanager
def s3_client(kube: Kube, server: S3) -> Iterator[Any]:
    """A client of the S3 server, through a forwarded port."""
    with kube.forwarded("pod/s3", S3_PORT, NAMESPACE) as port:
        client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id=server.access_key,
            aws_secret_access_key=server.secret_key,
        )
        try:
            yield client
        finally:
            client.close()


def make_bucket(kube: Kube, server: S3, bucket: str) -> None:
    """Make an empty bucket."""
    with s3_client(kube, server) as client:
        client.create_bucket(Bucket=bucket)


def objects(kube: Kube, server: S3, bucket: str) -> list[str]:
    """Names of all objects in a bucket, up to 1,000."""
    with s3_client(kube, server) as client:
        listed = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    return sorted(each["Key"] for each in listed if "Key" in each)


def remove(kube: Kube, name: str) -> None:
    """Take a server and its data away, if it is there."""
    for kind in ("pod", "service", "secret", "persistentvolumeclaim"):
        kube.run("delete", kind, name, "-n", NAMESPACE, "--ignore-not-found")
    kube.run("delete", "persistentvolume", f"{NAMESPACE}-{name}", "--ignore-not-found")


def _start(
    kube: Kube,
    access: Access,
    *,
    name: str,
    image: str,
    port: int,
    user: int,
    environment: dict[str, str],
    command: list[str],
    probe: list[str] | None = None,
    folders: tuple[str, ...] = (),
) -> Object:
    # An interrupted run leaves a server whose password is not known any more.
    remove(kube, name)
    kube.make_namespace(NAMESPACE)
    probing = {"exec": {"command": probe}} if probe else {"tcpSocket": {"port": port}}
    data = {"name": "data", "mountPath": "/data"}
    pod = restricted_pod(
        name,
        NAMESPACE,
        image=image,
        command=command,
        user=user,
        labels={"app": name},
        restartPolicy="Always",
        env=[
            {"name": key, "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}
            for key in environment
        ],
        ports=[{"containerPort": port}],
        readinessProbe={**probing, "periodSeconds": 1, "failureThreshold": 120},
        volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": name}}],
        volumeMounts=[data, *({**data, "mountPath": f"/data/{folder}", "subPath": folder}
                              for folder in folders)],
    )  # fmt: skip
    kube.apply(
        storage_class(),
        volume(access, f"{NAMESPACE}-{name}", name, NAMESPACE),
        claim(name, NAMESPACE),
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "data": {
                key: base64.b64encode(text.encode()).decode() for key, text in environment.items()
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"selector": {"app": name}, "ports": [{"port": port}]},
        },
        pod,
    )

    _wait_ready(kube, name)
    return pod


def _wait_ready(kube: Kube, name: str) -> None:
    def ready() -> bool:
        found = kube.get("pod", name, NAMESPACE)
        return found is not None and kube.pod_ready(found)

    wait_for(f"{name} Ready", ready, deadline_s=READY_S)

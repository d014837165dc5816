"""A cluster with many large Secrets: the operator reads them, but its memory stays bounded.

Half of them are releases of helm, the largest Secrets of most clusters and of no use to the
operator.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api_server import ApiServer, wait
from tests.instances import MINIMAL
from tests.operator_process import OperatorProcess
from tests.process_memory import peak_resident_bytes
from tests.tracing_namespace import SECRETS, TracingNamespace
from tracefoundry_operator import kinds

MEMORY_LIMIT_BYTES = 200 * 1024 * 1024
"""Of 256 MiB that the chart gives."""

RELEASE_TYPE = "helm.sh/release.v1"

OPAQUE_COUNT, OPAQUE_BYTES = 300, 100 * 1024
RELEASE_COUNT, RELEASE_BYTES = 100, 512 * 1024


def put(server: ApiServer, namespace: str, name: str, type_: str, size: int) -> None:
    """Make a Secret of a type and size."""
    server.request(
        "POST",
        kinds.SECRET.path(namespace),
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "type": type_,
            "data": {"content": base64.b64encode(os.urandom(size)).decode()},
        },
    )


@pytest.fixture
def crowded(api_server: ApiServer, tracing: TracingNamespace) -> Iterator[TracingNamespace]:
    """A namespace with far more in Secrets than the operator may have of memory."""

    def make(number: int) -> None:
        if number < OPAQUE_COUNT:
            put(api_server, tracing.name, f"opaque-{number}", "Opaque", OPAQUE_BYTES)
        else:
            put(api_server, tracing.name, f"release-{number}", RELEASE_TYPE, RELEASE_BYTES)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make, range(OPAQUE_COUNT + RELEASE_COUNT)))
    yield tracing
    # Before the namespace, and all at once: later tests list Secrets too.
    api_server.request("DELETE", kinds.SECRET.path(tracing.name))


def test_memory_does_not_follow_the_secrets_of_the_cluster(
    operator: OperatorProcess, crowded: TracingNamespace
) -> None:
    """Neither the first lists, nor the watches, nor a comparison hold them."""
    operator.stop()
    operator.start(resync_s="1")
    crowded.put(MINIMAL)
    crowded.end_migration()
    for _ in range(2):
        compared_again(operator)
    # Only the watch can deliver this: its first list is complete.
    crowded.put_secret("ingest-token", {"token": "another"})
    wait(lambda: len(crowded.jobs()) == 2, "another migration for another token")
    peak = peak_resident_bytes(operator.pid)
    print(f"{peak / 2**20:.0f} MiB resident at most")  # noqa: T201 - shown with -s
    assert peak < MEMORY_LIMIT_BYTES
    assert operator.healthy()


def compared_again(operator: OperatorProcess) -> None:
    """Wait until everything was compared with the API server once more."""
    last = 0.0

    def younger() -> bool:
        nonlocal last
        before, last = last, operator.total("tracefoundry_operator_last_resync_age_seconds")
        return last < before

    wait(younger, "a comparison")


def test_releases_of_helm_are_not_read(
    api_server: ApiServer, operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """Neither by a list nor by a watch; a reference to one is reported as missing."""
    tracing.delete(kinds.SECRET, "s3")
    put(api_server, tracing.name, "s3", RELEASE_TYPE, 16)
    tracing.put(MINIMAL)
    message = tracing.wait_for("Degraded", "True", "ReferenceMissing")
    assert "Secret 's3' (objectStore.secretRef) does not exist." == message
    operator.stop()
    operator.start(resync_s="1")
    compared_again(operator)
    assert ("True", "ReferenceMissing") == tracing.condition("Degraded")[:2]

    tracing.put_secret("s3", SECRETS["s3"])
    tracing.wait_for("SchemaMigrated", "False", "MigrationRunning")

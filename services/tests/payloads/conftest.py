"""Object stores for tests: folders, and a real S3 server with a bucket for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from payloads.fault_proxy import FaultProxy
from payloads.s3_server import S3Server
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.payloads.objects import ObjectStore
from tracefoundry.payloads.s3 import S3Store

_numbers = itertools.count()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A real S3 server, for reading and writing."""
    server = S3Server()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def s3_environment(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The AWS_* variables of the server, and none of the machine's own settings."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server


@pytest.fixture
def bucket(s3_environment: S3Server) -> str:
    """An empty bucket."""
    return s3_environment.make_bucket(f"traces-{next(_numbers)}")


@pytest.fixture
def fault_proxy(
    s3_environment: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FaultProxy]:
    """A proxy that all clients made afterwards go through."""
    proxy = FaultProxy(s3_environment.port)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.endpoint)
    yield proxy
    proxy.close()


@pytest.fixture(params=["filesystem", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    """An empty store of each kind."""
    made: ObjectStore
    if request.param == "filesystem":
        made = FilesystemStore(tmp_path / "payloads")
    else:
        made = S3Store(request.getfixturevalue("bucket"), "some/prefix")
    yield made
    made.close()

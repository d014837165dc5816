"""Running platforms that many tests share; each test uses trace ids of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from payloads.s3_server import S3Server
from platform_process import Platform, running

_buckets = itertools.count()


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """``serve`` on SQLite with default settings, for tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("platform")
    with running("serve", "--data", str(folder / "data"), folder=folder) as started:
        yield started


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A real S3 server."""
    server = S3Server()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def new_bucket(s3_server: S3Server) -> Callable[[], str]:
    """Makes an empty bucket; returns its name."""
    return lambda: s3_server.make_bucket(f"platform-{next(_buckets)}")

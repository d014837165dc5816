"""A platform and a model server for the agents of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from model_server.server import ModelServer, serving

from platform_process import Platform, running


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """``serve`` on SQLite with default settings."""
    folder = tmp_path_factory.mktemp("platform")
    with running("serve", "--data", str(folder / "data"), folder=folder) as started:
        yield started


@pytest.fixture
def models() -> Iterator[ModelServer]:
    """A model server without a script."""
    with serving() as started:
        yield started

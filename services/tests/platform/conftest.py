"""Running platforms that many tests share; each test uses trace ids of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from platform_process import Platform, running


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """``serve`` on SQLite with default settings, for tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("platform")
    with running("serve", "--data", str(folder / "data"), folder=folder) as started:
        yield started

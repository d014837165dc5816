"""Migrated databases and payload folders for retention."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.store import migrations


@pytest.fixture(params=["sqlite", "postgres", "postgres18"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """The newest PostgreSQL too."""
    kind: str = request.param
    return kind


@pytest.fixture
def migrated_url(database_url: str) -> str:
    """A database of each kind at the newest schema."""
    migrations.upgrade(database_url)
    return database_url


@pytest.fixture
def postgres(postgres_url: str) -> str:
    """A migrated PostgreSQL database."""
    migrations.upgrade(postgres_url)
    return postgres_url


@pytest.fixture
def objects(tmp_path: Path) -> FilesystemStore:
    """An empty payload folder."""
    return FilesystemStore(tmp_path / "payloads")

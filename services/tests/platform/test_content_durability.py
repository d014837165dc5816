"""200 means that the content is durable too: processes are killed while it is being sent."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from content_ledger import assert_blobs_are_stored, assert_readable, content_load
from ingest.ledger import assert_stored_once
from platform_process import eventually, running

pytestmark = pytest.mark.faults


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """An empty database of each kind."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


def test_acknowledged_content_survives_kills(url: str, tmp_path: Path) -> None:
    """kill -9 of everything, of the listening process alone, of a worker: all that was answered 200
    can be read and verified, and no row names bytes that are not there."""
    folder = tmp_path / "payloads"
    with (
        running(
            "serve", "--database", url, "--payloads", folder.as_uri(), folder=tmp_path
        ) as platform,
        content_load(lambda: platform.otlp, senders=3) as senders,
    ):
        senders.wait_for("200", 6)
        platform.kill()
        assert_blobs_are_stored(url, folder)
        platform.start()
        senders.wait_for("200", 6)
        victim = eventually(lambda: platform.worker_pids, what="a worker")[0]
        os.kill(victim, signal.SIGKILL)
        senders.wait_for("503", 1)
        senders.wait_for("200", 6)
        os.kill(platform.pid, signal.SIGKILL)
        platform.wait()
        platform.start()
        senders.wait_for("200", 6)
        senders.finish()
        assert 0 == senders.ledger.retry_after_missing
        assert_stored_once(url, senders.ledger)
        assert_readable(platform, senders)
        assert_blobs_are_stored(url, folder)

"""A disk that runs full: senders are told to come again, nothing that was acknowledged is lost,
the log says it once, and deleting makes room again, even with not one byte left."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.bodies import PROTOBUF, body, new_trace_id, span
from platform_process import Platform, eventually, run_command, started
from small_disk import PlatformOnDisk, SmallDisk, small_disk
from tracefoundry.store.api import DISK_FULL

DAY_NS = 86_400 * 10**9
REFUSALS = 12


@pytest.fixture(params=["rows", "content"])
def kind(request: pytest.FixtureRequest) -> str:
    """What fills the disk: rows of the database, or files of the payload folder."""
    kind: str = request.param
    return kind


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk of 16 MB."""
    with small_disk(tmp_path / "disk", "16m") as mounted:
        yield mounted


def send(platform: Platform, kind: str, start_ns: int | None = None) -> tuple[bytes, int]:
    """Send a trace of about 80 kB that does not compress; its id and the status."""
    sizes = [2_000] * 20 if kind == "rows" else [40_000]
    trace = new_trace_id()
    attributes = {f"a{index}": secrets.token_hex(size) for index, size in enumerate(sizes)}
    answer = platform.client.post(
        platform.otlp + "/v1/traces",
        content=body([span(trace, attributes=attributes, start_ns=start_ns)]),
        headers={"content-type": PROTOBUF},
    )
    if answer.status_code == 503:
        assert int(answer.headers["retry-after"]) > 0
        assert b"disk" in answer.content
        assert b"/" not in answer.content.split(b"disk")[0]
    return trace, answer.status_code


def send_until_full(platform: Platform, kind: str, start_ns: int | None = None) -> list[bytes]:
    """The traces that were acknowledged before the disk was full."""
    acknowledged, refused = [], 0
    for _ in range(1_000):
        trace, status = send(platform, kind, start_ns)
        assert status in (200, 503)
        if status == 200:
            acknowledged.append(trace)
        else:
            refused += 1
        if refused >= REFUSALS:
            break
    assert refused >= REFUSALS
    assert len(acknowledged) > 20
    return acknowledged


def reasons(platform: Platform) -> list[str]:
    """Why the platform says that it is not ready."""
    answer = platform.client.get(platform.api + "/readyz")
    found = [check["reason"] for check in answer.json()["checks"].values() if not check["ok"]]
    assert answer.status_code == (503 if found else 200)
    return found


def test_a_full_disk_refuses_and_a_deletion_makes_room(
    disk: SmallDisk, kind: str, tmp_path: Path
) -> None:
    """By the command `clear`, with the disk filled to its last byte by something else."""
    with started(PlatformOnDisk(disk, folder=tmp_path)) as platform:
        acknowledged = send_until_full(platform, kind)
        assert DISK_FULL in eventually(lambda: reasons(platform))
        disk.fill()
        for trace in acknowledged:
            assert platform.get(f"/api/traces/{trace.hex()}")["span_count"] == 1
        _, status = send(platform, kind)
        assert status == 503
        lines = [line for line in platform.stderr().splitlines() if "disk" in line]
        assert 1 <= len(lines) <= 4, lines
        cleared = run_command("clear", "--yes", "--url", platform.api)
        assert (0, "") == (cleared.returncode, cleared.stderr)
        assert f"{len(acknowledged)} traces" in cleared.stdout
        assert [] == platform.get("/api/traces", start=0)["traces"]
        assert eventually(lambda: reasons(platform) == [], what="readiness")
        assert 200 == send(platform, kind)[1]


def test_a_platform_starts_on_a_full_disk_and_retention_makes_room(
    disk: SmallDisk, kind: str, tmp_path: Path
) -> None:
    """The command of the same data folder, beside the running process."""
    two_days_ago = time.time_ns() - 2 * DAY_NS
    platform = PlatformOnDisk(disk, folder=tmp_path)
    with started(platform):
        acknowledged = send_until_full(platform, kind, two_days_ago)
    disk.fill()
    with started(platform):
        assert platform.get(f"/api/traces/{acknowledged[-1].hex()}")["span_count"] == 1
        assert 503 == send(platform, kind)[1]
        environment = {
            "TRACEFOUNDRY_RETENTION_SPANS": "1h",
            "TRACEFOUNDRY_RETENTION_PAYLOADS": "1h",
        }
        done = disk.run("retention", "--data", str(disk.folder / "data"), environment=environment)
        assert 0 == done.returncode, done.stderr + done.stdout
        assert eventually(lambda: reasons(platform) == [], what="readiness")
        assert 200 == send(platform, kind)[1]

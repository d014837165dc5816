"""Small bodies that need gigabytes to decode are refused; other senders are not affected."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from ingest.bodies import PROTOBUF, body, new_trace_id, span
from ingest.sending import assert_stored, post
from platform_process import running


def field(number: int, content: bytes) -> bytes:
    """A length-delimited protobuf field."""
    size, length = len(content), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


EMPTY = 8_000_000
"""Empty messages a body holds, 2 bytes each: 16 MB on the wire, gigabytes as objects."""

BODIES = {
    "spans": lambda: field(1, field(2, b"\x12\x00" * EMPTY)),
    "events": lambda: field(1, field(2, field(2, b"\x5a\x00" * EMPTY))),
    "links": lambda: field(1, field(2, field(2, b"\x6a\x00" * EMPTY))),
    "attributes": lambda: field(1, field(2, field(2, b"\x4a\x00" * EMPTY))),
}


@pytest.mark.parametrize("kind", sorted(BODIES))
def test_a_small_body_of_very_many_messages_is_refused_and_the_worker_lives(
    kind: str, tmp_path: Path
) -> None:
    """413 (or a partial success where nothing is worth keeping), never a worker's death."""
    compressed = zlib.compress(BODIES[kind](), 1)
    environment = {"TRACEFOUNDRY_INGEST_WORKER_MEMORY": "768MiB"}
    data = str(tmp_path / "data")
    with running("serve", "--data", data, folder=tmp_path, environment=environment) as platform:
        assert_stored(post(platform, body([span(new_trace_id())])))
        (worker,) = platform.worker_pids
        answer = platform.client.post(
            platform.otlp + "/v1/traces",
            content=compressed,
            headers={"content-type": PROTOBUF, "content-encoding": "deflate"},
            timeout=120,
        )
        assert answer.status_code in (200, 413)
        assert_stored(post(platform, body([span(new_trace_id())])))
        assert [worker] == platform.worker_pids

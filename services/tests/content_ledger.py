"""Senders of content that remember what was acknowledged, and the proof that all of it is there.

They are those of :mod:`ingest.ledger` with conversations in their spans: each span has its sender's
history, which grew by a message since the last one, and a tool result of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from ingest.bodies import body, new_span_id, recent_ns, span
from ingest.ledger import Ledger, Senders, SpanKey
from platform_process import Platform
from store.reading import rows
from tracefoundry.payloads.codec import BlobCodec

SPANS_A_BODY = 3
TURNS = 8
"""A conversation of so many messages is followed by another one."""
INPUT, RESULT = "gen_ai.input.messages", "gen_ai.tool.call.result"


class ContentSenders(Senders):
    """Threads that send conversations until they are asked to finish."""

    def __init__(self, otlp: Callable[[], str], ledger: Ledger, count: int) -> None:
        self.sent: dict[SpanKey, tuple[str, str]] = {}
        """Messages and tool result of each span."""
        self._histories: dict[bytes, list[dict[str, str]]] = {}
        super().__init__(otlp, ledger, count, 0)

    def _body(self, own: bytes, shared: bytes) -> tuple[bytes, list[SpanKey]]:
        history = self._histories.setdefault(own, [])
        spans, keys = [], []
        start = recent_ns()
        for position in range(SPANS_A_BODY):
            if len(history) == TURNS:
                history.clear()
            history.append({"role": "user", "content": f"{new_span_id().hex()} says " + "w " * 400})
            key = (own if position else shared, new_span_id())
            value = (json.dumps(history), f"result of {key[1].hex()} " + "and so on " * 20)
            keys.append(key)
            spans.append(
                span(
                    key[0],
                    span_id=key[1],
                    start_ns=start + position,
                    attributes=dict(zip((INPUT, RESULT), value, strict=True)),
                )
            )
            with self.ledger.lock:
                self.sent[key] = value
        return body(spans), keys


@contextmanager
def content_load(otlp: Callable[[], str], *, senders: int = 4) -> Iterator[ContentSenders]:
    """Senders at work; when the block is left normally they finish and nothing was fatal."""
    running = ContentSenders(otlp, Ledger(), senders)
    running.start()
    try:
        yield running
    except BaseException:
        running.abandon()
        raise
    running.finish()
    assert [] == running.ledger.fatal


def ref_of(value: str) -> str:
    """The ref of a value."""
    return "sha256:" + hashlib.sha256(value.encode()).hexdigest()


def assert_readable(platform: Platform, senders: ContentSenders, *, every: int = 1) -> None:
    """Each acknowledged span lists its payloads as present, and every so many-th of them (all, if
    nothing else is said) reads back exactly."""
    wanted: dict[str, str] = {}
    by_trace: dict[bytes, dict[str, list[str]]] = {}
    for trace_id, span_id in senders.ledger.acknowledged:
        values = senders.sent[trace_id, span_id]
        wanted.update((ref_of(value), value) for value in values)
        by_trace.setdefault(trace_id, {})[span_id.hex()] = [ref_of(value) for value in values]
    assert by_trace, "nothing was acknowledged"
    for trace_id, refs in by_trace.items():
        found = platform.get(f"/api/traces/{trace_id.hex()}/spans", limit=10_000)["spans"]
        listed = {
            one["span_id"]: [entry["ref"] for entry in one["payloads"]]
            for one in found
            if all(entry["state"] == "present" for entry in one["payloads"])
        }
        assert refs == {span_id: listed.get(span_id) for span_id in refs}
    for ref, value in list(wanted.items())[::every]:
        answer = platform.client.get(f"{platform.api}/api/payloads/{quote(ref)}")
        assert (200, value) == (answer.status_code, answer.text)


def assert_blobs_are_stored(url: str, folder: Path) -> None:
    """Each row of a blob has its object, whose bytes there decode to the content of its ref."""
    codec = BlobCodec()
    names = {
        project["project_id"]: project["name"] for project in rows(url, "SELECT * FROM projects")
    }
    packs = {path.name: path for path in folder.rglob("*") if path.is_file()}
    blobs = rows(url, "SELECT * FROM payload_blobs")
    assert blobs
    for row in blobs:
        path = packs[bytes(row["object"]).hex()]
        with path.open("rb") as file:
            file.seek(row["object_offset"])
            data = file.read(row["stored_bytes"])
        codec.decode(names[row["project_id"]], f"sha256:{bytes(row['ref']).hex()}", data)

"""Bundles made for tests: in memory, from generated or given traces."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from tracefoundry.bundle.keys import SigningKey
from tracefoundry.bundle.members import RedactionNote, TraceFacts
from tracefoundry.bundle.writing import BundleWriter
from tracefoundry.model.payload import PayloadEntry, ref_of
from tracefoundry.model.span import Event, LogRecord, Resource, Scope, Span

TRACE_ID = bytes(range(16))
__all__ = ["Event", "Resource", "Scope", "ref_of"]

START_NS = 1_764_230_400_000_000_000
STANDARD = RedactionNote("standard", 3)
AGENT = Resource(
    {
        "service.name": "agent",
        "deployment.environment.name": "prod",
        "vcs.ref.head.revision": "0a1b2c",
    }
)
SCOPE = Scope("tracefoundry")


class Contents:
    """A payload store in a dict."""

    def __init__(self, values: Iterable[bytes] = ()) -> None:
        self.by_ref = {ref_of(value): value for value in values}
        self.asked: list[str] = []

    def __call__(self, _trace: TraceFacts, refs: Collection[str]) -> Iterable[tuple[str, bytes]]:
        self.asked += refs
        for ref in sorted(refs, reverse=True):
            if ref in self.by_ref:
                yield ref, self.by_ref[ref]


def span(number: int = 1, *, trace_id: bytes = TRACE_ID, **fields: Any) -> Span:
    """A span of the agent."""
    return Span(
        **(
            {
                "trace_id": trace_id,
                "span_id": number.to_bytes(8, "big"),
                "parent_span_id": b"" if number == 1 else (1).to_bytes(8, "big"),
                "name": f"step {number}",
                "kind": 1,
                "start_time_ns": START_NS + number,
                "end_time_ns": START_NS + number + 1_000_000,
                "status_code": 0,
                "status_message": "",
                "attributes": {"number": number},
                "resource": AGENT,
                "scope": SCOPE,
            }
            | fields
        )
    )


def log(number: int = 1, *, trace_id: bytes = TRACE_ID, **fields: Any) -> LogRecord:
    """A GenAI event of the agent."""
    return LogRecord(
        **(
            {
                "trace_id": trace_id,
                "span_id": number.to_bytes(8, "big"),
                "name": "gen_ai.choice",
                "time_ns": START_NS + number,
                "observed_time_ns": START_NS + number,
                "severity_number": 9,
                "severity_text": "INFO",
                "body": {"index": 0},
                "attributes": {},
                "resource": AGENT,
                "scope": SCOPE,
            }
            | fields
        )
    )


def entry(value: bytes, *, key: str = "gen_ai.input.messages", place: str = "span") -> PayloadEntry:
    """The entry of a stored string."""
    return PayloadEntry(
        "input_messages", place, key, "string", ref_of(value), len(value),
        "application/json", "present",
    )  # fmt: skip


def facts(trace_id: bytes = TRACE_ID, project: str = "default") -> TraceFacts:
    """The line of a trace."""
    return TraceFacts(
        trace_id=trace_id.hex(),
        project=project,
        status="unset",
        start_time_ns=str(START_NS),
        end_time_ns=str(START_NS + 1),
        environment="prod",
    )


def written(
    spans: Sequence[Span] = (),
    logs: Sequence[LogRecord] = (),
    *,
    contents: Contents | None = None,
    batch: int = 3,
    key: SigningKey | None = None,
    **options: Any,
) -> bytes:
    """A bundle of these records, which may be of several traces, given in any order."""
    out = io.BytesIO()
    writer = BundleWriter(
        _OnlyWritten(out.write),
        contents=contents,
        redaction=options.pop("redaction", STANDARD),
        signing_key=key,
        **options,
    )
    try:
        for trace_id in sorted({record.trace_id for record in (*spans, *logs)}):
            mine = sorted(
                (each for each in spans if each.trace_id == trace_id),
                key=lambda each: (each.start_time_ns, each.span_id),
            )
            events = sorted(
                (each for each in logs if each.trace_id == trace_id),
                key=lambda each: (each.time_ns, each.span_id),
            )
            writer.add_trace(facts(trace_id), _batches(mine, batch), _batches(events, batch))
        writer.finish()
    finally:
        writer.close()
    return out.getvalue()


def sample(*, payloads: bool = True, **options: Any) -> bytes:
    """A small bundle with every kind of member."""
    values = [b"what a question", b"a long answer " * 100]
    spans = [span(1), span(2, payloads=(entry(values[0]),)), span(3, payloads=(entry(values[1]),))]
    if not payloads:
        spans = [span(number) for number in (1, 2, 3)]
    contents = Contents(values) if payloads else None
    return written(spans, [log(2), log(3)], contents=contents, **options)


def sha256(content: bytes) -> str:
    """The hex digest."""
    return hashlib.sha256(content).hexdigest()


class _OnlyWritten:
    """A stream that can be written and nothing else."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self.write = write


def _batches(records: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    for first in range(0, len(records), size):
        yield records[first : first + size]

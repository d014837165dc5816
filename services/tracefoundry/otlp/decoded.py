"""The result of decoding a body: spans, GenAI events, what was refused and why.

A bad span or log record is refused alone: the sender learns it from a partial success, and the rest
of the body is taken. A body that cannot be read at all raises one of the errors below. The rules
that both encodings share are stated here once, so that they cannot differ.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from tracefoundry.model.genai.events import PREFIXES
from tracefoundry.model.ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.model.times import MAX_TIME_NS


class Undecodable(Exception):
    """The body can never be decoded (400).

    The message says what is wrong and, where known, at which place. It never quotes the body.
    """


class TooLarge(Exception):
    """The body is above a limit, as sent or after decompression (413)."""


class SpanTooLarge(TooLarge):
    """One span or log is above a limit, and is refused alone; a resource or scope is (413)."""


class UnsupportedEncoding(Exception):
    """The Content-Encoding is not one that this receiver knows (415)."""


RejectReason = Literal[
    "invalid_trace_id",
    "invalid_span_id",
    "invalid_parent_span_id",
    "invalid_link_id",
    "invalid_timestamp",
    "invalid_attribute",
    "invalid_number",
    "too_many_parts",
]
"""Why one span or log was refused.

``invalid_attribute``: a value that OTLP cannot represent (an integer outside int64, broken base64).
``invalid_number``: a count or flags outside uint32. These two and ``invalid_link_id`` occur only in
JSON. ``too_many_parts``: above a limit of :class:`SpanLimits`. The others are about the field of
that name.
"""


class BodyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Most parts of one body, and of one span in it. 64 MiB could hold millions of nearly empty
    parts, which would need gigabytes as Python objects.

    Attributes:
        records: spans and GenAI logs.
        parts: events, links and envelopes.
        values: attributes and entries of maps, at any depth; ``ELEMENTS_A_VALUE`` elements of
            arrays count as one.
        json_values: values of any kind in JSON, estimated before it is parsed.
        span_parts: attributes, events and links of one span and entries of one map, each counted
            apart.
    """

    records: int = 250_000
    parts: int = 1_000_000
    values: int = 1_000_000
    json_values: int = 8_000_000
    span_parts: int = 100_000

    @classmethod
    def within(cls, memory_bytes: int) -> BodyLimits:
        """The limits of a worker that may use so much memory, in proportion to
        ``FULL_LIMITS_BYTES``."""
        share = min(1.0, memory_bytes / FULL_LIMITS_BYTES)
        full = cls()
        return cls(
            records=int(full.records * share),
            parts=int(full.parts * share),
            values=int(full.values * share),
            json_values=int(full.json_values * share),
        )


FULL_LIMITS_BYTES: Final = 2 * 1024**3
"""Memory that a worker needs for any body within the limits: measured, up to 1.2 GB."""
DEFAULT_LIMITS: Final = BodyLimits()
ELEMENTS_A_VALUE: Final = 4
"""An element of an array needs no key and no entry in a map."""

MAX_REJECTED_KEPT: Final = 1000
"""Most refusals of one body whose details are kept; all are counted."""

EVENT_NAME_ATTRIBUTE: Final = "event.name"

HIGHEST_KIND: Final = 5
HIGHEST_STATUS_CODE: Final = 2
HIGHEST_SEVERITY: Final = 24
"""Enum values above these (or negative) are unknown and become 0, each enum's "unspecified"."""

NO_SPAN_ID: Final = bytes(SPAN_ID_BYTES)
_NO_TRACE_ID: Final = bytes(TRACE_ID_BYTES)

Fault = tuple[RejectReason, str]
"""What is wrong with a span or log: the reason and the detail."""


class Rejected(msgspec.Struct, gc=False):
    """One span or log that was refused; ``detail`` says where it is in the body and what is wrong.

    The detail is logged, so it never quotes the sender's bytes.
    """

    reason: RejectReason
    detail: str


class Decoded(msgspec.Struct):
    """The content of one body. ``other_logs`` counts logs that are not GenAI events."""

    spans: list[Span] = []
    logs: list[LogRecord] = []
    rejected: list[Rejected] = []
    """The first :data:`MAX_REJECTED_KEPT` refusals."""
    rejected_count: dict[str, int] = {}
    """All refusals, counted by reason."""
    other_logs: int = 0
    parts: int = 0
    """Events, links and envelopes so far."""
    limits: BodyLimits = DEFAULT_LIMITS

    def reject(self, reason: RejectReason, detail: str) -> None:
        """Count a refusal, and keep its detail if fewer than ``MAX_REJECTED_KEPT`` are kept."""
        self.rejected_count[reason] = self.rejected_count.get(reason, 0) + 1
        if len(self.rejected) < MAX_REJECTED_KEPT:
            self.rejected.append(Rejected(reason, detail))

    def check_record_limit(self, count: int) -> None:
        """Check that the body may hold ``count`` more spans or logs.

        Raises:
            TooLarge: it would hold more than the limit.
        """
        most = self.limits.records
        if len(self.spans) + len(self.logs) + count > most:
            raise TooLarge(f"the body holds more than {most:,} spans or logs; send smaller batches")

    def count_parts(self, parts: int) -> None:
        """Count events, links or envelopes of the body.

        Raises:
            TooLarge: it holds more than the limit.
        """
        self.parts += parts
        if self.parts > self.limits.parts:
            raise TooLarge(
                f"the body holds more than {self.limits.parts:,} events, links and resources;"
                " send smaller batches"
            )

    @property
    def rejected_total(self) -> int:
        """Spans and logs that were refused, all reasons together (without ``other_logs``)."""
        return sum(self.rejected_count.values())


def too_many_values(limits: BodyLimits) -> TooLarge:
    """The error for a body with more values than its limit."""
    return TooLarge(
        f"the body holds more than {limits.values:,} attributes and values; send smaller batches"
    )


def check_span_parts(what: str, count: int, limits: BodyLimits) -> None:
    """Check the number of one span's attributes, events or links.

    Raises:
        SpanTooLarge: it is above the limit.
    """
    if count > limits.span_parts:
        raise SpanTooLarge(f"more than {limits.span_parts:,} {what} in one span, log or resource")


_NAME_IN_BODY: Final = re.compile(r"claude_code\.[a-z_.]{1,100}")


def genai_event_name(name: str, body: object) -> str | None:
    """The name of a log record if it is a GenAI event, else None.

    Args:
        name: its event name, else its attribute ``event.name``.
        body: its body if that is a string. Claude Code's events are called ``api_request`` in the
            attribute and ``claude_code.api_request`` in the body.
    """
    if name.startswith(PREFIXES):
        return name
    if isinstance(body, str) and _NAME_IN_BODY.fullmatch(body):
        return body
    return None


def span_fault(
    trace_id: bytes, span_id: bytes, parent_span_id: bytes, start_time_ns: int, end_time_ns: int
) -> Fault | None:
    """Why a span cannot be accepted (trace.proto), or None. A parent of all zeros is no parent."""
    fault = _id_fault(trace_id, span_id)
    if fault is not None:
        return fault
    if parent_span_id and len(parent_span_id) != SPAN_ID_BYTES:
        size = len(parent_span_id)
        return "invalid_parent_span_id", f"parent span id has {size} bytes, expected 8 or none"
    if start_time_ns > MAX_TIME_NS:
        return "invalid_timestamp", "start time is later than 2^63-1 ns"
    if end_time_ns > MAX_TIME_NS:
        return "invalid_timestamp", "end time is later than 2^63-1 ns"
    return None


def log_fault(trace_id: bytes, span_id: bytes, time_ns: int, observed_time_ns: int) -> Fault | None:
    """Why a GenAI event cannot be joined to a span, or None."""
    fault = _id_fault(trace_id, span_id)
    if fault is None and max(time_ns, observed_time_ns) > MAX_TIME_NS:
        return "invalid_timestamp", "time is later than 2^63-1 ns"
    return fault


def _id_fault(trace_id: bytes, span_id: bytes) -> Fault | None:
    if len(trace_id) != TRACE_ID_BYTES:
        return "invalid_trace_id", f"trace id has {len(trace_id)} bytes, expected 16"
    if trace_id == _NO_TRACE_ID:
        return "invalid_trace_id", "trace id is all zero"
    if len(span_id) != SPAN_ID_BYTES:
        return "invalid_span_id", f"span id has {len(span_id)} bytes, expected 8"
    if span_id == NO_SPAN_ID:
        return "invalid_span_id", "span id is all zero"
    return None

"""Spans and logs for tests, by what matters to the test."""

from __future__ import annotations

import time
from typing import Any

from tracefoundry.model.genai import plain
from tracefoundry.model.span import LogRecord, Resource, Scope, Span

NOW_NS = time.time_ns() - 3_600 * 1_000_000_000
"""An hour before the test run: inside every window."""

RESOURCE = Resource({"service.name": "agent", "deployment.environment.name": "test"})
SCOPE = Scope("tests", "1.0")


def trace_id(number: int) -> bytes:
    """A valid trace id."""
    return number.to_bytes(16, "big")


def span_id(number: int) -> bytes:
    """A valid span id."""
    return number.to_bytes(8, "big")


def make_span(
    trace: int = 1,
    span: int = 1,
    parent: int | None = None,
    *,
    start: int = 0,
    duration: int = 1_000,
    name: str = "work",
    status: int = 0,
    attributes: dict[str, Any] | None = None,
    resource: Resource = RESOURCE,
    **fields: Any,
) -> Span:
    """A span that starts ``start`` ns after ``NOW_NS``, with its GenAI view derived."""
    attributes = {} if attributes is None else attributes
    return Span(
        trace_id(trace),
        span_id(span),
        b"" if parent is None else span_id(parent),
        name,
        1,
        NOW_NS + start,
        NOW_NS + start + duration,
        status,
        "",
        attributes,
        resource,
        SCOPE,
        **{"genai": plain.derive(attributes), "policy_version": 2, **fields},
    )


def make_log(
    trace: int = 1,
    span: int = 1,
    *,
    time_offset: int = 0,
    name: str = "gen_ai.choice",
    body: Any = None,
    **fields: Any,
) -> LogRecord:
    """A GenAI log record."""
    return LogRecord(
        trace_id(trace),
        span_id(span),
        name,
        NOW_NS + time_offset,
        0,
        9,
        "INFO",
        body,
        {"gen_ai.system": "openai"},
        RESOURCE,
        SCOPE,
        **{"policy_version": 2, **fields},
    )


def llm(input_tokens: int, output_tokens: int, **more: Any) -> dict[str, Any]:
    """Attributes of one model call."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m-large",
        "gen_ai.usage.input_tokens": input_tokens,
        "gen_ai.usage.output_tokens": output_tokens,
        **more,
    }

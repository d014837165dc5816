"""What the commands show of the API's answers (``tracefoundry.schemas``) beside their fields."""

from __future__ import annotations

from tracefoundry.schemas.spans import Skeleton, Span
from tracefoundry.schemas.traces import Trace


def as_ns(text: str | None) -> int:
    """The integer of a time or duration; 0 where there is none."""
    try:
        return int(text or 0)
    except ValueError:
        return 0


def shown_status(trace: Trace) -> str:
    """The status of a trace, or that it is running."""
    return "running" if trace.running else trace.status


def total_tokens(trace: Trace) -> int | None:
    """Input and output together; None when neither is known."""
    if trace.input_tokens is None and trace.output_tokens is None:
        return None
    return (trace.input_tokens or 0) + (trace.output_tokens or 0)


def shown_kind(span: Skeleton | Span) -> str:
    """The GenAI kind where there is one, else the span kind where it says anything."""
    if span.genai is not None and span.genai.kind != "other":
        return span.genai.kind
    return "" if span.kind in ("internal", "unspecified") else span.kind


def usage(span: Skeleton | Span) -> tuple[int | None, int | None]:
    """Input and output tokens."""
    return (
        (None, None) if span.genai is None else (span.genai.input_tokens, span.genai.output_tokens)
    )

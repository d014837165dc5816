"""The stage between redaction and commit: content leaves the row for the payload store.

In this version there is no payload store: content stays in the attributes, and this stage returns
spans and logs as they are.
"""

from __future__ import annotations

from tracefoundry.model.span import LogRecord, Span


def offload_span(span: Span) -> Span:
    """The span with its content offloaded: unchanged, as no payload store is configured."""
    return span


def offload_log(log: LogRecord) -> LogRecord:
    """The log record with its content offloaded: unchanged."""
    return log

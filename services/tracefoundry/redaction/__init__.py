"""The stage between decoding and everything else: what may not be kept is taken out here.

Redaction comes before hashing, truncating, storing and logging. In this version the only policy
is version 0, which keeps everything; rows carry that version, so that what was stored under it can
be told apart later. Asking for another mode stops the start (see ``settings``).
"""

from __future__ import annotations

from tracefoundry.model.span import LogRecord, Span

POLICY_VERSION = 0


def redact_span(span: Span) -> Span:
    """The span as policy 0 leaves it: unchanged."""
    return span


def redact_log(log: LogRecord) -> LogRecord:
    """The log record as policy 0 leaves it: unchanged."""
    return log

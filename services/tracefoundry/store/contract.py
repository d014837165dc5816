"""Moved to :mod:`tracefoundry.store.api`; this name goes when nothing imports it any more."""

from __future__ import annotations

from tracefoundry.store.api import (
    CommitResult,
    PayloadsGone,
    PreparedLog,
    PreparedSpan,
    Refusal,
    RefusalReason,
    StoreError,
    StoreMisconfigured,
    StoreUnavailable,
    Writer,
)
from tracefoundry.store.records import ProjectRecord

SpanWriter = Writer

__all__ = [
    "CommitResult",
    "PayloadsGone",
    "PreparedLog",
    "PreparedSpan",
    "ProjectRecord",
    "Refusal",
    "RefusalReason",
    "SpanWriter",
    "StoreError",
    "StoreMisconfigured",
    "StoreUnavailable",
    "Writer",
]

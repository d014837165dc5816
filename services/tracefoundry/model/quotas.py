"""Quotas: how much a project may send, and when it is near to that.

Figures for a second are about what arrives, figures for a day about what is stored on a day of
arrival (UTC).
"""

from __future__ import annotations

from typing import Literal

import msgspec

NEAR_SHARE = 0.8
"""The used part of a quota for a day from which a project is near to it."""

QuotaName = Literal[
    "spans_per_second", "bytes_per_second", "spans_per_day", "content_bytes_per_day"
]
QUOTA_NAMES: tuple[QuotaName, ...] = (
    "spans_per_second",
    "bytes_per_second",
    "spans_per_day",
    "content_bytes_per_day",
)
MOST = 10**15
"""The largest quota: JSON numbers of this size are exact everywhere."""


class Quotas(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Limits of one project; None is no limit.

    Attributes:
        spans_per_second: spans and log records.
        bytes_per_second: bytes of OTLP after decompression.
        spans_per_day: spans and log records that were not stored before.
        content_bytes_per_day: content that was not stored before, before compression.
    """

    spans_per_second: int | None = None
    bytes_per_second: int | None = None
    spans_per_day: int | None = None
    content_bytes_per_day: int | None = None

    def limit(self, name: QuotaName) -> int | None:
        """The limit with this name."""
        found: int | None = getattr(self, name)
        return found

    @property
    def any(self) -> bool:
        """Whether there is a limit at all."""
        return any(self.limit(name) is not None for name in QUOTA_NAMES)

    @property
    def any_for_a_day(self) -> bool:
        """Whether what the project stores on a day must be counted."""
        return self.spans_per_day is not None or self.content_bytes_per_day is not None

    def shares(self, spans: int, content_bytes: int) -> dict[QuotaName, float]:
        """The used part of each quota for a day, given what was stored on it; 1 is all."""
        found: dict[QuotaName, float] = {}
        if self.spans_per_day is not None:
            found["spans_per_day"] = spans / self.spans_per_day
        if self.content_bytes_per_day is not None:
            found["content_bytes_per_day"] = content_bytes / self.content_bytes_per_day
        return found

    def near(self, spans: int, content_bytes: int) -> list[QuotaName]:
        """The quotas for a day of which 80 percent are used, or more."""
        shares = self.shares(spans, content_bytes)
        return [name for name, share in shares.items() if share >= NEAR_SHARE]

"""The settings of the query API."""

from __future__ import annotations

from dataclasses import dataclass

from tracefoundry.model.times import DAY_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySettings:
    """Read once at start; the caller reads them from the environment or the command line."""

    span_retention_ns: int = 7 * DAY_NS
    """Window of accepted start times; tombstones outlive it."""
    cors_origins: tuple[str, ...] = ()
    """Origins of pages that may read answers, as ``https://host[:port]``; ``*`` is any."""
    allowed_hosts: frozenset[str] | None = None
    """Host names a request may name, without port; None for any. Loopback binds set
    :data:`tracefoundry.auth.origin_check.LOOPBACK_HOSTS`, against DNS rebinding."""
    import_max_bytes: int = 16 * 1024**3
    """Largest file that is imported."""
    search_seconds: float = 2.0
    """A text search answers with what it has after this long."""
    retry_after_seconds: int = 2
    """``Retry-After`` of a 503."""

"""Names of :mod:`tracefoundry.store.api` for callers that do not use it yet; goes with them."""

from __future__ import annotations

from tracefoundry.store.api import Writer, open_store


def open_writer(url: str, *, retention_ns: int, ahead_ns: int) -> Writer:
    """A writer; it connects when first used.

    Raises:
        StoreMisconfigured: the URL can never work.
    """
    return open_store(url).writer(retention_ns=retention_ns, ahead_ns=ahead_ns)


def single_writer(url: str) -> bool:
    """True where only one process may write spans (SQLite)."""
    return url.startswith("sqlite:")

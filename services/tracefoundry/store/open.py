"""From a database URL to the writer for it."""

from __future__ import annotations

from tracefoundry.store.contract import SpanWriter, StoreMisconfigured

POSTGRES_SCHEMES = ("postgresql://", "postgres://")


def open_writer(url: str, *, retention_ns: int, ahead_ns: int) -> SpanWriter:
    """A span writer; it connects when first used. Drivers are imported only for their own URLs.

    Raises:
        StoreMisconfigured: the URL is of no known form.
    """
    if url.startswith("sqlite:"):
        from tracefoundry.store.sqlite.writer import SqliteWriter

        return SqliteWriter(url)
    if url.startswith(POSTGRES_SCHEMES):
        from tracefoundry.store.postgres.writer import PostgresWriter

        return PostgresWriter(url, retention_ns=retention_ns, ahead_ns=ahead_ns)
    raise StoreMisconfigured(
        "the database URL is not of the form postgresql://USER:PASSWORD@HOST:PORT/NAME or"
        " sqlite:///PATH"
    )


def single_writer(url: str) -> bool:
    """True where only one process may write spans (SQLite)."""
    return url.startswith("sqlite:")

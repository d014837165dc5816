"""Locks of files beside the database: only one run of retention, only one import at a time. A lock
ends with its process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tracefoundry.store.api import AnotherProcess, SchemaNotReady


@contextmanager
def only_one(file: Path, name: str, busy: str) -> Iterator[None]:
    """Hold the lock of a name until the block ends.

    Raises:
        AnotherProcess: somebody else holds it, with the message ``busy``.
        SchemaNotReady: the database is not there.
    """
    import fcntl

    if not file.exists():
        raise SchemaNotReady(
            f"the SQLite file {str(file)!r} does not exist: run `tracefoundry migrate`"
        )
    with file.with_name(f"{file.name}.{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AnotherProcess(busy) from error
        yield

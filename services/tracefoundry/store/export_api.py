"""Records of bundles that export Jobs put into the object store, so that retention removes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBundle:
    """A bundle in an object store.

    Attributes:
        uri: its address, ``s3://bucket/key``.
        project_id: of its traces; None for those of several projects.
        size_bytes: its size.
        sha256: of the file, 32 bytes.
        created_at_ns: when it was made.
        expires_at_ns: when retention removes it; None: never.
    """

    uri: str
    project_id: int | None
    size_bytes: int
    sha256: bytes
    created_at_ns: int
    expires_at_ns: int | None


class Exports(Protocol):
    """The records. Safe between threads. Everything raises ``StoreUnavailable`` when the store
    cannot answer now."""

    def record(self, bundle: StoredBundle) -> None:
        """Note a bundle, before it is written. A bundle of the same address is replaced."""
        ...

    def expired(self, *, now_ns: int, after: str, limit: int) -> list[StoredBundle]:
        """Bundles whose time is over, by address, with addresses after this one."""
        ...

    def forget(self, uris: Sequence[str]) -> None:
        """Drop the records of bundles that were removed."""
        ...

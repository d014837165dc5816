"""The interface of object stores, and the names of objects.

Objects are immutable and named ``<project>/<yyyy-mm-dd>/<sha256>``. So putting one twice changes
nothing, and retention deletes whole days by prefix. The filesystem and the S3 store behave alike;
one test suite runs over both.

Threads
    All methods may be called from several threads at once.

Errors
    Every failure that may pass is :class:`~tracefoundry.payloads.errors.ObjectStoreUnavailable`,
    also denied permissions and missing buckets: senders keep their data until somebody corrects
    them. Only reads raise :class:`~tracefoundry.payloads.errors.ObjectMissing`. A malformed name
    is a ValueError; it never becomes part of a path or a request.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from tracefoundry.model.limits import PROJECT_NAME_PATTERN

_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_NAME = re.compile(rf"({PROJECT_NAME_PATTERN})/({_DAY})/([0-9a-f]{{64}})")
_PREFIX = re.compile(rf"(?:({PROJECT_NAME_PATTERN})/(?:({_DAY})/)?)?")


class StoredObject(msgspec.Struct, frozen=True, gc=False):
    """An object as a listing shows it.

    Attributes:
        name: ``<project>/<yyyy-mm-dd>/<sha256>``.
        size_bytes: stored bytes.
        modified_at_ns: when it was last put, by the store's clock. Retention removes an object
            without rows only if it is old.
    """

    name: str
    size_bytes: int
    modified_at_ns: int


class ObjectStore(Protocol):
    """A store of immutable objects; see the module docstring."""

    def check_room(self) -> None:
        """Make sure that there is room for new content. Objects that a deletion packs anew may be
        put all the same.

        Raises:
            ObjectStoreUnavailable: the disk is full.
        """
        ...

    def put(self, name: str, data: bytes) -> None:
        """Store an object durably; nothing changes if it is stored already."""
        ...

    def put_many(self, objects: Sequence[tuple[str, bytes]]) -> None:
        """Store several objects durably, in parallel if the store can.

        After an error some of them may be stored; all of them can be put again.
        """
        ...

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """Bytes of an object from ``offset``, at most ``length``; fewer if the object ends before.

        Raises:
            ObjectMissing: there is no such object.
        """
        ...

    def delete(self, names: Iterable[str]) -> None:
        """Remove objects; one that does not exist is no error."""
        ...

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """The objects of all projects, of ``<project>/`` or of ``<project>/<yyyy-mm-dd>/``.

        In order of their names. An object whose name has another form is not ours and is left out.
        """
        ...

    def delete_prefix(self, prefix: str) -> int:
        """Remove all objects of ``<project>/`` or ``<project>/<yyyy-mm-dd>/``; returns how many.

        Raises:
            ValueError: another prefix. The empty one is refused too: it would remove everything.
        """
        ...

    def check(self) -> None:
        """Check with a small request that the store can be used.

        Raises:
            ObjectStoreUnavailable: it cannot; the message says what to do.
        """
        ...

    def close(self) -> None:
        """Release connections and threads."""
        ...


def object_name(project: str, day: datetime.date, sha256_hex: str) -> str:
    """The name of an object.

    Raises:
        ValueError: a part is malformed.
    """
    name = f"{project}/{day.isoformat()}/{sha256_hex}"
    check_name(name)
    return name


def day_prefix(project: str, day: datetime.date | None = None) -> str:
    """The prefix of a project's objects, or of those of one of its days.

    Raises:
        ValueError: the project's name is malformed.
    """
    prefix = f"{project}/" if day is None else f"{project}/{day.isoformat()}/"
    check_prefix(prefix)
    return prefix


def check_name(name: str) -> tuple[str, str, str]:
    """Project, day and SHA-256 of an object's name.

    Raises:
        ValueError: a part is malformed.
    """
    match = _NAME.fullmatch(name)
    if match is None or not _is_day(match[2]):
        raise ValueError(f"{name[:200]!r} is no object name: use <project>/<yyyy-mm-dd>/<sha256>")
    return match[1], match[2], match[3]


def check_prefix(prefix: str, *, empty: bool = True) -> None:
    """Accept ``<project>/``, ``<project>/<yyyy-mm-dd>/`` and, where allowed, the empty prefix.

    Raises:
        ValueError: another form. A part of a name would match other names too.
    """
    match = _PREFIX.fullmatch(prefix)
    is_prefix = match is not None and (match[2] is None or _is_day(match[2]))
    if not is_prefix or not (prefix or empty):
        raise ValueError(
            f"{prefix[:200]!r} is no prefix: use <project>/ or <project>/<yyyy-mm-dd>/"
        )


def is_name(name: str) -> bool:
    """True for what :func:`check_name` accepts."""
    match = _NAME.fullmatch(name)
    return match is not None and _is_day(match[2])


def _is_day(text: str) -> bool:
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True

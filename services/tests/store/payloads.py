"""Payloads for the suite: rows of blobs and lists, and spans that refer to them."""

from __future__ import annotations

from hashlib import sha256

from samples import NOW_NS, make_span
from tracefoundry.model.payload import BlobRow, PayloadEntry, PayloadRows
from tracefoundry.model.span import Span
from tracefoundry.model.times import day_of
from tracefoundry.store.api import Writer

DAY = day_of(NOW_NS)


def ref(name: str) -> bytes:
    """The ref of a value of this name."""
    return sha256(name.encode()).digest()


def blob(
    name: str, *, day: int = DAY, pack: str = "pack", parts: tuple[str, ...] = (), project: int = 1
) -> BlobRow:
    """A stored value, in an object named ``pack``; a list where it has parts."""
    return BlobRow(
        project_id=project,
        day=day,
        ref=ref(name),
        object=ref(pack),
        object_offset=len(name),
        stored_bytes=5,
        plain_bytes=10,
        depth=1 if parts else 0,
        preview=None if parts else f"preview of {name}",
        parts=tuple(ref(part) for part in parts),
    )


def referring(trace: int, *names: str, start: int = 0, span: int = 1) -> Span:
    """A span that refers to these values."""
    entries = tuple(
        PayloadEntry(
            "input_messages",
            "span",
            f"key{number}",
            "string",
            f"sha256:{ref(name).hex()}",
            10,
            "text/plain",
            "present",
        )
        for number, name in enumerate(names)
    )
    return make_span(trace, span, start=start, payloads=entries)


def store_payloads(
    writer: Writer, spans: list[Span], blobs: list[BlobRow], project: int = 1
) -> None:
    """Commit spans with the rows of their payloads."""
    prepared = [writer.prepare_span(project, span) for span in spans]
    writer.commit(prepared, (), PayloadRows(blobs=blobs))

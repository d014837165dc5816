"""Records of a page cut to what one answer may hold of them.

A span, resource, scope or log can be tens of megabytes. A page has the first slice of each part
that is larger (:mod:`.json_slices`), and says where a span's goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from tracefoundry.store.json_slices import SLICE_CHARACTERS, ReadPiece, first_slice
from tracefoundry.store.records import (
    SPAN_PARTS,
    TEXT_CHARACTERS,
    SpanPage,
    SpanPart,
    StoredLog,
    StoredResource,
    StoredScope,
    StoredSpan,
)

_Holder = TypeVar("_Holder", StoredResource, StoredScope, StoredLog)


def opening_of(part: SpanPart) -> str:
    """The bracket with which a part begins."""
    return "{" if part == "attributes" else "["


def add_span(
    page: SpanPage, span: StoredSpan, reading: Callable[[StoredSpan, SpanPart], ReadPiece]
) -> StoredSpan:
    """A span as a page shows it; what is left out is noted in the page's ``rests``.

    ``span`` has at least the first ``SLICE_CHARACTERS`` of each part; ``reading`` reads more.
    """
    changed: dict[str, Any] = {}
    for part in SPAN_PARTS:
        text = getattr(span, part)
        if text is None or len(text) < SLICE_CHARACTERS:
            continue
        first = first_slice(text[:SLICE_CHARACTERS], reading(span, part))
        changed[part] = first.text
        if first.following is not None:
            page.rests.setdefault((span.start_time_ns, span.span_id), {})[part] = first.following
    changed |= _without_long_texts(span)
    return msgspec.structs.replace(span, **changed) if changed else span


def narrowed(page: SpanPage, holder: _Holder, key: bytes) -> _Holder:
    """A resource, scope or log as a page shows it; ``key`` goes into the page's ``cut`` if that is
    not all of it."""
    changed = _without_long_texts(holder)
    for name in ("attributes", "payloads"):
        text = getattr(holder, name, None)
        if text is not None and len(text) >= SLICE_CHARACTERS:
            changed[name] = first_slice(text[:SLICE_CHARACTERS], lambda *_: "").text
    if not changed:
        return holder
    page.cut.add(key)
    return msgspec.structs.replace(holder, **changed)


def _without_long_texts(record: msgspec.Struct) -> dict[str, Any]:
    """Plain texts cut to their first characters; JSON that cannot be shown in part is left out."""
    changed: dict[str, Any] = {}
    for name in ("name", "status_message", "severity_text", "version"):
        text = getattr(record, name, None)
        if text is not None and len(text) > TEXT_CHARACTERS:
            changed[name] = text[:TEXT_CHARACTERS]
    for name in ("extra", "redactions", "genai", "body"):
        text = getattr(record, name, None)
        if text is not None and len(text) >= SLICE_CHARACTERS:
            changed[name] = None
    return changed

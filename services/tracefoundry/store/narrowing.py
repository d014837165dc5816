"""Records of a page cut to what one answer may hold of them.

A span, resource, scope or log can be tens of megabytes. A page has the first slice of each part
that is larger (:mod:`.json_slices`), and says where a span's goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, get_type_hints

import msgspec

from tracefoundry.store.json_slices import SLICE_CHARACTERS, ReadPiece, first_slice
from tracefoundry.store.records import (
    SPAN_PARTS,
    TEXT_CHARACTERS,
    SpanMark,
    SpanPage,
    SpanPart,
    StoredLog,
    StoredResource,
    StoredScope,
    StoredSpan,
)

_Holder = TypeVar("_Holder", StoredResource, StoredScope, StoredLog)


_IN_SLICES = frozenset(SPAN_PARTS)
_WHOLE_JSON = frozenset({"extra", "redactions", "genai", "body"})
"""Columns with JSON of which a part says nothing."""


def opening_of(part: SpanPart) -> str:
    """The bracket with which a part begins."""
    return "{" if part == "attributes" else "["


def add_span(
    page: SpanPage, span: StoredSpan, reading: Callable[[StoredSpan, SpanPart], ReadPiece]
) -> StoredSpan:
    """A span as a page shows it; what is left out is noted in the page's ``rests`` and ``marks``.

    ``span`` has at least the first ``SLICE_CHARACTERS`` of each part; ``reading`` reads more.
    """
    changed, marks = _without_long_texts(span)
    for part in SPAN_PARTS:
        text = getattr(span, part)
        if text is None or len(text) < SLICE_CHARACTERS:
            continue
        first = first_slice(text[:SLICE_CHARACTERS], reading(span, part))
        changed[part] = first.text
        if first.left_out:
            marks.add("fields_left_out")
        if first.following is not None:
            page.rests.setdefault((span.start_time_ns, span.span_id), {})[part] = first.following
    if marks:
        page.marks[span.start_time_ns, span.span_id] = marks
    return msgspec.structs.replace(span, **changed) if changed else span


def narrowed(page: SpanPage, holder: _Holder, key: bytes) -> _Holder:
    """A resource, scope or log as a page shows it; ``key`` goes into the page's ``cut`` if that is
    not all of it."""
    changed, _ = _without_long_texts(holder)
    for name in ("attributes", "payloads"):
        text = getattr(holder, name, None)
        if text is not None and len(text) >= SLICE_CHARACTERS:
            changed[name] = first_slice(text[:SLICE_CHARACTERS], lambda *_: "").text
    if not changed:
        return holder
    page.cut.add(key)
    return msgspec.structs.replace(holder, **changed)


def _without_long_texts(record: msgspec.Struct) -> tuple[dict[str, Any], set[SpanMark]]:
    """Plain texts cut to their first characters; JSON that cannot be shown in part is left out."""
    changed: dict[str, Any] = {}
    marks: set[SpanMark] = set()
    for name in _texts_of(type(record)):
        value = getattr(record, name)
        if value is None or len(value) <= TEXT_CHARACTERS:
            continue
        if name not in _WHOLE_JSON:
            changed[name] = value[:TEXT_CHARACTERS]
            marks.add("text_cut")
        elif len(value) >= SLICE_CHARACTERS:
            changed[name] = None
            marks.add("fields_left_out")
    return changed, marks


@cache
def _texts_of(record: type[msgspec.Struct]) -> tuple[str, ...]:
    """The fields of a record that hold text, but for those that are shown in slices."""
    return tuple(
        name
        for name, hint in get_type_hints(record).items()
        if name not in _IN_SLICES and hint in (str, str | None)
    )

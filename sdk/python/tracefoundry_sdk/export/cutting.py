"""Cutting the values of one span that is too big for a request.

The longest strings are shortened first. Inside JSON the strings are shortened and the structure
stays, so that a list of messages is still a list of messages.
"""

from __future__ import annotations

import json
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tracefoundry_sdk import conventions as c

_MARK = "… [cut]"
_NOTE_BYTES = 200
"""Room for the attribute that tells what was cut; it grows with the keys, which are counted too."""
_FIRST_LIMIT_CHARACTERS = 1 << 20
_LAST_LIMIT_CHARACTERS = 64


def cut_span(span: Span, max_bytes: int) -> None:
    """Shorten string values of attributes and events until the span fits.

    The limit of a string begins at 1 Mi characters and is halved until the span fits; values that
    are shorter stay whole. Only if that does not suffice (JSON of very many short values), JSON is
    cut like any other text.
    """
    pairs = [*span.attributes, *(pair for event in span.events for pair in event.attributes)]
    room = max_bytes - _NOTE_BYTES - sum(len(pair.key) * 4 + 8 for pair in pairs)
    cut: set[str] = set()
    for keep_json in (True, False):
        limit = _FIRST_LIMIT_CHARACTERS
        while span.ByteSize() > room and limit >= _LAST_LIMIT_CHARACTERS:
            cut |= {pair.key for pair in pairs if _cut_value(pair.value, limit, keep_json)}
            limit //= 2
    if cut:
        note = KeyValue(key=c.TRUNCATED)
        note.value.array_value.values.extend(AnyValue(string_value=key) for key in sorted(cut))
        span.attributes.append(note)


def _cut_value(value: AnyValue, limit: int, keep_json: bool) -> bool:
    if value.WhichOneof("value") == "array_value":
        found = [_cut_value(item, limit, keep_json) for item in value.array_value.values]
        return any(found)
    text = value.string_value
    if len(text) <= limit:
        return False
    shorter = _cut_json(text, limit) if keep_json else None
    if shorter is None:
        shorter = text[:limit] + _MARK
    if len(shorter) >= len(text):
        return False
    value.string_value = shorter
    return True


def _cut_json(text: str, limit: int) -> str | None:
    """The JSON with its strings shortened; None if the text is no JSON list or object."""
    if text[:1] not in "[{":
        return None
    try:
        value = json.loads(text)
        return json.dumps(_shortened(value, limit), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return None


def _shortened(value: Any, limit: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= limit else value[:limit] + _MARK
    if isinstance(value, list):
        return [_shortened(item, limit) for item in value]
    if isinstance(value, dict):
        return {key: _shortened(item, limit) for key, item in value.items()}
    return value

"""Contents put back where they stood: a span or log record from its row and its payloads.

The offload stage (``payloads.offload``) turns a value into bytes, names them by their SHA-256 and
leaves an entry in the span. This module is the way back. It is pure: the caller reads the payload
store and passes the bytes in.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
import orjson

from tracefoundry.model.attributes import TypeName, broken_text, raw_bytes, tag_of, text
from tracefoundry.model.payload import BODY, LOG, RESOURCE, SCOPE, SPAN, PayloadEntry
from tracefoundry.model.span import Attributes, Event, Link, LogRecord, Resource, Scope, Span

JSON_TYPE: Final = "application/json"
TEXT_TYPE: Final = "text/plain; charset=utf-8"
BINARY_TYPE: Final = "application/octet-stream"

REF_ATTRIBUTE_PREFIX: Final = "tracefoundry.payload.ref."
"""Before the key of a value: the attribute that holds its ref, at the place where it stood."""

_Holder = TypeVar("_Holder", Resource, Scope, Event, Link)


def encode_value(value: Any) -> tuple[bytes, str]:
    """The bytes that a ref names, and their media type, for a value in tagged JSON form.

    A string is its UTF-8 text, bytes are themselves, anything else is compact JSON in the order of
    arrival.
    """
    if type(value) is str:
        return value.encode(), JSON_TYPE if _looks_like_json(value) else TEXT_TYPE
    tag = tag_of(value) if type(value) is dict else None
    if tag == "$bytes":
        return b64decode(value[tag]), BINARY_TYPE
    if tag == "$text":
        return b64decode(value[tag]), TEXT_TYPE
    return orjson.dumps(value), JSON_TYPE


def decode_value(content: bytes, type_name: TypeName) -> Any:
    """The value of these bytes in tagged JSON form; the inverse of :func:`encode_value`.

    Raises:
        ValueError: the bytes are not a value of that type.
    """
    if type_name == "bytes":
        return raw_bytes(content)
    if type_name == "string":
        try:
            return text(content.decode())
        except UnicodeDecodeError:
            return broken_text(content)
    return orjson.loads(content)


def restore_span(
    span: Span, contents: Mapping[str, bytes], *, name_missing_refs: bool = False
) -> Span:
    """A span with its contents put back; ``span`` itself, its resource and scope stay unchanged.

    Args:
        span: as the offload stage left it.
        contents: verified bytes by ref. An entry whose ref is not in it stays in ``payloads``, as
            do references of the sender and values that redaction took out.
        name_missing_refs: whether each ref that is not in ``contents`` becomes an attribute
            ``tracefoundry.payload.ref.<key>`` where its value stood, and the first ref of each slot
            an attribute ``tracefoundry.payload.<slot>_ref`` of the span.

    Raises:
        ValueError: the bytes of a ref are not a value of the entry's type.
    """
    if not span.payloads:
        return span
    found, remaining = _found(span.payloads, contents, name_missing_refs)
    if name_missing_refs:
        for entry in reversed(remaining):
            if _own_ref(entry) is not None:
                found.setdefault(SPAN, {})[f"tracefoundry.payload.{entry.slot}_ref"] = entry.ref
    return msgspec.structs.replace(
        span,
        attributes={**span.attributes, **found.get(SPAN, {})},
        resource=_with_attributes(span.resource, found.get(RESOURCE)),
        scope=_with_attributes(span.scope, found.get(SCOPE)),
        events=[
            _with_attributes(event, found.get(f"events/{index}"))
            for index, event in enumerate(span.events)
        ],
        links=[
            _with_attributes(link, found.get(f"links/{index}"))
            for index, link in enumerate(span.links)
        ],
        payloads=tuple(remaining),
        contents=(),
        encoded_attributes=b"",
    )


def restored_attributes(
    span: Span, contents: Mapping[str, bytes]
) -> tuple[Attributes, list[Event]]:
    """The attributes and events of a span with its contents put back, as :func:`restore_span` has
    them; what the GenAI view is derived from."""
    found, _ = _found(span.payloads, contents, name_missing_refs=False)
    at_span = found.get(SPAN)
    attributes = {**span.attributes, **at_span} if at_span else span.attributes
    if len(found) == 1 and at_span:
        return attributes, span.events
    return attributes, [
        _with_attributes(event, found.get(f"events/{index}"))
        for index, event in enumerate(span.events)
    ]


def restore_log(
    log: LogRecord, contents: Mapping[str, bytes], *, name_missing_refs: bool = False
) -> LogRecord:
    """A log record with its contents put back; see :func:`restore_span`.

    The ref of a missing body becomes the attribute ``tracefoundry.payload.ref.body``.
    """
    if not log.payloads:
        return log
    # An attribute may have the key "body" too. The offload stage lists the body after it. If there
    # is only one such entry, it is taken for the body: a record with that attribute and without a
    # body cannot be told from one with a body.
    bodies = [entry for entry in log.payloads if (entry.place, entry.key) == (LOG, BODY)]
    body_entry = bodies[-1] if bodies else None
    others = [entry for entry in log.payloads if entry is not body_entry]
    found, remaining = _found(others, contents, name_missing_refs)
    body = log.body
    if body_entry is not None:
        of_body, body_remains = _found([body_entry], contents, name_missing_refs)
        body = of_body.get(LOG, {}).pop(BODY, body)
        found.setdefault(LOG, {}).update(of_body.get(LOG, {}))
        remaining += body_remains
    return msgspec.structs.replace(
        log,
        body=body,
        attributes={**log.attributes, **found.get(LOG, {})},
        resource=_with_attributes(log.resource, found.get(RESOURCE)),
        scope=_with_attributes(log.scope, found.get(SCOPE)),
        payloads=tuple(remaining),
        contents=(),
    )


def _found(
    entries: Sequence[PayloadEntry], contents: Mapping[str, bytes], name_missing_refs: bool
) -> tuple[dict[str, Attributes], list[PayloadEntry]]:
    """Attributes to add, by place, and the entries whose content is not there."""
    found: dict[str, Attributes] = {}
    remaining: list[PayloadEntry] = []
    for entry in entries:
        ref = _own_ref(entry)
        if ref is not None and ref in contents:
            value = decode_value(contents[ref], entry.type)
            found.setdefault(entry.place, {})[entry.key] = value
        else:
            remaining.append(entry)
            if name_missing_refs and ref is not None:
                found.setdefault(entry.place, {})[REF_ATTRIBUTE_PREFIX + entry.key] = ref
    return found, remaining


def _own_ref(entry: PayloadEntry) -> str | None:
    """The ref of the value's bytes; None where there is none, or only a reference of the sender."""
    return None if entry.state == "reference" else entry.ref


def _with_attributes(holder: _Holder, more: Attributes | None) -> _Holder:
    if not more:
        return holder
    return msgspec.structs.replace(holder, attributes={**holder.attributes, **more})


def _looks_like_json(value: str) -> bool:
    start, end = value[:1], value[-1:]
    return (start == "{" and end == "}") or (start == "[" and end == "]")

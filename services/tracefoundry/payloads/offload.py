"""The stage between redaction and commit: content leaves the row for the payload store.

What is content is decided by key (one table, ``model.genai.content``) or by length: a value of
more than 4 KiB is content whatever its key. Each such value leaves its attribute map, its bytes are
named by their SHA-256, and the span keeps an entry that says what stood where. Span names and
status messages stay whole.

The value of a string is its UTF-8 text, of bytes the bytes, of everything else its compact JSON in
the order of arrival. ``gen_ai.*_ref`` attributes stay where they are; each also gets an entry, so
that the API can say whether they point at something we hold.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import msgspec
import orjson

from tracefoundry.model.attributes import broken_text, raw_bytes, tag_of, text
from tracefoundry.model.genai.content import body_slot, content_slot, event_slot
from tracefoundry.model.genai.key_memo import MAX_KEY_CHARS, MAX_KEYS
from tracefoundry.model.genai.refs import REF_KEYS, refs_of
from tracefoundry.model.limits import MAX_INLINE_BYTES
from tracefoundry.model.payload import (
    BODY,
    LOG,
    RESOURCE,
    SCOPE,
    SPAN,
    Content,
    PayloadEntry,
    Slot,
)
from tracefoundry.model.span import Attributes, LogRecord, Resource, Scope, Span
from tracefoundry.model.value_types import TypeName, type_name
from tracefoundry.payloads.refs import ref_of

JSON_TYPE, TEXT_TYPE, BINARY_TYPE = (
    "application/json",
    "text/plain; charset=utf-8",
    "application/octet-stream",
)

# A string of so few characters cannot have more bytes than may stay.
_SURELY_SHORT = MAX_INLINE_BYTES // 4


_known_to_stay: set[str] = set()
"""Keys that are neither content nor references; bounded as the memory of what keys mean is."""

SlotOf = Callable[[str], Slot | None]


class Gone(Protocol):
    """A value that redaction left nothing of."""

    @property
    def place(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def type(self) -> TypeName: ...
    @property
    def state(self) -> Literal["redacted", "withheld"]: ...


class _Found:
    """Entries and contents as they are found."""

    __slots__ = ("contents", "entries")

    def __init__(self) -> None:
        self.entries: list[PayloadEntry] = []
        self.contents: list[Content] = []

    def take(self, slot: Slot, place: str, key: str, value: Any) -> None:
        """Note a value that leaves."""
        content, media_type = content_of(value)
        ref = ref_of(content)
        self.entries.append(
            PayloadEntry(
                slot, place, key, type_name(value), ref, len(content), media_type, "present"
            )
        )
        self.contents.append(Content(ref, content))


class Offloader:
    """Offloads spans and logs. It remembers the last envelope: use one in each thread."""

    def __init__(self) -> None:
        self._resource: tuple[Resource, _Found] | None = None
        self._scope: tuple[Scope, _Found] | None = None

    def offload_span(self, span: Span, gone: Sequence[Gone] = (), *, store: bool = True) -> None:
        """Take the content out of a span, its resource and its scope, in place.

        Args:
            span: redacted, its GenAI view derived.
            gone: what redaction withheld, to be listed beside what left.
            store: False where the payloads of the span's day have expired already: content leaves
                all the same, and is listed as expired.
        """
        resource, scope = self._envelope(span.resource, span.scope)
        if (
            not gone
            and not resource.entries
            and not scope.entries
            and not span.links
            and _keys_stay(span.attributes)
            and (not span.events or _events_stay(span))
        ):
            # The row needs this encoding anyway, and no value is longer than it.
            encoded = orjson.dumps(span.attributes)
            if len(encoded) <= MAX_INLINE_BYTES or _values_stay(span.attributes):
                span.encoded_attributes = encoded
                return
        found = _Found()
        taken = {(entry.place, entry.key) for entry in gone}
        kind = None if span.genai is None else span.genai.kind
        span.attributes = _offload(
            span.attributes, SPAN, lambda key: content_slot(key, kind), found, taken
        )
        for index, event in enumerate(span.events):
            event.attributes = _offload(
                event.attributes,
                f"events/{index}",
                lambda key, name=event.name: event_slot(name, key, kind),  # type: ignore[misc]
                found,
                taken,
            )
        for index, link in enumerate(span.links):
            link.attributes = _offload(
                link.attributes, f"links/{index}", content_slot, found, taken
            )
        parts = (found, resource, scope)
        span.payloads = _entries(parts, store, [_gone_entry(entry, kind) for entry in gone])
        span.contents = _contents(parts, store)

    def offload_log(self, log: LogRecord, gone: Sequence[Gone] = (), *, store: bool = True) -> None:
        """Take the content out of a log record, its body included, in place."""
        resource, scope = self._envelope(log.resource, log.scope)
        found = _Found()
        taken = {(entry.place, entry.key) for entry in gone}
        log.attributes = _offload(
            log.attributes, LOG, lambda key: event_slot(log.name, key), found, taken
        )
        slot = body_slot(log.name)
        leaves = slot is not None or _is_long(log.body)
        if leaves and log.body is not None and (LOG, BODY) not in taken:
            found.take(slot or "attribute", LOG, BODY, log.body)
            log.body = None
        parts = (found, resource, scope)
        listed = [_gone_entry(entry, None, log.name) for entry in gone]
        log.payloads = _entries(parts, store, listed)
        log.contents = _contents(parts, store)

    def _envelope(self, resource: Resource, scope: Scope) -> tuple[_Found, _Found]:
        """What leaves an envelope: found once, then listed by each of its spans."""
        if self._resource is None or self._resource[0] is not resource:
            self._resource = (resource, _found_in(resource, RESOURCE))
        if self._scope is None or self._scope[0] is not scope:
            self._scope = (scope, _found_in(scope, SCOPE))
        return self._resource[1], self._scope[1]


def content_of(value: Any) -> tuple[bytes, str]:
    """The bytes that a ref names, and what they look like."""
    if type(value) is str:
        return value.encode(), JSON_TYPE if _looks_like_json(value) else TEXT_TYPE
    tag = tag_of(value) if type(value) is dict else None
    if tag == "$bytes":
        return b64decode(value[tag]), BINARY_TYPE
    if tag == "$text":
        return b64decode(value[tag]), TEXT_TYPE
    return orjson.dumps(value), JSON_TYPE


def value_of(content: bytes, kind: TypeName) -> Any:
    """The value in tagged JSON form that these bytes stood for: :func:`content_of` undone.

    Raises:
        ValueError: the bytes are no value of that type.
    """
    if kind == "bytes":
        return raw_bytes(content)
    if kind == "string":
        try:
            return text(content.decode())
        except UnicodeDecodeError:
            return broken_text(content)
    return orjson.loads(content)


def _looks_like_json(value: str) -> bool:
    start, end = value[:1], value[-1:]
    return (start == "{" and end == "}") or (start == "[" and end == "]")


def _all_stay(attributes: Attributes) -> bool:
    """Whether nothing is to be taken out."""
    return _keys_stay(attributes) and _values_stay(attributes)


def _keys_stay(attributes: Attributes) -> bool:
    """Whether no key names content or points at it: the usual case, and the short way to it."""
    return _known_to_stay.issuperset(attributes) or all(map(_key_stays, attributes))


def _key_stays(key: str) -> bool:
    if key in _known_to_stay:
        return True
    if content_slot(key) is not None or key in REF_KEYS:
        return False
    if len(key) <= MAX_KEY_CHARS:
        if len(_known_to_stay) >= MAX_KEYS:
            _known_to_stay.clear()
        _known_to_stay.add(key)
    return True


def _values_stay(attributes: Attributes) -> bool:
    return not any(map(_is_long, attributes.values()))


def _events_stay(span: Span) -> bool:
    return all(
        _all_stay(event.attributes)
        and (
            not event.name.startswith("gen_ai.")
            or all(event_slot(event.name, key) is None for key in event.attributes)
        )
        for event in span.events
    )


def _is_long(value: Any) -> bool:
    if type(value) is str:
        return len(value) > _SURELY_SHORT and len(value.encode()) > MAX_INLINE_BYTES
    if type(value) is list or type(value) is dict:
        return len(orjson.dumps(value)) > MAX_INLINE_BYTES
    return False


def _offload(
    attributes: Attributes,
    place: str,
    slot_of: SlotOf,
    found: _Found,
    taken: set[tuple[str, str]],
) -> Attributes:
    """The attributes that stay; what leaves and what only points elsewhere is noted."""
    kept: Attributes = {}
    for key, value in attributes.items():
        slot = slot_of(key)
        if slot is None and not _is_long(value):
            kept[key] = value
        elif (place, key) in taken:
            # Redaction has left a marker in its place, and it is listed as gone.
            if slot is None:
                kept[key] = value
        elif value is None:
            kept[key] = value
        else:
            found.take(slot or "attribute", place, key, value)
    if not REF_KEYS.keys().isdisjoint(kept):
        for pointer in refs_of(kept):
            found.entries.append(
                PayloadEntry(
                    pointer.slot, place, pointer.key, "string", pointer.uri, None, None, "reference"
                )
            )
    return kept


def _found_in(envelope: Resource | Scope, place: str) -> _Found:
    found = _Found()
    if not _all_stay(envelope.attributes):
        envelope.attributes = _offload(envelope.attributes, place, content_slot, found, set())
    return found


def _entries(
    parts: tuple[_Found, ...], store: bool, gone: list[PayloadEntry]
) -> tuple[PayloadEntry, ...]:
    entries = [entry for part in parts for entry in part.entries]
    if not store:
        entries = [
            msgspec.structs.replace(entry, state="expired") if entry.state == "present" else entry
            for entry in entries
        ]
    return (*entries, *gone)


def _contents(parts: tuple[_Found, ...], store: bool) -> tuple[Content, ...]:
    return tuple(content for part in parts for content in part.contents) if store else ()


def _gone_entry(gone: Gone, kind: str | None, event: str = "") -> PayloadEntry:
    slot = event_slot(event, gone.key, kind) if event else content_slot(gone.key, kind)
    if gone.key == BODY and gone.place == LOG:
        slot = body_slot(event)
    return PayloadEntry(
        slot or "attribute", gone.place, gone.key, gone.type, None, None, None, gone.state
    )

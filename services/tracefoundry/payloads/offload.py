"""The offload stage, between redaction and commit: content leaves the row for the payload store.

A value is content by its key (the table in ``model.genai.content``), as free text on a GenAI span
or event, or by its length: more than 4 KiB is content whatever the key. Such a value is removed
from its attribute map, its bytes are named by their SHA-256 (its ref), and the span keeps an entry
with its place, key and type. Span names and status messages are never offloaded.
:mod:`tracefoundry.model.contents` has the encoding of values and the way back.

``gen_ai.*_ref`` attributes stay in their map. Each also gets an entry, so that the API can say
whether it points at a payload of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import msgspec
import orjson

from tracefoundry.model.attributes import TypeName, type_name
from tracefoundry.model.contents import encode_value
from tracefoundry.model.genai.content import (
    body_slot,
    content_slot,
    event_slot,
    is_long,
)
from tracefoundry.model.genai.free_text import is_free_text, is_listed
from tracefoundry.model.genai.key_memo import MAX_KEY_CHARS, MAX_KEYS, KeyMemo
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
    ref_of,
)
from tracefoundry.model.span import Attributes, LogRecord, Resource, Scope, Span

_metadata_keys: set[str] = set()
"""Keys known to be neither content nor references; bounded like :class:`KeyMemo`."""
SlotOf = Callable[[str, Any], Slot | None]


class RemovedValue(Protocol):
    """A value that redaction took out as a whole."""

    @property
    def place(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def type(self) -> TypeName: ...
    @property
    def state(self) -> Literal["redacted", "withheld"]: ...


class _Offloaded:
    """Entries and contents collected so far."""

    __slots__ = ("contents", "entries")

    def __init__(self) -> None:
        self.entries: list[PayloadEntry] = []
        self.contents: list[Content] = []

    def add(self, slot: Slot, place: str, key: str, value: Any) -> None:
        """Record a value that leaves its attribute map."""
        content, media_type = encode_value(value)
        ref = ref_of(content)
        self.entries.append(
            PayloadEntry(
                slot, place, key, type_name(value), ref, len(content), media_type, "present"
            )
        )
        self.contents.append(Content(ref, content))


class Offloader:
    """Offloads spans and logs. It caches the last resource and scope: use one in each thread."""

    def __init__(self) -> None:
        self._resource: tuple[Resource, _Offloaded] | None = None
        self._scope: tuple[Scope, _Offloaded] | None = None

    def offload_span(
        self, span: Span, removed: Sequence[RemovedValue] = (), *, store: bool = True
    ) -> None:
        """Remove the content from a span, its resource and its scope, in place.

        Args:
            span: redacted, its GenAI view derived.
            removed: values that redaction took out; they are listed too.
            store: False where the payload retention of the span's day has passed: content is
                removed from the row all the same, and listed as expired.
        """
        resource, scope = self._envelope(span.resource, span.scope)
        kind = None if span.genai is None else span.genai.kind
        claimed = kind is not None
        if (
            not removed
            and not resource.entries
            and not scope.entries
            and not span.links
            and (_is_claimed_metadata if claimed else _has_only_metadata_keys)(span.attributes)
            and (not span.events or _events_are_metadata(span, claimed=claimed))
        ):
            # The row needs this encoding anyway, and no value is longer than the whole.
            encoded = orjson.dumps(span.attributes)
            if len(encoded) <= MAX_INLINE_BYTES or _has_only_short_values(span.attributes):
                span.encoded_attributes = encoded
                return
        offloaded = _Offloaded()
        removed_keys = {(entry.place, entry.key) for entry in removed}
        span.attributes = _offload(
            span.attributes, SPAN, _slots(kind, claimed=claimed), offloaded, removed_keys
        )
        for index, event in enumerate(span.events):
            event.attributes = _offload(
                event.attributes,
                f"events/{index}",
                _event_slots(event.name, kind, claimed=claimed and event.name != "exception"),
                offloaded,
                removed_keys,
            )
        for index, link in enumerate(span.links):
            link.attributes = _offload(
                link.attributes, f"links/{index}", _slots(None), offloaded, removed_keys
            )
        parts = (offloaded, resource, scope)
        span.payloads = _entries(parts, store, [_removed_entry(entry, kind) for entry in removed])
        span.contents = _contents(parts, store)

    def offload_log(
        self, log: LogRecord, removed: Sequence[RemovedValue] = (), *, store: bool = True
    ) -> None:
        """Remove the content from a log record, its body included, in place."""
        resource, scope = self._envelope(log.resource, log.scope)
        offloaded = _Offloaded()
        removed_keys = {(entry.place, entry.key) for entry in removed}
        log.attributes = _offload(
            log.attributes, LOG, _event_slots(log.name, None, claimed=True), offloaded, removed_keys
        )
        slot = body_slot(log.name)
        leaves = (slot is not None and log.body != log.name) or is_long(log.body)
        if leaves and log.body is not None and (LOG, BODY) not in removed_keys:
            offloaded.add(slot or "attribute", LOG, BODY, log.body)
            log.body = None
        parts = (offloaded, resource, scope)
        listed = [_removed_entry(entry, None, log.name) for entry in removed]
        log.payloads = _entries(parts, store, listed)
        log.contents = _contents(parts, store)

    def _envelope(self, resource: Resource, scope: Scope) -> tuple[_Offloaded, _Offloaded]:
        """What leaves a resource and a scope: offloaded once, listed by each of their spans."""
        if self._resource is None or self._resource[0] is not resource:
            self._resource = (resource, _offload_envelope(resource, RESOURCE))
        if self._scope is None or self._scope[0] is not scope:
            self._scope = (scope, _offload_envelope(scope, SCOPE))
        return self._resource[1], self._scope[1]


def _slots(kind: str | None, *, claimed: bool = False) -> SlotOf:
    """The slots of attributes of a span of this kind, its resource, scope or links."""

    def slot_of(key: str, value: Any) -> Slot | None:
        slot = content_slot(key, kind)
        if slot is None and claimed and _stays[key] is None and is_free_text(key, value):
            return "attribute"
        return slot

    return slot_of


def _event_slots(name: str, kind: str | None, *, claimed: bool) -> SlotOf:
    """The slots of attributes of an event or log record of this name."""

    def slot_of(key: str, value: Any) -> Slot | None:
        slot = event_slot(name, key, kind)
        if slot is None and claimed and _stays[key] is None and is_free_text(key, value):
            return "attribute"
        return slot

    return slot_of


def _is_all_metadata(attributes: Attributes) -> bool:
    """Whether nothing is to be offloaded."""
    return _has_only_metadata_keys(attributes) and _has_only_short_values(attributes)


def _has_only_metadata_keys(attributes: Attributes) -> bool:
    """Whether no key names content or a reference: the usual case, tested by one set operation."""
    return _metadata_keys.issuperset(attributes) or all(map(_is_metadata_key, attributes))


def _is_metadata_key(key: str) -> bool:
    if key in _metadata_keys:
        return True
    if content_slot(key) is not None or key in REF_KEYS:
        return False
    if len(key) <= MAX_KEY_CHARS:
        if len(_metadata_keys) >= MAX_KEYS:
            _metadata_keys.clear()
        _metadata_keys.add(key)
    return True


def _is_claimed_metadata(attributes: Attributes) -> bool:
    """Whether a GenAI span has no content and no reference among its attributes."""
    for key, value in attributes.items():
        stays = _stays[key]
        if stays is False or (stays is None and is_free_text(key, value)):
            return False
    return True


def _stays_on_claimed(key: str) -> bool | None:
    """Whether an attribute stays on a GenAI span; None where its value decides."""
    if not _is_metadata_key(key):
        return False
    return True if is_listed(key) else None


_stays: KeyMemo[bool | None] = KeyMemo(_stays_on_claimed)


def _has_only_short_values(attributes: Attributes) -> bool:
    return not any(map(is_long, attributes.values()))


def _events_are_metadata(span: Span, *, claimed: bool) -> bool:
    return all(
        _is_all_metadata(event.attributes)
        and (not claimed or event.name == "exception" or _is_claimed_metadata(event.attributes))
        and (
            not event.name.startswith("gen_ai.")
            or all(event_slot(event.name, key) is None for key in event.attributes)
        )
        for event in span.events
    )


def _offload(
    attributes: Attributes,
    place: str,
    slot_of: SlotOf,
    offloaded: _Offloaded,
    removed_keys: set[tuple[str, str]],
) -> Attributes:
    """The attributes that stay; contents and references are recorded in ``offloaded``."""
    kept: Attributes = {}
    for key, value in attributes.items():
        slot = slot_of(key, value)
        if slot is None and not is_long(value):
            kept[key] = value
        elif (place, key) in removed_keys:
            # Redaction has put a marker here, and the value is listed as removed.
            if slot is None:
                kept[key] = value
        elif value is None:
            kept[key] = value
        else:
            offloaded.add(slot or "attribute", place, key, value)
    if not REF_KEYS.keys().isdisjoint(kept):
        for reference in refs_of(kept):
            offloaded.entries.append(
                PayloadEntry(
                    reference.slot,
                    place,
                    reference.key,
                    "string",
                    reference.uri,
                    None,
                    None,
                    "reference",
                )
            )
    return kept


def _offload_envelope(envelope: Resource | Scope, place: str) -> _Offloaded:
    offloaded = _Offloaded()
    if not _is_all_metadata(envelope.attributes):
        envelope.attributes = _offload(envelope.attributes, place, _slots(None), offloaded, set())
    return offloaded


def _entries(
    parts: tuple[_Offloaded, ...], store: bool, removed: list[PayloadEntry]
) -> tuple[PayloadEntry, ...]:
    entries = [entry for part in parts for entry in part.entries]
    if not store:
        entries = [
            msgspec.structs.replace(entry, state="expired") if entry.state == "present" else entry
            for entry in entries
        ]
    return (*entries, *removed)


def _contents(parts: tuple[_Offloaded, ...], store: bool) -> tuple[Content, ...]:
    return tuple(content for part in parts for content in part.contents) if store else ()


def _removed_entry(removed: RemovedValue, kind: str | None, event: str = "") -> PayloadEntry:
    slot = event_slot(event, removed.key, kind) if event else content_slot(removed.key, kind)
    if removed.key == BODY and removed.place == LOG:
        slot = body_slot(event)
    return PayloadEntry(
        slot or "attribute",
        removed.place,
        removed.key,
        removed.type,
        None,
        None,
        None,
        removed.state,
    )

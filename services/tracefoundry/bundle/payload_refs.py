"""Spans and log records in the form that bundles hold, and back.

Three things differ from the stored form:

- A value that left its place is named there by an attribute ``tracefoundry.payload.ref.<key>``; the
  first of each slot also by ``tracefoundry.payload.<slot>_ref`` of the span, and the body of a log
  record by ``tracefoundry.log.body_ref``.
- Attributes of the sender that begin like these get ``sent.`` behind the prefix, so that whatever
  else begins so is ours, and nothing that a sender wrote is ever taken for a ref.
- Maps are in one order, because databases keep different ones.

What OTLP cannot say (type, state, size) stands in the lines of facts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec

from tracefoundry.bundle.errors import NotABundle
from tracefoundry.bundle.members import MendedStrings, PayloadFacts, SpanFacts
from tracefoundry.model.contents import REF_ATTRIBUTE_PREFIX
from tracefoundry.model.payload import BODY, LOG, RESOURCE, SCOPE, SPAN, PayloadEntry
from tracefoundry.model.span import Attributes, LogRecord, Resource, Scope, Span

BODY_REF: Final = "tracefoundry.log.body_ref"

_PREFIXES: Final = ("tracefoundry.payload.", "tracefoundry.log.")
_OURS: Final = "tracefoundry."
"""The beginning of both: one prefix is looked for in less time than two."""
_SENT: Final = tuple(prefix + "sent." for prefix in _PREFIXES)
_REF: Final = re.compile(r"(hmac-)?sha256:[0-9a-f]{64}")
_NOTHING_MENDED: Final = MendedStrings()
_KNOWN_ENVELOPES: Final = 1_000

_Envelope = TypeVar("_Envelope", Resource, Scope)
_Refs = dict[str, Attributes]
"""Attributes that name refs, by place."""


class RefWriter:
    """Puts refs in. Resources and scopes are remembered by identity, so that equal ones stay one
    object."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, tuple[str, ...]], tuple[Any, Any]] = {}

    def span(self, span: Span) -> Span:
        """A span with its refs as attributes."""
        refs = _refs_by_place(span.payloads) if span.payloads else {}
        if refs:
            at_span = refs.setdefault(SPAN, {})
            for entry in span.payloads:
                if _own(entry):
                    at_span.setdefault(f"tracefoundry.payload.{entry.slot}_ref", entry.ref)
        written = msgspec.structs.replace(
            span,
            attributes=_written(span.attributes, refs.get(SPAN)),
            resource=self._envelope(span.resource, refs.get(RESOURCE)),
            scope=self._envelope(span.scope, refs.get(SCOPE)),
        )
        if span.events:
            written.events = [
                msgspec.structs.replace(
                    event, attributes=_written(event.attributes, refs.get(f"events/{index}"))
                )
                for index, event in enumerate(span.events)
            ]
        if span.links:
            written.links = [
                msgspec.structs.replace(
                    link, attributes=_written(link.attributes, refs.get(f"links/{index}"))
                )
                for index, link in enumerate(span.links)
            ]
        return written

    def log(self, log: LogRecord) -> LogRecord:
        """A log record with its refs as attributes."""
        body = _body_entry(log)
        others = [entry for entry in log.payloads if entry is not body]
        refs = _refs_by_place(others)
        if body is not None:
            refs.setdefault(LOG, {})[BODY_REF] = body.ref
        return msgspec.structs.replace(
            log,
            body=_ordered(log.body),
            attributes=_written(log.attributes, refs.get(LOG)),
            resource=self._envelope(log.resource, refs.get(RESOURCE)),
            scope=self._envelope(log.scope, refs.get(SCOPE)),
        )

    def _envelope(self, envelope: _Envelope, refs: Attributes | None) -> _Envelope:
        flat = () if refs is None else tuple(f"{key} {ref}" for key, ref in refs.items())
        known = self._known.get((id(envelope), flat))
        if known is None:
            attributes = _written(envelope.attributes, refs)
            written = msgspec.structs.replace(envelope, attributes=attributes)
            if len(self._known) >= _KNOWN_ENVELOPES:
                self._known.clear()
            known = self._known[id(envelope), flat] = (envelope, written)
        result: _Envelope = known[1]
        return result


class RefReader:
    """Takes refs out again, for one chunk."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[Any, Any, list[Any]]] = {}

    def span(self, span: Span, facts: SpanFacts | None, member: str) -> Span:
        """The stored form of a span.

        Raises:
            NotABundle: the refs in the attributes are not those of the facts.
        """
        mended = _NOTHING_MENDED if facts is None else facts.mended_strings
        found: list[Any] = []
        span.attributes = _read(span.attributes, found)
        for event in span.events:
            event.attributes = _read(event.attributes, found)
        for link in span.links:
            link.attributes = _read(link.attributes, found)
        span.resource = self._envelope(span.resource, mended.resource, found)
        span.scope = self._envelope(span.scope, mended.scope, found)
        span.mended_strings = mended.record
        if facts is not None:
            span.payloads = tuple([entry.entry() for entry in facts.payloads])
            if facts.redactions:
                span.redactions = tuple((each.rule, each.count) for each in facts.redactions)
        _check(found, span.payloads, member)
        return span

    def log(self, log: LogRecord, facts: SpanFacts | None, member: str) -> LogRecord:
        """The stored form of a log record; see :meth:`span`."""
        mended = _NOTHING_MENDED if facts is None else facts.mended_strings
        found: list[Any] = []
        log.attributes = _read(log.attributes, found)
        log.resource = self._envelope(log.resource, mended.resource, found)
        log.scope = self._envelope(log.scope, mended.scope, found)
        log.mended_strings = mended.record
        if facts is not None:
            log.payloads = tuple(entry.entry() for entry in facts.payloads)
            log.redactions = tuple((each.rule, each.count) for each in facts.redactions)
        _check(found, log.payloads, member)
        return log

    def _envelope(self, envelope: _Envelope, mended: int, found: list[Any]) -> _Envelope:
        known = self._known.get((id(envelope), mended))
        if known is None:
            refs: list[Any] = []
            read = msgspec.structs.replace(
                envelope, attributes=_read(envelope.attributes, refs), mended_strings=mended
            )
            if len(self._known) >= _KNOWN_ENVELOPES:
                self._known.clear()
            known = self._known[id(envelope), mended] = (envelope, read, refs)
        found += known[2]
        result: _Envelope = known[1]
        return result


def payload_facts(
    entry: PayloadEntry, state: Any, expired_at: str | None, *, pointer: bool
) -> PayloadFacts:
    """The facts of an entry in a present state."""
    return PayloadFacts(
        slot=entry.slot,
        place=entry.place,
        key=entry.key,
        type=entry.type,
        ref=entry.ref,
        bytes=entry.bytes,
        media_type=entry.media_type,
        state=state,
        expired_at=expired_at,
        pointer=pointer,
    )


def _own(entry: PayloadEntry) -> bool:
    """Whether the entry has a ref to bytes of ours, not only the sender's pointer."""
    return entry.ref is not None and entry.state != "reference"


def _refs_by_place(entries: Sequence[PayloadEntry]) -> _Refs:
    refs: _Refs = {}
    for entry in entries:
        if _own(entry):
            refs.setdefault(entry.place, {})[REF_ATTRIBUTE_PREFIX + entry.key] = entry.ref
    return refs


def _body_entry(log: LogRecord) -> PayloadEntry | None:
    """The entry of the body: the last of that key, because an attribute may be called so too."""
    if log.body is not None:
        return None
    bodies = [e for e in log.payloads if (e.place, e.key) == (LOG, BODY) and _own(e)]
    return bodies[-1] if bodies else None


def _written(attributes: Attributes, refs: Attributes | None) -> Attributes:
    """Attributes in order, those of the sender set apart from ours."""
    written: Attributes = {}
    for key in sorted(attributes):
        value = attributes[key]
        if type(value) is dict or type(value) is list:
            value = _ordered(value)
        if key.startswith(_OURS) and key.startswith(_PREFIXES):
            prefix = next(prefix for prefix in _PREFIXES if key.startswith(prefix))
            key = prefix + "sent." + key[len(prefix) :]
        written[key] = value
    if refs:
        written.update(sorted(refs.items()) if len(refs) > 1 else refs)
    return written


def _ordered(value: Any) -> Any:
    """A value with its maps in order.

    A map is tagged ``$object`` if its first key begins with ``$``; the order keeps that so.
    """
    if type(value) is list:
        return [_ordered(item) for item in value]
    if type(value) is not dict:
        return value
    inner = value.get("$object") if len(value) == 1 else None
    if type(inner) is dict:
        return {"$object": _ordered_map(inner, dollar_first=True)}
    return _ordered_map(value, dollar_first=False)


def _ordered_map(value: dict[str, Any], *, dollar_first: bool) -> dict[str, Any]:
    keys = sorted(value, key=lambda key: (key.startswith("$") is not dollar_first, key))
    return {key: _ordered(value[key]) for key in keys}


def _read(attributes: Attributes, found: list[Any]) -> Attributes:
    """The sender's attributes; ours are added to ``found`` as (key, ref)."""
    for key in attributes:
        if key.startswith(_OURS):
            break
    else:
        return attributes
    read: Attributes = {}
    for key, value in attributes.items():
        if not key.startswith(_OURS) or not key.startswith(_PREFIXES):
            read[key] = value
        elif key.startswith(_SENT):
            prefix = next(prefix for prefix in _PREFIXES if key.startswith(prefix))
            read[prefix + key[len(prefix) + len("sent.") :]] = value
        else:
            found.append((key, value))
    return read


def _check(found: list[Any], entries: Sequence[PayloadEntry], member: str) -> None:
    """Refs at places of values must be those of the facts, one for one."""
    if not found and not entries:
        return
    named = [
        str(ref) for key, ref in found if key.startswith(REF_ATTRIBUTE_PREFIX) or key == BODY_REF
    ]
    told = [str(entry.ref) for entry in entries if _own(entry)]
    for ref in told:
        if _REF.fullmatch(ref) is None:
            raise NotABundle("has a payload ref that is no hash", member=member)
    # Refs of one place are sorted by key, so mostly the order is the same.
    if named != told and sorted(named) != sorted(told):
        raise NotABundle(
            "payload refs in its attributes are not those that the facts list", member=member
        )

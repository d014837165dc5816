"""Refs of exports without payloads: keyed hashes in place of plain ones.

A ref is the SHA-256 of a text, so whoever has it can make sure of a guess of a short text. Where an
export leaves the texts out, it carries HMAC-SHA256 of the ref's text instead, under a key that the
project keeps. Equal contents of one project still have equal refs.
"""

from __future__ import annotations

import hmac
from typing import TypeVar

import msgspec

from tracefoundry.model.payload import PayloadEntry
from tracefoundry.model.span import LogRecord, Span

KEYED_SCHEME = "hmac-sha256:"

_Record = TypeVar("_Record", Span, LogRecord)


def with_keyed_refs(record: _Record, key: bytes) -> _Record:
    """A span or log record whose own refs are keyed hashes; itself where it has none."""
    if not any(_is_plain(entry) for entry in record.payloads):
        return record
    entries = tuple(
        msgspec.structs.replace(entry, ref=keyed_ref(entry.ref, key))
        if _is_plain(entry) and entry.ref is not None
        else entry
        for entry in record.payloads
    )
    return msgspec.structs.replace(record, payloads=entries)


def keyed_ref(ref: str, key: bytes) -> str:
    """The keyed hash of a ref."""
    return KEYED_SCHEME + hmac.digest(key, ref.encode(), "sha256").hex()


def _is_plain(entry: PayloadEntry) -> bool:
    """Whether it has a plain hash of ours. A sender's own reference is an attribute like any other,
    and what came from an export without payloads is keyed already."""
    return (
        entry.ref is not None
        and entry.state != "reference"
        and not entry.ref.startswith(KEYED_SCHEME)
    )

"""The state of a payload at the time of reading, from its entry and what the store knows of it.

An entry has the state at which its span was stored. Whether the content is still there, has
expired or was deleted since is looked up for many entries at once (:class:`PayloadStates`). The API
and exports tell the same state, because both ask here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from tracefoundry.model.payload import PayloadState, StoredState, digest_of
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.store.api import Snapshot
from tracefoundry.store.records import PayloadStates


class PayloadNow(NamedTuple):
    """What is true of one payload now.

    Attributes:
        preview: the beginning of its content, where there is one and it may be shown.
        expired_at_ns: since when its content is gone, where it has expired and that is known.
    """

    state: PayloadState
    preview: str | None = None
    expired_at_ns: int | None = None


def payload_now(
    state: StoredState, ref: str | None, day: int, states: PayloadStates, *, content: bool = True
) -> PayloadNow:
    """What is true now of an entry with this state and ref.

    Args:
        day: the day under which its span's payloads are stored.
        states: what the store answered; it must have been asked for this ref.
        content: whether the asker may read content. To others a sender's own reference is always
            ``dangling``, because a state would confirm a guess of a short text.
    """
    digest = stored_digest(ref)
    if state == "reference":
        is_here = content and digest is not None and digest in states.anywhere
        return PayloadNow("present" if is_here else "dangling")
    expired_at_ns = states.expired_at_ns.get(day)
    if state == "expired":
        return PayloadNow(state, None, expired_at_ns)
    if state != "present" or digest is None:
        return PayloadNow(state)
    if (digest, day) in states.previews:
        return PayloadNow(state, states.previews[digest, day])
    if expired_at_ns is not None:
        return PayloadNow("expired", None, expired_at_ns)
    return PayloadNow("deleted" if digest in states.deleted else "missing")


def stored_digest(ref: object) -> bytes | None:
    """The digest of a ref of ours; None for what points elsewhere, and for none."""
    return _digest(ref) if type(ref) is str else None


@lru_cache(maxsize=4_096)
def _digest(ref: str) -> bytes | None:
    """Remembered, because an export asks for each ref of a batch several times."""
    try:
        return digest_of(ref)
    except ValueError:
        return None


def states_of(
    snapshot: Snapshot,
    project_id: int,
    records: Sequence[Span | LogRecord],
    days: Sequence[int],
) -> PayloadStates:
    """What is true now of all payloads of some records, each with the day under which its payloads
    are stored; in one question, or none where there are no payloads."""
    wanted: set[tuple[bytes, int]] = set()
    pointed: set[bytes] = set()
    for record, day in zip(records, days, strict=True):
        for entry in record.payloads:
            digest = stored_digest(entry.ref)
            if digest is None:
                continue
            if entry.state == "reference":
                pointed.add(digest)
            else:
                wanted.add((digest, day))
    if not wanted and not pointed:
        return PayloadStates()
    return snapshot.payload_states(project_id, wanted, pointed)

"""Edits: what is to be taken out of a text, and the text without it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Edit(NamedTuple):
    """Something to take out: ``text[start:end]`` becomes ``new``.

    ``rules`` are counted for it. Of edits that overlap, the one of the lowest ``priority`` names
    what was taken out. ``matches_random_bytes`` is that of its rule, see
    :class:`.rules.Rule`. A ``rewrite`` puts the encoded text back without what an edit inside it
    took out; every other edit puts a marker.
    """

    start: int
    end: int
    new: bytes
    rules: tuple[str, ...]
    matches_random_bytes: bool
    priority: int
    rewrite: bool = False


def without_overlaps(edits: Sequence[Edit]) -> list[Edit]:
    """Edits that do not overlap, by position. Where an edit that matches random bytes, or base64
    that is put back, gives way to another, the next pass finds again what is left of it."""
    kept: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.priority)):
        if kept and edit.start < kept[-1].end:
            kept[-1] = _joined(kept[-1], edit)
        else:
            kept.append(edit)
    return kept


def _joined(first: Edit, second: Edit) -> Edit:
    """One edit in place of two that overlap: over the range of both, with the marker of the more
    important one.

    A marker wins over base64 that would be put back: of a token whose payload holds an address, not
    only the address goes.
    """
    winner, loser = (second, first) if second.priority < first.priority else (first, second)
    if winner.rewrite and not loser.rewrite:
        if loser.matches_random_bytes and not _covers(loser, winner):
            return winner
        winner, loser = loser, winner
    elif loser.matches_random_bytes or (loser.rewrite and winner.rewrite):
        return winner
    return winner._replace(start=min(first.start, second.start), end=max(first.end, second.end))


def _covers(wide: Edit, narrow: Edit) -> bool:
    return wide.start <= narrow.start and narrow.end <= wide.end


def applied(text: bytes, edits: Iterable[Edit]) -> bytes:
    """The text with the edits made, which are in order and do not overlap."""
    pieces: list[bytes] = []
    position = 0
    for edit in edits:
        pieces.append(text[position : edit.start])
        pieces.append(edit.new)
        position = edit.end
    pieces.append(text[position:])
    return b"".join(pieces)

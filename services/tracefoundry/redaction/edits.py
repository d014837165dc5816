"""Edits: what is to be taken out of a text, and the text without it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Edit(NamedTuple):
    """Something to take out: ``text[start:end]`` becomes ``new``.

    ``rules`` are counted for it. Of edits that overlap, the one of the lowest ``priority`` is kept.
    ``matches_random_bytes`` is that of its rule, see :class:`.rules.Rule`.
    """

    start: int
    end: int
    new: bytes
    rules: tuple[str, ...]
    matches_random_bytes: bool
    priority: int


def without_overlaps(edits: Sequence[Edit]) -> list[Edit]:
    """Edits that do not overlap, by position. Of two that do, the more important one is kept. It
    grows over the other, unless that one matches random bytes: the next pass finds again what is
    left of it."""
    kept: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.priority)):
        if not kept or edit.start >= kept[-1].end:
            kept.append(edit)
            continue
        last = kept[-1]
        winner, loser = (edit, last) if edit.priority < last.priority else (last, edit)
        if not loser.matches_random_bytes:
            winner = winner._replace(
                start=min(winner.start, loser.start), end=max(winner.end, loser.end)
            )
        kept[-1] = winner
    return kept


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

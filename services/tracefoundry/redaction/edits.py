"""What is to be taken out of a text, and the text without it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Edit(NamedTuple):
    """Something to take out: ``text[start:end]`` becomes ``new``."""

    start: int
    end: int
    new: bytes
    rules: tuple[str, ...]
    faint: bool
    priority: int


def apart(edits: Sequence[Edit]) -> list[Edit]:
    """Edits that do not overlap, by position. Of two that do, the more important one is kept; it
    grows over the other, unless that is faint: the next pass finds again what is left of it."""
    kept: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.priority)):
        if not kept or edit.start >= kept[-1].end:
            kept.append(edit)
            continue
        last = kept[-1]
        winner, loser = (edit, last) if edit.priority < last.priority else (last, edit)
        if not loser.faint:
            winner = winner._replace(
                start=min(winner.start, loser.start), end=max(winner.end, loser.end)
            )
        kept[-1] = winner
    return kept


def applied(text: bytes, edits: Iterable[Edit]) -> bytes:
    pieces: list[bytes] = []
    position = 0
    for edit in edits:
        pieces.append(text[position : edit.start])
        pieces.append(edit.new)
        position = edit.end
    pieces.append(text[position:])
    return b"".join(pieces)

"""What an import could not carry over: shown to the user, so that no loss is silent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

MAX_KINDS: Final = 200
"""Most different losses that are told apart; further ones are counted together."""

OTHER_LOSSES: Final = "other losses"


class Loss(msgspec.Struct):
    """One kind of loss: how often it occurred and where it occurred first."""

    what: str
    count: int
    first_place: str


class LossReport(msgspec.Struct):
    """Losses of one file, by kind in order of first appearance."""

    losses: dict[str, Loss] = {}

    def add(self, what: str, place: str, count: int = 1) -> None:
        """Count a loss. ``what`` describes the kind and never quotes content of the file."""
        if what not in self.losses and len(self.losses) >= MAX_KINDS:
            what = OTHER_LOSSES
        known = self.losses.get(what)
        if known is None:
            self.losses[what] = Loss(what, count, place)
        else:
            known.count += count

    def lines(self) -> list[str]:
        """The losses as sentences for people."""
        return [f"{loss.what}: {loss.count} (first: {loss.first_place})" for loss in self]

    def __iter__(self) -> Iterator[Loss]:
        return iter(self.losses.values())

    def clear(self) -> None:
        """Forget all losses, before a file is read again."""
        self.losses.clear()

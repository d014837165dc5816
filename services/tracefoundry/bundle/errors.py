"""What can go wrong with a bundle."""

from __future__ import annotations

import msgspec


class BundleError(Exception):
    """A bundle cannot be written as asked; the message says why and what to do."""


UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, RecursionError)
"""What decoding JSON raises for hostile text; too deep nesting is a ``RecursionError``."""


class NotABundle(Exception):
    """A file is no valid bundle.

    Attributes:
        member: the member at fault; None where it is the file as a whole.
        reason: what is wrong with it.
    """

    def __init__(self, reason: str, *, member: str | None = None) -> None:
        self.member = member
        self.reason = reason
        super().__init__(reason if member is None else f"{shown_name(member)}: {reason}")


class UnknownVersion(NotABundle):
    """A bundle of a version that this release cannot read."""


class BadKey(Exception):
    """A file holds no key of the kind that is needed."""


def shown_name(name: str) -> str:
    """A member's name for messages: short, and without control characters."""
    return ascii(name[:200])[1:-1]

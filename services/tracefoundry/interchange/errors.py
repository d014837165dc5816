"""The one error of this package."""

from __future__ import annotations


class UnreadableFile(Exception):
    """A file that cannot be imported; nothing of it may be stored.

    The message names the place (line, step or path inside the record) and what to do about it.
    """

    def __init__(self, place: str, problem: str, remedy: str) -> None:
        super().__init__(f"{place}: {problem}; {remedy}")
        self.place = place

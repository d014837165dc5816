"""The typed door to RE2 (``google-re2`` ships no type hints): all patterns here are RE2's.

RE2 matches in linear time, which is what makes patterns safe that a user writes and that run over
text a stranger sends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Protocol, cast

import re2  # type: ignore[import-untyped]

SetMatch = Callable[[bytes], Sequence[int] | None]
"""The numbers of the patterns that occur in a text, in no order; None for none."""

_SET_MEMORY_BYTES = 64 << 20
"""Room for a set's states, which are made as texts need them. 8 MiB, the default, is filled by
random ids, and then RE2 begins anew again and again."""

_REMEMBERED = 1024
"""Patterns and sets that are kept: all engines of a process share them, and with them the states
that their automata have built, which is what makes them fast."""


class PatternError(ValueError):
    """A pattern that RE2 refuses; the message is RE2's."""


class Found(Protocol):
    """One match in bytes. A group that took no part starts at -1."""

    def start(self, group: int = 0) -> int: ...
    def end(self, group: int = 0) -> int: ...
    def group(self, group: int = 0) -> bytes: ...


class Pattern(Protocol):
    """A compiled pattern that is applied to bytes."""

    @property
    def groups(self) -> int: ...
    def search(self, text: bytes, pos: int | None = None) -> Found | None: ...
    def finditer(self, text: bytes) -> Iterator[Found]: ...


@lru_cache(maxsize=_REMEMBERED)
def compiled(pattern: str, *, unicode: bool = False) -> Pattern:
    """A pattern for bytes as they are (Latin-1), or for UTF-8.

    Raises:
        PatternError: RE2 refuses it.
    """
    try:
        return cast(Pattern, re2.compile(_bytes_of(pattern, unicode), _options(unicode)))
    except re2.error as error:
        raise PatternError(_message(error)) from None


@lru_cache(maxsize=_REMEMBERED)
def compiled_set(patterns: tuple[str, ...], *, unicode: bool = False) -> SetMatch:
    """All patterns in one automaton.

    Raises:
        PatternError: RE2 refuses one, or they need too much memory together.
    """
    options = _options(unicode)
    options.max_mem = _SET_MEMORY_BYTES
    options.never_capture = True
    together = re2.Set.SearchSet(options)
    try:
        for pattern in patterns:
            together.Add(_bytes_of(pattern, unicode))
        together.Compile()
    except re2.error as error:
        raise PatternError(_message(error)) from None
    return cast(SetMatch, together.Match)


def _bytes_of(pattern: str, unicode: bool) -> bytes:
    return pattern.encode("utf-8" if unicode else "latin-1")


def _options(unicode: bool) -> re2.Options:
    options = re2.Options()
    if not unicode:
        options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    return options


def _message(error: Exception) -> str:
    reason = error.args[0] if error.args else error
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)

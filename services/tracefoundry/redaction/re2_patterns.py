"""Typed access to RE2 (``google-re2`` ships no type hints). All patterns of redaction are RE2's.

RE2 finds a match in time linear in the text, so that patterns written by a user are safe to apply
to text sent by a stranger.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Protocol, cast

import re2  # type: ignore[import-untyped]

SetMatch = Callable[[bytes], Sequence[int] | None]
"""The numbers of the patterns that occur in a text, in no order; None for none."""

_SET_MEMORY_BYTES = 64 << 20
"""Memory for the states of a set's automaton, which are built as texts need them. Random ids fill
the default of 8 MiB; RE2 then drops all states and starts again, over and over."""

_CACHED_PATTERNS = 1024
"""All engines of a process share compiled patterns and sets, and with them the states that their
automata have built, which is what makes them fast."""


class PatternError(ValueError):
    """A pattern that RE2 refuses; the message is RE2's."""


class Match(Protocol):
    """One match in bytes. A group that took no part starts at -1."""

    def start(self, group: int = 0) -> int: ...
    def end(self, group: int = 0) -> int: ...
    def group(self, group: int = 0) -> bytes: ...


class Pattern(Protocol):
    """A compiled pattern that is applied to bytes."""

    @property
    def groups(self) -> int: ...
    def search(self, text: bytes, pos: int | None = None) -> Match | None: ...
    def finditer(self, text: bytes) -> Iterator[Match]: ...


@lru_cache(maxsize=_CACHED_PATTERNS)
def compiled(pattern: str, *, unicode: bool = False) -> Pattern:
    """A pattern for bytes as they are (Latin-1), or for UTF-8.

    Raises:
        PatternError: RE2 refuses it.
    """
    try:
        return cast(Pattern, re2.compile(_bytes_of(pattern, unicode), _options(unicode)))
    except re2.error as error:
        raise PatternError(_message(error)) from None


def compiled_literals(values: Iterable[bytes]) -> Pattern:
    """A pattern that finds any of these bytes, the first one of those that begin alike. It is not
    cached, because it holds what must not be kept."""
    return cast(Pattern, re2.compile(b"|".join(map(re2.escape, values)), _options(False)))


@lru_cache(maxsize=_CACHED_PATTERNS)
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


_SYNTAX = re.compile(
    r"(?P<quoted>\\Q.*?(?:\\E|\Z))"
    r"|(?P<assertion>\\[AbBzZ]|[$^])"
    r"|(?P<escape>\\.)"
    # A ] right after the opening bracket is a member of the class, and so is one after [^.
    r"|(?P<character_class>\[\^?\]?(?:\[:.*?:\]|\\.|[^\]\\])*\]?)"
    r"|(?P<character>.)",
    re.DOTALL,
)


def without_assertions(pattern: str) -> str:
    r"""The pattern without ``^``, ``$``, ``\A``, ``\z``, ``\b`` and ``\B``: it matches all that the
    pattern matches, wherever a value begins or ends."""
    return _SYNTAX.sub(lambda part: "(?:)" if part["assertion"] else part[0], pattern)


_LITERAL_START = re.compile(r"(?:\(\?:)?(?:[^\[\](){}|\\.^$*+?]|\\[^A-Za-z0-9])")


def begins_with_literal(pattern: str) -> bool:
    """Whether a pattern begins with a character that is given, not with a class or an edge."""
    return _LITERAL_START.match(pattern) is not None


_ITEM = re.compile(
    r"(?P<open>\((?:\?[a-z]*:)?)|(?P<close>\))|(?P<either>\|)"
    r"|(?P<one>\\x[0-9a-f]{2}|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.)"
    r"(?P<repeat>[*+?]|\{[\d,]+\})?\??",
    re.DOTALL,
)
_REPEATED_GROUP = re.compile(r"\)(?:[*+?]|\{[\d,]+\})\??")
_OPTIONAL = ("*", "?", "{0")


def may_match_only(pattern: str, letters: frozenset[int]) -> bool:
    """False where no match of the pattern can consist of these letters alone; True if unsure."""
    depth = 0
    possible = True
    for item in _ITEM.finditer(_REPEATED_GROUP.sub(")", pattern)):
        if item["open"]:
            depth += 1
        elif item["close"]:
            depth -= 1
        elif item["either"]:
            if depth == 0:
                return True
        elif depth == 0 and not (item["repeat"] or "").startswith(_OPTIONAL):
            one = re.compile(item["one"].encode("latin-1"), re.DOTALL)
            possible &= any(one.fullmatch(bytes([letter])) for letter in letters)
    return possible

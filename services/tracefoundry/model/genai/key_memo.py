"""A bounded cache of what attribute keys mean.

The same few hundred keys come with every span, so each is classified once and then found by one
dict lookup. Senders choose the keys, so the cache is bounded: it is emptied when it is full, and
long keys are not cached.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

MAX_KEYS = 4_096
MAX_KEY_CHARS = 128


class KeyMemo(dict[str, T]):
    """``memo[key]`` is ``classify(key)``, cached."""

    __slots__ = ("_classify",)

    def __init__(self, classify: Callable[[str], T]) -> None:
        super().__init__()
        self._classify = classify

    def __missing__(self, key: str) -> T:
        """Classify a key that is not cached."""
        value = self._classify(key)
        if len(key) <= MAX_KEY_CHARS:
            if len(self) >= MAX_KEYS:
                self.clear()
            self[key] = value
        return value

"""How hard a token of somebody's own is to guess.

Only the SHA-256 of a token is kept, so whoever gets a copy of the database may try many a second.
That is hopeless from 128 random bits on. Randomness cannot be seen, but the lack of it can: what
repeats, continues a sequence or reads like words counts for what it takes to guess it.
"""

from __future__ import annotations

import itertools
import math
import re
import string
from collections import Counter

LEAST_BITS = 128
_LEAST_SHANNON_BITS = 96
"""32 random hex digits, which are 128 bits, have at least this much by the frequencies of their
characters; some digits come more often by chance."""
_LEAST_SHANNON_SHARE = 0.8
"""Of a shorter token of more different characters, the least share of the most that its length
allows."""
_RUN = 6
"""Characters of a sequence (``abcdef``, ``111111``) or of a repeated part from which they count as
one. Shorter ones come by chance."""
_WORD_BITS = 13
"""A word of a list of 8,000."""
_WORD_LETTERS = 8
"""Of letters without a space in between, every eight count as a word."""
_LETTERS = re.compile(r"[A-Z]?[a-z]{4,}")
_ANY_LETTERS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_NO_WORD = re.compile(r"[^aeiouyAEIOUY]{4}|[aeiouyAEIOUY]{3}")
_ALPHABETS = (
    string.digits,
    string.digits + "abcdef",
    string.digits + "ABCDEF",
    string.ascii_lowercase,
    string.ascii_uppercase,
    string.ascii_lowercase + string.digits,
    string.ascii_uppercase + string.digits,
    string.ascii_letters,
    string.ascii_letters + string.digits,
    string.ascii_letters + string.digits + "-_+/=",
    "".join(map(chr, range(33, 127))),
)


def is_strong(token: str) -> bool:
    """Whether a token of visible ASCII is likely to hold 128 random bits."""
    return estimated_bits(token) >= LEAST_BITS and _shannon_bits(token) >= _least_shannon_bits(
        token
    )


def estimated_bits(token: str) -> float:
    """Bits by the characters that are not predictable, and by the smallest alphabet that has all
    of them; words count as words."""
    bits = _bits_of(token)
    words = [run for run in _LETTERS.findall(token) if _NO_WORD.search(run) is None]
    if sum(map(len, words)) * 2 <= len(token):
        return bits
    runs = _ANY_LETTERS.findall(token)
    digits = sum(char.isdigit() for char in token)
    in_words = sum(_WORD_BITS * math.ceil(len(run) / _WORD_LETTERS) for run in runs)
    return min(bits, in_words + digits * math.log2(10))


def _bits_of(text: str) -> float:
    if not text:
        return 0.0
    alphabet = next(len(known) for known in _ALPHABETS if set(text) <= set(known))
    return len(_without_predictable(text)) * math.log2(alphabet)


def _without_predictable(text: str) -> str:
    """A text without what continues a sequence or repeats an earlier part."""
    predictable: set[int] = set()
    steps = [ord(after) - ord(before) for before, after in itertools.pairwise(text)]
    for at in range(len(text) - _RUN + 1):
        run = set(steps[at : at + _RUN - 1])
        if len(run) == 1 and run <= {-1, 0, 1}:
            predictable.update(range(at + 1, at + _RUN))
        if text[at : at + _RUN].lower() in text[: at + _RUN - 1].lower():
            predictable.update(range(at, at + _RUN))
    return "".join(char for at, char in enumerate(text) if at not in predictable)


def _least_shannon_bits(text: str) -> float:
    most = len(text) * math.log2(len(text))
    return min(_LEAST_SHANNON_BITS, _LEAST_SHANNON_SHARE * most)


def _shannon_bits(text: str) -> float:
    """Bits by the frequencies of the characters."""
    size = len(text)
    return -sum(count * math.log2(count / size) for count in Counter(text).values())

"""Whether a value looks made by a random generator, as keys and tokens are, and not by people.

Entropy alone does not tell: ``getHttp2ConnectionPoolV4`` has as much of it as a key. Words do: in
names, paths and sentences most pairs of neighbouring letters are those that are frequent in English
and in code, in random letters one pair in four is.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise

LEAST_RANDOM_BYTES = 16
LEAST_ENTROPY_BITS = 3.3
"""Per character. 16 random hex digits have 3.3 bits on average, 16 random letters and digits 3.8;
dates, numbers and repeated words have less."""

_MOST_RANDOM_BYTES = 1_024
"""Of longer values the beginning tells."""
_MOST_COMMON_PAIRS = 0.56
"""The largest part of common pairs in what is taken for random."""
_MOST_COMMON_PAIRS_OF_FEW = 0.7
"""The same for values with fewer than :data:`_FEW_PAIRS` pairs, where chance decides more."""
_FEW_PAIRS = 8

_PAIRS = (
    "inerreteesonattiedenstntaldecongorleselimearecioriitraceroetantapeisnetrnsctacvediicprnama"
    "ndeaunellasiasparstocagechouexpolothsshetsllfincvaamolluueurimadodemtyutilaplyrtidieomabpl"
    "usmpmikehasuopclninosoevscspepblefaiypulocigosagckiarrpishdafopttthoviupottumocrivgreeumba"
    "owirbequcitc"
)
_COMMON_PAIRS = frozenset(_PAIRS[at : at + 2] for at in range(0, len(_PAIRS), 2))
_LETTERS = re.compile(r"[a-z]{2,}")
_CHARACTERS = re.compile(rb"[A-Za-z0-9+/_=.~!@#$%^*?-]+")
_UUID = re.compile(rb"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(rb"[0-9a-fA-F]+")
_GROUPS = re.compile(rb"[^A-Za-z0-9]+")
_DATE = re.compile(rb"(?:19|20)\d\d[-/.]?[01]\d[-/.]?[0-3]\d(?:[T_ -]?\d\d.*)?")


def entropy_bits(value: bytes) -> float:
    """Shannon entropy of the characters, in bits a character."""
    size = len(value)
    return -sum(n / size * math.log2(n / size) for n in Counter(value).values())


def common_pairs(value: bytes) -> tuple[int, int]:
    """How many pairs of neighbouring letters the value has, and how many of them are common."""
    pairs = common = 0
    for run in _LETTERS.findall(value.decode("latin-1").lower()):
        for first, second in pairwise(run):
            pairs += 1
            common += first + second in _COMMON_PAIRS
    return pairs, common


def is_made_of_words(value: bytes) -> bool:
    """Whether most of its pairs of letters are those of words."""
    pairs, common = common_pairs(value)
    if not pairs:
        return False
    most = _MOST_COMMON_PAIRS_OF_FEW if pairs < _FEW_PAIRS else _MOST_COMMON_PAIRS
    return common > most * pairs


def is_random(value: bytes, *, hex_digits: bool = True) -> bool:
    """Whether the value is long and varied enough, has letters and digits, and no words.

    ``hex_digits`` says whether hexadecimal numbers count: where the name could be that of a hash,
    they do not. UUIDs never do: they are ids nearly always.
    """
    value = value[:_MOST_RANDOM_BYTES]
    if len(value) < LEAST_RANDOM_BYTES or _CHARACTERS.fullmatch(value) is None:
        return False
    digits = sum(48 <= byte <= 57 for byte in value)
    letters = sum(97 <= byte | 32 <= 122 for byte in value)
    if not digits or not letters or _UUID.fullmatch(value) or _DATE.fullmatch(value):
        return False
    if _HEX.fullmatch(value) and (not hex_digits or letters < 2):
        return False
    # Names and paths have many short parts; of a key at least one part is long.
    if max(map(len, _GROUPS.split(value))) < 8 or entropy_bits(value) < LEAST_ENTROPY_BITS:
        return False
    return not is_made_of_words(value)

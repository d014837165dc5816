"""Long runs of base64 (images, files), apart from the text around them.

Random letters are what RE2's automata like least: every few letters are a state or a transition
that was never seen. So long runs are cut out before the big sets see a text, and are decoded
instead, at all four alignments, because letters in front may belong to something else. In what was
decoded only stretches of text matter: a secret is text. Random bytes have few stretches, short
ones, and finding them takes an automaton of a dozen states.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Iterator, Sequence

from tracefoundry.redaction.automata import Pattern, compiled

LONG_RUN = 256
"""Letters from which on a run is taken apart."""

EDGE = 48
"""Letters of a run's beginning and end that stay in the text: more than a screen counts
(:data:`.rules.SCREEN_COUNT`), with a name and an edge before them."""

STRETCH_BYTES = 12
"""Text in decoded base64 that is shorter, with no text around it, is taken for random bytes."""

STANDARD_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
ALL_LETTERS = STANDARD_LETTERS | frozenset(b"-_")

_LETTER, _OTHER = b"A", b" "
_KINDS = bytes((_LETTER if byte in ALL_LETTERS else _OTHER)[0] for byte in range(256))
_LONG = _LETTER * LONG_RUN
_FROM_URLSAFE = bytes.maketrans(b"-_", b"+/")

_STRETCH: Pattern = compiled(
    "(?:[\\t\\n\\r -~]|[\\xc2-\\xdf][\\x80-\\xbf]|[\\xe0-\\xef][\\x80-\\xbf]{2}"
    f"|[\\xf0-\\xf4][\\x80-\\xbf]{{3}}){{{STRETCH_BYTES},}}"
)

Range = tuple[int, int]


def long_runs(text: bytes) -> list[Range]:
    """Where the text has :data:`LONG_RUN` or more base64 letters in a row."""
    if len(text) < LONG_RUN:
        return []
    kinds = text.translate(_KINDS)
    runs: list[Range] = []
    start = kinds.find(_LONG)
    while start >= 0:
        end = kinds.find(_OTHER, start + LONG_RUN)
        end = len(text) if end < 0 else end
        runs.append((start, end))
        start = kinds.find(_LONG, end)
    return runs


def without_runs(text: bytes, runs: Sequence[Range], edge: int) -> bytes:
    """The text with only ``edge`` letters of each end of the runs; a space where that is none."""
    pieces: list[bytes] = []
    position = 0
    for start, end in runs:
        pieces.append(text[position : start + edge])
        if not edge:
            pieces.append(_OTHER)
        position = end - edge
    pieces.append(text[position:])
    return b"".join(pieces)


def readings(run: bytes) -> Iterator[bytes]:
    """The run of letters decoded at each alignment."""
    letters = run.translate(_FROM_URLSAFE)
    for alignment in range(4):
        count = (len(letters) - alignment) // 4 * 4
        rest = letters[alignment + count :]
        whole = letters[alignment : alignment + count]
        # One letter over has six bits and no byte.
        yield a2b_base64(whole + rest + b"=" * (4 - len(rest)) if len(rest) > 1 else whole)


def stretches(decoded: bytes) -> Iterator[Range]:
    """Where decoded bytes are text, at least :data:`STRETCH_BYTES` of it."""
    for found in _STRETCH.finditer(decoded):
        yield found.start(), found.end()


def text_of(decoded: bytes) -> bytes:
    """All stretches of text, apart from each other."""
    return b"\0".join([decoded[start:end] for start, end in stretches(decoded)])


_ITEM = re.compile(
    r"(?P<open>\((?:\?[a-z]*:)?)|(?P<close>\))|(?P<either>\|)"
    r"|(?P<one>\\x[0-9a-f]{2}|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.)"
    r"(?P<repeat>[*+?]|\{[\d,]+\})?\??",
    re.DOTALL,
)
_OPTIONAL = ("*", "?", "{0")


def fits(pattern: str, letters: frozenset[int]) -> bool:
    """False where no match of the pattern can consist of these letters alone; True if unsure."""
    depth = 0
    fitting = True
    for item in _ITEM.finditer(re.sub(r"\)(?:[*+?]|\{[\d,]+\})\??", ")", pattern)):
        if item["open"]:
            depth += 1
        elif item["close"]:
            depth -= 1
        elif item["either"]:
            if depth == 0:
                return True
        elif depth == 0 and not (item["repeat"] or "").startswith(_OPTIONAL):
            one = re.compile(item["one"].encode("latin-1"), re.DOTALL)
            fitting &= any(one.fullmatch(bytes([letter])) for letter in letters)
    return fitting

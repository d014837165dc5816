"""Base64 in a text: how to see that it hides something, where its runs are, and what they hold.

**Seeing it.** Text that was base64-encoded starts at one of three alignments, and each alignment
fixes some bits of some characters. Printable ASCII fixes so many that five groups of characters in
a row, :data:`BASE64_OF_TEXT`, are rare in anything but base64 of text: not one random id in 100,000
has them. So whatever hides :data:`TEXT_BYTES` bytes of text in base64, standard or urlsafe, padded
or not, is noticed, whatever the secret. What is shorter needs a *probe*: bytes that every such
match contains, from which :func:`base64_patterns` makes one pattern for each alignment. Decoding
every run of letters instead would cost ten times as much. Probes should start with something
specific: patterns that begin with wide classes keep so many partial matches alive that RE2's
automaton meets a new state at nearly every byte of a random id.

**Long runs** (images, files) are handled apart from the text around them. Random letters are what
RE2's automata are slowest at: every few letters need a state or a transition that was never seen.
So long runs are cut out before the prefilter's big sets see a text, and are decoded instead, at all
four alignments, because letters in front may belong to something else. In what was decoded only
stretches of text matter: a secret is text. Random bytes have few and short stretches, and finding
them takes an automaton of a dozen states.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tracefoundry.redaction.re2_patterns import Pattern, compiled

LONG_RUN = 256
"""Letters from which on a run is taken apart."""

EDGE = 48
"""Letters of a long run's beginning and end that stay in the text: more than a prefilter counts
(:data:`.rules.PREFILTER_COUNT`), with a name and an edge before them."""

STRETCH_BYTES = 12
"""Shorter text in decoded base64, with no text around it, is taken for random bytes."""

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
STANDARD_LETTERS = frozenset(_ALPHABET)
ALL_LETTERS = STANDARD_LETTERS | frozenset(b"-_")

_FROM_URLSAFE = bytes.maketrans(b"-_", b"+/")
_TO_URLSAFE = bytes.maketrans(b"+/", b"-_")

Range = tuple[int, int]

# Probes and patterns of encoded text.

_ANY = "[A-Za-z0-9+/_-]"

ByteSet = frozenset[int]

_ITEM = re.compile(
    r"(\\x[0-9a-f]{2}|\\.|\[(?:\\.|[^\]\\])+\]|[^\\\[\]{}|()+*?^$.])(?:\{(\d+)\})?", re.DOTALL
)


def parse_probe(probe: str) -> list[ByteSet]:
    """The byte sets that a probe stands for, one a byte.

    A probe is a regular expression without alternatives: characters, ``\\x40``, classes like
    ``[A-Za-z0-9_-]``, each with an optional ``{n}``; ``(?i)`` in front ignores case.

    Raises:
        ValueError: anything else.
    """
    ignore_case = probe.startswith("(?i)")
    body = probe[4:] if ignore_case else probe
    sets: list[ByteSet] = []
    position = 0
    while position < len(body):
        item = _ITEM.match(body, position)
        if item is None:
            raise ValueError(f"probe {probe!r} cannot be read at {body[position:]!r}")
        flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
        one = re.compile(item[1].encode("latin-1"), flags)
        members = frozenset(byte for byte in range(256) if one.fullmatch(bytes([byte])))
        sets.extend([members] * int(item[2] or 1))
        position = item.end()
    return sets


def base64_patterns(probe: str) -> list[str]:
    """RE2 patterns of which one occurs in any base64 text that holds the probe."""
    sets = parse_probe(probe)
    return [_pattern(sets, alignment) for alignment in range(3)]


def _pattern(sets: list[ByteSet], alignment: int) -> str:
    first = alignment * 8 // 6
    last = ((alignment + len(sets)) * 8 + 5) // 6
    classes = [_character_class(sets, alignment, sextet) for sextet in range(first, last)]
    while classes and classes[0] == _ANY:
        classes.pop(0)
    while classes and classes[-1] == _ANY:
        classes.pop()
    return "".join(classes)


def _character_class(sets: list[ByteSet], alignment: int, sextet: int) -> str:
    """The characters that may stand for one sextet, given the bits that its bytes leave open."""
    bits = range(sextet * 6, sextet * 6 + 6)
    possible = set(range(64))
    for byte_index in {bits[0] // 8, bits[5] // 8}:
        if not 0 <= byte_index - alignment < len(sets):
            continue
        shared = [bit for bit in bits if bit // 8 == byte_index]
        allowed = {
            tuple(byte >> (7 - bit % 8) & 1 for bit in shared)
            for byte in sets[byte_index - alignment]
        }
        possible = {
            value
            for value in possible
            if tuple(value >> (5 - (bit - bits[0])) & 1 for bit in shared) in allowed
        }
    if len(possible) == 64:
        return _ANY
    characters = {_ALPHABET[value] for value in possible}
    if 62 in possible:
        characters.add(ord("-"))
    if 63 in possible:
        characters.add(ord("_"))
    return "[" + "".join(f"\\x{character:02x}" for character in sorted(characters)) + "]"


_TEXT_GROUPS = 5
TEXT_BYTES = 3 * _TEXT_GROUPS + 2
"""Printable ASCII of this length always holds five whole groups of three bytes."""


def base64_of_text(groups: int) -> str:
    """Occurs in any base64 of text that holds ``3 * groups + 2`` printable ASCII bytes in a row."""
    # Without the last character, which any byte allows: a run may end before it.
    group = _pattern(parse_probe("[ -~]{3}"), 0)
    return f"(?:{group}{_ANY}){{{groups - 1}}}{group}"


BASE64_OF_TEXT = base64_of_text(_TEXT_GROUPS)


# Runs of any length.

_RUN = re.compile(
    rb"[A-Za-z0-9+/_-]{60,}=?(?:\r?\n[A-Za-z0-9+/_-]{4,}={0,2})+|[A-Za-z0-9+/_-]{6,}={0,2}"
)
"""Base64 in longer text: lines of 60 or more characters belong together, else one run."""


@dataclass(slots=True)
class Base64Run:
    """A run of base64 characters, decoded at one alignment."""

    start: int
    end: int
    decoded: bytes
    _head: bytes
    _tail: bytes
    _urlsafe: bool
    _padded: bool

    def encoded(self, decoded: bytes) -> bytes:
        """The run with other content, in the same alphabet, padded as it was."""
        coded = b64encode(decoded)
        if self._urlsafe:
            coded = coded.translate(_TO_URLSAFE)
        if not self._padded:
            coded = coded.rstrip(b"=")
        return self._head + coded + self._tail


def base64_runs(text: bytes) -> Iterator[Range]:
    """Ranges of the text that may be base64, line breaks inside included."""
    for run in _RUN.finditer(text):
        yield run.span()


def decoded_run(text: bytes, start: int, end: int, alignment: int) -> Base64Run | None:
    """The run without its first ``alignment`` characters, decoded; None where that is nothing.

    A run in longer text may begin with letters that are not part of the base64, so all four
    alignments are tried.
    """
    run = text[start:end]
    head, body = run[:alignment], run[alignment:]
    letters = body.translate(_FROM_URLSAFE, b"=\r\n")
    # One character too many has no byte; it belongs to what follows.
    tail = b""
    if len(letters) % 4 == 1:
        letters, tail = letters[:-1], body.rstrip(b"=")[-1:]
    if not letters:
        return None
    try:
        decoded = b64decode(letters + b"=" * (-len(letters) % 4), validate=True)
    except Base64Error:
        return None
    urlsafe = b"-" in body or b"_" in body
    # Whole groups need no padding; other content in their place would, to be read everywhere.
    padded = body.endswith(b"=") or (len(letters) % 4 == 0 and not urlsafe)
    return Base64Run(start, end, decoded, head, tail, urlsafe, padded and not tail)


# Long runs.

_LETTER, _OTHER = b"A", b" "
_KINDS = bytes((_LETTER if byte in ALL_LETTERS else _OTHER)[0] for byte in range(256))
_LONG = _LETTER * LONG_RUN

_STRETCH: Pattern = compiled(
    "(?:[\\t\\n\\r -~]|[\\xc2-\\xdf][\\x80-\\xbf]|[\\xe0-\\xef][\\x80-\\xbf]{2}"
    f"|[\\xf0-\\xf4][\\x80-\\xbf]{{3}}){{{STRETCH_BYTES},}}"
)


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
        # A single letter at the end has six bits and no byte.
        yield a2b_base64(whole + rest + b"=" * (4 - len(rest)) if len(rest) > 1 else whole)


def stretches(decoded: bytes) -> Iterator[Range]:
    """Where decoded bytes are text, at least :data:`STRETCH_BYTES` of it."""
    for stretch in _STRETCH.finditer(decoded):
        yield stretch.start(), stretch.end()


def text_of(decoded: bytes) -> bytes:
    """All stretches of text, apart from each other."""
    return b"\0".join([decoded[start:end] for start, end in stretches(decoded)])


# Matches in decoded bytes.

_LONG_MATCH_BYTES = 12
_SIDE_BYTES = 8


def is_credible(decoded: bytes, start: int, end: int, *, only_text: bool) -> bool:
    """Whether a match in decoded base64 is no accident of random bytes, for rules whose matches
    random bytes can hold: it must be long, or have text around it.

    ``only_text``: all of ``decoded`` is one stretch of text between other bytes.
    """
    match = decoded[start:end]
    if len(match) >= _LONG_MATCH_BYTES and match.isascii():
        return True
    if only_text:
        return max(start, len(decoded) - end) >= _SIDE_BYTES
    before = decoded[max(0, start - 32) : start]
    after = decoded[end : end + 32]
    if any(len(side) >= _SIDE_BYTES and _is_text(side) for side in (before, after)):
        return True
    return _is_text(before) and _is_text(after)


def _is_text(part: bytes) -> bool:
    # A character may be cut in two at either end of the part.
    for cut in range(4):
        try:
            text = part[cut:].decode("utf-8")
        except UnicodeDecodeError as error:
            if error.reason != "unexpected end of data" or cut + error.start < len(part) - 3:
                continue
            text = part[cut : cut + error.start].decode("utf-8")
        return all(character.isprintable() or character in "\t\r\n" for character in text)
    return False

"""Whether what stands where a value would is a value: no word, placeholder, type, or code.

How much it takes depends on how clearly the text says that it is one (:class:`Structure`): behind
``password = `` and in quotes nearly everything is, as the next word of a sentence little.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from enum import IntEnum

from tracefoundry.redaction.denied_keys import LOG_PROBABILITY, KeyNames
from tracefoundry.redaction.random_values import is_made_of_words, is_random
from tracefoundry.redaction.report import MARKER
from tracefoundry.redaction.secret_names import NameKind


class Structure(IntEnum):
    """How clearly a text says that a name has a value, clearest first."""

    QUOTED = 0
    """An operator and a string: every value but a placeholder."""
    SETTING = 1
    """``NAME=value`` as in environment files and query strings: words too."""
    BARE = 2
    """An operator, an option or an XML element: no words and names."""
    LOOSE = 3
    """Only nearness, as in a call, a table or a sentence: what no word and no name could be."""


_WORD = re.compile(
    rb"[A-Za-z_][a-z_]*|[A-Z_]+|[A-Za-z_.]+"
    rb"|(?:self|this|cls|os|process|env|config|settings|args|request|req|response|ctx|user)\..*",
    re.ASCII,
)
_PLACEHOLDER = re.compile(
    rb"<.*|\$(?:[A-Za-z_({\[].*|\d)|%[A-Za-z_(].*|\{.*|\[.*|\(.*|#\{.*|\*+|x{3,}|X{3,}|\.{3,}|-+|_+"
    rb"|(?i:your|my|insert|enter|put|add|replace|the|a|an|some|our)[ _-].*"
    rb"|(?i:change[ _-]?me|replace[ _-]?me|redacted|placeholder|todo|tbd|n/a|not[ _]set|unset"
    rb"|none|null|nil|undefined|true|false|empty|string|str|text|required|optional|hidden)"
    rb"|(?i:some[ _-]?\w*|#(?:[0-9a-f]{3,4}){1,2})"  # colours of a token's style
    rb"|[\^~<>=]{0,2}\d{1,4}(?:\.\d{1,6}){1,3}"  # versions
    rb"|.*\$\{.*|.*\{\{.*|.*<[A-Za-z_ -]+>.*",
    re.DOTALL,
)
_NOT_MADE_UP = re.compile(
    rb"(?i:(?:sha|md|utf|base|aes|rsa|x|v|http|oauth|ipv|u?int|float|varchar|char|bytes|str)"
    rb"[-_]?\d+(?:[-_.]\w+)*)"
    rb"|\d+(?:[.,:/x-]\d+)*[-_]?[A-Za-z]{0,9}"  # numbers, times, versions, sizes
    rb"|(?i:0x[0-9a-f]+)"
    rb"|[A-Za-z_]+\d{0,2}"  # a name with a number
    rb"|[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)+\(?.*"  # code, host and file names
    rb"|(?:https?|wss?|ftp|file|ssh|git)://[^:@]*"
    rb"|[~.]?/.*|[A-Za-z]:[\\/].*|[A-Za-z_][\w:]*\(.*",
    re.DOTALL,
)
_CODE = re.compile(
    rb"[A-Za-z_]\w*(?:(?:\.|->|::)[A-Za-z_]\w*)+\(?.*|[A-Za-z_][\w.]*[(\[].*|u?int\d+(?:_t)?|"
    rb"float\d+|[iuf](?:8|16|32|64|128)",
    re.DOTALL | re.ASCII,
)
_PATH = re.compile(rb"[~.]?/[A-Za-z.].*|[A-Za-z]:[\\/].*|\.\.?[\\/].*|`.*", re.DOTALL)
_SENTENCE = re.compile(rb"(?:\S+ ){4,}\S*|(?:\S+ )+\S*[.!?:]", re.DOTALL)
_NUMBER = re.compile(rb"[+-]?[\d.,_]+(?:[eE][+-]?\d+)?%?")
_DESCRIBING_NAME = re.compile(rb"[A-Za-z_][A-Za-z_ -]*")
_OWNED_NAME = re.compile(rb"_[a-z]+(?:_[a-z]+)*")
_FORMAT = re.compile(rb"%\d*\.?\d*[sdifgxr]")

_LEAST_BYTES = (4, 4, 6, 8)
"""Of a value, by structure. A quoted value may be as short under a denied key of JSON alone."""


def is_secret(
    value: bytes, name: str, kind: NameKind, structure: Structure, names: KeyNames
) -> bool:
    """Whether the value is a secret, given the name it has and how it has it."""
    if MARKER.fullmatch(value) is not None or kind is NameKind.NO_SECRET:
        return False
    if kind is NameKind.DENIED or kind is NameKind.PASSWORD:
        if kind is NameKind.PASSWORD:
            structure = max(structure, Structure.BARE)
            if _PATH.fullmatch(value) is not None:
                return False
        if _is_plausible(value, name, structure, names):
            return True
    if name.lower().endswith("auth") and is_user_and_password(value):
        return True
    hex_digits = kind is not NameKind.RANDOM_IS_SECRET
    return (
        is_random(value, hex_digits=hex_digits)
        and _CODE.fullmatch(value) is None
        and _FORMAT.search(value) is None
    )


def _is_plausible(value: bytes, name: str, structure: Structure, names: KeyNames) -> bool:
    if len(value) < _LEAST_BYTES[structure] or _PLACEHOLDER.fullmatch(value) is not None:
        return False
    if not value.strip(b" *.:_<>-") or value.lower() in name.lower().encode("latin-1", "replace"):
        return False
    if structure is Structure.QUOTED:
        # A constant may hold the name of a key: API_KEY_HEADER = "X-API-Key", or of its owner.
        is_name = _OWNED_NAME.fullmatch(value) or (
            _DESCRIBING_NAME.fullmatch(value) and names.denied(value.decode("latin-1"))
        )
        return not is_name and _SENTENCE.fullmatch(value) is None
    if structure is Structure.SETTING:
        return value.isalnum() or (_WORD.fullmatch(value) is None and not _is_code(value))
    if _WORD.fullmatch(value) is not None or _is_code(value) or _NUMBER.fullmatch(value):
        return False
    if structure is Structure.BARE:
        return True
    return _is_made_up(value)


def _is_code(value: bytes) -> bool:
    return _CODE.fullmatch(value) is not None and not is_random(value)


def _is_made_up(value: bytes) -> bool:
    """Letters, digits and no words, or signs as people put them into passwords."""
    digits = any(48 <= byte <= 57 for byte in value)
    letters = any(97 <= byte | 32 <= 122 for byte in value)
    if not digits or not letters or b" " in value or _NOT_MADE_UP.fullmatch(value) is not None:
        return False
    if len(value) >= 16:
        return is_random(value)
    if any(byte in b"!@#$%^*?" for byte in value):
        return True
    mixed = value.lower() != value and value.upper() != value
    return mixed or not is_made_of_words(value)


def is_user_and_password(value: bytes) -> bool:
    """Base64 of ``user:password``, as docker's and npm's ``auth`` are."""
    if not 8 <= len(value) <= 1_024:
        return False
    try:
        decoded = b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except Base64Error:
        return False
    return b":" in decoded[:-1] and all(32 <= byte < 127 or byte >= 128 for byte in decoded)


def is_log_probability(text: bytes, name: str, end: int) -> bool:
    """Whether the value that ends here is a part of a word in a model's answer."""
    return name == "token" and LOG_PROBABILITY.match(text, end) is not None

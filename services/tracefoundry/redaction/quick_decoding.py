"""Escapes and percent-encoding decoded by the interpreter's own codecs.

That is fifty times as fast as going from escape to escape, but the codecs are made for something
else, and do not remember where each byte came from. Most encoded text hides nothing, so where
bytes came from is found out only when it matters (see :mod:`.layers`).
"""

from __future__ import annotations

import re
from binascii import a2b_qp

from tracefoundry.redaction.automata import Pattern, compiled

_H = "[0-9A-Fa-f]"
_N = "[^0-9A-Fa-f]"

_UNUSUAL: Pattern = compiled(
    f"\\\\(?:[^nrtbfux\"']|\\z|u(?:{_N}|\\z|{_H}(?:{_N}|\\z|{_H}(?:{_N}|\\z|{_H}(?:{_N}|\\z))))"
    f"|x(?:[89A-Fa-f]|{_N}|\\z|[0-7](?:{_N}|\\z)))"
)
"""Backslashes that Python's codec takes for something else than JSON does, or for an error."""

_STRAY: Pattern = compiled(f"%(?:{_N}|\\z|{_H}(?:{_N}|\\z))")
_STRAYS = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_TO_QUOTED_PRINTABLE = bytes.maketrans(b"%", b"=")


def quickly_unescaped(text: bytes) -> bytes | None:
    """The text with JSON's and Python's escapes decoded; None where the codec may be wrong."""
    # An escaped backslash must not meet what follows it, nor a slash be no escape to the codec.
    plainer = text.replace(b"\\\\", b"\\u005c").replace(b"\\/", b"/")
    if _UNUSUAL.search(plainer) is not None:
        return None
    try:
        if not plainer.isascii():
            plainer = plainer.decode("utf-8").encode("ascii", "backslashreplace")
        decoded = plainer.decode("unicode_escape")
    except UnicodeDecodeError:
        return None
    try:
        return decoded.encode("utf-8")
    except UnicodeEncodeError:
        # Two escapes of one pair make one character.
        paired = decoded.encode("utf-16-le", "surrogatepass")
        return paired.decode("utf-16-le", "surrogatepass").encode("utf-8", "surrogatepass")


def quickly_percent_decoded(text: bytes) -> bytes:
    """The text with percent-encoding decoded."""
    # Quoted-printable is percent-encoding with another sign; it takes stray signs amiss.
    if _STRAY.search(text) is not None:
        text = _STRAYS.sub(b"%25", text)
    return a2b_qp(text.replace(b"=", b"%3D").translate(_TO_QUOTED_PRINTABLE))

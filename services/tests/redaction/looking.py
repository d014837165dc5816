"""Whether anything of a secret is left: an independent reading of all encodings, by brute force."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from urllib.parse import unquote

_ESCAPE = re.compile(r'\\(u[0-9a-fA-F]{4}|["\\/bfnrt])')
_RUN = re.compile(r"[A-Za-z0-9+/_\r\n-]{6,}")


def _unescape(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        code = found[1]
        return chr(int(code[1:], 16)) if code[0] == "u" else {"n": "\n"}.get(code, code)

    return _ESCAPE.sub(one, text)


def readings(text: str, depth: int = 6, base64: int = 1) -> set[str]:
    """All that the text may stand for."""
    seen = {text}
    frontier = {(text, base64)}
    for _ in range(depth):
        following: set[tuple[str, int]] = set()
        for current, left in frontier:
            following.update((other, left) for other in (_unescape(current), unquote(current)))
            if left:
                following.update((decoded, left - 1) for decoded in _decoded(current))
        frontier = {(reading, left) for reading, left in following if reading not in seen}
        seen.update(reading for reading, _ in frontier)
    return seen


def _decoded(text: str) -> set[str]:
    found = set()
    for run in _RUN.findall(text):
        letters = re.sub(r"[\r\n]", "", run).replace("-", "+").replace("_", "/")
        for start in range(4):
            part = letters[start:]
            part = part[: len(part) - 1] if len(part) % 4 == 1 else part
            try:
                found.add(b64decode(part + "=" * (-len(part) % 4)).decode("utf-8", "ignore"))
            except Base64Error:
                continue
    return found


def leaks(secret: str, text: str) -> bool:
    """Whether any reading of the text still holds the secret."""
    return any(secret in reading for reading in readings(text))

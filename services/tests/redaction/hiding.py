"""Encodings that may hide a secret, as functions from text to text."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable

Hide = Callable[[str], str]


def plain(text: str) -> str:
    """As it is, between words."""
    return f"see {text} there"


def json_text(text: str) -> str:
    """The value of a member, in JSON text."""
    return json.dumps({"note": text, "n": [1, 2.50, None]})


def json_three_deep(text: str) -> str:
    """JSON text in JSON text in JSON text."""
    return json.dumps({"a": json.dumps([json.dumps({"b": f"x\n{text}"})])})


def json_escapes(text: str) -> str:
    """JSON text in which every character is escaped."""
    units = text.encode("utf-16-be").hex().upper()
    return (
        '{"note": "' + "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)) + '"}'
    )


def slash_escapes(text: str) -> str:
    """JSON text of an encoder that escapes slashes and pluses."""
    return json.dumps({"t": text}).replace("/", "\\/").replace("+", "\\u002b")


def percent_all(text: str) -> str:
    """Every character percent-encoded."""
    return "q=" + "".join(f"%{byte:02X}" for byte in text.encode()) + "&x=1"


def percent_some(text: str) -> str:
    """What URLs may not hold percent-encoded, lower-case digits."""
    return "https://h.example/p?q=" + "".join(
        chr(byte) if byte < 128 and chr(byte).isalnum() else f"%{byte:02x}"
        for byte in text.encode()
    )


def base64_padded(text: str) -> str:
    """Standard base64 in a sentence."""
    return f"data {b64encode(text.encode()).decode()} end"


def base64_bare(text: str) -> str:
    """Standard base64 without padding, after a colon."""
    return "data:" + b64encode(text.encode()).decode().rstrip("=")


def base64_url(text: str) -> str:
    """The urlsafe alphabet, in a path: the slash is a character of base64 too."""
    return "/a/b/" + urlsafe_b64encode(f"?>{text}".encode()).decode()


def base64_inside(text: str) -> str:
    """Base64 of a longer text, the secret at any alignment."""
    return b64encode(f"hello there: {text} and so on".encode()).decode()


def base64_lines(text: str) -> str:
    """MIME base64: lines of 76 characters."""
    coded = b64encode(f"{'some words ' * 4}{text}{' and more' * 6}".encode()).decode()
    return "\n".join(coded[at : at + 76] for at in range(0, len(coded), 76))


ENCODINGS: tuple[Hide, ...] = (
    plain,
    json_text,
    json_three_deep,
    json_escapes,
    slash_escapes,
    percent_all,
    percent_some,
    base64_padded,
    base64_bare,
    base64_url,
    base64_inside,
    base64_lines,
)
BASE64: tuple[Hide, ...] = ENCODINGS[7:]
OTHERS: tuple[Hide, ...] = ENCODINGS[1:7]

"""Checks of the rules for personal data: check digits, strict forms, and what touches a number.

Traces are full of numbers that mean nothing: ids, timestamps, token counts. So a number needs a
check digit or a strict form; what only a count of digits would tell is left alone.
"""

from __future__ import annotations

import re

_ALNUM = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_FILE_ENDINGS = frozenset(
    b"png jpg jpeg gif svg webp ico css js mjs ts tsx jsx py json yaml yml html md txt lock".split()
)
"""Endings that make ``icon@2x.png`` a file and not an address."""
_ESCAPE_AT = re.compile(rb"(?:[nrtbf]|u[0-9a-fA-F]{4})@")


def is_email(text: bytes, start: int, end: int) -> bool:
    """Not a file name, not a decorator, and not the ``git@`` of a repository's address."""
    address = text[start:end]
    if address.startswith(b"git@") and text[end : end + 1] in (b":", b"/"):
        return False
    # A decorator at the start of a line, in JSON text: \n@app.route
    if text[start - 1 : start] == b"\\" and _ESCAPE_AT.match(address):
        return False
    return address.rpartition(b".")[2].lower() not in _FILE_ENDINGS


def zero_fraction(text: bytes, end: int) -> int:
    """Length of the ``.0`` behind an integer that was written as a float; 0 where there is none."""
    return 2 if text[end : end + 2] == b".0" and not text[end + 2 : end + 3].isalnum() else 0


def is_separate_number(text: bytes, start: int, end: int) -> bool:
    """No letter, digit or decimal part touches it, and no further group of a hyphenated number."""
    before = text[start - 2 : start] if start > 1 else text[:start]
    after = text[end : end + 2]
    if before and before[-1] in _ALNUM:
        return False
    if after and after[0] in _ALNUM:
        return False
    if b"-" in text[start:end]:
        if _is_next_group(before[::-1]) or _is_next_group(after):
            return False
    elif before[-1:] == after[:1] == b"-" and _ALNUM.issuperset(before[:1] + after[1:]):
        # One part of an id, as in a traceparent header.
        return False
    # 0.4111111111111111 is a fraction, and so is 4111111111111111.5, but not 4111111111111111.0.
    if before[-1:] == b"." and before[:-1].isdigit():
        return False
    if zero_fraction(text, end):
        return True
    return not (after[:1] == b"." and after[1:].isdigit())


def _is_next_group(neighbour: bytes) -> bool:
    return neighbour[:1] == b"-" and neighbour[1:].isdigit()


def luhn(digits: bytes) -> bool:
    """The check digit of ISO/IEC 7812-1."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = digit - 48
        if index % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


_CARD = re.compile(
    rb"4\d{15}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"
    rb"|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|6(?:011|5\d\d|4[4-9]\d)\d{12}|35\d{14}|62\d{14}"
    rb"|(?:50|5[6-9]|6[37])\d{14}"
)
"""Prefixes and lengths of the card networks."""
_GROUP_BEFORE = re.compile(rb"(?<![0-9])[0-9]{4} {1,3}$")
_GROUP_AFTER = re.compile(rb" {1,3}[0-9]{4}(?![0-9])")


def is_card(text: bytes, start: int, end: int) -> bool:
    """A card network's prefix and length, the Luhn digit, and nothing that touches it."""
    digits = bytes(byte for byte in text[start:end] if 48 <= byte <= 57)
    if _in_table(text, start, end):
        return False
    if len(set(digits)) < 2 or _CARD.fullmatch(digits) is None:
        return False
    return luhn(digits) and is_separate_number(text, start, end)


def _in_table(text: bytes, start: int, end: int) -> bool:
    """Whether four groups of four have a fifth and a sixth beside them, one on either side."""
    return (
        _GROUP_BEFORE.search(text[max(0, start - 8) : start]) is not None
        and _GROUP_AFTER.match(text[end : end + 8]) is not None
    )


def is_us_ssn(text: bytes, start: int, end: int) -> bool:
    """Areas, groups and serials that the SSA issues; one kind of separator."""
    value = text[start:end]
    area, group, serial = value[:3], value[4:6], value[7:]
    issued = area not in (b"000", b"666") and area < b"900" and group != b"00" and serial != b"0000"
    return issued and value[3] == value[6] and is_separate_number(text, start, end)


IBAN_LENGTHS = {
    **dict.fromkeys(["NO"], 15),
    **dict.fromkeys(["BE"], 16),
    **dict.fromkeys(["DK", "FI", "FK", "FO", "GL", "NL", "SD"], 18),
    **dict.fromkeys(["MK", "SI"], 19),
    **dict.fromkeys(["AT", "BA", "EE", "KZ", "LT", "LU", "MN", "XK"], 20),
    **dict.fromkeys(["CH", "HR", "LI", "LV"], 21),
    **dict.fromkeys(["BG", "BH", "CR", "DE", "GB", "GE", "IE", "ME", "RS", "VA"], 22),
    **dict.fromkeys(["AE", "GI", "IL", "IQ", "OM", "SO", "TL"], 23),
    **dict.fromkeys(["AD", "CZ", "ES", "MD", "PK", "RO", "SA", "SE", "SK", "TN", "VG"], 24),
    **dict.fromkeys(["LY", "PT", "ST"], 25),
    **dict.fromkeys(["IS", "TR"], 26),
    **dict.fromkeys(["BI", "DJ", "FR", "GR", "IT", "MC", "MR", "SM"], 27),
    **dict.fromkeys(["AL", "AZ", "BY", "CY", "DO", "GT", "HN", "HU", "LB", "NI", "PL", "SV"], 28),
    **dict.fromkeys(["BR", "EG", "PS", "QA", "UA"], 29),
    **dict.fromkeys(["JO", "KW", "MU", "YE"], 30),
    **dict.fromkeys(["MT", "SC"], 31),
    **dict.fromkeys(["LC"], 32),
    **dict.fromkeys(["RU"], 33),
}
"""Lengths of all countries in the IBAN registry (ISO 13616-2, kept by SWIFT)."""


def iban_end(text: bytes, start: int, end: int) -> int:
    """Where as many letters and digits end as the country's numbers have; text may follow them."""
    left = IBAN_LENGTHS.get(text[start : start + 2].decode("latin-1"), 0)
    for position in range(start, end):
        if left == 0:
            return position
        left -= text[position] in _ALNUM
    return end


def is_iban(text: bytes, start: int, end: int) -> bool:
    """ISO 13616: the country's length, and 1 as the remainder by 97."""
    value = bytes(byte for byte in text[start:end] if byte in _ALNUM)
    if len(value) != IBAN_LENGTHS.get(value[:2].decode("latin-1")):
        return False
    moved = (value[4:] + value[:4]).decode("latin-1")
    remainder = int("".join(str(int(character, 36)) for character in moved)) % 97
    return remainder == 1 and is_separate_number(text, start, end)


def is_uk_nino(text: bytes, start: int, end: int) -> bool:
    """Prefixes that HMRC issues (NIM39110)."""
    prefix = text[start : start + 2]
    return (
        prefix[0] not in b"DFIQUV"
        and prefix[1] not in b"DFIOQUV"
        and prefix not in (b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ")
        and is_separate_number(text, start, end)
    )


def is_br_cpf(text: bytes, start: int, end: int) -> bool:
    """The Brazilian CPF, written with its points, with both check digits."""
    digits = [byte - 48 for byte in text[start:end].translate(None, b".-")]
    for length in (9, 10):
        total = sum(digit * (length + 1 - index) for index, digit in enumerate(digits[:length]))
        if total * 10 % 11 % 10 != digits[length]:
            return False
    return len(set(digits)) > 1 and is_separate_number(text, start, end)

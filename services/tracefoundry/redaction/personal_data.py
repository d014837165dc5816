"""The built-in rules for personal data: e-mail addresses, card numbers, national ids.

Each number has a checksum or a strict form, because traces are full of numbers that mean nothing:
ids, timestamps, token counts. What only a bare count of digits would tell apart is left alone.
"""

from __future__ import annotations

import re

from tracefoundry.redaction.rules import Rule

_NO_DOMAINS = frozenset(
    b"png jpg jpeg gif svg webp ico css js mjs ts tsx jsx py json yaml yml html md txt lock".split()
)
"""Endings that make ``icon@2x.png`` a file and not an address."""

_ALNUM = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


_ESCAPED = re.compile(rb"(?:[nrtbf]|u[0-9a-fA-F]{4})@")


def is_email(text: bytes, start: int, end: int) -> bool:
    """Not a file name, no decorator, and not the ``git@`` of a repository's address."""
    address = text[start:end]
    if address.startswith(b"git@") and text[end : end + 1] in (b":", b"/"):
        return False
    # A decorator at the start of a line, in JSON text: \n@app.route
    if text[start - 1 : start] == b"\\" and _ESCAPED.match(address):
        return False
    return address.rpartition(b".")[2].lower() not in _NO_DOMAINS


def zero_fraction(text: bytes, end: int) -> int:
    """Length of the ``.0`` behind an integer that was written as a float; 0 where there is none."""
    return 2 if text[end : end + 2] == b".0" and not text[end + 2 : end + 3].isalnum() else 0


def _alone(text: bytes, start: int, end: int) -> bool:
    """No letter, digit or decimal part touches it, and no further group of a hyphenated number."""
    before = text[start - 2 : start] if start > 1 else text[:start]
    after = text[end : end + 2]
    if before and before[-1] in _ALNUM:
        return False
    if after and after[0] in _ALNUM:
        return False
    if b"-" in text[start:end]:
        if _joined(before[::-1]) or _joined(after):
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


def _joined(neighbour: bytes) -> bool:
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


def is_card(text: bytes, start: int, end: int) -> bool:
    """A card network's prefix and length, the Luhn digit, and nothing that touches it."""
    digits = bytes(byte for byte in text[start:end] if 48 <= byte <= 57)
    if _in_table(text, start, end):
        return False
    if len(set(digits)) < 2 or _CARD.fullmatch(digits) is None:
        return False
    return luhn(digits) and _alone(text, start, end)


def _in_table(text: bytes, start: int, end: int) -> bool:
    """Whether four groups of four have a fifth and a sixth beside them, one on either side."""
    return (
        _GROUP_BEFORE.search(text[max(0, start - 8) : start]) is not None
        and _GROUP_AFTER.match(text[end : end + 8]) is not None
    )


_GROUP_BEFORE = re.compile(rb"(?<![0-9])[0-9]{4} {1,3}$")
_GROUP_AFTER = re.compile(rb" {1,3}[0-9]{4}(?![0-9])")


def is_us_ssn(text: bytes, start: int, end: int) -> bool:
    """Areas, groups and serials that the SSA issues; one kind of separator."""
    value = text[start:end]
    area, group, serial = value[:3], value[4:6], value[7:]
    issued = area not in (b"000", b"666") and area < b"900" and group != b"00" and serial != b"0000"
    return issued and value[3] == value[6] and _alone(text, start, end)


def is_iban(text: bytes, start: int, end: int) -> bool:
    """ISO 13616: the country's length, and 1 as the remainder by 97."""
    value = bytes(byte for byte in text[start:end] if byte in _ALNUM)
    if len(value) != _IBAN_LENGTHS.get(value[:2].decode("latin-1")):
        return False
    moved = (value[4:] + value[:4]).decode("latin-1")
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1 and _alone(
        text, start, end
    )


_IBAN_LENGTHS = {
    **dict.fromkeys(["NO"], 15),
    **dict.fromkeys(["BE"], 16),
    **dict.fromkeys(["DK", "FI", "FO", "GL", "NL", "SD", "FK"], 18),
    **dict.fromkeys(["MK", "SI"], 19),
    **dict.fromkeys(["AT", "BA", "EE", "KZ", "LT", "LU", "XK", "MN"], 20),
    **dict.fromkeys(["CH", "CR", "HR", "LI", "LV"], 21),
    **dict.fromkeys(["BG", "BH", "DE", "GB", "GE", "IE", "ME", "RS", "VA"], 22),
    **dict.fromkeys(["AE", "GI", "IL", "IQ", "TL", "OM", "SO"], 23),
    **dict.fromkeys(["AD", "CZ", "ES", "MD", "PK", "RO", "SA", "SE", "SK", "TN", "VG"], 24),
    **dict.fromkeys(["LY", "PT", "ST"], 25),
    **dict.fromkeys(["IS", "TR"], 26),
    **dict.fromkeys(["BI", "DJ", "FR", "GR", "IT", "MC", "MR", "SM"], 27),
    **dict.fromkeys(["AL", "AZ", "BY", "CY", "DO", "GT", "HU", "LB", "NI", "PL", "SV"], 28),
    **dict.fromkeys(["BR", "EG", "PS", "QA", "UA"], 29),
    **dict.fromkeys(["JO", "KW", "MU", "YE"], 30),
    **dict.fromkeys(["MT", "SC"], 31),
    **dict.fromkeys(["LC"], 32),
    **dict.fromkeys(["RU"], 33),
}
"""Lengths of the countries in the SWIFT IBAN registry."""

_IBAN_COUNTRIES = f"(?:{'|'.join(sorted(_IBAN_LENGTHS))})"


def is_uk_nino(text: bytes, start: int, end: int) -> bool:
    """Prefixes that HMRC issues (NIM39110)."""
    prefix = text[start : start + 2]
    return (
        prefix[0] not in b"DFIQUV"
        and prefix[1] not in b"DFIOQUV"
        and prefix not in (b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ")
        and _alone(text, start, end)
    )


def is_br_cpf(text: bytes, start: int, end: int) -> bool:
    """The Brazilian CPF, written with its points, with both check digits."""
    digits = [byte - 48 for byte in text[start:end].translate(None, b".-")]
    for length in (9, 10):
        total = sum(digit * (length + 1 - index) for index, digit in enumerate(digits[:length]))
        if total * 10 % 11 % 10 != digits[length]:
            return False
    return len(set(digits)) > 1 and _alone(text, start, end)


_SPACE = "(?:[ .-]|\\xc2\\xa0|\\xe2\\x80[\\x80-\\x95\\xaf])"
"""What people put between groups of digits: spaces, points and dashes, wide ones too."""
_SPACES = f"{_SPACE}{{1,3}}"

_LOCAL = "[^\\x00-\\x20\\x7f\"'(),:;<>@\\[\\]\\\\{}|^`~$%&*=/?#!]"
_OTHER_SCRIPT = "[\\xc3-\\xef][\\x80-\\xbf]{1,2}"
_HOST = f"(?:[A-Za-z0-9]|{_OTHER_SCRIPT})(?:[A-Za-z0-9.-]|{_OTHER_SCRIPT})*"

PERSONAL_DATA: tuple[Rule, ...] = (
    Rule(
        name="email",
        pattern=f"{_LOCAL}+@{_HOST}\\.(?:[A-Za-z]{{2,24}}|(?:{_OTHER_SCRIPT}){{2,12}})",
        screen=f"(?:\\A|[^\\\\]){_LOCAL}@{_HOST}\\.(?:[A-Za-z]{{2}}|{_OTHER_SCRIPT})",
        # In short hosts the point is at a known place; from seven characters on none is needed.
        cores=(
            "@[A-Za-z0-9][.][A-Za-z0-9]{2}",
            "@[A-Za-z0-9]{2}[.][A-Za-z0-9]{2}",
            "@[A-Za-z0-9]{3}[.][A-Za-z0-9]{2}",
            "@[A-Za-z0-9][A-Za-z0-9.-]{6}",
        ),
        check=is_email,
        faint=True,
    ),
    Rule(
        name="card",
        pattern=f"[2-6][0-9]{{3}}(?:[0-9]{{12}}|(?:{_SPACES}[0-9]{{4}}){{3}})"
        f"|3[0-9]{{3}}(?:[0-9]{{10,11}}|{_SPACES}[0-9]{{6}}{_SPACES}[0-9]{{4,5}})",
        screen=f"[2-6][0-9]{{3}}(?:[0-9]{{12}}|(?:{_SPACES}[0-9]{{4}}){{3}})"
        f"|3[0-9]{{3}}(?:[0-9]{{10}}|{_SPACES}[0-9]{{6}}{_SPACES}[0-9]{{4}})",
        cores=("[2-6][0-9]{3}[0-9 -]{10}",),
        bounded=True,
        check=is_card,
        retry=True,
        faint=True,
        bare_number=True,
    ),
    Rule(
        name="us_ssn",
        pattern="[0-8][0-9]{2}[- ][0-9]{2}[- ][0-9]{4}",
        cores=("[0-8][0-9]{2}[- ][0-9]{2}[- ][0-9]{4}",),
        bounded=True,
        check=is_us_ssn,
        retry=True,
        faint=True,
    ),
    Rule(
        name="us_ssn",
        pattern="(?i:ssn|social security (?:number|no\\.?|#))[\"']?[\\s:#=]{1,4}([0-9]{9})",
        cores=("(?i)ssn[ :#=]",),
        bounded=True,
        check=_alone,
    ),
    Rule(
        name="iban",
        pattern=f"{_IBAN_COUNTRIES}[0-9]{{2}}(?:{_SPACE}?[A-Z0-9]{{4}}){{2,7}}"
        f"(?:{_SPACE}?[A-Z0-9]{{1,3}})?",
        screen=f"{_IBAN_COUNTRIES}[0-9]{{2}}{_SPACE}?[A-Z0-9]{{4}}{_SPACE}?[A-Z0-9]{{4}}"
        f"{_SPACE}?[A-Z0-9]{{3}}",
        cores=("[A-Z]{2}[0-9]{2}[A-Z0-9 ]{8}",),
        bounded=True,
        check=is_iban,
        shorten=15,
        retry=True,
        faint=True,
    ),
    Rule(
        name="uk_nino",
        pattern="[A-Z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]",
        cores=("[A-Z]{2}[0-9 ]{6}",),
        bounded=True,
        check=is_uk_nino,
        retry=True,
        faint=True,
    ),
    Rule(
        name="br_cpf",
        cores=("[0-9]{3}[.][0-9]{3}[.][0-9]{3}",),
        pattern="[0-9]{3}\\.[0-9]{3}\\.[0-9]{3}-[0-9]{2}",
        bounded=True,
        check=is_br_cpf,
        retry=True,
        faint=True,
    ),
)

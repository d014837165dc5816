"""Checks of the optional rules for telephone numbers and IP addresses.

Neither has a check digit, so the form has to be strict: a country's calling code with as many
digits as the country has, groups as people write them, or a label in front.
"""

from __future__ import annotations

import ipaddress
import re

from tracefoundry.redaction.personal_data import is_separate_number

# fmt: off
_CALLING_CODES = frozenset([
    1, 7, 20, 27, *range(30, 35), 36, 39, 40, 41, *range(43, 50), *range(51, 59), *range(60, 67),
    81, 82, 84, 86, *range(90, 96), 98, 211, 212, 213, 216, 218, *range(220, 259),
    *range(260, 270), 290, 291, *range(297, 300), *range(350, 360), *range(370, 384),
    385, 386, 387, 389, 420, 421, 423, *range(500, 510), *range(590, 600), 670,
    *range(672, 684), *range(685, 693), 800, 808, 850, 852, 853, 855, 856, 870, 880, 886,
    *range(960, 969), *range(970, 978), *range(992, 997), 998,
])
# fmt: on
"""Calling codes of countries (ITU-T E.164). None begins with another one."""

_NATIONAL_DIGITS = {
    **dict.fromkeys([1, 7, 52, 90, 91, 98], (10, 10)),
    **dict.fromkeys([27, 33, 34, 48, 61, 212, 380], (9, 9)),
    **dict.fromkeys([44, 66, 81, 82, 84, 92], (8, 10)),
    **dict.fromkeys([20, 55, 57, 63, 86, 234, 880], (8, 11)),
}
"""Least and most digits behind the calling code, of large countries."""
_OTHER_NATIONAL_DIGITS = (7, 12)

_DIGIT_GROUP = re.compile(rb"[0-9]+")
_EDGE = re.compile(rb"[0-9A-Za-z)]")
_VERSION_BEFORE = re.compile(
    rb"(?i)(?:\b(?:v|ver|version|release|build|section|chapter|oid|firmware)[\s:.=\"']{0,4}"
    rb"|==|[<>~^!]=?|[0-9A-Za-z_][/-]|[.])$"
)
"""What makes four numbers a version, a section or a part of something longer."""


def phone_end(text: bytes, start: int, end: int) -> int:
    """Where the last group of digits ends with which a number is as long as its country's."""
    ends = [group.end() for group in _DIGIT_GROUP.finditer(text, start, end)]
    for position in reversed(ends):
        if _is_e164(text[start:position]):
            return position
    return end


def _is_e164(number: bytes) -> bool:
    digits = bytes(byte for byte in number.replace(b"(0)", b"") if 48 <= byte <= 57)
    for length in (1, 2, 3):
        code = int(digits[:length])
        if code in _CALLING_CODES:
            least, most = _NATIONAL_DIGITS.get(code, _OTHER_NATIONAL_DIGITS)
            rest = digits[length:]
            if code == 1 and (rest[:1] < b"2" or rest[3:4] < b"2"):
                return False
            return least <= len(rest) <= most and len(set(rest)) > 1
    return False


def is_international_phone(text: bytes, start: int, end: int) -> bool:
    """A plus, a country's calling code, and as many digits as its numbers have."""
    before = text[start - 1 : start] if start else b""
    if _EDGE.match(before) or before == b"+":
        return False
    return _is_e164(text[start:end]) and is_separate_number(text, start, end)


def _groups(value: bytes) -> list[bytes]:
    return _DIGIT_GROUP.findall(value)


def is_grouped_phone(text: bytes, start: int, end: int) -> bool:
    """Ten or eleven digits in groups with one kind of separator. An area code in brackets, or
    before a slash, may have another one."""
    value = text[start:end]
    groups = _groups(value)
    if len(b"".join(groups)) not in (10, 11):
        return False
    area, slash, rest = value.partition(b"/")
    if value.startswith(b"("):
        rest = value.partition(b")")[2].lstrip()
    elif slash:
        if len(area) < 3:
            return False
    else:
        rest = value
        if len(groups) < 3 and b"." in rest:
            return False
    if len(set(rest) - set(b"0123456789()")) > 1:
        return False
    if max(map(len, groups)) < 3 and _in_row_of_pairs(text, start, end):
        return False
    return is_separate_number(text, start, end)


def _in_row_of_pairs(text: bytes, start: int, end: int) -> bool:
    """Whether a pair of digits or letters stands beside it: a hex dump has such."""
    return (
        re.search(rb"[0-9A-Za-z]{2}[ .-]$", text[max(0, start - 3) : start]) is not None
        or re.match(rb"[ .-][0-9A-Fa-f]{2}(?![0-9A-Za-z])", text[end : end + 4]) is not None
    )


def is_labelled_phone(text: bytes, start: int, end: int) -> bool:
    """Behind a label any number of 7 to 15 digits (ITU-T E.164)."""
    digits = b"".join(_groups(text[start:end]))
    return 7 <= len(digits) <= 15 and len(set(digits)) > 1 and is_separate_number(text, start, end)


def is_ipv4_address(text: bytes, start: int, end: int) -> bool:
    """An address of a host. Loopback, masks and multicast tell nothing about anybody, and four
    numbers behind ``v`` or a product's name are a version."""
    octets = text[start:end].split(b".")
    if any(int(octet) > 255 or (octet[:1] == b"0" and len(octet) > 1) for octet in octets):
        return False
    if not 0 < int(octets[0]) < 224 or octets[0] == b"127" or octets[1:] == [b"0", b"0", b"0"]:
        return False
    if _VERSION_BEFORE.search(text[max(0, start - 16) : start]):
        return False
    after = text[end : end + 2]
    return not (after[:1] in (b"-", b".", b"_") and after[1:].isalnum()) and not (
        after[:1].isalnum()
    )


def is_ipv6_address(text: bytes, start: int, end: int) -> bool:
    """A global, local or link-local address, with eight groups or with ``::``."""
    first = text[start : start + 4].lower()
    if first[:1] == b"f" and first[:2] not in (b"fc", b"fd") and not b"fe80" <= first <= b"febf":
        return False
    before, after = text[start - 1 : start] if start else b"", text[end : end + 2]
    if before.isalnum() or before in (b":", b"_") or after[:1].isalnum() or after[:1] == b"_":
        return False
    if after[:1] == b":" and after[1:].isalnum():
        return False
    try:
        ipaddress.IPv6Address(text[start:end].decode("ascii"))
    except ValueError:
        return False
    return True


def is_mobile_phone(text: bytes, start: int, end: int) -> bool:
    """A form of one country. All groups of a Chinese number have the same separator."""
    value = text[start:end]
    if value[3:4] in (b" ", b"-") and value[3:4] != value[8:9]:
        return False
    return is_separate_number(text, start, end)

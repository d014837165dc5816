"""Checks of the optional rules for national ids: check digits, dates and regions.

Ids of the countries with most people, and of others whose ids have a check digit. Where an issuer
publishes none (Indonesia, Pakistan, Egypt, South Korea since 2020, India's PAN), a strict form with
a date or region, or a label in front, stands in its place.

A number with one check digit alone is right by accident one time in ten, so such numbers are taken
out only in their written form (``2345 6789 0124``) or behind a label (``Aadhaar: ...``). That is
the business of the patterns in ``personal_rules.toml``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tracefoundry.redaction.personal_data import is_separate_number, luhn

_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SEPARATORS = b" .-"
_GROUP_BEFORE = re.compile(rb"[0-9][ .-]$")
_GROUP_AFTER = re.compile(rb"[ .-][0-9]")


def _digits(value: bytes) -> list[int]:
    return [byte - 48 for byte in value if 48 <= byte <= 57]


def _stands_alone(text: bytes, start: int, end: int) -> bool:
    """Nothing touches it, and it is not a piece of a row of numbers."""
    in_row = _GROUP_BEFORE.search(text[max(0, start - 2) : start]) is not None and (
        _GROUP_AFTER.match(text[end : end + 2]) is not None
    )
    return not in_row and is_separate_number(text, start, end)


def _one_separator(value: bytes) -> bool:
    return len(set(value) & set(_SEPARATORS)) <= 1


def _is_date(month: int, day: int) -> bool:
    """A day of a year that is not looked at: February has 29 days."""
    return 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]


def _weighted(digits: Sequence[int], weights: Sequence[int]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=True))


def _number(digits: Sequence[int]) -> int:
    return int("".join(map(str, digits)))


_VERHOEFF_STEP = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
"""The permutation of one position; that of the position n is this one, n times."""


def _dihedral_product(a: int, b: int) -> int:
    """In the symmetry group of the pentagon: 0 to 4 turn it, 5 to 9 mirror it."""
    if a < 5:
        return (a + b) % 5 if b < 5 else 5 + (a + b) % 5
    return 5 + (a - b) % 5 if b < 5 else (a - b) % 5


def verhoeff(digits: Sequence[int]) -> bool:
    """The check digit of J. Verhoeff, which sees all single errors and transpositions."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        for _ in range(position % 8):
            digit = _VERHOEFF_STEP[digit]
        total = _dihedral_product(total, digit)
    return total == 0


def is_in_aadhaar(text: bytes, start: int, end: int) -> bool:
    """India, UIDAI: 12 digits, the first 2 to 9, the last by Verhoeff."""
    value = text[start:end]
    return _one_separator(value) and verhoeff(_digits(value)) and _stands_alone(text, start, end)


_CN_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CN_PROVINCES = frozenset([
    *range(11, 16), 21, 22, 23, *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66),
    71, 81, 82, 83,
])  # fmt: skip


def is_cn_resident_id(text: bytes, start: int, end: int) -> bool:
    """China, GB 11643: region, day of birth, and the check character of ISO 7064 MOD 11-2."""
    digits = _digits(text[start : start + 17])
    return (
        _number(digits[:2]) in _CN_PROVINCES
        and _is_date(_number(digits[10:12]), _number(digits[12:14]))
        and b"10X98765432"[_weighted(digits, _CN_WEIGHTS) % 11] in text[end - 1 : end].upper()
        and _stands_alone(text, start, end)
    )


def is_id_nik(text: bytes, start: int, end: int) -> bool:
    """Indonesia: province, day of birth (plus 40 for women), serial number; no check digit."""
    digits = _digits(text[start:end])
    day = _number(digits[6:8])
    return (
        11 <= _number(digits[:2]) <= 97
        and _is_date(_number(digits[8:10]), day - 40 if day > 40 else day)
        and any(digits[12:])
        and _stands_alone(text, start, end)
    )


def is_hyphenated_number(text: bytes, start: int, end: int) -> bool:
    """A form that says enough, like Pakistan's CNIC: nothing touches it."""
    return len(set(text[start:end])) > 2 and _stands_alone(text, start, end)


def is_ru_snils(text: bytes, start: int, end: int) -> bool:
    """Russia, insurance number: nine digits and their weighted sum by 101."""
    digits = _digits(text[start:end])
    check = _weighted(digits[:9], range(9, 0, -1)) % 101 % 100
    return any(digits) and check == _number(digits[9:]) and _stands_alone(text, start, end)


def is_ru_inn(text: bytes, start: int, end: int) -> bool:
    """Russia, tax number of a person: two check digits by 11."""
    digits = _digits(text[start:end])
    weights = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
    return (
        _weighted(digits[:10], weights[1:]) % 11 % 10 == digits[10]
        and _weighted(digits[:11], weights) % 11 % 10 == digits[11]
        and any(digits)
        and _stands_alone(text, start, end)
    )


_CURP_LETTERS = "0123456789ABCDEFGHIJKLMN\xd1OPQRSTUVWXYZ"


def is_mx_curp(text: bytes, start: int, end: int) -> bool:
    """Mexico, RENAPO: day of birth and a check digit by 10."""
    value = text[start:end].decode("latin-1")
    total = sum(
        _CURP_LETTERS.index(letter) * (18 - position) for position, letter in enumerate(value[:17])
    )
    return (
        _is_date(int(value[6:8]), int(value[8:10]))
        and -total % 10 == int(value[17])
        and _stands_alone(text, start, end)
    )


def is_jp_my_number(text: bytes, start: int, end: int) -> bool:
    """Japan, individual number: a check digit by 11."""
    value = text[start:end]
    digits = _digits(value)
    rest = _weighted(digits[:11], (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    check = 0 if rest <= 1 else 11 - rest
    return (
        check == digits[11]
        and any(digits)
        and _one_separator(value)
        and _stands_alone(text, start, end)
    )


_EG_GOVERNORATES = frozenset((*range(1, 5), *range(11, 20), *range(21, 30), *range(31, 36), 88))


def is_eg_national_id(text: bytes, start: int, end: int) -> bool:
    """Egypt: century, day of birth, governorate. The check digit's rule is not published."""
    digits = _digits(text[start:end])
    return (
        _is_date(_number(digits[3:5]), _number(digits[5:7]))
        and _number(digits[7:9]) in _EG_GOVERNORATES
        and _stands_alone(text, start, end)
    )


def is_tr_national_id(text: bytes, start: int, end: int) -> bool:
    """Turkey, T.C. kimlik: two check digits by 10."""
    digits = _digits(text[start:end])
    return (
        (7 * sum(digits[0:9:2]) - sum(digits[1:8:2])) % 10 == digits[9]
        and sum(digits[:10]) % 10 == digits[10]
        and _stands_alone(text, start, end)
    )


def is_ir_national_code(text: bytes, start: int, end: int) -> bool:
    """Iran: a check digit by 11."""
    digits = _digits(text[start:end])
    rest = _weighted(digits[:9], range(10, 1, -1)) % 11
    check = rest if rest < 2 else 11 - rest
    return len(set(digits)) > 1 and check == digits[9] and _stands_alone(text, start, end)


def is_de_tax_id(text: bytes, start: int, end: int) -> bool:
    """Germany, Steuer-ID: of the first ten digits one stands two or three times, the others once
    at most; the last digit by ISO 7064 MOD 11,10."""
    digits = _digits(text[start:end])
    repeated = [digits[:10].count(digit) for digit in set(digits[:10])]
    if sorted(repeated)[-2:] not in ([1, 2], [1, 3]):
        return False
    product = 10
    for digit in digits[:10]:
        product = ((product + digit) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == digits[10] and _stands_alone(text, start, end)


def is_th_national_id(text: bytes, start: int, end: int) -> bool:
    """Thailand: a check digit by 11."""
    digits = _digits(text[start:end])
    check = (11 - _weighted(digits[:12], range(13, 1, -1)) % 11) % 10
    return check == digits[12] and _stands_alone(text, start, end)


def is_uk_nhs_number(text: bytes, start: int, end: int) -> bool:
    """United Kingdom, NHS: a check digit by 11; a number whose digit would be 10 is not issued."""
    digits = _digits(text[start:end])
    check = (11 - _weighted(digits[:9], range(10, 1, -1)) % 11) % 11
    return (
        len(set(digits)) > 1
        and check == digits[9]
        and _one_separator(text[start:end])
        and _stands_alone(text, start, end)
    )


def is_fr_nir(text: bytes, start: int, end: int) -> bool:
    """France, INSEE: sex, year and month of birth, department, and a key of two digits by 97."""
    value = text[start:end].replace(b" ", b"")
    number = value[:13].replace(b"2A", b"19", 1).replace(b"2B", b"18", 1)
    month = int(value[3:5])
    return (
        number.isdigit()
        and (1 <= month <= 12 or 20 <= month <= 42 or month >= 50)
        and 97 - int(number) % 97 == int(value[13:])
        and _stands_alone(text, start, end)
    )


_IT_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25,
           24, 23)  # fmt: skip
"""What characters at odd places count: A to Z; digits count like A to J."""


def is_it_fiscal_code(text: bytes, start: int, end: int) -> bool:
    """Italy, codice fiscale: the last letter by 26."""
    value = text[start:end]
    places = [byte - 65 if byte >= 65 else byte - 48 for byte in value[:15]]
    total = sum(_IT_ODD[place] for place in places[::2]) + sum(places[1::2])
    return total % 26 == value[15] - 65 and _stands_alone(text, start, end)


def is_za_national_id(text: bytes, start: int, end: int) -> bool:
    """South Africa: day of birth and the check digit of ISO/IEC 7812-1."""
    value = text[start:end]
    return (
        _is_date(int(value[2:4]), int(value[4:6]))
        and luhn(value)
        and _stands_alone(text, start, end)
    )


def is_kr_resident_number(text: bytes, start: int, end: int) -> bool:
    """South Korea: a day of birth. Numbers issued since October 2020 have no check digit."""
    value = text[start:end]
    return _is_date(int(value[2:4]), int(value[4:6])) and _stands_alone(text, start, end)


def is_es_national_id(text: bytes, start: int, end: int) -> bool:
    """Spain, DNI and NIE: a letter by 23."""
    value = text[start:end].translate(bytes.maketrans(b"XYZ", b"012"), b"-")[:8]
    letter = b"TRWAGMYFPDXBNJZSQVHLCKE"[int(value) % 23]
    return letter == text[end - 1] and _stands_alone(text, start, end)


def is_ar_cuil(text: bytes, start: int, end: int) -> bool:
    """Argentina: a check digit by 11, where 9 stands for 10 too."""
    digits = _digits(text[start:end])
    rest = _weighted(digits[:10], (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return (0, 9, 9, 8, 7, 6, 5, 4, 3, 2, 1)[rest] == digits[10] and _stands_alone(text, start, end)


def is_pl_pesel(text: bytes, start: int, end: int) -> bool:
    """Poland: day of birth (20, 40, 60 or 80 in the month tell the century), check digit by 10."""
    digits = _digits(text[start:end])
    return (
        _is_date(_number(digits[2:4]) % 20, _number(digits[4:6]))
        and -_weighted(digits[:10], (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10 == digits[10]
        and _stands_alone(text, start, end)
    )


def is_luhn_number(text: bytes, start: int, end: int) -> bool:
    """The check digit of ISO/IEC 7812-1, as Canada's SIN has it."""
    digits = bytes(byte for byte in text[start:end] if 48 <= byte <= 57)
    return (
        len(set(digits)) > 1
        and luhn(digits)
        and _one_separator(text[start:end])
        and _stands_alone(text, start, end)
    )


def is_au_tfn(text: bytes, start: int, end: int) -> bool:
    """Australia, tax file number: nine digits whose weighted sum 11 divides."""
    digits = _digits(text[start:end])
    total = _weighted(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10))
    return any(digits) and total % 11 == 0 and _stands_alone(text, start, end)


def is_nl_bsn(text: bytes, start: int, end: int) -> bool:
    """Netherlands, BSN: nine digits whose weighted sum 11 divides."""
    digits = _digits(text[start:end])
    total = _weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1))
    return any(digits) and total % 11 == 0 and _stands_alone(text, start, end)


def is_se_personal_number(text: bytes, start: int, end: int) -> bool:
    """Sweden: day of birth (plus 60 in coordination numbers), the check digit of ISO/IEC 7812-1."""
    value = text[start:end].translate(None, b"-+")[-10:]
    day = int(value[4:6])
    return (
        _is_date(int(value[2:4]), day - 60 if day > 60 else day)
        and luhn(value)
        and _stands_alone(text, start, end)
    )


def is_cl_rut(text: bytes, start: int, end: int) -> bool:
    """Chile: a check character by 11."""
    digits = _digits(text[start : end - 2])
    total = sum(digit * (2 + place % 6) for place, digit in enumerate(reversed(digits)))
    return b"0123456789K"[-total % 11] in text[end - 1 : end].upper() and _stands_alone(
        text, start, end
    )


def is_be_national_number(text: bytes, start: int, end: int) -> bool:
    """Belgium: two check digits by 97; who was born from 2000 on has a 2 in front of the nine."""
    digits = _digits(text[start:end])
    number, check = _number(digits[:9]), _number(digits[9:])
    right = check in (97 - number % 97, 97 - (2_000_000_000 + number) % 97)
    return right and _stands_alone(text, start, end)

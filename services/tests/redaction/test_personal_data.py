"""The optional rules for personal data: switched by the policy, with check digits that count."""

from __future__ import annotations

import json
import random
import re
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samples import make_span
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.national_ids import verhoeff
from tracefoundry.redaction.policy import (
    BUILTIN_RULES,
    OFF_VERSION,
    PERSONAL_DATA_RULES,
    Mode,
    Policy,
)
from tracefoundry.redaction.rules import RuleMatcher

ASKED = Redactor(Policy.of(Mode.STANDARD, personal_data=True))
NOT_ASKED = Redactor(Policy.of(Mode.STANDARD))

CHECKED_BY_ONE_CHARACTER = {
    "in_aadhaar": "2345 6789 012?",
    "cn_resident_id": "11010519491231002?",
    "mx_curp": "BOXW310820HNERXN0?",
    "jp_my_number": "1234 5678 901?",
    "de_tax_id": "3657426180?",
    "th_national_id": "1-2345-45678-78-?",
    "uk_nhs_number": "943 476 591?",
    "za_national_id": "800101500908?",
    "es_national_id": "54362315?",
    "ar_cuil": "20-05536168-?",
    "pl_pesel": "4405140135?",
    "ca_sin": "123-456-78?",
    "se_personal_number": "880320-001?",
    "cl_rut": "12.531.909-?",
    "it_fiscal_code": "RCCMNL83S18D969?",
    "ir_national_code": "national code: 008457594?",
    "au_tfn": "TFN: 123 456 78?",
    "nl_bsn": "BSN: 11122233?",
}
CHECKED_BY_TWO_DIGITS = {
    "br_cpf": "CPF: 529982247??",
    "ru_snils": "112-233-445 ??",
    "ru_inn": "INN 5001007322??",
    "tr_national_id": "100000001??",
    "fr_nir": "1 85 05 78 006 084 ??",
    "be_national_number": "85.07.30-033.??",
}


def rules_in(text: str) -> list[str]:
    """The optional rules that take something out of the text."""
    names = {rule.name for rule in PERSONAL_DATA_RULES}
    return [entry.rule for entry in ASKED.redact_text(text)[1].counts if entry.rule in names]


def taken_by(name: str, text: str) -> bool:
    """Whether a row of the name takes something out of the text."""
    matchers = [RuleMatcher(rule) for rule in PERSONAL_DATA_RULES if rule.name == name]
    return any(list(matcher.matches(text.encode())) for matcher in matchers)


def test_they_are_off_by_default() -> None:
    """A policy of a mode has none of them, and so has no engine's prefilter."""
    for mode in Mode:
        assert BUILTIN_RULES == Policy.of(mode).rules
    assert not {rule.name for rule in BUILTIN_RULES} & {
        rule.name for rule in PERSONAL_DATA_RULES if rule.name != "br_cpf"
    }
    for rule in PERSONAL_DATA_RULES:
        for text in rule.match:
            assert rule.name not in [entry.rule for entry in NOT_ASKED.redact_text(text)[1].counts]


def test_a_policy_with_them_has_another_version() -> None:
    """Except where everything is kept."""
    for mode in (Mode.STANDARD, Mode.STRICT):
        assert Policy.of(mode).version != Policy.of(mode, personal_data=True).version
    assert OFF_VERSION == Policy.of(Mode.OFF, personal_data=True).version


def test_off_keeps_everything() -> None:
    """Whatever a project asks for besides."""
    text = "call +14155552671"
    redactor = Redactor(Policy.of(Mode.OFF, personal_data=True))
    assert text == redactor.redact_text(text)[0]


def test_strict_mode_redacts_them_in_what_it_keeps() -> None:
    """Attributes of the allowlist, and names."""
    span = make_span(name="dial +14155552671", attributes={"server.address": "203.0.113.7"})
    Redactor(Policy.of(Mode.STRICT, personal_data=True)).redact_span(span)
    assert "dial [redacted:personal_phone]" == span.name
    assert {"server.address": "[redacted:personal_ip]"} == span.attributes


@pytest.mark.parametrize("name", CHECKED_BY_ONE_CHARACTER)
def test_one_check_character_is_right(name: str) -> None:
    """And with it the id is found; with any other it is not."""
    form = CHECKED_BY_ONE_CHARACTER[name]
    characters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    right = [one for one in characters if taken_by(name, form.replace("?", one))]
    assert 1 == len(right)


@pytest.mark.parametrize("name", CHECKED_BY_TWO_DIGITS)
def test_one_pair_of_check_digits_is_right(name: str) -> None:
    """Of a hundred. In Belgium there is one for either century."""
    form = CHECKED_BY_TWO_DIGITS[name]
    right = [n for n in range(100) if taken_by(name, form.replace("??", f"{n:02}"))]
    assert (2 if name == "be_national_number" else 1) == len(right)


@given(st.lists(st.integers(0, 9), min_size=2, max_size=16), st.data())
def test_verhoeffs_digit_sees_wrong_and_exchanged_digits(
    digits: list[int], data: st.DataObject
) -> None:
    """Every single wrong digit, and every exchange of two neighbours."""
    (check,) = [digit for digit in range(10) if verhoeff([*digits, digit])]
    whole = [*digits, check]
    place = data.draw(st.integers(0, len(whole) - 2))
    wrong = whole.copy()
    wrong[place] = (wrong[place] + data.draw(st.integers(1, 9))) % 10
    assert not verhoeff(wrong)
    exchanged = whole.copy()
    exchanged[place : place + 2] = whole[place + 1], whole[place]
    assert (exchanged == whole) == verhoeff(exchanged)


@settings(max_examples=200, deadline=None)
@given(st.ip_addresses())
def test_addresses_are_found_whole(address: object) -> None:
    """Or left whole: loopback, multicast and other ranges that tell of nobody."""
    text = f"from {address} to there"
    redacted, _ = ASKED.redact_text(text)
    assert redacted in (text, "from [redacted:personal_ip] to there")


@pytest.mark.parametrize("text", ["10.1.2.3", "172.16.0.9", "203.0.113.77", "2001:db8::7:1"])
def test_addresses_are_found_in_every_place(text: str) -> None:
    """In sentences, URLs, JSON, JSON in JSON and base64."""
    in_json = json.dumps({"client_ip": text})
    in_base64 = b64encode(f"here are some notes: {text} and so on".encode()).decode()
    for hidden in (f"ip={text}.", f"({text})", in_json, json.dumps([in_json]), in_base64):
        assert ["personal_ip"] == rules_in(hidden)


@pytest.mark.parametrize(
    "text",
    [
        "1732190400", "1732190400123", "1732190400123456789", "2026-11-21T13:12:50.123456Z",
        "2026-11-21 13:12:50", "2026.11.28.4", "input_tokens=123456 output_tokens=789",
        "123e4567-e89b-12d3-a456-426614174000", "0af7651916cd43dd8448eb211c80319c",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "pip install torch==2.1.0.1",
        "Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0.0.0 Safari/537.36", "std::vector<int>",
        "@@ -10,7 +10,7 @@", "+1234567890", "3.14159265358979", "00:1b:44:11:3a:b7",
        "01 02 03 04 05 06 07 08", "10.5281/zenodo.1234567", "127.0.0.1:8080",
        "1,234,567,890", "x = 12345 + 67890", "ISBN 978-3-16-148410-0", "RFC 9110 section 7.8.1.2",
    ],
)  # fmt: skip
def test_numbers_that_mean_nothing_stay(text: str) -> None:
    """Times, ids, versions and sums, alone and in a sentence."""
    for around in (text, f"see {text} there", json.dumps({"v": text})):
        assert [] == rules_in(around)


def test_random_ids_survive_but_for_few() -> None:
    """Of numbers of eleven digits one in thirty may have the right check digits by accident; of
    those that traces are full of, times and hexadecimal ids, none is taken out."""
    generator = random.Random(5)
    for _ in range(2_000):
        number = generator.getrandbits(128)
        texts = (f"{number:032x}", f"{number % 2**64:016x}", f"179{number % 10**10:010}")
        for text in texts:
            if re.search("[a-f]", text) or len(text) == 13:
                assert (text, []) == (text, rules_in(text))
    elevens = [f"{generator.randrange(10**10, 10**11)}" for _ in range(3_000)]
    assert sum(bool(rules_in(text)) for text in elevens) <= 3_000 / 30

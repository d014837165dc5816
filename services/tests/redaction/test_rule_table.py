"""Each row of the rule table keeps what it says: its examples, its least length, its prefilter."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from pathlib import Path
from re import _parser  # type: ignore[attr-defined]
from urllib.parse import quote, unquote

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from redaction import looking
from redaction.rule_examples import filled
from tracefoundry.redaction.base64_text import TEXT_BYTES, parse_probe
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.personal_data import IBAN_LENGTHS
from tracefoundry.redaction.policy import ALL_RULES, BUILTIN_RULES, Mode, Policy
from tracefoundry.redaction.re2_patterns import compiled
from tracefoundry.redaction.report import MARKER, marker
from tracefoundry.redaction.rules import CHECKS, Rule, RuleMatcher, load_rules

REDACTOR = Redactor(Policy.of(Mode.STANDARD, personal_data=True))


def row_id(value: object) -> str | None:
    """The name of a rule, or the example."""
    return value.name if isinstance(value, Rule) else None


RULES = pytest.mark.parametrize("rule", ALL_RULES, ids=row_id)


def _rows(field: str) -> list[tuple[Rule, str]]:
    return [(rule, filled(template)) for rule in ALL_RULES for template in getattr(rule, field)]


def _taken_out(rule: Rule, text: str) -> list[bytes]:
    """What this rule alone takes out of the text."""
    content = text.encode()
    return [content[start:end] for start, end in RuleMatcher(rule).matches(content)]


@RULES
def test_a_row_has_examples(rule: Rule) -> None:
    """Of what it must find and of what it must leave."""
    assert rule.match
    assert rule.no_match


@pytest.mark.parametrize(("rule", "text"), _rows("match"), ids=row_id)
def test_an_example_is_found_by_its_rule(rule: Rule, text: str) -> None:
    """By the rule alone; the example holds no marker of redaction."""
    assert _taken_out(rule, text)
    assert MARKER.search(text.encode()) is None


@pytest.mark.parametrize(("rule", "text"), _rows("match"), ids=row_id)
def test_an_example_is_redacted_by_the_engine(rule: Rule, text: str) -> None:
    """In plain text, in JSON text, in JSON text in JSON text, percent-encoded, in a sentence in
    base64; the marker has the rule's name, and nothing of the secret is left in any reading of the
    result."""
    in_json = json.dumps({"note": text})
    in_base64 = b64encode(f"here are some notes: {text} and so on".encode()).decode()
    for hidden in (text, in_json, json.dumps([in_json]), f"q={quote(text)}", in_base64):
        redacted, report = REDACTOR.redact_text(hidden)
        assert rule.name in [entry.rule for entry in report.counts]
        assert marker(rule.name) in unquote(redacted) or hidden == in_base64
        for secret in _taken_out(rule, text):
            assert not looking.leaks(secret.decode(), redacted)


def _holds(text: bytes, probe: str) -> bool:
    sets = parse_probe(probe)
    return any(
        all(byte in members for byte, members in zip(text[start:], sets, strict=False))
        for start in range(len(text) - len(sets) + 1)
    )


def _seen_in_base64(rule: Rule, text: str) -> bool:
    """Whether the prefilter promises to see an example in base64 alone."""
    printable = text.isascii() and text.isprintable() and len(text) >= TEXT_BYTES
    return printable or any(_holds(text.encode(), probe) for probe in rule.base64_probes)


@pytest.mark.parametrize(
    ("rule", "text"), [row for row in _rows("match") if _seen_in_base64(*row)], ids=row_id
)
def test_an_example_of_few_bytes_is_redacted_in_base64_alone(rule: Rule, text: str) -> None:
    """Where it holds a probe of its row, or has :data:`TEXT_BYTES` printable ASCII bytes."""
    _, report = REDACTOR.redact_text(b64encode(text.encode()).decode())
    assert rule.name in [entry.rule for entry in report.counts]


@pytest.mark.parametrize(("rule", "text"), _rows("no_match"), ids=row_id)
def test_a_counter_example_is_left_alone_by_the_rule(rule: Rule, text: str) -> None:
    """By the rule itself, and by all rows of its name in the engine."""
    assert [] == _taken_out(rule, text)
    for around in (text, f"see {text} there", json.dumps({"note": text})):
        assert rule.name not in [entry.rule for entry in REDACTOR.redact_text(around)[1].counts]


def _python_pattern(rule: Rule) -> str:
    """The pattern in the syntax of the standard library."""
    return rule.pattern.replace(r"\z", r"\Z")


@RULES
def test_the_least_length_is_that_of_the_pattern(rule: Rule) -> None:
    """Worked out from the parsed pattern, or, of an IBAN, from the shortest of a country."""
    shortest = _parser.parse(_python_pattern(rule)).getwidth()[0]
    assert (min(IBAN_LENGTHS.values()) if rule.cut == "iban_end" else shortest) == rule.least_length


@RULES
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_matches_passes_the_rows_prefilter(rule: Rule, data: st.DataObject) -> None:
    """Texts are made from the pattern; they stand alone, and in a protobuf body, where the byte
    before a text is its length."""
    pattern = re.compile(_python_pattern(rule).encode("latin-1"))
    text = data.draw(st.from_regex(pattern, fullmatch=True))
    assume(compiled(rule.expression).search(text) is not None)
    if rule.cut == "iban_end":
        # The check counts letters and digits, the pattern also what separates them.
        assume(sum(bytes([byte]).isalnum() for byte in text) >= rule.least_length)
    assert len(text) >= rule.least_length
    prefilter = compiled(rule.prefilter_expression)
    assert prefilter.search(text) is not None
    assert prefilter.search(b"\x0a" + bytes([len(text) % 128]) + text) is not None


@RULES
def test_a_row_is_sound(rule: Rule) -> None:
    """It has one group at most that counts, a check that exists, and a search that is linear."""
    if rule.check is not None:
        assert rule.check in CHECKS
    if rule.retry_inside:
        assert _parser.parse(_python_pattern(rule)).getwidth()[1] < 100
    assert MARKER.fullmatch(marker(rule.name).encode())


def test_the_ibans_pattern_names_all_countries() -> None:
    """Those whose lengths the check knows."""
    rule = next(rule for rule in BUILTIN_RULES if rule.cut == "iban_end")
    countries = rule.pattern[len("(?:") : rule.pattern.index(")")].split("|")
    assert sorted(IBAN_LENGTHS) == countries


@pytest.mark.parametrize("country", sorted(IBAN_LENGTHS))
def test_an_iban_of_each_country_is_found(country: str) -> None:
    """Of the registry's length and with the right check digits, alone, grouped, before words, and
    not when a digit is missing or too much."""
    account = "1" * (IBAN_LENGTHS[country] - 4)
    number = int("".join(str(int(character, 36)) for character in f"{account}{country}00"))
    iban = f"{country}{98 - number % 97:02}{account}"
    grouped = " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))
    for text in (iban, grouped):
        assert "pay [redacted:iban] NOW 2" == REDACTOR.redact_text(f"pay {text} NOW 2")[0]
    for text in (f"pay {iban[:-1]} now", f"pay {iban}1 now"):
        assert text == REDACTOR.redact_text(text)[0]


def test_a_table_with_a_mistake_is_refused(tmp_path: Path) -> None:
    """Unknown fields and unknown fragments, by name."""
    table = tmp_path / "rules.toml"
    for row, saying in [
        ('pattern = "x"\nkeyword = "x"', "keyword"),
        ('pattern = "{{nothing}}"', "nothing"),
    ]:
        table.write_text(f'[fragments]\nsome = "x"\n[[context]]\nname = "a"\n{row}\n')
        with pytest.raises(ValueError, match=saying):
            load_rules(table)


def test_fragments_are_put_in_and_line_breaks_left_out(tmp_path: Path) -> None:
    """Fragments may name earlier ones."""
    table = tmp_path / "rules.toml"
    table.write_text(
        "[fragments]\na = 'x'\nb = '{{a}}+'\n"
        "[[context]]\nname = 'n'\npattern = '''\n  {{b}}\n  |y'''\n"
    )
    assert (Rule(name="n", pattern="x+|y"),) == load_rules(table)
    assert msgspec.structs.asdict(load_rules(table)[0])["prefilter"] is None

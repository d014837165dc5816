"""Each rule's hits and near misses."""

from __future__ import annotations

import itertools
import random
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redaction import secret_samples
from tracefoundry.redaction import personal_data
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.policy import BUILTIN_RULES, Policy

REDACTOR = Redactor(Policy())
KINDS = secret_samples.all_kinds()
AT = "@"


def rules_in(text: str) -> list[str]:
    """The rules that take something out of the text."""
    return [entry.rule for entry in REDACTOR.redact_text(text)[1].counts]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_secret_is_named_by_its_rule(kind: str, data: st.DataObject) -> None:
    """At the start, in the middle and at the end of a text."""
    rule, text, core = data.draw(KINDS[kind])
    for before, after in itertools.product(("", "use ", "('", "x=", "\n"), ("", ".", ", ok", "')")):
        redacted, report = REDACTOR.redact_text(f"{before}{text}{after}")
        assert core not in redacted
        assert [rule] == [entry.rule for entry in report.counts]
        assert redacted.startswith(before)
        assert redacted.endswith(after)


@pytest.mark.parametrize(
    "text",
    [
        # numbers that mean nothing
        "1732190400",
        "1732190400123",
        "1732190400123456789",
        "input_tokens=123456 output_tokens=789",
        "1234567890123456",
        "4111111111111112",
        "0.4111111111111111",
        "4111111111111111.5",
        "x4111111111111111",
        "2026-11-21T13:12:50.123456Z",
        "192.168.100.200:8080",
        "+49 30 1234567",
        "000-12-3456 666-12-3456 900-12-3456 123-00-4567 123-45-0000",
        "2024-123-45-6789-1",
        "GB00WEST12345698765432",
        "DE00 1234 5678 9012 3456 78",
        "AB12CD34EF56",
        "GB123456A",
        "111.111.111-11",
        "123.456.789-00",
        # ids and names that begin like keys
        "chatcmpl-9zXcVbNmAsDfGhJkLqWeRtYuIoP01",
        "call_AbCdEfGhIjKlMnOpQrStUvWx",
        "toolu_01A09q90qw90lq917835lq9",
        "task-0123456789abcdefghijklmnop",
        "risk-assessment-of-the-whole-company",
        "0af7651916cd43dd8448eb211c80319c",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "123e4567-e89b-12d3-a456-426614174000",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "sk-learn sk-short",
        "a GitHub token begins with ghp_ and a Slack token with xoxb-",
        "AKIAEXAMPLE",
        "eyJhbGciOi",
        # addresses that are none
        "git" + AT + "github.com:org/repo.git",
        "icon" + AT + "2x.png",
        "npm install " + AT + "scope/package" + AT + "1.2.3",
        "image" + AT + "sha256:abc",
        "a @ b.com",
        "user" + AT + "localhost",
        AT + "dataclass",
        # words about secrets
        "the bearer of this letter",
        "Bearer authentication is required",
        "basic understanding of internationalization",
        "Basic internationalization",
        "the secret: always be kind",
        "password: required",
        "enter your password: <password>",
        "token = get_token(user)",
        "password=password, token=token",
        "secret=${SECRET}",
        "max_tokens: 4096, total_tokens=523",
        "https://example.com:8080/path?x=1",
        "https://example.com/a:b" + AT + "c",
        "the cookie: is tasty",
        "C:\\new\\table\\users",
        "100%25 of %20 things",
    ],
)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    """Ids, times, counts and prose survive, alone and in a sentence."""
    for around in (text, f"see {text} there", f'{{"v": "{text}"}}'.replace("\\", "\\\\")):
        assert (around, []) == (REDACTOR.redact_text(around)[0], rules_in(around))


def test_random_ids_and_times_survive() -> None:
    """Thousands of those that traces are full of, in the forms that they come in."""
    generator = random.Random(11)
    letters = secret_samples.ALNUM
    for _ in range(3_000):
        number = generator.getrandbits(63)
        texts = (
            str(uuid.UUID(int=generator.getrandbits(128), version=4)),
            f"{generator.getrandbits(128):032x}",
            f"{generator.getrandbits(64):016x}",
            "chatcmpl-" + "".join(generator.choices(letters, k=29)),
            f"17{number % 10**17:017}",
            f"msg_{number}",
        )
        for text in texts:
            assert text == REDACTOR.redact_text(text)[0]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("https://bob:" + "hunter2" + AT + "host.example.com/x", "url_password"),
        ("redis://:" + "hunter2" + AT + "cache:6379/0", "url_password"),
        ("Authorization: " + "ApiKey abcd1234efgh", "auth_header"),
        ("Cookie: sid" + "=abc123; theme=dark", "cookie"),
        ("api_key" + ": 'abc-def'", "assigned_secret"),
        ("{'client_secret" + "': 'abc def'}", "assigned_secret"),
        ("export OPENAI_API_KEY" + "=correcthorse", "assigned_secret"),
        ("?access_token" + "=abcdefgh&x=1", "assigned_secret"),
        ("Pwd=x;Password" + "=Tr0ub4dor&3;", "assigned_secret"),
        ("first.last+tag" + AT + "sub.example.co.uk", "email"),
        ("jörg" + AT + "example.org", "email"),
        ("bob" + AT + "münchen.de", "email"),
        ("<ann" + AT + "example.com>", "email"),
        ("ES91 2100 0418 4502 " + "0005 1332 AND MORE", "iban"),
        ("3782 822463 " + "10005", "card"),
        ("5555-5555-" + "5555-4444", "card"),
        ("AB 12 34 " + "56 C", "uk_nino"),
    ],
)
def test_forms_that_people_write(text: str, rule: str) -> None:
    """Grouped numbers, headers, reprs, environment files, query strings."""
    assert [rule] == rules_in(text)
    assert [rule] == rules_in(f"see {text} there")


def test_a_url_keeps_its_host_and_user() -> None:
    """Only the password goes."""
    text = "postgres://app:" + "hunter2" + AT + "db.example.com/x"
    assert (
        "postgres://app:[redacted:url_password]" + AT + "db.example.com/x"
        == REDACTOR.redact_text(text)[0]
    )


def test_each_find_is_counted() -> None:
    """Twice the same is two."""
    mail = "ann" + AT + "example.com"
    _, report = REDACTOR.redact_text(f"{mail} and {mail}")
    assert [("email", 2)] == [(entry.rule, entry.count) for entry in report.counts]


def test_a_secret_in_a_rule_name_position_is_named_by_the_first_rule() -> None:
    """Where rules overlap, the order of the rules decides."""
    key = "sk" + "-ant-" + "a1" * 20
    assert ["anthropic_key"] == rules_in(key)


@given(st.integers(0, 10**15))
def test_luhn_accepts_one_check_digit(number: int) -> None:
    """Of ten."""
    accepted = [d for d in range(10) if personal_data.luhn(f"{number}{d}".encode())]
    assert 1 == len(accepted)


def test_rule_names_can_stand_in_a_marker() -> None:
    """Or redaction would not recognise its own marks."""
    from tracefoundry.redaction.rules import MARKER, marker

    assert all(MARKER.fullmatch(marker(rule.name).encode()) for rule in BUILTIN_RULES)

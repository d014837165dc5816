"""What was taken out of one place of a span is taken out of the others."""

from __future__ import annotations

import json
from collections import Counter

import pytest

import samples
from tracefoundry.model.span import Event, Link, Resource
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.policy import Policy
from tracefoundry.redaction.repeated_secrets import MOST_VALUES, RepeatedSecrets, is_distinctive

REDACTOR = Redactor(Policy())
VALUE = "Tr0ub4" + 'dor"3%'


def test_a_secret_goes_from_all_places_of_a_span() -> None:
    """Known by its key; quoted in a message, in JSON text, in a URL, in bytes, as a key."""
    span = samples.make_span(resource=Resource({"service.name": "agent"}))
    span.name = f"login {VALUE}"
    span.status_message = f"refused: {VALUE}!"
    span.attributes = {
        "text": f"it was {VALUE}",
        "json": json.dumps({"note": [VALUE]}),
        "url": "https://h.example/Tr0ub4" + "dor%223%25/x",
        "list": ["a", VALUE],
        VALUE: 1,
        "password": VALUE,
    }
    span.events = [Event("e", 1, {"k": VALUE})]
    span.links = [Link(b"", b"", {"k": VALUE})]
    report = REDACTOR.redact_span(span)
    assert "ub4" not in str(span)
    assert span.status_message == "refused: [redacted:denied_key]!"
    assert json.loads(str(span.attributes["json"])) == {"note": ["[redacted:denied_key]"]}
    assert [(entry.rule, entry.count) for entry in report.counts] == [("denied_key", 10)]


def test_a_secret_of_a_text_goes_from_the_others() -> None:
    """The rule that found it is counted for each place."""
    key = "hunter2" + "ABCdef"
    log = samples.make_log()
    log.attributes = {"a": f"DB_PASSWORD={key}", "b": f"psql says {key} is wrong"}
    log.body = f"{key}."
    report = REDACTOR.redact_log(log)
    assert key not in str(log)
    assert [(entry.rule, entry.count) for entry in report.counts] == [("assigned_secret", 3)]


def test_personal_data_words_and_numbers_are_not_looked_for() -> None:
    """They stand elsewhere with another meaning."""
    span = samples.make_span(resource=Resource({}))
    span.attributes = {"password": "development", "api_token": "1234567890", "env": "development"}
    span.status_message = "1234567890 rows of development"
    REDACTOR.redact_span(span)
    assert span.attributes["env"] == "development"
    assert span.status_message == "1234567890 rows of development"


@pytest.mark.parametrize(
    ("value", "distinctive"),
    [
        ("abc123", False),
        ("abcd1234", True),
        ("correct horse battery", True),
        ("correct_horse_battery", False),
        ("/run/secrets/key1", False),
        ('{"a": "abcd1234"}', False),
        ("[redacted:email] abcd1234", False),
        ("a1" * 600, False),
    ],
)
def test_what_is_distinctive(value: str, distinctive: bool) -> None:
    """By length and characters."""
    assert is_distinctive(value.encode()) is distinctive


def test_the_number_of_values_is_bounded() -> None:
    """Further values are found by rules alone."""
    repeated = RepeatedSecrets()
    for number in range(MOST_VALUES + 1):
        repeated.remember(b"secret-%04d" % number, "denied_key")
    counts: Counter[str] = Counter()
    text = b" ".join(b"secret-%04d" % number for number in range(MOST_VALUES + 1))
    assert repeated.redact(text, counts).endswith(b" secret-%04d" % MOST_VALUES)
    assert counts == {"denied_key": MOST_VALUES}


def test_of_values_that_begin_alike_the_longer_one_goes() -> None:
    """Or its end would stay."""
    repeated = RepeatedSecrets()
    repeated.remember(b"abcd1234", "denied_key")
    repeated.remember(b"abcd1234efgh", "assigned_secret")
    assert repeated.redact(b"xabcd1234efghx", Counter()) == b"x[redacted:assigned_secret]x"

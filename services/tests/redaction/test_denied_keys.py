"""Which keys are denied, in the forms that people write them in."""

from __future__ import annotations

import json

import pytest

from tracefoundry.redaction.denied_keys import KeyNames, words_of
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.policy import Policy

NAMES = KeyNames((), ())
REDACTOR = Redactor(Policy())
DENIED = [
    "password",
    "Password",
    "db_password",
    "userPassword",
    "PASSWD",
    "passphrase",
    "secret",
    "client_secret",
    "clientSecret",
    "clientsecret",
    "aws.secret_access_key",
    "api_key",
    "apiKey",
    "apikey",
    "X-API-Key",
    "OPENAI_API_KEY",
    "llm.openai.api_key",
    "access_key",
    "private_key",
    "privateKey",
    "authorization",
    "http.request.header.authorization",
    "Proxy-Authorization",
    "cookie",
    "Set-Cookie",
    "http.response.header.set-cookie",
    "session_cookie",
    "credentials",
    "token",
    "access_token",
    "refreshToken",
    "github.token",
    "x-auth-token",
    "id_token",
    "jwt",
    "ssn",
    "social_security_number",
    "card_number",
    "cvv",
]
KEPT = [
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.request.max_tokens",
    "gen_ai.token.type",
    "llm.token_count.prompt",
    "llm.token_count.completion_details.reasoning",
    "llm.usage.total_tokens",
    "ai.usage.promptTokens",
    "token_count",
    "max_tokens",
    "tokens",
    "token_type",
    "next_page_token",
    "nextPageToken",
    "eos_token",
    "time_to_first_token",
    "tokenizer",
    "api_key_type",
    "secretary",
    "author",
    "authority",
    "authorization_url",
    "session.id",
    "key",
    "cache_key",
    "primary_key",
    "cookie_enabled",
    "password_length",
    "passenger",
    "service.name",
    "user.id",
]


@pytest.mark.parametrize("key", DENIED)
def test_keys_that_name_a_secret_are_denied(key: str) -> None:
    """Whatever case and separators; as an attribute's key and in JSON text, plain and nested."""
    assert NAMES.denied(key)
    text = json.dumps({"a": 1, key: 'some"thing', "z": {"b": [1]}})
    expected = json.dumps({"a": 1, key: "[redacted:denied_key]", "z": {"b": [1]}})
    assert expected == REDACTOR.redact_text(text)[0]
    assert json.dumps([expected]) == REDACTOR.redact_text(json.dumps([text]))[0]


@pytest.mark.parametrize("key", KEPT)
def test_keys_that_count_or_describe_are_kept(key: str) -> None:
    """A trace without its token counts is worth little."""
    assert not NAMES.denied(key)
    text = json.dumps({"a": 1, key: "value", "z": 12})
    assert text == REDACTOR.redact_text(text)[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"x"', '"[redacted:denied_key]"'),
        ('"a\\"b\\\\"', '"[redacted:denied_key]"'),
        ("12", '"[redacted:denied_key]"'),
        ('{"a": ["}", 1]}', '"[redacted:denied_key]"'),
        ('["x", "y"]', '"[redacted:denied_key]"'),
        ("null", "null"),
        ("true", "true"),
        ('""', '""'),
        ("[]", "[]"),
        ("{}", "{}"),
        ('"[redacted:denied_key]"', '"[redacted:denied_key]"'),
        ('"[withheld]"', '"[withheld]"'),
    ],
)
def test_the_whole_value_goes(value: str, expected: str) -> None:
    """Of any type; what says nothing stays."""
    key = "pass" + "word"
    assert (
        f'{{"{key}" : {expected}, "b": 1}}'
        == (REDACTOR.redact_text(f'{{"{key}" : {value}, "b": 1}}')[0])
    )


def test_a_users_denied_key_is_found_at_word_boundaries() -> None:
    """In attribute keys and JSON text, in any spelling."""
    names = KeyNames(("customer.name",), ())
    assert [True, True, True, False] == [
        names.denied(key)
        for key in ("customer.name", "order.customerName.first", "CUSTOMER_NAME", "customer.names")
    ]
    redactor = Redactor(Policy(deny_keys=("customer.name",)))
    text = '{"customerName": "Ann", "city": "Rome"}'
    assert (
        '{"customerName": "[redacted:denied_key]", "city": "Rome"}'
        == (redactor.redact_text(text)[0])
    )


def test_an_allowed_key_is_exempt_from_the_built_in_list_only() -> None:
    """The user's own denial wins."""
    assert not KeyNames((), ("cookie",)).denied("cookie")
    assert KeyNames(("cookie",), ("cookie",)).denied("cookie")


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("apiKey", "api_key"),
        ("X-API-Key", "x_api_key"),
        ("HTTPServer.URL", "http_server_url"),
        ("a..b__c", "a_b_c"),
        ("", ""),
    ],
)
def test_keys_are_compared_as_words(key: str, words: str) -> None:
    """Lower case, joined by underscores."""
    assert words == words_of(key)


def test_the_memory_of_verdicts_is_bounded() -> None:
    """Keys with ids in them would fill it."""
    names = KeyNames((), ())
    for number in range(25_000):
        names.denied(f"key.{number}")
    assert len(names._verdicts) <= names._CACHE_KEYS

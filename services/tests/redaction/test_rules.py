"""Each rule's hits and near misses."""

from __future__ import annotations

import itertools
import json
import random
import uuid
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redaction import looking, secret_samples
from redaction.rule_examples import filled
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


def test_a_key_that_holds_the_beginning_of_another_goes_whole() -> None:
    """The rule of the shorter key must not take its part and leave the rest."""
    key = "AGE-SECRET-KEY-1" + "Q" * 16 + "AN" + "PA" + "QPZRY9X8GF2TVDW0" + "S" * 22
    assert ("x [redacted:age_key] y", ["age_key"]) == (
        REDACTOR.redact_text(f"x {key} y")[0],
        rules_in(f"x {key} y"),
    )


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
        "00-0af7651916cd43dd8448eb211c80319c-" + "41111111" + "11111111-01",
        "9373 1234 4111 1111 " + "1111 1111 5678",
        "PWD=/srv/agent/work",
        "pwd: ~/src",
        "password is required",
        "the token is invalid or expired",
        "password must be 8 characters long",
        "postgresql://USER:PASS" + "WORD" + AT + "HOST:5432/NAME",
        "redis://:***" + AT + "cache:6379",
        "--max-tokens 4096 --token-limit 5",
        "--password-file /run/x",
        "<token>word</token>",
        "npm i react" + AT + "18.2.0",
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
        ("5555.5555." + "5555.4444", "card"),
        ("5555\u00a05555\u00a0" + "5555\u00a04444", "card"),
        ("5555 - 5555 - " + "5555 - 4444", "card"),
        ("5555555555" + "554444.0", "card"),
        ("ES91-2100-0418-4502-" + "0005-1332", "iban"),
        ("SSN: 123" + "456789", "us_ssn"),
        ("user" + AT + "例え.jp", "email"),
        ("ann" + AT + "пример.рф", "email"),
        ("git" + AT + "example.com", "email"),
        ("mysql --pass" + "word Tr0ub4dor3", "assigned_secret"),
        ("<client_sec" + "ret>Tr0ub4dor3</client_secret>", "assigned_secret"),
        ("my password" + " is Tr0ub4dor3", "assigned_secret"),
        ("pwd" + "=Tr0ub4dor3;", "assigned_secret"),
        ("'api_key" + "' => 'Tr0ub4dor3'", "assigned_secret"),
        ("password " + ':= "Tr0ub4dor3"', "assigned_secret"),
        ("password" + "\uff1aTr0ub4dor3", "assigned_secret"),
        ('os.environ["API_KEY' + '"] = "Tr0ub4dor3"', "assigned_secret"),
        ("curl -u bob:" + "Tr0ub4dor3 https://x.example", "basic_auth"),
        ("?X-Amz-Signature" + "=" + "0a" * 32, "signed_url"),
        ('Authorization: Digest username="bob",' + ' response="0a1b2c3d"', "auth_header"),
    ],
)
def test_forms_that_people_write(text: str, rule: str) -> None:
    """Grouped numbers, headers, reprs, environment files, query strings."""
    assert [rule] == rules_in(text)
    assert [rule] == rules_in(f"see {text} there")


@pytest.mark.parametrize("number", ["5555555555" + "554444", "5555555555" + "554444.0"])
def test_a_number_in_json_that_is_a_card_becomes_a_string(number: str) -> None:
    """Its neighbours stay."""
    redacted, _ = REDACTOR.redact_text(f'{{"paid": {number}, "to": [{number}, 7]}}')
    assert '{"paid": "[redacted:card]", "to": ["[redacted:card]", 7]}' == redacted


@pytest.mark.parametrize("ending", [".5", ".05", ".0e1", ".00"])
def test_a_number_that_goes_on_is_no_card(ending: str) -> None:
    """It is a measurement."""
    assert [] == rules_in(f'{{"x": {"5555555555" + "554444"}{ending}}}')


HEX = secret_samples.HEX
ISSUED = {
    "together_key": ("tgp", "_v1_", secret_samples.ALNUM, 43),
    "elevenlabs_key": ("s", "k_", HEX, 48),
    "e2b_key": ("e2", "b_", HEX, 40),
    "cerebras_key": ("cs", "k-", secret_samples.ALNUM, 48),
    "logfire_token": ("pylf", "_v1_us_", secret_samples.ALNUM, 43),
    "jina_key": ("ji", "na_", secret_samples.ALNUM, 60),
    "firecrawl_key": ("f", "c-", HEX, 32),
    "cursor_key": ("ke", "y_", HEX, 64),
    "posthog_key": ("ph", "x_", secret_samples.ALNUM, 43),
    "aws_bedrock_key": ("bedrock", "-api-key-", secret_samples.ALNUM, 120),
    "google_oauth": ("1/", "/0", secret_samples.ALNUM, 60),
    "gitlab_token": ("GR13", "48941", secret_samples.ALNUM, 20),
    "doppler_token": ("dp.", "pt.", secret_samples.ALNUM, 43),
    "mailgun_key": ("ke", "y-", HEX, 32),
    "fly_token": ("fm", "2_", secret_samples.ALNUM, 80),
    "figma_token": ("fi", "gd_", secret_samples.ALNUM, 43),
    "netlify_token": ("nf", "p_", secret_samples.ALNUM, 40),
    "pulumi_token": ("pu", "l-", HEX, 40),
    "heroku_key": ("HR", "KU-", secret_samples.ALNUM, 60),
    "rubygems_key": ("ruby", "gems_", HEX, 48),
    "clojars_token": ("CLO", "JARS_", HEX, 60),
    "buildkite_token": ("bk", "ua_", HEX, 40),
}


@pytest.mark.parametrize("rule", ISSUED)
def test_an_issued_key_is_known_by_its_beginning(rule: str) -> None:
    """Alone, in JSON text and in base64."""
    first, second, alphabet, length = ISSUED[rule]
    key = first + second + "".join(random.Random(rule).choices(alphabet, k=length))
    coded = b64encode(f"use {key} now".encode()).decode()
    for text in (key, f'{{"x": "{key}"}}', f"use {key}.", coded):
        redacted, report = REDACTOR.redact_text(text)
        assert [rule] == [entry.rule for entry in report.counts]
        assert not looking.leaks(key, redacted)


@pytest.mark.parametrize(
    "joint", ["\n", "\r\n", "\n    ", "\n> ", "\n+", '\\n" +\n"', '",\n"', " "]
)
def test_a_private_key_goes_whole_however_its_lines_are_joined(joint: str) -> None:
    """Quoted, indented, in a diff, in source code, in a list of lines."""
    marks = [f"-----{word} RSA PRIVATE " + "KEY-----" for word in ("BEGIN", "END")]
    lines = ["".join(random.Random(n).choices(secret_samples.ALNUM, k=64)) for n in range(12)]
    text = joint.join([marks[0], *lines, marks[1]])
    for around in (text, json.dumps({"k": text}), json.dumps({"a": json.dumps([text])})):
        redacted, report = REDACTOR.redact_text(around)
        assert ["private_key"] == [entry.rule for entry in report.counts]
        assert not any(line in redacted for line in lines)


def test_decorators_in_code_in_json_text_stay() -> None:
    """The n of an escaped line break is nobody's name."""
    code = "\n@app.route('/x')\n@pytest.mark.asyncio.x\r\n@functools.lru_cache\ndef f(): ...\n"
    for text in (code, json.dumps(code), json.dumps([json.dumps({"code": code})])):
        assert (text, []) == (REDACTOR.redact_text(text)[0], rules_in(text))


def test_the_words_of_a_models_answer_are_no_tokens() -> None:
    """Log probabilities name each word a token."""
    text = '{"content": [{"token": " the", "logprob": -0.1, "bytes": [32]}]}'
    assert (text, []) == (REDACTOR.redact_text(text)[0], rules_in(text))


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
    from tracefoundry.redaction.report import MARKER, marker

    assert all(MARKER.fullmatch(marker(rule.name).encode()) for rule in BUILTIN_RULES)


@pytest.mark.parametrize(
    "text",
    [
        "BSA" + "methodNameThatIsLongInCode",
        "s." + "getUserByIdentifierNumbers",
        "sk_" + "only_words_and_underscores_here",
        "live_" + "updatesareenabledforeverybodyhere",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "sha256:" + "4bf92f3577b34da6a3ce929d0e0e4736" * 2,
        "api-4bf92f35" + "-77b3-4da6-a3ce-929d0e",
        "550e8400-e29b-41d4-a716-446655440000",
    ],
)
def test_what_only_looks_like_a_key_stays(text: str) -> None:
    """Names in code, digests, trace contexts and other ids."""
    assert text == REDACTOR.redact_text(text)[0]


def test_short_prefixes_inside_lines_of_base64_are_no_keys() -> None:
    """Certificates and keys in text have lines of 64 letters, in which any three letters occur."""
    line = filled("{{base64:24}}+BSA{{alnum:33}}")
    assert line == REDACTOR.redact_text(line)[0]

"""Ways to write that a name has a value: the value goes, and nothing else does."""

from __future__ import annotations

import json
import random
import string
import time
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import samples
from redaction.assignment_forms import all_forms
from tracefoundry.redaction.assignment_hints import RANDOM, hint_patterns, random_pattern
from tracefoundry.redaction.assignments import AssignedSecrets
from tracefoundry.redaction.denied_keys import KeyNames
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.policy import BUILTIN_RULES, Policy
from tracefoundry.redaction.prefilter import Prefilter
from tracefoundry.redaction.re2_patterns import compiled

REDACTOR = Redactor(Policy())
_RANDOM = random.Random(20)
VALUES = ("Tr0ub4" + "dor3", "".join(_RANDOM.choices(string.ascii_letters + string.digits, k=24)))
ASSIGNED = AssignedSecrets(KeyNames((), ()), ())
HINTS = hint_patterns(())


@pytest.mark.parametrize("form", all_forms())
def test_the_value_goes_and_its_surroundings_stay(form: str) -> None:
    """Alone, in other lines, and in JSON text."""
    for value in VALUES:
        text = form.format(v=value)
        for around in (text, f"first line\n{text}\nlast line\n"):
            redacted, report = REDACTOR.redact_text(around)
            assert value not in redacted
            assert report.counts
            head, _, tail = around.partition(value)
            assert redacted.startswith(head)
            assert redacted.endswith(tail)
        assert value not in REDACTOR.redact_text(json.dumps({"text": text}))[0]


@pytest.mark.parametrize("form", all_forms())
def test_beginnings_of_assignments_take_linear_time(form: str) -> None:
    """Repeated; four times the text takes four times the time, not sixteen times."""
    text = form.format(v=VALUES[0])
    for length in (len(text) // 2, len(text) - 2):
        for joint in ("", "\n"):
            part = (text[:length] + joint).encode()
            seconds = []
            for size in (8_192, 32_768):
                before = time.thread_time()
                for _ in ASSIGNED.found(part * (size // len(part)), HINTS):
                    pass
                seconds.append(time.thread_time() - before)
            assert seconds[1] < 9 * seconds[0] + 0.05, part


@pytest.mark.parametrize(
    "text",
    [
        "def sign(self, token, request):\n    return (token)\n",
        "check(password)\nreset(password, user)\n",
        "grant(credential, [token])",
        "the token. A password;",
        "--access\\-token\\-file",
    ],
)
def test_a_name_without_a_value_is_clean(text: str) -> None:
    """Code is full of them, and a text that is not clean takes ten times as long."""
    assert Prefilter(BUILTIN_RULES, (), ()).is_clean(text.encode())


@settings(max_examples=300, deadline=None)
@given(st.from_regex(random_pattern().encode(), fullmatch=True))
def test_the_hint_of_a_random_value_is_a_superset(text: bytes) -> None:
    """It counts less than the pattern that finds the value."""
    # To RE2, a vertical tab is no white space.
    assert compiled(HINTS[RANDOM]).search(text) or b"\x0b" in text


@pytest.mark.parametrize("name", ["GITHUB_PAT", "DD_APP_KEY", "svcAuth", "MY_SESSION"])
def test_a_random_value_under_another_name_goes(name: str) -> None:
    """In a setting, in JSON text and in code; a word or an id stays."""
    for form in ("{}={}", '{{"{}": "{}"}}', '{} = "{}"', "{}: {}"):
        redacted, _ = REDACTOR.redact_text(form.format(name, VALUES[1]))
        assert VALUES[1] not in redacted
        for value in (
            "getHttp2ConnectionPoolV4",
            "123e4567-e89b-12d3-a456-426614174000",
            "en-US-1",
        ):
            text = form.format(name, value)
            assert text == REDACTOR.redact_text(text)[0]


@pytest.mark.parametrize("name", ["cache_key", "session_id", "public_key_hash"])
def test_hashes_and_ids_stay(name: str) -> None:
    """Their names say that they are no secrets."""
    text = json.dumps({name: f"{_RANDOM.getrandbits(256):064x}"})
    assert text == REDACTOR.redact_text(text)[0]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("API_KEY=abc&def1", "API_KEY={}"),
        ("x?api_key=abcd1&y=3", "x?api_key={}&y=3"),
        ("DB_PASSWORD=a1b2c3,d4|e5\nX=1", "DB_PASSWORD={}\nX=1"),
        ("PASSWORD: ${DB_PASSWORD:-hunter2x}", "PASSWORD: ${{DB_PASSWORD:{}}}"),
        ("run API_KEY=hunter2x; echo", "run API_KEY={}; echo"),
    ],
)
def test_a_setting_goes_whole(text: str, left: str) -> None:
    """Up to its end, not to a sign in it; the setting behind it stays."""
    assert REDACTOR.redact_text(text)[0] == left.format("[redacted:assigned_secret]")


@pytest.mark.parametrize("text_is_clean", [True, False])
@pytest.mark.parametrize(
    ("key", "value", "secret"),
    [
        ("github.pat", VALUES[1], True),
        ("app.datadog_app_key", VALUES[1], True),
        ("db.pass", VALUES[0], True),
        ("vendor.auth", VALUES[1], True),
        ("session.id", VALUES[1], False),
        ("gen_ai.conversation.id", VALUES[1], False),
        ("cache.key", "0123456789abcdef" * 2, False),
        ("vendor.auth", "required", False),
        ("vendor.auth", "123e4567-e89b-12d3-a456-426614174000", False),
        ("primary_key", VALUES[1], False),
        ("vendor.auth", 5, False),
    ],
)
def test_an_attribute_with_a_secret_like_name_loses_a_random_value(
    key: str, value: object, secret: bool, text_is_clean: bool
) -> None:
    """Every time it comes, at the top and in an object; a key is not remembered for one value."""
    for around in ("required", value, "required", value):
        for attributes in ({key: around}, {"o": {"$object": {key: around}}}):
            span = samples.make_span(attributes=attributes)
            report = REDACTOR.redact_span(span, text_is_clean=text_is_clean)
            gone = secret and around is value
            assert ("assigned_secret" in str(span.attributes)) is gone
            assert bool(report.counts) is gone


@pytest.mark.parametrize(
    "form",
    [
        "&quot;password&quot;: &quot;{v}&quot;",
        "{{&quot;api_key&quot;:&quot;{v}&quot;,&quot;x&quot;:1}}",
        "<p>password = &#34;{v}&#34;</p>",
        "<a href='?a=1&amp;api_key={v}&amp;b=2'>",
        "password&#61;{v}",
    ],
)
def test_references_of_html_hide_nothing(form: str) -> None:
    """What stands around the value stays as it is written."""
    head, _, tail = form.format(v=VALUES[1]).partition(VALUES[1])
    redacted, _ = REDACTOR.redact_text(head + VALUES[1] + tail)
    assert redacted.startswith(head)
    assert redacted.endswith(tail)
    assert VALUES[1] not in redacted


def test_files_that_hold_keys() -> None:
    """Of docker, npm, kubectl, Terraform and the manifests of Kubernetes."""
    login = b64encode(("bob:" + VALUES[0]).encode()).decode()
    key = b64encode(_RANDOM.randbytes(300)).decode()
    for form, value in [
        ('{{"auths": {{"r.example": {{"auth": "{v}"}}}}}}', login),
        ("//r.example/:_auth={v}", login),
        ('_auth = "{v}"', login),
        ("    client-key-data: {v}\n", key),
        ('{{"client-key-data": "{v}"}}', key),
        ("data:\n  tls.key: {v}\ntype: kubernetes.io/tls", key),
        ('{{"instances": [{{"attributes": {{"password": "{v}", "port": 1}}}}]}}', VALUES[0]),
        ('"db_password": {{"value": "{v}", "type": "string", "sensitive": true}}', VALUES[0]),
    ]:
        assert value not in REDACTOR.redact_text(form.format(v=value))[0]

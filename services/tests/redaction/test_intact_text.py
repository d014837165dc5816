"""Code, schemas and empty settings that speak of secrets and hold none stay as they are."""

from __future__ import annotations

import json
from typing import Any

import pytest

import samples
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.policy import Policy

REDACTOR = Redactor(Policy())
VALUE = "Tr0ub4" + "dor3"
DENIED = "[redacted:denied_key]"


@pytest.mark.parametrize(
    "text",
    [
        # comparisons: what follows the colon is the next statement
        'if key == "password":\n    return value2x',
        'if key == "password":\n        token = 5\n',
        'elif k == "secret":\n    secret_1 = 2',
        'case "token":\n  x1y2z3()',
        'if token != "":',
        'if token == "":\n  raise Value1Error("x")',
        "if (password == confirm_password1):",
        "password === other2password",
        'assert response["token"] == expected_token_1',
        # a quote that closes a string
        '"password: " + user.name',
        '"password: " + user.name2,',
        'print("token: ", token_1)',
        'password = input("Password: ")',
        '"password: %s" % x1y2z3',
        '{"members": {"Password": {"shape": "Secret", "documentation": "<p>Of 1 user.</p>"}}}',
        # names, colours, formats and versions
        '_DEFAULT_TOKEN = "_sa_default"',
        "        Token: '#dcdccc',",
        'password="somehash"',
        'toolskey = "VS%0.f0COMNTOOLS" % version',
        "${access_token:+Authorization}",
        '"minipass": "^7.0.4"',
        'private_key: "_RSAPrivateKey",',
        "    parent_token=prop,\n",
        # settings without a value, and the next line
        "API_KEY=\nNEXT_VAR=value12",
        "API_KEY=\nDEBUG=1\n",
        "password=\nuser=bob1234",
        "PASSWORD=\n\nnext line 1",
        '"password":"","user":"bob1"',
        # values that are computed
        'f"Bearer {token}"',
        'f"Bearer {self.token_value_1}"',
        'headers = {"Authorization": f"Bearer {api_key}"}',
        '"token": get_token(user)',
        '"token": self.token_1',
        'api_key = os.environ["API_KEY"]',
        'api_key = os.getenv("OPENAI_API_KEY2")',
        "const token = await getToken1();",
        'token = request.headers.get("token2")',
        # names of variables
        "Authorization: Bearer ${TOKEN}",
        "Authorization: Bearer <token>",
        "Authorization: Bearer $TOKEN1",
        'curl -H "Authorization: Bearer $OPENAI_API_KEY2"',
        "password: ${{ secrets.PASSWORD_1 }}",
        "password: {{ .Values.password1 }}",
        # signatures and annotations
        "token: str = Field(...)",
        "password: Optional[str] = None",
        'def f(token: str, password: str = ""):',
        '"required": ["token", "password"]',
        '<input type="password" name="password1">',
    ],
)
def test_text_without_a_secret_stays(text: str) -> None:
    """Alone, in lines of code, and in JSON text."""
    for around in (text, f"x = 1\n{text}\n", json.dumps({"code": f"x = 1\n{text}\n"})):
        assert (around, ()) == (lambda out: (out[0], out[1].counts))(REDACTOR.redact_text(around))


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "token": {"type": "string"},
        "password": {"type": ["string", "null"], "description": "the password", "minLength": 8},
        "api_key": {"description": "key of the service"},
        "credentials": {"type": "object", "properties": {"secret": {"$ref": "#/$defs/s"}}},
    },
    "required": ["token", "password"],
}


def test_a_schema_keeps_its_shape() -> None:
    """The definition of a tool, as JSON text (nested too) and as a structured attribute."""
    for text in (
        json.dumps(SCHEMA),
        json.dumps(SCHEMA, indent=2),
        json.dumps([json.dumps(SCHEMA)]),
    ):
        assert (text, ()) == (lambda out: (out[0], out[1].counts))(REDACTOR.redact_text(text))
    span = samples.make_span(attributes={"gen_ai.tool.definitions": [{"parameters": SCHEMA}]})
    assert not REDACTOR.redact_span(span)
    assert {"gen_ai.tool.definitions": [{"parameters": SCHEMA}]} == span.attributes


def test_of_a_schema_only_the_values_in_it_go() -> None:
    """Defaults, examples and constants of what a denied key describes."""
    schema = {"type": "string", "default": VALUE, "examples": [VALUE], "description": "a token"}
    expected = {"type": "string", "default": DENIED, "examples": DENIED, "description": "a token"}
    redacted, report = REDACTOR.redact_text(json.dumps({"properties": {"token": schema}}))
    assert {"properties": {"token": expected}} == json.loads(redacted)
    assert [("denied_key", 2)] == [(entry.rule, entry.count) for entry in report.counts]
    span = samples.make_span(attributes={"tool": {"token": schema}})
    REDACTOR.redact_span(span)
    assert {"tool": {"token": expected}} == span.attributes


@pytest.mark.parametrize(
    "value",
    [
        {"type": "string", "data": VALUE},
        {"user": "bob", "meta": {"type": "string"}},
        {"value": VALUE},
        {"type": "string", "x": "y" * 20_000},
    ],
)
def test_an_object_that_is_no_schema_goes_whole(value: dict[str, Any]) -> None:
    """It has a member that no schema has, or none that tells one."""
    redacted, _ = REDACTOR.redact_text(json.dumps({"credentials": value, "n": 1}))
    assert {"credentials": DENIED, "n": 1} == json.loads(redacted)


@pytest.mark.parametrize(
    "text",
    [
        f'password = "{VALUE}"',
        f"password: {VALUE}",
        f"password:\n  {VALUE}",
        f"API_KEY={VALUE}",
        f"API_KEY=\nDB_PASSWORD={VALUE}",
        f'print("token: ", token="{VALUE}")',
        f'export TOKEN="{VALUE}"',
        f"{{'token': '{VALUE}'}}",
        f"{{\"token\": '{VALUE}'}}",
        f'{{"token": b"{VALUE}"}}',
        f'{{"password":\n  "{VALUE}"}}',
        f"'password' => '{VALUE}'",
        f'if x == "a": password = "{VALUE}"',
    ],
)
def test_a_secret_beside_such_text_still_goes(text: str) -> None:
    """The value alone."""
    redacted, report = REDACTOR.redact_text(text)
    assert VALUE not in redacted
    assert report.counts
    assert text.partition(VALUE)[0] == redacted.partition("[redacted")[0]

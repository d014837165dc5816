"""No planted secret gets through, however it is encoded, and what is around it stays."""

from __future__ import annotations

import json
import random
import string
from base64 import b64encode

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redaction import hiding, looking, secret_samples
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.policy import Policy

REDACTOR = Redactor(Policy())
KINDS = secret_samples.all_kinds()
SECRETS = secret_samples.any_secret()
ENCODINGS = st.sampled_from(hiding.ENCODINGS)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_secret_of_any_kind_is_found_in_any_encoding(kind: str, data: st.DataObject) -> None:
    """Nothing of it is left in any reading, and the report names its rule."""
    rule, text, core = data.draw(KINDS[kind])
    hidden = data.draw(ENCODINGS)(text)
    redacted, report = REDACTOR.redact_text(hidden)
    assert not looking.leaks(core, redacted), (hidden, redacted)
    assert rule in [entry.rule for entry in report.counts]


@settings(max_examples=400, deadline=None)
@given(SECRETS, st.sampled_from(hiding.OTHERS), st.sampled_from(hiding.ENCODINGS[1:]))
def test_two_encodings_hide_it_no_better(
    secret: secret_samples.Sample, inner: hiding.Hide, outer: hiding.Hide
) -> None:
    """Escapes in base64, percent-encoding in JSON, JSON in percent-encoding, ..."""
    _, text, core = secret
    redacted, report = REDACTOR.redact_text(outer(inner(text)))
    assert not looking.leaks(core, redacted), redacted
    assert report.counts


@settings(max_examples=300, deadline=None)
@given(SECRETS, st.sampled_from(hiding.BASE64), st.sampled_from(hiding.OTHERS))
def test_base64_in_other_encodings_hides_it_no_better(
    secret: secret_samples.Sample, inner: hiding.Hide, outer: hiding.Hide
) -> None:
    """Base64 whose slashes are escaped or whose padding is percent-encoded is still base64."""
    _, text, core = secret
    redacted, report = REDACTOR.redact_text(outer(inner(text)))
    assert not looking.leaks(core, redacted), redacted
    assert report.counts


@settings(max_examples=300, deadline=None)
@given(st.lists(SECRETS, min_size=1, max_size=4), ENCODINGS, st.text(max_size=40))
def test_redacting_twice_changes_nothing_more(
    secrets: list[secret_samples.Sample], hide: hiding.Hide, around: str
) -> None:
    """The result is clean by the engine's own judgement."""
    once, _ = REDACTOR.redact_text(around + hide(" ".join(text for _, text, _ in secrets)) + around)
    assert (once, ()) == (lambda out: (out[0], out[1].counts))(REDACTOR.redact_text(once))


def json_values(leaves: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """JSON documents over the leaves; keys name nothing."""
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text('xyz "é'), inner, max_size=4)
        ),
        max_leaves=12,
    )


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@settings(max_examples=300, deadline=None)
@given(json_values(LEAVES | SECRETS.map(lambda secret: secret[1])), st.booleans())
def test_json_stays_json_with_the_same_shape(document: object, escaped: bool) -> None:
    """Only strings change (and numbers that were cards become strings); keys stay in order. A
    number alone is a text like any other."""
    if isinstance(document, int | float):
        document = [document]
    text = json.dumps(document, ensure_ascii=escaped)
    redacted, report = REDACTOR.redact_text(text)
    if not report.counts:
        assert text == redacted
    else:
        assert _shape(document) == _shape(json.loads(redacted))


def _shape(document: object) -> object:
    if isinstance(document, dict):
        return [_shape(value) for value in document.values()]
    if isinstance(document, list):
        return [_shape(value) for value in document]
    return "leaf"


@settings(max_examples=200, deadline=None)
@given(json_values(st.none() | st.booleans() | st.integers(0, 10**12) | st.text('abc \n"\\é')))
def test_clean_json_stays_byte_for_byte(document: object) -> None:
    """Spaces, escapes and all."""
    text = json.dumps(document, indent=1)
    assert (text, ()) == (lambda out: (out[0], out[1].counts))(REDACTOR.redact_text(text))


def test_only_the_secret_changes_in_json_text() -> None:
    """Numbers keep their digits, spaces stay, escapes around stay escapes."""
    mail = "ann" + "@" + "example.com"
    text = '{ "n": 1.50, "big": 12345678901234567890,  "t":"a\\u00e9 \\n' + mail + '\\/x" }'
    redacted, _ = REDACTOR.redact_text(text)
    assert text.replace(mail, "[redacted:email]") == redacted


def test_a_card_that_is_a_json_number_becomes_a_string() -> None:
    """Or the JSON would not be JSON any more."""
    number = secret_samples.card_number("1" * 7 + "2345678")
    redacted, _ = REDACTOR.redact_text(f'{{"card": {number}, "n": 1}}')
    assert {"card": "[redacted:card]", "n": 1} == orjson.loads(redacted)


def test_cut_off_json_is_looked_through_too() -> None:
    """SDKs truncate: the text is no JSON, and the key still tells."""
    name = "pass" + "word"
    redacted, _ = REDACTOR.redact_text(f'{{"user": "x", "{name}": "correct horse batt')
    assert f'{{"user": "x", "{name}": "[redacted:denied_key]' == redacted


def test_what_is_nested_too_deep_is_replaced_whole() -> None:
    """Bounded work, and closed when the bound is reached."""
    text = "ann" + "@" + "example.com"
    for _ in range(12):
        text = "".join(f"%{byte:02X}" for byte in text[:60].encode()) + text[60:]
    redacted, report = REDACTOR.redact_text(text)
    assert ("[redacted:nested_encoding]", ["nested_encoding"]) == (
        redacted,
        [entry.rule for entry in report.counts],
    )


def test_work_is_linear_in_the_text() -> None:
    """Texts that make careless engines quadratic finish."""
    for part in ("sk-", '"password": ', "%25", "\\\\", "{", "@a.", "4111 ", "eyJ", "://a:", "\\u"):
        text = part * (200_000 // len(part))
        redacted, _ = REDACTOR.redact_text(text)
        assert redacted


def test_short_beginnings_of_keys_are_nothing_in_random_letters() -> None:
    """In base64 any four letters stand now and then, behind a sign too, but not in paths."""
    letters = random.Random(3).choices(string.ascii_letters + string.digits, k=300)
    noise = "".join(letters)
    for prefix in ("AIza", "sk-", "y0_", "rpa_", "llx-", "AKIA"):
        for sign in "+/" if prefix in ("AIza", "AKIA") else "-_":
            text = f"{noise}{sign}{prefix}{noise[:60].upper()}{noise}"
            assert text == REDACTOR.redact_text(text)[0]
    path = "/home/some/very/long/path/of/folders/and/their/names/and/more/of/them/"
    assert "AIza" not in REDACTOR.redact_text(f"{path}AIza{noise[:35]}")[0]


def test_an_image_in_base64_is_not_touched() -> None:
    """Random bytes look like an address now and then; they must not be rewritten."""
    generator = random.Random(7)
    for _ in range(10):
        text = "data:image/png;base64," + b64encode(generator.randbytes(60_000)).decode()
        assert text == REDACTOR.redact_text(text)[0]

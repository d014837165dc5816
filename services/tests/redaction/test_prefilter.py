"""The prefilter is a superset: what it calls clean, no rule would have changed."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from redaction import hiding, secret_samples
from redaction.rule_examples import filled
from tracefoundry.redaction.base64_text import base64_patterns, parse_probe
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.policy import BUILTIN_RULES, Mode, Policy, UserPattern
from tracefoundry.redaction.prefilter import Prefilter
from tracefoundry.redaction.re2_patterns import begins_with_literal, without_assertions

REDACTOR = Redactor(Policy())
WITH_PATTERN = Redactor(Policy(patterns=(UserPattern("employee", r"\bEMP-\d{6}\b"),)))


def body_with(place: str, text: str) -> bytes:
    """A protobuf body that holds the text in one place."""
    value = AnyValue(string_value=text)
    attribute = KeyValue(key="k", value=value)
    span = Span(trace_id=os.urandom(16), span_id=os.urandom(8), name="work")
    if place == "name":
        span.name = text
    elif place == "status":
        span.status.CopyFrom(Status(message=text))
    elif place == "attribute":
        span.attributes.extend([attribute, KeyValue(key="z", value=AnyValue(int_value=7))])
    elif place == "key":
        span.attributes.append(KeyValue(key=text, value=AnyValue(int_value=7)))
    elif place == "event":
        span.events.append(Span.Event(name="e", attributes=[attribute]))
    elif place == "bytes":
        held = AnyValue(bytes_value=text.encode())
        span.attributes.append(KeyValue(key="k", value=held))
    else:
        nested = AnyValue(kvlist_value=KeyValueList(values=[attribute]))
        span.attributes.append(KeyValue(key="k", value=nested))
    spans = [ResourceSpans(scope_spans=[ScopeSpans(spans=[span])])]
    return ExportTraceServiceRequest(resource_spans=spans).SerializeToString()


PLACES = ["name", "status", "attribute", "key", "event", "bytes", "nested"]


@settings(max_examples=1_500, deadline=None)
@given(
    secret_samples.any_secret(),
    st.sampled_from([*hiding.ENCODINGS, lambda text: text]),
    st.sampled_from(PLACES),
)
def test_a_body_with_a_secret_is_never_clean(
    secret: secret_samples.Sample, hide: hiding.Hide, place: str
) -> None:
    """Wherever it stands and however it is encoded, without knowing where values begin."""
    assert not REDACTOR.body_is_clean(body_with(place, hide(secret[1])))


@settings(max_examples=300, deadline=None)
@given(secret_samples.any_secret(), st.sampled_from(hiding.OTHERS), st.sampled_from(hiding.BASE64))
def test_nor_is_one_with_a_secret_behind_two_encodings(
    secret: secret_samples.Sample, inner: hiding.Hide, outer: hiding.Hide
) -> None:
    """Escapes inside base64."""
    assert not REDACTOR.body_is_clean(body_with("attribute", outer(inner(secret[1]))))


@pytest.mark.parametrize("length", [*range(15, 140), 6_150, 8_000])
def test_a_value_of_any_length_is_seen_at_its_start(length: int) -> None:
    """The length byte before a string may be a letter or a digit."""
    card = secret_samples.card_number("12345678901234")
    text = card + " " + "x" * max(0, length - len(card) - 1)
    assert not REDACTOR.body_is_clean(body_with("attribute", text))


def test_ordinary_bodies_are_clean() -> None:
    """Otherwise the fast path would never be taken."""
    texts = ["chat gpt-4o-mini", "gen_ai.usage.input_tokens", "What is the weather in Paris?"]
    assert [True] * 3 == [REDACTOR.body_is_clean(body_with("status", text)) for text in texts]


def test_json_text_with_a_denied_key_is_not_clean() -> None:
    """At any depth of escaping."""
    for quote in ('"', '\\"', '\\\\\\"'):
        for key in ("password", "apiKey", "x-api-key", "access_token", "Set-Cookie"):
            text = f"{{{quote}{key}{quote}: {quote}x{quote}}}"
            assert not REDACTOR.body_is_clean(body_with("attribute", text)), text


def test_modes_decide_first() -> None:
    """Off keeps everything; strict depends on more than text."""
    clean = body_with("name", "work")
    secret = body_with("name", "ann" + "@" + "example.com")
    assert Redactor(Policy(Mode.OFF)).body_is_clean(secret)
    assert not Redactor(Policy(Mode.STRICT)).body_is_clean(clean)


@pytest.mark.parametrize(
    ("pattern", "bare"),
    [
        (r"^EMP-\d{6}$", r"(?:)EMP-\d{6}(?:)"),
        (r"\bX\b|\AY\z", r"(?:)X(?:)|(?:)Y(?:)"),
        (r"[$^]a", r"[$^]a"),
        (r"[^]$]b$", r"[^]$]b(?:)"),
        (r"\$5\^", r"\$5\^"),
        (r"\Q^x$\E^", r"\Q^x$\E(?:)"),
        (r"[[:alpha:]$]^", r"[[:alpha:]$](?:)"),
    ],
)
def test_assertions_leave_a_users_pattern(pattern: str, bare: str) -> None:
    """Inside a body no value begins or ends where the text does."""
    assert bare == without_assertions(pattern)


@settings(max_examples=200, deadline=None)
@given(st.text("0123456789", min_size=6, max_size=6), st.sampled_from(hiding.ENCODINGS))
def test_a_users_pattern_is_found_like_a_built_in_one(digits: str, hide: hiding.Hide) -> None:
    """Anchored or not; also in base64."""
    hidden = hide(f"EMP-{digits}")
    assert not WITH_PATTERN.body_is_clean(body_with("attribute", hidden))
    redacted, report = WITH_PATTERN.redact_text(hidden)
    assert ["employee"] == [entry.rule for entry in report.counts]
    assert hidden != redacted


@given(st.binary(min_size=9, max_size=30), st.binary(max_size=5), st.binary(max_size=5))
def test_a_probe_is_seen_at_every_alignment(probe: bytes, before: bytes, after: bytes) -> None:
    """One of its three patterns is in any base64 that holds it."""
    import re
    from base64 import urlsafe_b64encode

    patterns = base64_patterns("".join(f"\\x{byte:02x}" for byte in probe))
    coded = urlsafe_b64encode(before + probe + after).rstrip(b"=").decode()
    assert any(re.search(pattern, coded) for pattern in patterns)


@pytest.mark.parametrize("probe", ["a|b", "(a)", "a+", "[a", "a{2,3}"])
def test_a_probe_that_is_not_a_sequence_is_refused(probe: str) -> None:
    """It would be taken for literal characters, and the prefilter would have a hole."""
    with pytest.raises(ValueError, match="probe"):
        parse_probe(probe)


@pytest.mark.parametrize(
    ("pattern", "literal"),
    [
        ("npm_[A-Za-z0-9]{36}", True),
        ("(?:live|test)_[0-9]", True),
        (r"\$6\$", True),
        ("://[^/]", True),
        ("[0-9]Q~", False),
        ("(?i:token)", False),
        (r"(?:\A|[^0-9])sk-", False),
        (r"\d+", False),
    ],
)
def test_patterns_that_begin_with_given_characters_are_told(pattern: str, literal: bool) -> None:
    """They stand in a set of their own."""
    assert literal == begins_with_literal(pattern)


def test_suspicion_names_rules_in_their_order() -> None:
    """Whichever set a rule stands in: where two overlap, the earlier names the marker."""
    prefilter = Prefilter(BUILTIN_RULES, (), ())
    keys = "sk-ant-{{token:24}} ghp_{{alnum:36}} npm_{{alnum:36}}"
    text = filled(f"{keys} TOKEN=Tr0ub4dor3 a@example.com")
    suspicion = prefilter.suspicion(text.encode())
    assert suspicion is not None
    assert sorted(suspicion.rules) == suspicion.rules
    names = [BUILTIN_RULES[number].name for number in suspicion.rules]
    assert {"anthropic_key", "openai_key", "github_token", "npm_token", "email"} <= set(names)

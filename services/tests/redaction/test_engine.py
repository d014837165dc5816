"""Redaction of spans, logs and resources: every place, the modes, and failing closed."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import samples
import strategies
from redaction import hiding, looking, secret_samples
from tracefoundry.model.attributes import broken_text, raw_bytes, text
from tracefoundry.model.span import Event, Link, LogRecord, Resource, Scope, Span
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.policy import BUILTIN_RULES, Mode, Policy
from tracefoundry.redaction.report import NOTHING, RuleCount, Withheld
from tracefoundry.redaction.rules import CHECKS, Rule

MAIL = "ann" + "@" + "example.com"
GONE = "[redacted:email]"
DENIED = "[redacted:denied_key]"


ENGINE = Redactor(Policy())
"""For tests with many examples: an engine is quick once its automata have met the usual texts."""


def redactor(**policy: Any) -> Redactor:
    """An engine that has seen nothing yet."""
    return Redactor(Policy(**policy))


def counts(report: Any) -> dict[str, int]:
    """The report's counts as a dict."""
    return {entry.rule: entry.count for entry in report.counts}


def span_with(place: str, value: Any) -> Span:
    """A span that holds a value in one place."""
    span = samples.make_span(resource=Resource({"service.name": "agent"}))
    span.scope = Scope("tests", "1.0")
    if place == "attribute":
        span.attributes = {"k": value}
    elif place == "resource":
        span.resource = Resource({"k": value})
    elif place == "scope":
        span.scope = Scope("tests", "1.0", {"k": value})
    elif place == "event":
        span.events = [Event("e", 1), Event("e", 2, {"k": value})]
    elif place == "link":
        span.links = [Link(b"", b"", {"k": value})]
    elif place == "name":
        span.name = value
    elif place == "status":
        span.status_message = value
    elif place == "event_name":
        span.events = [Event(value, 1)]
    elif place == "trace_state":
        span.trace_state = value
    elif place == "link_state":
        span.links = [Link(b"", b"", {}, value)]
    elif place == "scope_name":
        span.scope = Scope(value)
    elif place == "scope_version":
        span.scope = Scope("s", value)
    elif place == "schema_url":
        span.resource = Resource({}, value)
    elif place == "scope_schema_url":
        span.scope = Scope("s", schema_url=value)
    else:
        span.attributes = {value: 1}
    return span


VALUE_PLACES = ["attribute", "resource", "scope", "event", "link"]
TEXT_PLACES = [
    "name", "status", "event_name", "trace_state", "link_state", "scope_name", "scope_version",
    "schema_url", "scope_schema_url", "key",
]  # fmt: skip


@pytest.mark.parametrize("place", VALUE_PLACES + TEXT_PLACES)
def test_every_place_of_a_span_is_looked_at(place: str) -> None:
    """Values, names, keys, the resource and the scope; the span's report names them."""
    span = span_with(place, f"by {MAIL}")
    report = redactor().redact_span(span)
    assert {"email": 1} == counts(report)
    assert span_with(place, f"by {GONE}") == span


@pytest.mark.parametrize("place", VALUE_PLACES)
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([MAIL, 1, [MAIL]], [GONE, 1, [GONE]]),
        ({"a": {"b": MAIL}, "n": 1.5}, {"a": {"b": GONE}, "n": 1.5}),
        ({"$object": {"$a": MAIL}}, {"$object": {"$a": GONE}}),
        (raw_bytes(MAIL.encode() + b"\xff"), raw_bytes(GONE.encode() + b"\xff")),
        (text(f"\x00{MAIL}"), text(f"\x00{GONE}")),
        (broken_text(b"\xff " + MAIL.encode()), broken_text(b"\xff " + GONE.encode())),
        ({MAIL: 1, "x": {"y": 2}}, {GONE: 1, "x": {"y": 2}}),
        ({"a": [{"api_key": "abc", "n": 2}]}, {"a": [{"api_key": DENIED, "n": 2}]}),
        ({"password": {"$bytes": "YWJj"}}, {"password": DENIED}),
        ({"password": None, "token": False}, {"password": None, "token": False}),
    ],
)  # fmt: skip
def test_nested_and_tagged_values_are_looked_through(place: str, value: Any, expected: Any) -> None:
    """Types stay as they were."""
    span = span_with(place, copy.deepcopy(value))
    redactor().redact_span(span)
    assert span_with(place, expected) == span


def test_text_that_was_broken_by_the_secret_alone_becomes_plain() -> None:
    """A tag stands exactly where the canonical form has one."""
    span = span_with("attribute", broken_text(b"ok \xff".replace(b"\xff", MAIL.encode())))
    redactor().redact_span(span)
    assert {"k": f"ok {GONE}"} == span.attributes


def test_denied_keys_lose_their_whole_value() -> None:
    """Numbers and lists too; the report counts them; counters stay."""
    span = samples.make_span(
        attributes={
            "http.request.header.authorization": ["Basic abc"],
            "user.password": 1234,
            "gen_ai.usage.input_tokens": 1234,
            "llm.token_count.prompt": 7,
        }
    )
    report = redactor().redact_span(span)
    assert {"denied_key": 2} == counts(report)
    assert {
        "http.request.header.authorization": DENIED,
        "user.password": DENIED,
        "gen_ai.usage.input_tokens": 1234,
        "llm.token_count.prompt": 7,
    } == span.attributes


def test_keys_that_become_equal_keep_both_values() -> None:
    """Two addresses as keys are two values."""
    other = "bob" + "@" + "example.com"
    span = samples.make_span(attributes={MAIL: 1, other: 2, GONE: 3})
    redactor().redact_span(span)
    assert {GONE: 1, f"{GONE} 2": 2, f"{GONE} 3": 3} == span.attributes


def test_a_map_of_secrets_as_keys_is_redacted_in_linear_time() -> None:
    """A hundred thousand attributes may come."""
    attributes = {f"a{number}{'@'}example.com": number for number in range(20_000)}
    span = samples.make_span(attributes=attributes)
    report = ENGINE.redact_span(span)
    assert {"email": 20_000} == counts(report)
    assert list(range(20_000)) == list(span.attributes.values())


def test_a_log_is_redacted_in_all_its_parts() -> None:
    """Name, severity text, attributes and body."""
    log = samples.make_log(name=f"gen_ai.x {MAIL}", body={"content": MAIL, "api_key": "x"})
    log.severity_text = MAIL
    log.attributes = {"k": MAIL}
    report = redactor().redact_log(log)
    assert {"email": 4, "denied_key": 1} == counts(report)
    assert (f"gen_ai.x {GONE}", GONE, {"k": GONE}, {"content": GONE, "api_key": DENIED}) == (
        log.name, log.severity_text, log.attributes, log.body,
    )  # fmt: skip


def test_a_clean_log_stays() -> None:
    """And so does its report's emptiness."""
    log = samples.make_log(body=["What is", {"a": 1}])
    before = copy.deepcopy(log)
    assert NOTHING is redactor().redact_log(log)
    assert before == log


def test_an_envelope_is_redacted_once_and_reported_on_each_of_its_spans() -> None:
    """A span's report does not depend on its place in the body; the totals count once."""
    engine = redactor()
    resource, scope = Resource({"owner": MAIL}), Scope(MAIL)
    spans = [samples.make_span(span=n, resource=resource) for n in (1, 2, 3)]
    for span in spans:
        span.scope = scope
    reports = [engine.redact_span(span) for span in spans]
    assert [{"email": 2}] * 3 == [counts(report) for report in reports]
    assert ({"owner": GONE}, GONE) == (resource.attributes, scope.name)
    assert {"email": 2} == dict(engine.totals)
    assert {"email": 1} == counts(engine.redact_resource(resource))


@settings(max_examples=150, deadline=None)
@given(
    secret_samples.any_secret(),
    st.sampled_from(hiding.ENCODINGS),
    st.sampled_from(VALUE_PLACES + TEXT_PLACES),
)
def test_no_secret_gets_through_at_any_place(
    secret: secret_samples.Sample, hide: hiding.Hide, place: str
) -> None:
    """A sweep over everything that the span, its resource and its scope hold."""
    span = span_with(place, hide(secret[1]))
    report = ENGINE.redact_span(span)
    assert report.counts
    kept = msgspec.json.encode(span).decode()
    assert not looking.leaks(secret[2], kept)


@settings(max_examples=150, deadline=None)
@given(strategies.spans())
def test_redacting_any_span_twice_changes_nothing_more(span: Span) -> None:
    """Nor for a copy, so that nothing is remembered by identity."""
    ENGINE.redact_span(span)
    once = copy.deepcopy(span)
    again = copy.deepcopy(span)
    assert NOTHING == ENGINE.redact_span(again)
    assert once == again


@settings(max_examples=150, deadline=None)
@given(strategies.logs())
def test_any_log_is_taken(log: LogRecord) -> None:
    """No value makes the engine fail; a second pass changes nothing."""
    report = ENGINE.redact_log(log)
    assert "engine_error" not in counts(report)
    once = copy.deepcopy(log)
    again = copy.deepcopy(log)
    assert NOTHING == ENGINE.redact_log(again)
    assert once == again


@settings(max_examples=100, deadline=None)
@given(strategies.spans(), st.booleans())
def test_the_fast_path_gives_what_the_slow_path_gives(span: Span, text_is_clean: bool) -> None:
    """Keys are judged although the body was prefiltered."""
    span.attributes["a.password"] = "x"
    other = copy.deepcopy(span)
    assert "denied_key" in counts(ENGINE.redact_span(span, text_is_clean=text_is_clean))
    ENGINE.redact_span(other)
    assert DENIED == span.attributes["a.password"] == other.attributes["a.password"]


@pytest.mark.parametrize("place", VALUE_PLACES)
def test_a_denied_key_is_seen_though_the_body_was_clean(place: str) -> None:
    """At the top and nested, in every place; the prefilter of the body does not judge such keys."""
    span = span_with(place, {"list": [{"db.password": "x"}]})
    report = redactor().redact_span(span, text_is_clean=True)
    assert {"denied_key": 1} == counts(report)
    assert span_with(place, {"list": [{"db.password": DENIED}]}) == span


def test_off_keeps_everything() -> None:
    """Nothing is looked at."""
    span = span_with("attribute", MAIL)
    engine = redactor(mode=Mode.OFF)
    assert NOTHING is engine.redact_span(span)
    assert ({"k": MAIL}, 1) == (span.attributes, engine.version)
    assert (MAIL, NOTHING) == engine.redact_text(MAIL)


def test_strict_keeps_only_what_is_allowed() -> None:
    """And redacts that; the rest is named with its place and type, not its value."""
    span = samples.make_span(
        resource=Resource({"service.name": MAIL, "owner": "Ann"}),
        name=MAIL,
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.usage.input_tokens": 5,
            "gen_ai.input.messages": "[]",
            "app.note": [1],
            "app.release": "1.2",
            "app.feature.x": True,
            "gen_ai.request.model": "m" * 5_000,
        },
    )
    span.scope = Scope("s", "1", {"x": 1.5})
    span.events = [Event("exception", 1, {"exception.type": "E", "exception.message": "boom"})]
    span.links = [Link(b"", b"", {"y": raw_bytes(b"z")})]
    engine = redactor(mode=Mode.STRICT, allow_keys=("app.release", "app.feature.*"))
    report = engine.redact_span(span, text_is_clean=True)
    assert {
        "gen_ai.operation.name": "chat",
        "gen_ai.usage.input_tokens": 5,
        "app.release": "1.2",
        "app.feature.x": True,
    } == span.attributes
    assert ({"service.name": GONE}, {}, GONE) == (
        span.resource.attributes, span.scope.attributes, span.name,
    )  # fmt: skip
    assert ({"exception.type": "E"}, {}) == (span.events[0].attributes, span.links[0].attributes)
    assert {"email": 2, "not_allowed": 7} == counts(report)
    assert {
        Withheld("span", "gen_ai.input.messages", "string", "redacted"),
        Withheld("span", "app.note", "array", "redacted"),
        Withheld("span", "gen_ai.request.model", "string", "redacted"),
        Withheld("resource", "owner", "string", "redacted"),
        Withheld("scope", "x", "double", "redacted"),
        Withheld("events/0", "exception.message", "string", "redacted"),
        Withheld("links/0", "y", "bytes", "redacted"),
    } == set(report.withheld)


def test_strict_keeps_no_content_even_if_it_is_allowed() -> None:
    """The allowlist is for metadata."""
    span = samples.make_span(
        attributes={"gen_ai.input.messages": "hi", "gen_ai.tool.name": {"a": 1}}
    )
    redactor(mode=Mode.STRICT, allow_keys=("gen_ai.*",)).redact_span(span)
    assert {} == span.attributes


def test_strict_asks_the_table_of_content() -> None:
    """Whatever an entry of the allowlist says, in full or wide; events by their names."""
    content = [
        "gen_ai.input.messages", "exception.message", "exception.stacktrace", "input.value",
        "gen_ai.request.tools", "llm.input_messages.0.message.content", "events",
    ]  # fmt: skip
    named = redactor(mode=Mode.STRICT, allow_keys=(*content, "app.message", "wide.*"))
    span = samples.make_span(
        attributes={**dict.fromkeys(content, "x"), "app.message": "kept", "wide.message": "gone"}
    )
    told = {"gen_ai.system": "openai", "app.message": "hello"}
    span.events = [
        Event("exception", 1, {"exception.message": "x", "exception.stacktrace": "y"}),
        Event("gen_ai.user.message", 1, dict(told)),
        Event("checkpoint", 1, dict(told)),
    ]
    report = named.redact_span(span)
    assert {"app.message": "kept"} == span.attributes
    assert [{}, {"gen_ai.system": "openai"}, told] == [event.attributes for event in span.events]
    assert {"events/0", "events/1", "span"} == {entry.place for entry in report.withheld}


def test_what_strict_takes_from_a_log_is_reported_by_place() -> None:
    """The record itself, its resource and its scope."""
    log = samples.make_log(name="gen_ai.user.message", body="hello")
    log.attributes = {"app.note": "x"}
    log.resource, log.scope = Resource({"owner": "Ann"}), Scope("s", "1", {"y": 1})
    report = redactor(mode=Mode.STRICT, allow_keys=("app.note",)).redact_log(log)
    assert {
        Withheld("log", "app.note", "string", "redacted"),
        Withheld("log", "body", "string", "redacted"),
        Withheld("resource", "owner", "string", "redacted"),
        Withheld("scope", "y", "int", "redacted"),
    } == set(report.withheld)


def test_strict_drops_the_body_of_a_log() -> None:
    """It is content; its type is reported."""
    log = samples.make_log(body={"content": "hello"})
    report = redactor(mode=Mode.STRICT).redact_log(log)
    assert (None, {"gen_ai.system": "openai"}) == (log.body, log.attributes)
    assert Withheld("log", "body", "kvlist", "redacted") in report.withheld


def _fails(text: bytes, start: int, end: int) -> bool:
    raise RuntimeError("a check that fails")


FAILING = Rule(name="failing", pattern="boom", base64_probes=("boom",), check="is_failing")


@pytest.fixture
def failing_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check that :data:`FAILING` names."""
    monkeypatch.setitem(CHECKS, "is_failing", _fails)


@pytest.mark.usefixtures("failing_check")
@pytest.mark.parametrize("place", VALUE_PLACES)
def test_a_value_on_which_the_engine_fails_is_withheld(place: str) -> None:
    """Never passed on; its neighbours are redacted as usual."""
    engine = redactor(rules=(*BUILTIN_RULES, FAILING))
    span = span_with(place, {"deep": ["boom", MAIL]})
    span.status_message = MAIL
    report = engine.redact_span(span)
    expected = span_with(place, "[withheld]")
    expected.status_message = GONE
    assert expected == span
    assert {"email": 1, "engine_error": 1} == counts(report)
    assert ["kvlist"] == [entry.type for entry in report.withheld]
    assert ["withheld"] == [entry.state for entry in report.withheld]


@pytest.mark.usefixtures("failing_check")
@pytest.mark.parametrize("place", TEXT_PLACES)
def test_a_name_on_which_the_engine_fails_is_withheld(place: str) -> None:
    """Names and keys as well."""
    engine = redactor(rules=(*BUILTIN_RULES, FAILING))
    span = span_with(place, "boom")
    assert {"engine_error": 1} == counts(engine.redact_span(span))
    assert span_with(place, "[withheld]") == span


def test_a_string_that_is_no_unicode_is_withheld() -> None:
    """A lone surrogate cannot be looked at as UTF-8."""
    span = span_with("attribute", "\ud800")
    assert {"engine_error": 1} == counts(redactor().redact_span(span))
    assert {"k": "[withheld]"} == span.attributes


def test_native_numbers_stay() -> None:
    """Ids and times are numbers; text with the same digits is looked at."""
    number = int(secret_samples.card_number("12345678901234"))
    span = samples.make_span(attributes={"order.id": number, "text": str(number)})
    redactor().redact_span(span)
    assert {"order.id": number, "text": "[redacted:card]"} == span.attributes


def test_the_memory_of_keys_is_bounded() -> None:
    """Keys with ids in them would fill it."""
    engine = redactor()
    for start in range(0, 25_000, 500):
        keys = {f"key.{number}": 1 for number in range(start, start + 500)}
        engine.redact_span(samples.make_span(attributes=keys))
    assert len(engine._known_keys) <= engine._KNOWN_KEYS


def test_a_policy_can_be_sent_to_another_process() -> None:
    """Workers build their own engine from it."""
    policy = Policy(deny_keys=("a",))
    assert policy == pickle.loads(pickle.dumps(policy))  # noqa: S301 - our own bytes


def test_counts_are_reported_in_the_order_of_names() -> None:
    """Equal redactions give equal rows."""
    span = samples.make_span(attributes={"a": MAIL, "b.password": "x"})
    assert (RuleCount("denied_key", 1), RuleCount("email", 1)) == redactor().redact_span(
        span
    ).counts

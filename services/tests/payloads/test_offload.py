"""Which values the offload stage takes out of a row, and how the span lists them."""

from __future__ import annotations

import copy
import json
from typing import Any, Literal

import pytest

from samples import make_log, make_span
from tracefoundry.model.attributes import TypeName, broken_text, raw_bytes
from tracefoundry.model.contents import decode_value
from tracefoundry.model.genai import registry
from tracefoundry.model.genai.content import event_slot
from tracefoundry.model.limits import MAX_INLINE_BYTES
from tracefoundry.model.payload import ref_of
from tracefoundry.model.span import Event, Link, Resource, Scope, Span
from tracefoundry.payloads.offload import Offloader


class Removed:
    """A value that redaction took out, as it reports it."""

    def __init__(self, place: str, key: str, state: Literal["redacted", "withheld"]) -> None:
        self.place = place
        self.key = key
        self.type: TypeName = "string"
        self.state = state


def offloaded(span: Span, removed: list[Removed] | None = None, *, store: bool = True) -> Span:
    """The span after the stage."""
    Offloader().offload_span(span, removed or [], store=store)
    return span


@pytest.mark.parametrize(
    ("value", "stays"),
    [
        ("x" * MAX_INLINE_BYTES, True),
        ("x" * (MAX_INLINE_BYTES + 1), False),
        ("\N{EURO SIGN}" * (MAX_INLINE_BYTES // 3), True),
        ("\N{EURO SIGN}" * (MAX_INLINE_BYTES // 3 + 1), False),
        (["x" * (MAX_INLINE_BYTES - 4)], True),
        (["x" * (MAX_INLINE_BYTES - 3)], False),
        ({"a": {"b": "x" * MAX_INLINE_BYTES}}, False),
    ],
)
def test_more_than_4_kib_is_content_whatever_the_key(value: Any, stays: bool) -> None:
    """Counted in UTF-8 bytes, lists and maps as JSON."""
    span = offloaded(make_span(attributes={"note": value}))
    assert stays == ("note" in span.attributes)
    assert stays == (span.payloads == ())


def test_many_short_attributes_stay_though_together_they_are_long() -> None:
    """The limit is for a value, not for the row."""
    attributes = {f"key.{number}": "x" * 100 for number in range(100)}
    span = offloaded(make_span(attributes=dict(attributes)))
    assert (attributes, ()) == (span.attributes, span.payloads)


def test_an_envelope_is_offloaded_once_and_listed_by_each_of_its_spans() -> None:
    """Resource and scope are shared objects; their second span finds nothing left to take."""
    resource = Resource({"service.name": "a", "log": "x" * 5_000})
    scope = Scope("s", attributes={"log": "y" * 5_000})
    offloader = Offloader()
    found = []
    for number in (1, 2):
        span = make_span(span=number, resource=resource)
        span.scope = scope
        offloader.offload_span(span)
        found.append((span.payloads, span.contents))
    assert found[0] == found[1]
    assert ["resource", "scope"] == [entry.place for entry in found[0][0]]
    assert {"service.name": "a"} == resource.attributes


def test_past_payload_retention_content_leaves_and_is_listed_as_expired() -> None:
    """The ref is known, the bytes are not kept."""
    span = offloaded(make_span(attributes={"gen_ai.input.messages": "hello"}), store=False)
    assert ({}, ()) == (span.attributes, span.contents)
    assert [("expired", ref_of(b"hello"), 5)] == [
        (entry.state, entry.ref, entry.bytes) for entry in span.payloads
    ]


def test_what_redaction_withheld_is_listed_once_and_nothing_of_it_is_stored() -> None:
    """Under a content key the marker goes too; under another it stays where the value stood."""
    span = make_span(attributes={"gen_ai.input.messages": "[withheld]", "note": "[withheld]"})
    removed = [
        Removed("span", "gen_ai.input.messages", "withheld"),
        Removed("span", "note", "withheld"),
        Removed("events/0", "exception.message", "redacted"),
    ]
    offloaded(span, removed)
    assert ({"note": "[withheld]"}, ()) == (span.attributes, span.contents)
    assert [
        ("input_messages", "span", "gen_ai.input.messages", "withheld", None),
        ("attribute", "span", "note", "withheld", None),
        ("attribute", "events/0", "exception.message", "redacted", None),
    ] == [(e.slot, e.place, e.key, e.state, e.ref) for e in span.payloads]


def test_a_reference_stays_and_is_listed() -> None:
    """The API says later whether it points at something we hold; our own names are never taken."""
    digest = "sha256:" + "ab" * 32
    attributes = {
        "gen_ai.input.messages_ref": "s3://bucket/a.json",
        "gen_ai.system_instructions_ref": digest,
        "tracefoundry.payload.input_messages_ref": digest,
    }
    span = offloaded(make_span(attributes=dict(attributes)))
    assert attributes == span.attributes
    assert [
        ("input_messages", "gen_ai.input.messages_ref", "s3://bucket/a.json", "reference"),
        ("system_instructions", "gen_ai.system_instructions_ref", digest, "reference"),
    ] == [(e.slot, e.key, e.ref, e.state) for e in span.payloads]


def test_the_kind_of_a_span_says_what_a_generic_input_is() -> None:
    """`input.value` of a tool are its arguments."""
    tool = {"openinference.span.kind": "TOOL", "input.value": "{}", "tool.name": "search"}
    span = make_span(attributes=tool)
    span.genai = registry.derive(span.attributes)
    assert ["tool_arguments"] == [entry.slot for entry in offloaded(span).payloads]


TEXT = "the patient asked about lupus"


@pytest.mark.parametrize(
    ("attributes", "leaves"),
    [
        ({"ai.operationId": "ai.rerank", "ai.documents": [TEXT]}, ["ai.documents"]),
        ({"gen_ai.operation.name": "chat", "note": TEXT, "app.question": TEXT}, ["app.question"]),
        ({"gen_ai.operation.name": "chat", "note": TEXT * 3}, ["note"]),
        ({"mcp.method.name": "tools/call", "state": json.dumps({"a": TEXT})}, ["state"]),
        ({"openinference.span.kind": "LLM", "llm.new_thing": TEXT * 3}, ["llm.new_thing"]),
        ({"gen_ai.operation.name": "chat", "gen_ai.agent.description": TEXT * 3}, []),
        ({"http.route": "/", "note": TEXT * 3, "app.question": TEXT}, []),
        ({"session.id": "s", "note": TEXT * 3}, []),
    ],
)
def test_free_text_leaves_spans_that_a_dialect_claims(
    attributes: dict[str, Any], leaves: list[str]
) -> None:
    """Under any key that is not metadata; other spans keep theirs."""
    span = make_span(attributes=dict(attributes))
    span.genai = registry.derive(span.attributes)
    offloaded(span)
    assert leaves == [entry.key for entry in span.payloads]
    assert attributes.keys() - set(leaves) == span.attributes.keys()
    again = make_span(attributes=dict(attributes))
    again.genai = registry.derive(again.attributes)
    assert offloaded(again).payloads == span.payloads


def test_free_text_leaves_the_events_of_claimed_spans() -> None:
    """But for exceptions, whose text says what broke."""
    span = make_span(attributes={"gen_ai.operation.name": "execute_tool"})
    span.genai = registry.derive(span.attributes)
    span.events = [
        Event("tool.output", 1, {"output": TEXT, "bytes": 29}),
        Event("exception", 2, {"exception.message": TEXT * 3, "note": TEXT * 3}),
    ]
    offloaded(span)
    assert [("events/0", "output")] == [(entry.place, entry.key) for entry in span.payloads]
    assert ({"bytes": 29}, 2) == (span.events[0].attributes, len(span.events[1].attributes))


@pytest.mark.parametrize(
    ("name", "attributes", "leaves"),
    [
        ("claude_code.user_prompt", {"prompt": TEXT, "prompt_length": 29}, ["prompt"]),
        ("codex.tool_result", {"arguments": "{}", "output": TEXT, "tool_name": "shell"},
         ["arguments", "output"]),
        ("gemini_cli.api_response", {"response_text": TEXT, "model": "m"}, ["response_text"]),
        ("gen_ai.evaluation.result", {"gen_ai.evaluation.name": "x", "why": TEXT * 3}, ["why"]),
    ],
)  # fmt: skip
def test_free_text_leaves_genai_events(
    name: str, attributes: dict[str, Any], leaves: list[str]
) -> None:
    """All log records that are kept are GenAI events. A body that repeats the name stays."""
    log = make_log(name=name, body=name)
    log.attributes = dict(attributes)
    Offloader().offload_log(log)
    assert leaves == [entry.key for entry in log.payloads]
    assert attributes.keys() - set(leaves) == log.attributes.keys()
    assert log.body == name


def test_events_and_links_keep_their_labels() -> None:
    """The parts of a message leave, its role stays."""
    message = {"role": "user", "content": "hello", "name": "bob"}
    span = make_span()
    span.events = [Event("gen_ai.user.message", 1, dict(message)), Event("retry", 2, {"n": 1})]
    span.links = [Link(b"1" * 16, b"2" * 8, {"why": "z" * 5_000, "kind": "follows"})]
    offloaded(span)
    labels = {
        key: value for key, value in message.items() if event_slot(span.events[0].name, key) is None
    }
    assert ({"role", "name"}, labels) == (set(labels), span.events[0].attributes)
    assert [{"n": 1}, {"kind": "follows"}] == [span.events[1].attributes, span.links[0].attributes]
    assert [("events/0", "content"), ("links/0", "why")] == [
        (entry.place, entry.key) for entry in span.payloads
    ]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"content": "hello"}, "kvlist"),
        ("hello", "string"),
        (raw_bytes(b"\xff"), "bytes"),
        (broken_text(b"\xff"), "string"),
    ],
)
def test_the_body_of_a_log_leaves(body: Any, kind: TypeName) -> None:
    """It is there to hold messages; a record without one has nothing to list."""
    log = make_log(body=copy.deepcopy(body))
    Offloader().offload_log(log)
    (entry,) = log.payloads
    assert (None, "log", "body", "output_messages", kind) == (
        log.body, entry.place, entry.key, entry.slot, entry.type,
    )  # fmt: skip
    assert body == decode_value(log.contents[0].value, entry.type)
    empty = make_log(body=None)
    Offloader().offload_log(empty)
    assert ((), ()) == (empty.payloads, empty.contents)

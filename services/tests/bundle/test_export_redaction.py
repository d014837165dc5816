"""What leaves with an export is redacted by today's policy, and never less than what is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from samples import make_log, make_span
from tracefoundry.bundle.export_redaction import ExportRedaction
from tracefoundry.model.genai import registry
from tracefoundry.model.payload import ref_of
from tracefoundry.model.span import Event, Resource, Span
from tracefoundry.payloads.offload import Offloader
from tracefoundry.redaction.policy import Mode, Policy

SECRET = "sk-ant-api03-" + "Zx81kQpLm0" * 9 + "AA"
STANDARD, STRICT = Policy.of(Mode.STANDARD), Policy.of(Mode.STRICT)
PROMPT = '[{"role":"user","content":"my key is ' + SECRET + '"}]'


def stored(span: Span) -> tuple[Span, Mapping[str, bytes]]:
    """A span as an older policy left it in the store, and its contents by ref."""
    span.genai = registry.derive(span.attributes, span.events, span.scope.name)
    Offloader().offload_span(span)
    contents = {content.ref: content.value for content in span.contents}
    span.contents = ()
    span.encoded_attributes = b""
    return span, contents


def chat(**fields: Any) -> Span:
    """A chat span with a secret in its prompt."""
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.input.messages": PROMPT,
    }
    return make_span(attributes=attributes, policy_version=7, **fields)


def test_a_span_of_the_same_policy_leaves_as_it_is() -> None:
    """Nothing is read for it either."""
    span = make_span(policy_version=STANDARD.version, attributes={"note": "x"})
    redaction = ExportRedaction(STANDARD)
    assert redaction.is_settled(span)
    (left,) = redaction.spans([span], {})
    assert left is span


def test_a_secret_that_an_older_policy_left_is_taken_out_of_content() -> None:
    """The content gets a new ref, and the span has its value."""
    span, contents = stored(chat())
    redaction = ExportRedaction(STANDARD)
    (left,) = redaction.spans([span], contents)
    (entry,) = left.payloads
    (content,) = left.contents
    assert entry.ref == content.ref == ref_of(content.value)
    assert entry.ref not in contents
    assert SECRET.encode() not in content.value
    assert left.policy_version == STANDARD.version
    assert sum(count for _, count in left.redactions) == 1
    assert dict(left.redactions) == redaction.taken_out


def test_content_that_is_gone_keeps_its_entry() -> None:
    """There is nothing to redact."""
    span, _ = stored(chat())
    (left,) = ExportRedaction(STANDARD).spans([span], {})
    assert left.payloads == span.payloads
    assert left.contents == ()


def test_strict_leaves_no_content_and_says_so() -> None:
    """Neither text, nor hash, nor size of it; status messages go too."""
    span = chat(events=[Event("exception", 1, {"exception.message": "planted text"})])
    span.status_message = "planted text"
    span.attributes["custom.note"] = "planted text"
    span, _ = stored(span)
    (left,) = ExportRedaction(STRICT).spans([span], {})
    assert b"planted text" not in msgspec.json.encode(left)
    assert b"sha256:" not in msgspec.json.encode(left)
    states = {(entry.place, entry.key): entry.state for entry in left.payloads}
    assert states == {
        ("span", "gen_ai.input.messages"): "redacted",
        ("span", "custom.note"): "redacted",
        ("events/0", "exception.message"): "redacted",
    }
    assert {(entry.ref, entry.bytes, entry.media_type) for entry in left.payloads} == {
        (None, None, None)
    }
    assert dict(left.redactions)["not_allowed"] == 4
    assert left.attributes["gen_ai.request.model"] == "m"


def test_strict_takes_the_body_of_a_log() -> None:
    """A body in the row and one in the payload store."""
    inline = make_log(body="planted text", name="gen_ai.other")
    inline.policy_version = 7
    apart = make_log(body={"content": "planted text"})
    Offloader().offload_log(apart)
    apart.contents = ()
    left = ExportRedaction(STRICT).logs([inline, apart], {})
    for log in left:
        assert log.body is None
        assert b"planted text" not in msgspec.json.encode(log)
        assert [entry.state for entry in log.payloads if entry.key == "body"] == ["redacted"]


@pytest.mark.parametrize("policy", [STANDARD, STRICT])
def test_the_result_does_not_depend_on_the_order_of_resources(policy: Policy) -> None:
    """Spans of two services alternate; each of them tells what its resource lost."""

    def spans(order: list[int]) -> list[Span]:
        resources = [Resource({"service.name": f"s{n}", "token": SECRET}) for n in range(2)]
        return [
            make_span(span=n + 1, start=n, resource=resources[which], policy_version=7)
            for n, which in enumerate(order)
        ]

    one = ExportRedaction(policy).spans(spans([0, 1, 0, 1]), {})
    reports = [span.redactions for span in one]
    assert all(reports)
    assert len(set(reports)) == 1
    assert SECRET.encode() not in msgspec.json.encode(one)
    assert [span.span_id[-1] for span in one] == [1, 2, 3, 4]


def test_settled_spans_keep_the_resource_that_others_are_redacted_by() -> None:
    """The resource of the row is not changed under them, and a second chunk counts it again."""
    resource = Resource({"service.name": "s", "token": SECRET})
    settled = make_span(span=1, resource=resource, policy_version=STANDARD.version)
    stale = make_span(span=2, resource=resource, policy_version=7)
    redaction = ExportRedaction(STANDARD)
    first = redaction.spans([settled, stale], {})
    again = redaction.spans([make_span(span=3, resource=resource, policy_version=7)], {})
    assert first[0].resource is resource
    assert first[1].redactions == again[0].redactions != ()


def test_off_changes_nothing() -> None:
    """A project that keeps everything exports everything."""
    span, contents = stored(chat())
    before = msgspec.json.encode(span)
    (left,) = ExportRedaction(Policy.of(Mode.OFF)).spans([span], contents)
    assert msgspec.json.encode(left) == before

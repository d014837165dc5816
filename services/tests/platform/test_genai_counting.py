"""What real libraries recorded, sent by OTLP: each call counts once in the totals of its trace."""

from __future__ import annotations

import time
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from ingest.bodies import body, new_span_id, new_trace_id, recent_ns, request, span
from ingest.sending import assert_stored, post
from model.genai.recordings import RecordedSpan, Recording, recording
from platform_process import Platform

RECORDINGS = {
    "openinference_openai": (245, 60, 128),
    "otel_openai_v2": (245, 60, None),
    "pydantic_ai": (240, 60, 128),
}
"""Input, output and cached tokens of two chat calls, and of an embedding where there is one."""
STATUS = {"unset": 0, "ok": 1, "error": 2}


def any_value(value: Any) -> AnyValue:
    """OTLP's value for JSON's."""
    found = AnyValue()
    if isinstance(value, bool):
        found.bool_value = value
    elif isinstance(value, int):
        found.int_value = value
    elif isinstance(value, float):
        found.double_value = value
    elif isinstance(value, str):
        found.string_value = value
    elif isinstance(value, list):
        found.array_value.values.extend(any_value(member) for member in value)
        found.array_value.SetInParent()
    elif isinstance(value, dict):
        found.kvlist_value.values.extend(
            KeyValue(key=key, value=any_value(member)) for key, member in value.items()
        )
        found.kvlist_value.SetInParent()
    return found


def attributes(values: dict[str, Any]) -> list[KeyValue]:
    """OTLP's list for a map."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


class Replayed:
    """A recording as exports of one trace, moved to now."""

    def __init__(self, recorded: Recording) -> None:
        self.trace_id = new_trace_id()
        self._shift = recent_ns() - min(one.start_time_ns for one in recorded.spans)
        self._ids = {one.span_id: new_span_id() for one in recorded.spans}
        self.spans = [self._span(one) for one in recorded.spans]
        self.logs = ExportLogsServiceRequest()
        records = self.logs.resource_logs.add().scope_logs.add().log_records
        for number, log in enumerate(recorded.logs):
            record = records.add(
                trace_id=self.trace_id,
                span_id=self._ids[log.span_id],
                time_unix_nano=recent_ns() + number,
                event_name=log.event_name,
            )
            record.attributes.extend(attributes(log.attributes))
            record.body.CopyFrom(any_value(log.body))

    def _span(self, one: RecordedSpan) -> tuple[str, trace_pb2.Span]:
        start = one.start_time_ns + self._shift
        sent = span(
            self.trace_id,
            span_id=self._ids[one.span_id],
            parent=self._ids.get(one.parent_span_id, b""),
            name=one.name,
            start_ns=start,
        )
        sent.status.code = STATUS[one.status]  # type: ignore[assignment]
        sent.attributes.extend(attributes(one.attributes))
        for event in one.events:
            added = sent.events.add(name=event.name, time_unix_nano=start)
            added.attributes.extend(attributes(event.attributes))
        return one.scope, sent

    def exports(self) -> list[bytes]:
        """One export for each span, the last ones first: children come before their parents."""
        found = []
        for scope, sent in reversed(self.spans):
            export = request([sent])
            export.resource_spans[0].scope_spans[0].scope.name = scope
            found.append(export.SerializeToString())
        return found


def totals(platform: Platform, trace_id: bytes) -> tuple[int | None, int | None, int | None]:
    """Input, output and cached tokens of a trace."""
    trace = platform.get(f"/api/traces/{trace_id.hex()}")
    assert trace["totals_pending"] is False
    return trace["input_tokens"], trace["output_tokens"], trace["cached_tokens"]


@pytest.mark.parametrize("name", RECORDINGS)
@pytest.mark.parametrize("how", ["together", "one by one", "twice"])
def test_a_recording_counts_each_call_once(platform: Platform, name: str, how: str) -> None:
    """Whatever the parents repeat, in whatever order the spans come, however often."""
    replayed = Replayed(recording(name))
    exports = replayed.exports()
    if how == "together":
        exports = [b"".join(exports)]  # repeated fields concatenate
    for content in exports * (2 if how == "twice" else 1):
        assert_stored(post(platform, content))
    assert RECORDINGS[name] == totals(platform, replayed.trace_id)


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_spans_that_count_add_up_to_the_trace(platform: Platform, name: str) -> None:
    """``counts`` says of each span with usage whether it does."""
    replayed = Replayed(recording(name))
    assert_stored(post(platform, b"".join(replayed.exports())))
    spans = platform.get(f"/api/traces/{replayed.trace_id.hex()}/spans")["spans"]
    views = [found["genai"] for found in spans if found["genai"] and found["genai"]["counts"]]
    assert RECORDINGS[name][:2] == (
        sum(view["input_tokens"] or 0 for view in views),
        sum(view["output_tokens"] or 0 for view in views),
    )


def test_content_of_recordings_leaves_the_rows(platform: Platform) -> None:
    """No word of the conversation is in what stays, in any library's form."""
    for name in RECORDINGS:
        replayed = Replayed(recording(name))
        assert_stored(post(platform, b"".join(replayed.exports())))
        if replayed.logs.resource_logs[0].scope_logs[0].log_records:
            assert_stored(post(platform, replayed.logs.SerializeToString(), path="/v1/logs"))
        spans = platform.get(f"/api/traces/{replayed.trace_id.hex()}/spans")["spans"]
        assert any(found["payloads"] for found in spans)
        for found in spans:
            kept = {key: found[key] for key in found if key != "payloads"}
            assert "Weather in Oslo" not in str(kept)
            assert "Be brief" not in str(kept)


CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.id": "resp-1",
    "gen_ai.usage.input_tokens": 120,
    "gen_ai.usage.output_tokens": 30,
}
OPENINFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-4o",
    "llm.token_count.prompt": 120,
    "llm.token_count.completion": 30,
}


@pytest.mark.parametrize("late", ["parent", "child"])
def test_two_libraries_that_record_one_call_count_it_once(platform: Platform, late: str) -> None:
    """Parent and child, in one body or the one after the other."""
    trace, outer = new_trace_id(), new_span_id()
    parent = span(trace, span_id=outer, attributes=OPENINFERENCE)
    child = span(trace, parent=outer, attributes=CHAT)
    for sent in (child, parent) if late == "parent" else (parent, child):
        assert_stored(post(platform, body([sent])))
        assert (120, 30, None) == totals(platform, trace)


def test_siblings_with_one_response_id_are_one_call(platform: Platform) -> None:
    """A library and the SDK below it, side by side, one inside the time of the other; another id is
    another call."""
    trace, root, start = new_trace_id(), new_span_id(), recent_ns()
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a"}
    spans = [
        span(trace, span_id=root, attributes=agent),
        span(trace, parent=root, attributes=CHAT, start_ns=start, duration_ns=3_000_000),
        span(trace, parent=root, attributes=CHAT, start_ns=start + 1_000_000),
    ]
    assert_stored(post(platform, body(spans)))
    assert (120, 30, None) == totals(platform, trace)
    other = span(trace, parent=root, attributes={**CHAT, "gen_ai.response.id": "resp-2"})
    assert_stored(post(platform, body([other])))
    assert (240, 60, None) == totals(platform, trace)


def test_cost_is_counted_once_like_tokens(platform: Platform) -> None:
    """An agent that reports the cost of its calls adds nothing."""
    trace, root = new_trace_id(), new_span_id()
    agent = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.usage.input_tokens": 240,
        "gen_ai.usage.output_tokens": 60,
        "gen_ai.usage.cost": 0.5,
    }
    calls = [{**CHAT, "gen_ai.response.id": f"r-{n}", "gen_ai.usage.cost": 0.25} for n in range(2)]
    assert_stored(
        post(
            platform,
            body(
                [
                    span(trace, span_id=root, attributes=agent),
                    *(span(trace, parent=root, attributes=call) for call in calls),
                ]
            ),
        )
    )
    found = platform.get(f"/api/traces/{trace.hex()}")
    assert (240, 60, 0.5, "reported") == tuple(
        found[name] for name in ("input_tokens", "output_tokens", "cost_usd", "cost_source")
    )


@pytest.mark.parametrize("first", ["span", "log"])
def test_a_log_event_completes_its_span_and_adds_no_usage(platform: Platform, first: str) -> None:
    """The details of a call may come as a log record, before its span or after it."""
    trace, owner = new_trace_id(), new_span_id()
    bare = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
    details = ExportLogsServiceRequest()
    record = (
        details.resource_logs.add()
        .scope_logs.add()
        .log_records.add(
            trace_id=trace,
            span_id=owner,
            time_unix_nano=time.time_ns(),
            event_name="gen_ai.client.inference.operation.details",
        )
    )
    record.attributes.extend(
        attributes(
            {
                **CHAT,
                "gen_ai.response.model": "gpt-4o-2024-08-06",
                "gen_ai.response.finish_reasons": ["stop"],
                "gen_ai.input.messages": [{"role": "user", "parts": ["private words"]}],
            }
        )
    )
    sends = [
        ("/v1/traces", body([span(trace, span_id=owner, attributes=bare)])),
        ("/v1/logs", details.SerializeToString()),
    ]
    for path, content in sends if first == "span" else sends[::-1]:
        assert_stored(post(platform, content, path=path))
    (found,) = platform.get(f"/api/traces/{trace.hex()}/spans")["spans"]
    view = found["genai"]
    assert ("gpt-4o-2024-08-06", ["stop"], "resp-1", 120, 30) == tuple(
        view[name]
        for name in (
            "response_model", "finish_reasons", "response_id", "input_tokens", "output_tokens",
        )
    )  # fmt: skip
    (entry,) = found["payloads"]
    assert ("logs/0", "input_messages", "present") == tuple(
        entry[name] for name in ("place", "slot", "state")
    )


def test_a_log_event_never_doubles_the_usage_of_its_span(platform: Platform) -> None:
    """The span says it already; the log says it again."""
    trace, owner = new_trace_id(), new_span_id()
    assert_stored(post(platform, body([span(trace, span_id=owner, attributes=CHAT)])))
    logs = ExportLogsServiceRequest()
    for number in range(2):
        record = (
            logs.resource_logs.add()
            .scope_logs.add()
            .log_records.add(
                trace_id=trace,
                span_id=owner,
                time_unix_nano=time.time_ns() + number,
                event_name="gen_ai.client.inference.operation.details",
            )
        )
        record.attributes.extend(attributes(CHAT))
    assert_stored(post(platform, logs.SerializeToString(), path="/v1/logs"))
    (found,) = platform.get(f"/api/traces/{trace.hex()}/spans")["spans"]
    assert (120, 30) == (found["genai"]["input_tokens"], found["genai"]["output_tokens"])
    assert (120, 30, None) == totals(platform, trace)

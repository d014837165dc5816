"""Langfuse exports to spans."""

from __future__ import annotations

import io
from typing import Any

import orjson
import pytest

from foreign_traces import AGENT, GENERATION, TOOL, TRACE, TRACE_ID
from tracefoundry.interchange.errors import UnreadableFile
from tracefoundry.interchange.files import ImportedFile, read_file
from tracefoundry.model.genai.registry import derive
from tracefoundry.model.span import Span, StatusCode


def imported(*lines: Any) -> ImportedFile:
    return read_file(io.BytesIO(b"\n".join(map(orjson.dumps, lines))))


def spans_of(file: ImportedFile) -> list[Span]:
    assert file.format == "langfuse"
    return [span for chunk in file.chunks() for span in chunk.spans]


def test_a_trace_with_its_observations() -> None:
    file = imported(TRACE)
    agent, generation, tool = spans_of(file)
    assert file.report.lines() == []
    assert agent.trace_id.hex() == TRACE_ID
    assert agent.parent_span_id == b""
    assert agent.resource.environment == "staging"
    view = derive(agent.attributes, span_name=agent.name)
    assert view is not None
    assert (view.kind, view.agent) == ("agent", "support")
    assert (view.conversation_id, view.user_id) == ("session 1", "user 1")
    assert generation.parent_span_id == tool.parent_span_id == agent.span_id
    assert generation.start_time_ns == 1_772_600_767_123_000_000
    view = derive(generation.attributes)
    assert view is not None
    assert (view.kind, view.request_model) == ("llm", "gpt-4o")
    assert (view.input_tokens, view.output_tokens, view.cost_usd) == (12, 4, 0.002)
    assert (tool.status_code, tool.status_message) == (StatusCode.ERROR, "not found")
    assert tool.attributes["langfuse.observation.input"] == '{"order":7}'
    assert tool.attributes["tracefoundry.import.span_id"] == "obs-tool"


@pytest.mark.parametrize(
    "lines",
    [
        [AGENT, GENERATION, TOOL],
        [[AGENT, GENERATION, TOOL]],
        [{"data": [AGENT, GENERATION], "meta": {}}, {"data": [TOOL], "meta": {}}],
        [{"trace": TRACE | {"observations": None}, "observations": [AGENT, GENERATION, TOOL]}],
    ],
    ids=["lines", "list", "pages", "trace beside observations"],
)
def test_other_shapes_give_the_same_spans(lines: list[Any]) -> None:
    spans = spans_of(imported(*lines))
    assert [(span.span_id, span.parent_span_id, span.name) for span in spans] == [
        (span.span_id, span.parent_span_id, span.name) for span in spans_of(imported(TRACE))
    ]


def test_a_row_of_the_blob_storage_export() -> None:
    row = {
        "id": "b7ad6b7169203331", "trace_id": TRACE_ID, "type": "GENERATION", "name": "answer",
        "start_time": "2026-03-04 05:06:07.123000", "end_time": "2026-03-04 05:06:08.000000",
        "provided_model_name": "gpt-4o", "usage_details": {"input": 12}, "user_id": "user 1",
        "trace_name": "support run", "environment": "default", "input": "hello",
    }  # fmt: skip
    (span,) = spans_of(imported(row))
    assert span.start_time_ns == 1_772_600_767_123_000_000
    assert span.attributes["langfuse.trace.name"] == "support run"
    view = derive(span.attributes)
    assert view is not None
    assert (view.request_model, view.input_tokens, view.user_id) == ("gpt-4o", 12, "user 1")


def test_a_trace_without_a_root_observation_gets_a_root() -> None:
    root, *_ = spans_of(imported(TRACE | {"observations": [GENERATION]}))
    assert (root.name, root.parent_span_id) == ("support run", b"")
    assert root.end_time_ns == 1_772_600_768_000_000_000
    assert spans_of(imported(TRACE | {"observations": []}))[0].span_id == root.span_id


def test_losses_are_reported() -> None:
    observation = {"id": "x", "traceId": "t", "startTime": "2026-03-04T05:06:07Z"}
    file = imported(
        observation | {"type": "EVENT"},
        observation | {"type": "SPAN"},
        observation | {"type": "NEW", "endTime": "2026-03-04T05:06:07Z", "shape": 1},
        TRACE | {"scores": [{"value": 1}]},
    )
    spans_of(file)
    assert [(loss.what, loss.count, loss.first_place) for loss in file.report] == [
        ("Langfuse observations without an end: theirs is their start", 1, "line 2"),
        ("Langfuse observations of an unknown type are imported as spans", 1, "line 3"),
        ("Langfuse field 'shape' is not imported", 1, "line 3"),
        ("Langfuse scores are not imported", 1, "line 4"),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": None}, "line 2: has no 'id'"),
        ({"startTime": None}, "line 2: has no 'startTime'"),
        ({"startTime": 17}, "line 2, startTime: is not a string"),
        ({"startTime": "today"}, "line 2, startTime: is not a time"),
        ({"type": None}, "line 2: has no 'type'"),
        ({"traceId": None}, "line 2: is neither an observation nor a trace"),
    ],
)
def test_a_bad_observation_is_refused_with_its_place(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UnreadableFile) as refused:
        spans_of(imported(AGENT, GENERATION | change))
    assert str(refused.value).startswith(message)

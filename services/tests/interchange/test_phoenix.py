"""Phoenix exports to spans."""

from __future__ import annotations

import io
from typing import Any

import orjson
import pytest

from foreign_traces import PHOENIX_SPAN as SPAN
from tracefoundry.interchange.errors import UnreadableFile
from tracefoundry.interchange.files import ImportedFile, read_file
from tracefoundry.model.genai.registry import derive
from tracefoundry.model.span import Span, StatusCode

NESTED: dict[str, Any] = SPAN | {
    "attributes": {
        "llm": {
            "model_name": "gpt-4o",
            "token_count": {"prompt": 12, "completion": 4},
            "input_messages": [{"message": {"role": "user", "content": "Where is it?"}}],
        },
        "session": {"id": "session 1"},
        "input": {"value": "Where is it?"},
    }
}
COLUMNS: dict[str, Any] = {
    "context.trace_id": SPAN["context"]["trace_id"],
    "context.span_id": SPAN["context"]["span_id"],
    **{key: value for key, value in SPAN.items() if key not in ("context", "attributes", "id")},
    **{f"attributes.{key}": value for key, value in SPAN["attributes"].items()},
}


def imported(*lines: Any) -> ImportedFile:
    return read_file(io.BytesIO(b"\n".join(map(orjson.dumps, lines))))


def spans_of(file: ImportedFile) -> list[Span]:
    assert file.format == "phoenix"
    return [span for chunk in file.chunks() for span in chunk.spans]


def test_a_span_with_its_attributes_and_events() -> None:
    file = imported(SPAN)
    (span,) = spans_of(file)
    assert file.report.lines() == []
    assert span.span_id.hex() == "b7ad6b7169203331"
    assert span.parent_span_id.hex() == "00f067aa0ba902b7"
    assert span.start_time_ns == 1_772_600_767_123_456_000
    assert (span.status_code, span.status_message) == (StatusCode.ERROR, "rate limit")
    assert [(event.name, event.attributes) for event in span.events] == [
        ("exception", {"exception.type": "RateLimitError"})
    ]
    assert span.attributes == SPAN["attributes"] | {"openinference.span.kind": "LLM"}
    view = derive(span.attributes)
    assert view is not None
    assert (view.kind, view.request_model, view.conversation_id) == ("llm", "gpt-4o", "session 1")
    assert (view.input_tokens, view.output_tokens) == (12, 4)


@pytest.mark.parametrize(
    "lines",
    [[NESTED], [COLUMNS], [[SPAN]], [{"data": [SPAN], "next_cursor": None}]],
    ids=["nested", "columns", "list", "page"],
)
def test_other_shapes_give_the_same_span(lines: list[Any]) -> None:
    assert spans_of(imported(*lines)) == spans_of(imported(SPAN))


def test_objects_that_are_one_value_stay_whole() -> None:
    attributes = {"metadata": {"a": {"b": 1}}, "llm": {"invocation_parameters": {"top_p": 1}}}
    (span,) = spans_of(imported(SPAN | {"attributes": attributes, "span_kind": "UNKNOWN"}))
    assert span.attributes == {
        "metadata": '{"a":{"b":1}}',
        "llm.invocation_parameters": '{"top_p":1}',
    }


def test_losses_are_reported() -> None:
    file = imported(SPAN | {"end_time": None, "annotations": [1], "shape": 1})
    spans_of(file)
    assert [loss.what for loss in file.report] == [
        "Phoenix spans without an end: theirs is their start",
        "Phoenix annotations are not imported",
        "Phoenix field 'shape' is not imported",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"context": {"trace_id": "x"}}, "line 2, context: has no 'span_id'"),
        ({"start_time": None}, "line 2: has no 'start_time'"),
        ({"start_time": "x"}, "line 2, start_time: is not a time"),
        ({"status_code": "FINE"}, "line 2, status_code: is not 'OK', 'ERROR' or 'UNSET'"),
        ({"attributes": []}, "line 2, attributes: is no object"),
        ({"events": [7]}, "line 2, events[0]: is no object"),
    ],
)
def test_a_bad_span_is_refused_with_its_place(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UnreadableFile) as refused:
        spans_of(imported(SPAN, SPAN | change))
    assert str(refused.value).startswith(message)

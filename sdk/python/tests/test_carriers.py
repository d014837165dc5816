"""Carriers: what one process injects, another extracts."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider

import tracefoundry_sdk as tf
from tracefoundry_sdk.propagation import extract, inject

SPAN_ID = 0xB7AD6B7169203331
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def span_id_of(carrier: Any) -> int:
    """The span that a carrier names; 0 if it names none."""
    return trace.get_current_span(extract(carrier)).get_span_context().span_id


@pytest.mark.parametrize(
    "carrier",
    [
        {"traceparent": TRACEPARENT},
        {"Traceparent": TRACEPARENT},
        {"traceparent": TRACEPARENT.encode()},
        {"traceparent": [TRACEPARENT]},
        [(b"traceparent", TRACEPARENT.encode())],
        [("traceparent", TRACEPARENT)],
    ],
)
def test_headers_in_any_form_are_read(carrier: Any) -> None:
    """Mappings and pairs, names in any case, text or bytes."""
    assert SPAN_ID == span_id_of(carrier)


@pytest.mark.parametrize(
    "carrier",
    [None, {}, [], 7, {"traceparent": "x"}, {"traceparent": None}, {7: 7}, [("one",)], [None]],
)
def test_a_carrier_that_cannot_be_read_is_empty(carrier: Any) -> None:
    """The trace begins anew, and nothing is raised."""
    assert 0 == span_id_of(carrier)


def test_headers_that_came_in_parts_are_joined() -> None:
    """HTTP allows several ``tracestate`` headers."""
    carrier = [("traceparent", TRACEPARENT), ("tracestate", "a=1"), ("tracestate", "b=2")]
    state = trace.get_current_span(extract(carrier)).get_span_context().trace_state
    assert {"a": "1", "b": "2"} == dict(state.items())


def test_a_carrier_that_takes_nothing_does_no_harm() -> None:
    """The agent goes on without propagation."""
    span = TracerProvider().get_tracer("t").start_span("s")
    with trace.use_span(span):
        inject(None)  # type: ignore[arg-type]


def test_a_helper_is_carried_to_the_next_process(spans: Any) -> None:
    """An isolated SDK too, whose spans others do not see in the context."""
    carrier: dict[str, str] = {}
    with tf.trace_agent_run("caller"):
        inject(carrier)
    assert ["traceparent"] == list(carrier)
    token = context.attach(extract(carrier))
    with tf.tool_call("called"):
        pass
    context.detach(token)
    with tf.tool_call("alone"):
        pass
    called = spans["execute_tool called"]
    assert spans["invoke_agent caller"].context.span_id == called.parent.span_id
    assert spans["execute_tool alone"].parent is None


def test_no_span_gives_no_header() -> None:
    """A carrier stays as it was."""
    carrier = {"kind": "order"}
    inject(carrier)
    assert {"kind": "order"} == carrier

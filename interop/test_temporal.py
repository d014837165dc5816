"""A real Temporal server: one trace, and nothing is sent twice when workflows are replayed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from sdk_agents import run_sdk_agent
from sdk_process import collector
from servers.temporal_server import TemporalServer


@pytest.fixture(scope="module")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporalServer]:
    """A server without workflows."""
    started = TemporalServer(tmp_path_factory.mktemp("temporal"))
    started.start()
    yield started
    started.stop()


SENT = {
    ("invoke_agent caller", None): 1,
    ("StartWorkflow:Orders", "invoke_agent caller"): 1,
    ("RunWorkflow:Orders", "StartWorkflow:Orders"): 1,
    ("invoke_agent planner", "RunWorkflow:Orders"): 1,
    ("StartActivity:look_up", "invoke_agent planner"): 2,
    ("RunActivity:look_up", "StartActivity:look_up"): 2,
    ("execute_tool lookup", "RunActivity:look_up"): 2,
    ("execute_tool decide", "invoke_agent planner"): 1,
    ("execute_tool fragile", "invoke_agent planner"): 1,
}
"""How often which span is sent, and below which."""


def with_parents(spans: list[Any]) -> Counter[tuple[str, str | None]]:
    """Names of spans and of their parents, counted."""
    names = {span.span_id: span.name for span in spans}
    return Counter((span.name, names.get(span.parent_span_id)) for span in spans)


def test_a_workflow_that_is_replayed_sends_each_span_once(temporal: TemporalServer) -> None:
    """Spans of helpers and of Temporal, and the records that runs have begun, in one trace."""
    with collector() as server:
        run_sdk_agent("sdk_temporal", temporal.address, "7", endpoint=server.url)
        spans: list[Any] = server.spans()
        starts = server.bodies("/v1/logs")
    assert with_parents(spans) == SENT
    assert len({span.trace_id for span in spans}) == 1
    assert len({span.span_id for span in spans}) == len(spans)
    assert all(span.start_time_unix_nano < span.end_time_unix_nano for span in spans)
    assert len(starts) == 2


def test_a_workflow_task_that_is_tried_again_gives_the_same_spans(
    temporal: TemporalServer,
) -> None:
    """What failed is not sent. What had ended before that keeps its id, so it is stored once."""
    with collector() as server:
        run_sdk_agent("sdk_temporal", temporal.address, "fragile", endpoint=server.url)
        spans: list[Any] = server.spans()
    assert with_parents(list({span.span_id: span for span in spans}.values())) == SENT
    assert not any(span.events for span in spans)
    twice = Counter(span.name for span in spans if span.name == "execute_tool decide")
    assert len(spans) - twice["execute_tool decide"] == sum(SENT.values()) - 1

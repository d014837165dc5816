"""A run is seen while it runs: from its start event to the API and the command line."""

from __future__ import annotations

import json
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from ingest.bodies import body, key_values, new_span_id, new_trace_id, recent_ns, span
from ingest.sending import assert_stored, post
from platform_process import Platform, run_command


def start_event(trace_id: bytes, span_id: bytes, time_ns: int) -> bytes:
    """What an SDK sends when a run starts."""
    export = ExportLogsServiceRequest()
    envelope = export.resource_logs.add()
    envelope.resource.attributes.extend(key_values({"service.name": "night-shift"}))
    record = envelope.scope_logs.add().log_records.add(
        trace_id=trace_id, span_id=span_id, time_unix_nano=time_ns
    )
    said = {
        "event.name": "gen_ai.tracefoundry.run_started",
        "tracefoundry.run.name": "invoke_agent planner",
        "gen_ai.agent.name": "planner",
        "gen_ai.conversation.id": "talk-7",
    }
    record.attributes.extend(key_values(said))
    return export.SerializeToString()


def running_ids(platform: Platform) -> list[str]:
    """Trace ids of ``status=running``."""
    found = platform.get("/api/traces", status="running", service="night-shift")
    return [trace["trace_id"] for trace in found["traces"]]


def command(platform: Platform, *arguments: str) -> str:
    """What a command of the product prints."""
    done = run_command(*arguments, "--url", platform.api)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_run_is_listed_shown_and_ended(platform: Platform) -> None:
    """The event alone makes the trace; spans below it hang loose; the root ends it."""
    trace_id, root, child = new_trace_id(), new_span_id(), new_span_id()
    started_ns = recent_ns()
    assert_stored(post(platform, start_event(trace_id, root, started_ns), path="/v1/logs"))
    assert running_ids(platform) == [trace_id.hex()]
    trace = platform.get(f"/api/traces/{trace_id.hex()}")
    expected: dict[str, Any] = {
        "running": True,
        "started_ns": str(started_ns),
        "root_name": "invoke_agent planner",
        "agent": "planner",
        "conversation_id": "talk-7",
        "service": "night-shift",
        "span_count": 0,
    }
    assert {key: trace[key] for key in expected} == expected
    assert platform.get(f"/api/traces/{trace_id.hex()}/spans")["spans"] == []
    run = {
        "span_id": root.hex(),
        "name": "invoke_agent planner",
        "started_ns": str(started_ns),
        "service": "night-shift",
        "agent": "planner",
        "conversation_id": "talk-7",
    }
    below = span(trace_id, span_id=child, parent=root, name="lookup", start_ns=started_ns + 5)
    assert_stored(post(platform, body([below])))
    tree = platform.get(f"/api/traces/{trace_id.hex()}/tree")
    assert (tree["running"], tree["orphans"]) == ([run], [child.hex()])
    listed = json.loads(command(platform, "list", "--status", "running", "--json"))
    assert trace_id.hex() in [one["trace_id"] for one in listed["traces"]]
    (line,) = [
        line
        for line in command(platform, "list", "--status", "running").splitlines()
        if trace_id.hex() in line
    ]
    assert "running" in line
    shown = command(platform, "show", trace_id.hex())
    assert "running  invoke_agent planner" in shown
    assert root.hex() in shown

    ended = span(trace_id, span_id=root, name="invoke_agent planner", start_ns=started_ns)
    assert_stored(post(platform, body([ended])))
    assert running_ids(platform) == []
    trace = platform.get(f"/api/traces/{trace_id.hex()}")
    assert (trace["running"], trace["started_ns"], trace["span_count"]) == (False, None, 2)
    assert platform.get(f"/api/traces/{trace_id.hex()}/tree")["running"] == []

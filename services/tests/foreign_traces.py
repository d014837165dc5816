"""Traces in the formats of other platforms, written for the tests after their public shapes."""

from __future__ import annotations

from typing import Any

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
GENERATION: dict[str, Any] = {
    "id": "b7ad6b7169203331", "traceId": TRACE_ID, "type": "GENERATION", "name": "answer",
    "parentObservationId": "00f067aa0ba902b7", "startTime": "2026-03-04T05:06:07.123Z",
    "endTime": "2026-03-04T05:06:08Z", "model": "gpt-4o",
    "modelParameters": {"temperature": 0.2},
    "input": [{"role": "user", "content": "Where is it?"}], "output": "On its way.",
    "usageDetails": {"input": 12, "output": 4, "total": 16}, "costDetails": {"total": 0.002},
    "metadata": {"attempt": 1}, "level": "DEFAULT", "latency": 0.877,
}  # fmt: skip
TOOL: dict[str, Any] = {
    "id": "obs-tool", "traceId": TRACE_ID, "type": "TOOL", "name": "lookup",
    "parentObservationId": "00f067aa0ba902b7", "startTime": "2026-03-04T05:06:07Z",
    "endTime": "2026-03-04T05:06:07.5Z", "input": {"order": 7}, "level": "ERROR",
    "statusMessage": "not found",
}  # fmt: skip
AGENT: dict[str, Any] = {
    "id": "00f067aa0ba902b7", "traceId": TRACE_ID, "type": "AGENT", "name": "support",
    "startTime": "2026-03-04T05:06:06Z", "endTime": "2026-03-04T05:06:09Z",
}  # fmt: skip
TRACE: dict[str, Any] = {
    "id": TRACE_ID, "timestamp": "2026-03-04T05:06:06Z", "name": "support run",
    "sessionId": "session 1", "userId": "user 1", "tags": ["shop"], "environment": "staging",
    "observations": [AGENT, GENERATION, TOOL], "scores": [],
}  # fmt: skip

PHOENIX_SPAN: dict[str, Any] = {
    "id": "U3BhbjoxMg==", "name": "ChatCompletion",
    "context": {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"},
    "span_kind": "LLM", "parent_id": "00f067aa0ba902b7",
    "start_time": "2026-03-04T05:06:07.123456+00:00", "end_time": "2026-03-04T05:06:08+00:00",
    "status_code": "ERROR", "status_message": "rate limit",
    "attributes": {
        "llm.model_name": "gpt-4o", "llm.token_count.prompt": 12,
        "llm.token_count.completion": 4, "session.id": "session 1",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "Where is it?",
        "input.value": "Where is it?",
    },
    "events": [{"name": "exception", "timestamp": "2026-03-04T05:06:07.5Z",
                "attributes": {"exception.type": "RateLimitError"}}],
}  # fmt: skip


def trajectory() -> dict[str, Any]:
    """A booking agent that asks a tool and a sub-agent."""
    return {
        "schema_version": "ATIF-v1.7",
        "session_id": "s-1",
        "trajectory_id": "t-1",
        "agent": {
            "name": "booking", "version": "2.1", "model_name": "gpt-4o",
            "tool_definitions": [{"type": "function", "function": {"name": "search"}}],
            "extra": {"region": "eu"},
        },
        "notes": "one call was repeated",
        "steps": [
            {"step_id": 1, "source": "system", "message": "You book trips."},
            {"step_id": 2, "source": "user", "message": "To Oslo, please.",
             "timestamp": "2026-01-02T03:04:05Z"},
            {"step_id": 3, "source": "agent", "message": "", "is_copied_context": True,
             "metrics": {"prompt_tokens": 9999}},
            {"step_id": 4, "source": "agent", "message": "I look.", "reasoning_content": "hm",
             "timestamp": "2026-01-02T03:04:06.5Z", "model_name": "gpt-4o-mini",
             "tool_calls": [
                 {"tool_call_id": "c1", "function_name": "search", "arguments": {"to": "Oslo"}},
                 {"tool_call_id": "c2", "function_name": "ask", "arguments": {}},
             ],
             "observation": {"results": [
                 {"source_call_id": "c1", "content": "3 trains"},
                 {"source_call_id": "c2", "subagent_trajectory_ref": [{"trajectory_id": "sub"}]},
                 {"content": "the page was reloaded"},
             ]},
             "metrics": {"prompt_tokens": 100, "completion_tokens": 20, "cached_tokens": 60,
                         "cost_usd": 0.5, "logprobs": [-0.1]}},
            {"step_id": 5, "source": "agent", "message": "Booked.", "llm_call_count": 0},
        ],
        "final_metrics": {"total_prompt_tokens": 100, "total_steps": 5},
        "subagent_trajectories": [{
            "schema_version": "ATIF-v1.7", "trajectory_id": "sub",
            "agent": {"name": "prices", "version": "1"},
            "steps": [{"step_id": 1, "source": "agent", "message": "42 euros",
                       "metrics": {"prompt_tokens": 7, "completion_tokens": 3}}],
        }],
    }  # fmt: skip

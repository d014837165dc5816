"""Recorded calls from the spans of a trace: how the attributes become lines of a recording.

The attributes are those that the helpers write, which are the GenAI conventions' own, so spans of
other instrumentations that follow them give calls too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tracefoundry_sdk import conventions as c
from tracefoundry_sdk.replay.recording import PRESENT, RecordedCall
from tracefoundry_sdk.spans.llm_call import call_parameters

_KINDS: dict[str, Literal["llm", "tool", "retrieval"]] = {
    c.OPERATION_CHAT: "llm",
    "text_completion": "llm",
    "generate_content": "llm",
    c.OPERATION_EMBEDDINGS: "llm",
    c.OPERATION_EXECUTE_TOOL: "tool",
    c.OPERATION_RETRIEVAL: "retrieval",
}
_ABSENT = "missing"


@dataclass(slots=True, kw_only=True)
class TracedSpan:
    """A span as a recording needs it, with its content put back into its attributes."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    start_time_ns: int
    attributes: Mapping[str, Any]
    scope: str = c.SCOPE_NAME
    absent: Mapping[str, str] = field(default_factory=dict)  # state of content that is not there
    exceptions: list[Mapping[str, Any]] = field(default_factory=list)  # of its exception events
    failed: bool = False  # its status is an error
    status_message: str = ""


def recorded_calls(spans: Iterable[TracedSpan]) -> list[RecordedCall]:
    """The calls of one or more traces, by start."""
    by_id = {(span.trace_id, span.span_id): span for span in spans}
    calls = [call for span in by_id.values() if (call := _call(span, by_id)) is not None]
    return sorted(calls, key=lambda call: (call.start_time_ns, call.span_id))


def _call(span: TracedSpan, by_id: Mapping[tuple[str, str], TracedSpan]) -> RecordedCall | None:
    operation = span.attributes.get(c.OPERATION_NAME)
    kind = _KINDS.get(str(operation))
    if kind is None:
        # Calls of a model name their operation themselves: any span with a recorded request.
        if c.RAW_REQUEST not in span.attributes and c.RAW_REQUEST not in span.absent:
            return None
        kind = "llm"
    call = RecordedCall(
        kind=kind,
        name=_name(span, kind, str(operation)),
        agent_path=_agent_path(span, by_id),
        call_id=span.attributes.get(c.TOOL_CALL_ID) if kind == "tool" else None,
        trace_id=span.trace_id,
        span_id=span.span_id,
        start_time_ns=span.start_time_ns,
        error=_error(span),
    )
    {"tool": _fill_tool, "retrieval": _fill_retrieval, "llm": _fill_llm}[kind](call, span)
    return call


def _name(span: TracedSpan, kind: str, operation: str) -> str:
    key = {"tool": c.TOOL_NAME, "retrieval": c.DATA_SOURCE_ID, "llm": c.REQUEST_MODEL}[kind]
    return str(span.attributes.get(key) or (operation if kind == "llm" else ""))


def _agent_path(span: TracedSpan, by_id: Mapping[tuple[str, str], TracedSpan]) -> list[str]:
    """Names of the agent runs above, outermost first; only those of the SDK's own spans.

    A replay knows the agents of the helpers and not those of other instrumentations.
    """
    path: list[str] = []
    seen = {span.span_id}
    parent = by_id.get((span.trace_id, span.parent_span_id or ""))
    while parent is not None and parent.span_id not in seen:
        seen.add(parent.span_id)
        operation = parent.attributes.get(c.OPERATION_NAME)
        if operation == c.OPERATION_INVOKE_AGENT and parent.scope == c.SCOPE_NAME:
            path.append(str(parent.attributes.get(c.AGENT_NAME) or ""))
        parent = by_id.get((parent.trace_id, parent.parent_span_id or ""))
    return path[::-1]


def _error(span: TracedSpan) -> dict[str, Any] | None:
    if not span.failed:
        return None
    told = span.exceptions[-1] if span.exceptions else {}
    name = span.attributes.get(c.ERROR_TYPE) or told.get("exception.type") or "Exception"
    message = told.get("exception.message")
    if message is None:
        message = span.status_message.removeprefix(f"{name}: ")
    return {"type": str(name), "message": str(message)}


def _fill_tool(call: RecordedCall, span: TracedSpan) -> None:
    call.arguments, call.arguments_state = _content(span, c.TOOL_CALL_ARGUMENTS)
    call.result, call.result_state = _result(span, c.TOOL_CALL_RESULT)
    call.raw_response = _content(span, c.RAW_RESPONSE)[0]
    kept_nothing = any(key.startswith(c.CONTENT_PREFIX) for key in span.attributes)
    if kept_nothing:  # the capture mode was `metadata`
        call.arguments_state = call.result_state = _ABSENT
    elif call.arguments is None and call.result is None and call.error is None:
        call.result_state = _ABSENT  # nothing was captured, or there was nothing


def _fill_retrieval(call: RecordedCall, span: TracedSpan) -> None:
    # The query is text, whatever it looks like.
    state = span.absent.get(c.RETRIEVAL_QUERY_TEXT, PRESENT)
    call.arguments = {"query": span.attributes.get(c.RETRIEVAL_QUERY_TEXT)}
    call.arguments_state = state
    call.result, call.result_state = _result(span, c.RETRIEVAL_DOCUMENTS)
    call.raw_response = _content(span, c.RAW_RESPONSE)[0]
    if any(key.startswith(c.CONTENT_PREFIX) for key in span.attributes):
        call.arguments_state = call.result_state = _ABSENT


def _fill_llm(call: RecordedCall, span: TracedSpan) -> None:
    members = {
        "input": c.INPUT_MESSAGES,
        "system": c.SYSTEM_INSTRUCTIONS,
        "tools": c.TOOL_DEFINITIONS,
    }
    arguments: dict[str, Any] = {"model": span.attributes.get(c.REQUEST_MODEL)}
    for name, key in members.items():
        arguments[name], state = _content(span, key)
        if state != PRESENT:
            call.arguments_state = state
    request, state = _content(span, c.RAW_REQUEST)
    if isinstance(request, dict):
        arguments["parameters"] = call_parameters(request.get("parameters") or {})
        # What an official instrumentation added to the span was not given to the helper.
        arguments |= {name: None for name in ("input", "tools") if request.get(name) is None}
    elif state != PRESENT:
        call.arguments_state = state
    call.result, call.result_state = _content(span, c.OUTPUT_MESSAGES)
    if call.result is None and call.result_state == PRESENT:
        call.result_state = _ABSENT
    call.raw_response, raw_state = _content(span, c.RAW_RESPONSE)
    if raw_state != PRESENT:
        call.result_state = raw_state
    if request is None and any(key.startswith(c.CONTENT_PREFIX) for key in span.attributes):
        call.arguments_state = _ABSENT
    call.arguments = arguments


def _result(span: TracedSpan, key: str) -> tuple[Any, str]:
    """The value of a result and its state; text stays text, whatever it looks like."""
    if span.attributes.get(c.RESULT_IS_TEXT) and key not in span.absent:
        return span.attributes.get(key), PRESENT
    return _content(span, key)


def _content(span: TracedSpan, key: str) -> tuple[Any, str]:
    """The value of an attribute, read as JSON where it is, and its state."""
    if key in span.absent:
        return None, span.absent[key]
    value = span.attributes.get(key)
    if not isinstance(value, str):
        return value, PRESENT
    try:
        return json.loads(value), PRESENT
    except (ValueError, RecursionError):
        return value, PRESENT

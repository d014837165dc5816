"""Recorded calls: what the model and tool calls of a trace were asked and what they answered.

A re-run of the agent is answered from these. A recording is a file of JSON lines: a header
``{"recording": 1, "root": ..., "trace_ids": [...]}`` and a line for each call, in the order in
which the calls started (docs/replay.md).

Only calls that something recorded in full can be answered; what is not there is said by
``arguments_state`` and ``result_state``, and asking for it is a named miss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
import orjson

from tracefoundry.model.contents import decode_value
from tracefoundry.model.genai import registry
from tracefoundry.model.genai.view import GenAI
from tracefoundry.model.parents import parents_of
from tracefoundry.model.payload import SPAN, PayloadEntry, Slot
from tracefoundry.model.span import Span, StatusCode

FORMAT_VERSION: Final = 1

RAW_REQUEST: Final = "tracefoundry.raw_request"
RAW_RESPONSE: Final = "tracefoundry.raw_response"
_PARAMETER_PREFIX: Final = "gen_ai.request."

CallKind = Literal["llm", "tool", "retriever"]
_CALL_KINDS: Final[Mapping[str, CallKind]] = {
    "llm": "llm",
    "embedding": "llm",
    "tool": "tool",
    "retriever": "retriever",
}

Content = Callable[[str], bytes | None]
"""Reads a payload by its ref; None where it is not there."""


class RecordedError(msgspec.Struct, omit_defaults=True):
    """The error that ended a call."""

    type: str
    message: str = ""


class RecordedCall(msgspec.Struct, kw_only=True):
    """One call of a trace.

    Attributes:
        name: the tool's, or the model's.
        agent_path: names of the agents around it, the outermost first.
        call_id: the id that the model gave a tool call.
        arguments: what was asked: a tool's arguments; of a model call an object of ``model``,
            ``input``, ``system``, ``tools`` and ``parameters``, as far as they are known.
        arguments_state: ``present``, or the state of what is not there.
        result: what came back: a tool's result, the output messages of a model, documents.
        raw_response: the reply of a model's client, with its chunks if it was a stream.
    """

    kind: CallKind
    name: str
    agent_path: list[str]
    call_id: str | None
    trace_id: str
    span_id: str
    start_time_ns: int
    arguments: Any
    arguments_state: str
    result: Any
    result_state: str
    raw_response: Any = None
    error: RecordedError | None = None


class RecordingHeader(msgspec.Struct):
    """The first line of a recording."""

    trace_ids: list[str]
    root: str | None = None
    recording: int = FORMAT_VERSION


def recorded_calls(spans: Sequence[Span], content: Content) -> list[RecordedCall]:
    """The calls of the spans of one trace, by start.

    The spans are as a bundle has them: without contents, which are read where a call needs them.
    """
    parents = parents_of(spans)
    views = [_view(span) for span in spans]
    calls: list[RecordedCall] = []
    for index, (span, view) in enumerate(zip(spans, views, strict=True)):
        kind = None if view is None else _CALL_KINDS.get(view.kind or "")
        if view is None or kind is None:
            continue
        agents = _agents_above(index, parents, views)
        calls.append(_call(span, view, kind, agents, content))
    calls.sort(key=lambda call: (call.start_time_ns, call.span_id))
    return calls


def write_recording(header: RecordingHeader, calls: Iterable[RecordedCall]) -> Iterator[bytes]:
    """The lines of a recording file."""
    yield msgspec.json.encode(header) + b"\n"
    for call in calls:
        yield orjson.dumps(msgspec.to_builtins(call)) + b"\n"


def _view(span: Span) -> GenAI | None:
    return span.genai or registry.derive(
        span.attributes,
        span.events,
        span.scope.name,
        span_name=span.name,
        start_time_ns=span.start_time_ns,
    )


def _agents_above(
    index: int, parents: Sequence[int | None], views: Sequence[GenAI | None]
) -> list[str]:
    path: list[str] = []
    seen = {index}
    above = parents[index]
    while above is not None and above not in seen:
        seen.add(above)
        view = views[above]
        if view is not None and view.kind == "agent":
            path.append(view.agent or "")
        above = parents[above]
    return path[::-1]


class _Values:
    """The contents of one span, by key and by slot."""

    def __init__(self, span: Span, content: Content) -> None:
        self._entries = [entry for entry in span.payloads if entry.place == SPAN]
        self._attributes = span.attributes
        self._content = content

    def by_key(self, key: str) -> tuple[Any, str]:
        """(value, state) of a key; the state is ``absent`` where the span never had it."""
        if key in self._attributes:
            return _parsed(self._attributes[key]), "present"
        for entry in self._entries:
            if entry.key == key:
                return self._value(entry)
        return None, "absent"

    def by_slot(self, slot: Slot, preferred: str) -> tuple[Any, str]:
        """(value, state) of a slot: of its preferred key, else of the first that has it."""
        found = self.by_key(preferred)
        if found[1] != "absent":
            return found
        for entry in self._entries:
            if entry.slot == slot and entry.key not in (RAW_REQUEST, RAW_RESPONSE):
                return self._value(entry)
        return None, "absent"

    def _value(self, entry: PayloadEntry) -> tuple[Any, str]:
        if entry.state != "present" or entry.ref is None:
            return None, entry.state
        read = self._content(entry.ref)
        if read is None:
            return None, "missing"
        try:
            return _parsed(decode_value(read, entry.type)), "present"
        except ValueError:
            return None, "corrupt"


def _parsed(value: Any) -> Any:
    """Attributes carry objects as JSON text; a text that is no object or array stays text."""
    if type(value) is not str or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def _call(
    span: Span, view: GenAI, kind: CallKind, agent_path: list[str], content: Content
) -> RecordedCall:
    values = _Values(span, content)
    raw_response: Any = None
    if kind == "tool":
        arguments, arguments_state = values.by_slot("tool_arguments", "gen_ai.tool.call.arguments")
        result, result_state = values.by_slot("tool_result", "gen_ai.tool.call.result")
        name = view.tool
    elif kind == "retriever":
        arguments, arguments_state = values.by_slot("input_messages", "gen_ai.retrieval.query.text")
        result, result_state = values.by_slot("documents", "gen_ai.retrieval.documents")
        source, _ = values.by_key("gen_ai.data_source.id")
        name = source if isinstance(source, str) else None
    else:
        arguments, arguments_state = _request(span, view, values)
        result, result_state = values.by_slot("output_messages", "gen_ai.output.messages")
        raw_response, raw_state = values.by_key(RAW_RESPONSE)
        if raw_state == "present" and result_state == "absent":
            result_state = "present"
        name = view.request_model or view.response_model
    return RecordedCall(
        kind=kind,
        name=name or span.name,
        agent_path=agent_path,
        call_id=view.tool_call_id,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        start_time_ns=span.start_time_ns,
        arguments=arguments,
        arguments_state=arguments_state,
        result=result,
        result_state=result_state,
        raw_response=raw_response,
        error=_error(span),
    )


def _request(span: Span, view: GenAI, values: _Values) -> tuple[Any, str]:
    """The request of a model call: in full where the SDK recorded it, else from attributes."""
    raw, state = values.by_key(RAW_REQUEST)
    if state == "present" and isinstance(raw, dict):
        return {key: raw.get(key) for key in ("model", "input", "tools", "parameters")}, "present"
    found: dict[str, Any] = {"model": view.request_model}
    states = [state] if state not in ("absent", "present") else []
    parts: tuple[tuple[str, Slot, str], ...] = (
        ("input", "input_messages", "gen_ai.input.messages"),
        ("system", "system_instructions", "gen_ai.system_instructions"),
        ("tools", "tool_definitions", "gen_ai.tool.definitions"),
    )
    for part, slot, key in parts:
        value, state = values.by_slot(slot, key)
        if state not in ("present", "absent"):
            states.append(state)
        found[part] = value
    found["parameters"] = {
        key.removeprefix(_PARAMETER_PREFIX): value
        for key, value in sorted(span.attributes.items())
        if key.startswith(_PARAMETER_PREFIX) and key != "gen_ai.request.model"
    }
    return found, states[0] if states else "present"


def _error(span: Span) -> RecordedError | None:
    if span.status_code != StatusCode.ERROR:
        return None
    for event in reversed(span.events):
        if event.name == "exception":
            type_name = event.attributes.get("exception.type")
            message = event.attributes.get("exception.message")
            return RecordedError(
                type_name if isinstance(type_name, str) else "Error",
                message if isinstance(message, str) else span.status_message,
            )
    type_name = span.attributes.get("error.type")
    return RecordedError(type_name if isinstance(type_name, str) else "Error", span.status_message)

"""The steps of one ATIF trajectory, made from spans in the order of their start."""

from __future__ import annotations

from typing import Any

import orjson

from tracefoundry.interchange import atif_names as names
from tracefoundry.interchange.report import LossReport
from tracefoundry.model.genai.registry import derive
from tracefoundry.model.span import Event, Span, StatusCode
from tracefoundry.model.times import rfc3339_microseconds

_METRICS = {
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "cached_tokens": "cached_tokens",
    "cost_usd": "cost_usd",
}
_TOTALS = {
    "total_prompt_tokens": "prompt_tokens",
    "total_completion_tokens": "completion_tokens",
    "total_cached_tokens": "cached_tokens",
    "total_cost_usd": "cost_usd",
}


class StepList:
    """Steps so far. Results of tools are added to the step that made the call."""

    def __init__(self, report: LossReport) -> None:
        self.report = report
        self._steps: list[dict[str, Any]] = []
        self._step_of_call: dict[str, dict[str, Any]] = {}
        self._call_of_span: dict[bytes, tuple[dict[str, Any], str]] = {}
        self._seen: set[bytes] = set()

    def add_event(self, event: Event) -> None:
        """A message of the user or the system, or a copied step, of an imported trajectory."""
        source = names.SOURCE_BY_EVENT.get(event.name)
        if source is None or names.STEP_ID not in event.attributes:
            self.report.add("span events have no place in ATIF", event.name[:80])
            return
        content = event.attributes.get("content", "")
        message = parsed_json(content) if names.PARTS in event.attributes else content
        rest = parsed_json(event.attributes.get(names.STEP)) or {}
        self._steps.append({"source": source, "message": self._known_parts(message), **rest})

    def add_model_call(self, span: Span) -> None:
        """An agent step; before it, the messages that the call received and no step has."""
        attributes = span.attributes
        imported = names.STEP_ID in attributes
        if not imported:
            self._add_inputs(span)
        text, reasoning, calls = _output_of(attributes.get("gen_ai.output.messages"))
        step: dict[str, Any] = {"source": "agent", "message": text}
        if reasoning is not None:
            step["reasoning_content"] = reasoning
        if calls:
            step["tool_calls"] = calls
        metrics = _metrics_of(span)
        if imported:
            rest = parsed_json(attributes.get(names.STEP)) or {}
            if "message" in rest:
                rest["message"] = self._known_parts(rest["message"])
            metrics = {**metrics, **rest.pop("metrics", {})} if "metrics" in rest else metrics
            step.update(rest)
            if metrics or "metrics" in (parsed_json(attributes.get(names.STEP)) or {}):
                step["metrics"] = metrics
            loose = parsed_json(attributes.get(names.OBSERVATION))
            if loose:
                step["observation"] = {"results": loose}
        else:
            step["timestamp"] = rfc3339_microseconds(span.start_time_ns)
            model = attributes.get("gen_ai.response.model") or attributes.get(
                "gen_ai.request.model"
            )
            if type(model) is str:
                step["model_name"] = model
            if metrics:
                step["metrics"] = metrics
            if span.status_code == StatusCode.ERROR:
                step["extra"] = {"error": span.status_message or "error"}
        self._steps.append(step)
        for call in calls:
            self._step_of_call[call["tool_call_id"]] = step

    def add_tool(self, span: Span) -> None:
        """A tool call and its result, at the step that asked for it."""
        attributes = span.attributes
        call_id = attributes.get("gen_ai.tool.call.id")
        call_id = call_id if type(call_id) is str and call_id else span.span_id.hex()
        step = self._step_of_call.get(call_id)
        if step is None:
            step = self._last_agent_step(span)
            name = attributes.get("gen_ai.tool.name")
            step.setdefault("tool_calls", []).append(
                {
                    "tool_call_id": call_id,
                    "function_name": name if type(name) is str else span.name,
                    "arguments": _arguments(attributes.get("gen_ai.tool.call.arguments")),
                }
            )
            self._step_of_call[call_id] = step
        self._call_of_span[span.span_id] = (step, call_id)
        more = parsed_json(attributes.get(names.TOOL_CALL))
        if more:
            for call in step["tool_calls"]:
                if call["tool_call_id"] == call_id:
                    call.update(more)
        results = self._results_of(span, call_id)
        if results:
            observation = step.setdefault("observation", {"results": []})
            loose = [item for item in observation["results"] if "source_call_id" not in item]
            tied = [item for item in observation["results"] if "source_call_id" in item]
            observation["results"] = [*tied, *results, *loose]

    def add_reference(self, trajectory_id: str, parent: Span | None) -> None:
        """A reference to a sub-agent, at the tool call that ran it, else at the latest step."""
        result: dict[str, Any] = {"subagent_trajectory_ref": [{"trajectory_id": trajectory_id}]}
        known = self._call_of_span.get(parent.span_id) if parent is not None else None
        if known is not None:
            step, result["source_call_id"] = known
        else:
            step = self._last_agent_step(parent)
        step.setdefault("observation", {"results": []})["results"].append(result)

    def note_absent_content(self, span: Span) -> None:
        """Report contents that are not in the span: expired, redacted, or left out."""
        for entry in span.payloads:
            if entry.state != "reference":
                self.report.add(f"content that is absent ({entry.slot})", span.span_id.hex())

    def numbered(self) -> list[dict[str, Any]]:
        """The steps with their numbers from 1; an empty one if there are none: ATIF needs one."""
        if not self._steps:
            self.report.add("agents without messages, model calls and tools", "the trace")
            self._last_agent_step(None)
        return [{"step_id": number, **step} for number, step in enumerate(self._steps, start=1)]

    def totals(self) -> dict[str, Any]:
        """``final_metrics``: the sums of the steps' metrics."""
        totals: dict[str, Any] = {"total_steps": len(self._steps)}
        for total, field in _TOTALS.items():
            counts = [
                step["metrics"][field] for step in self._steps if field in step.get("metrics", {})
            ]
            if counts:
                totals[total] = sum(counts)
        return totals

    def _last_agent_step(self, span: Span | None) -> dict[str, Any]:
        for index in range(len(self._steps) - 1, -1, -1):
            if self._steps[index]["source"] == "agent":
                return self._steps[index]
        step: dict[str, Any] = {"source": "agent", "message": "", "llm_call_count": 0}
        if span is not None:
            step["timestamp"] = rfc3339_microseconds(span.start_time_ns)
        self._steps.append(step)
        return step

    def _add_inputs(self, span: Span) -> None:
        messages: list[tuple[str, Any]] = []
        instructions = parsed_json(span.attributes.get("gen_ai.system_instructions"))
        if instructions is not None:
            messages.append(("system", instructions))
        given = parsed_json(span.attributes.get("gen_ai.input.messages"))
        for message in given if type(given) is list else []:
            role = message.get("role") if type(message) is dict else None
            if role in ("user", "system", "developer"):
                content = message.get("parts", message.get("content"))
                messages.append(("user" if role == "user" else "system", content))
        for source, content in messages:
            key = orjson.dumps([source, content], option=orjson.OPT_SORT_KEYS)
            if key not in self._seen:
                self._seen.add(key)
                timestamp = rfc3339_microseconds(span.start_time_ns)
                self._steps.append(
                    {"source": source, "message": _text_of(content), "timestamp": timestamp}
                )

    def _results_of(self, span: Span, call_id: str) -> list[dict[str, Any]]:
        content = span.attributes.get("gen_ai.tool.call.result")
        kept = parsed_json(span.attributes.get(names.RESULTS))
        if type(kept) is list:
            results = [{"source_call_id": call_id, **result} for result in kept]
            if content is not None:
                results[0].setdefault("content", content)
            for kept_result in results:
                if "content" in kept_result:
                    kept_result["content"] = self._known_parts(kept_result["content"])
            return results
        result: dict[str, Any] = {"source_call_id": call_id}
        if content is not None:
            result["content"] = content if type(content) is str else _dumped(content)
        if span.status_code == StatusCode.ERROR:
            result["extra"] = {"error": span.status_message or "error"}
        return [result] if len(result) > 1 else []

    def _known_parts(self, message: Any) -> Any:
        """A message whose parts ATIF 1.7 knows: audio came with 1.8."""
        if type(message) is not list:
            return message
        parts = []
        for part in message:
            if type(part) is dict and part.get("type") == "audio":
                self.report.add("audio has no place in ATIF 1.7: a text names its file", "message")
                source = part.get("source")
                path = source.get("path") if type(source) is dict else None
                parts.append({"type": "text", "text": f"[audio: {path}]"})
            else:
                parts.append(part)
        return parts


def parsed_json(value: Any) -> Any:
    """The value of a JSON string; any other value as it is, None if it is no JSON."""
    if type(value) is not str:
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return None


def _output_of(value: Any) -> tuple[str, str | None, list[dict[str, Any]]]:
    """Text, reasoning and tool calls of the messages that a model answered with."""
    messages = parsed_json(value)
    if type(messages) is not list:
        return (value if type(value) is str else ""), None, []
    texts: list[str] = []
    reasoning: list[str] = []
    calls: list[dict[str, Any]] = []
    for message in messages:
        parts = message.get("parts") if type(message) is dict else None
        for part in parts if type(parts) is list else []:
            kind = part.get("type") if type(part) is dict else None
            if kind == "tool_call":
                calls.append(_call_of(part, len(calls)))
            elif kind == "reasoning":
                reasoning.append(_text_of(part.get("content")))
            else:
                texts.append(_text_of([part]))
        if type(parts) is not list:
            texts.append(_text_of(message.get("content") if type(message) is dict else message))
    return "\n".join(texts), "\n".join(reasoning) if reasoning else None, calls


def _call_of(part: dict[str, Any], index: int) -> dict[str, Any]:
    call_id, name = part.get("id"), part.get("name")
    return {
        "tool_call_id": call_id if type(call_id) is str and call_id else f"call_{index}",
        "function_name": name if type(name) is str else "unknown",
        "arguments": _arguments(part.get("arguments")),
    }


def _arguments(value: Any) -> dict[str, Any]:
    """Arguments as the object that ATIF needs."""
    parsed = parsed_json(value)
    if type(parsed) is dict:
        return parsed
    return {} if value is None else {"value": value if parsed is None else parsed}


def _text_of(content: Any) -> str:
    """Text of message content: text parts joined, anything else as JSON."""
    if type(content) is str:
        return content
    if content is None:
        return ""
    if type(content) is list:
        texts = []
        for part in content:
            text = part.get("content", part.get("text")) if type(part) is dict else part
            texts.append(text if type(text) is str else _dumped(part))
        return "\n".join(texts)
    return _dumped(content)


def _metrics_of(span: Span) -> dict[str, Any]:
    view = span.genai or derive(span.attributes, span.events, span.scope.name)
    found = {name: getattr(view, field) for name, field in _METRICS.items()} if view else {}
    return {name: value for name, value in found.items() if value is not None}


def _dumped(value: Any) -> str:
    return orjson.dumps(value).decode()

"""ATIF trajectories (versions 1.0 to 1.8) to spans.

The run becomes an agent span; under it each agent step becomes a model call and each of its tool
calls a tool span with its result. Messages of the user and the system become events of the agent
span, and so do copied steps, whose usage, calls and results belong to another trajectory. Embedded
sub-agents hang under the tool call whose result refers to them by ``trajectory_id``
(``session_id`` is no key: siblings share it).

What the GenAI conventions have no name for stands in ``tracefoundry.atif.*`` attributes, so that
:mod:`.atif_export` gives the same trajectory back. Ids are hashes of the document, so importing a
file twice gives the same spans.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from tracefoundry.interchange import atif_names as names
from tracefoundry.interchange.atif_clock import StepClock
from tracefoundry.interchange.atif_fields import (
    MAX_SUBAGENT_DEPTH,
    check_agent_step,
    check_content,
    check_step_ids,
    check_version,
    message_text,
)
from tracefoundry.interchange.chunks import Chunk, in_chunks
from tracefoundry.interchange.errors import UnreadableFile
from tracefoundry.interchange.fields import Fields, as_text, hashed_id, label
from tracefoundry.interchange.records import Record
from tracefoundry.interchange.report import LossReport
from tracefoundry.model.ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from tracefoundry.model.span import Attributes, Event, Resource, Scope, Span, SpanKind


def read(records: Iterable[Record], report: LossReport) -> Iterator[Chunk]:
    """The spans of each trajectory; a record is one trajectory, or a list of them.

    Raises:
        UnreadableFile: a trajectory that breaks a rule of ATIF.
    """
    for record in records:
        documents = record.value if type(record.value) is list else [record.value]
        for index, document in enumerate(documents):
            place = record.place if document is record.value else f"{record.place}, [{index}]"
            canonical = orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()
            trace_id = hashed_id(f"atif:{canonical}", TRACE_ID_BYTES)
            reader = _Trajectory(Fields(document, place), trace_id, "", report)
            yield from in_chunks(reader.spans(b"", None))


class _Trajectory:
    """One trajectory, the outermost or an embedded one.

    ``path`` names it inside the document, for the ids of its spans.
    """

    def __init__(self, document: Fields, trace_id: bytes, path: str, report: LossReport) -> None:
        self.document = document
        self.trace_id = trace_id
        self.path = path
        self.report = report
        check_version(document)
        agent = document.object("agent")
        if agent is None:
            raise UnreadableFile(document.place, "has no 'agent'", "add the agent's name")
        self.agent = agent
        self.agent_name = agent.required_string("name")
        self.model = agent.string("model_name")
        self.session_id = document.string("session_id")
        self.steps = document.objects("steps")
        check_step_ids(self.steps, document.place)
        self.subagents = self._subagents()
        self.resource = Resource({"service.name": label(self.agent_name)})
        self.scope = Scope(names.SCOPE, document.required_string("schema_version"))
        self.pending: list[dict[str, Any]] = []
        """Messages since the last model call: the input of the next one."""
        self.events: list[Event] = []
        self.last_agent_step: int | None = None

    def spans(self, parent: bytes, start_ns: int | None) -> Iterator[Span]:
        """The spans of this trajectory and of its sub-agents; its root comes last."""
        root_id = self._id("agent")
        clock = StepClock(self.steps, start_ns, self.report, self.document.place)
        first_ns = clock.tick()
        for step in self.steps:
            clock.move_to(step)
            source = step.required_string("source")
            if source not in ("system", "user", "agent"):
                raise step.wrong("source", "'system', 'user' or 'agent'")
            check_agent_step(step, source)
            if source == "agent" and step.get("is_copied_context") is not True:
                yield from self._agent_step(step, root_id, clock)
            else:
                self._message(step, source, clock.tick())
        for key in list(self.subagents):
            self.report.add("ATIF sub-agents that no result refers to", self.document.place)
            yield from self._subagent(key, root_id, clock)
        yield self._root(root_id, parent, first_ns, clock.tick())

    def _subagents(self) -> dict[str, Fields]:
        found: dict[str, Fields] = {}
        embedded = self.document.objects("subagent_trajectories")
        if embedded and self.path.count("/") >= MAX_SUBAGENT_DEPTH:
            raise UnreadableFile(
                self.document.place,
                f"nests sub-agents deeper than {MAX_SUBAGENT_DEPTH}",
                "export the inner ones as files of their own",
            )
        for subagent in embedded:
            key = subagent.required_string("trajectory_id")
            if key in found:
                raise UnreadableFile(
                    subagent.place, "repeats a trajectory_id", "give each sub-agent its own"
                )
            found[key] = subagent
        return found

    def _subagent(self, key: str, parent: bytes, clock: StepClock) -> Iterator[Span]:
        document = self.subagents.pop(key)
        inner = _Trajectory(document, self.trace_id, f"{self.path}/{key}", self.report)
        yield from inner.spans(parent, clock.tick())

    def _id(self, name: str) -> bytes:
        return hashed_id(f"{self.trace_id.hex()}{self.path}:{name}", SPAN_ID_BYTES)

    def _span(
        self,
        span_id: bytes,
        parent: bytes,
        name: str,
        start_ns: int,
        attributes: Attributes,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        end_ns: int | None = None,
        events: list[Event] | None = None,
    ) -> Span:
        if self.session_id is not None:
            attributes["gen_ai.conversation.id"] = as_text(self.session_id)
        return Span(
            trace_id=self.trace_id,
            span_id=span_id,
            parent_span_id=parent,
            name=label(name),
            kind=kind,
            start_time_ns=start_ns,
            end_time_ns=start_ns if end_ns is None else end_ns,
            status_code=0,
            status_message="",
            attributes=attributes,
            resource=self.resource,
            scope=self.scope,
            events=events or [],
        )

    def _root(self, root_id: bytes, parent: bytes, start_ns: int, end_ns: int) -> Span:
        attributes: Attributes = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": as_text(self.agent_name),
        }
        if self.model is not None:
            attributes["gen_ai.request.model"] = as_text(self.model)
        version = self.agent.string("version")
        if version is not None:
            attributes["gen_ai.agent.version"] = as_text(version)
        tools = self.agent.get("tool_definitions")
        if tools is not None:
            attributes["gen_ai.tool.definitions"] = as_text(tools)
        final = self.document.object("final_metrics")
        if final is not None and not any("metrics" in step.value for step in self.steps):
            _put_usage(attributes, final, "total_prompt_tokens", "total_completion_tokens",
                       "total_cached_tokens", "total_cost_usd")  # fmt: skip
        rest = self.document.remaining(("agent", "steps", "session_id", "subagent_trajectories"))
        rest["agent"] = self.agent.remaining(("name", "version", "model_name", "tool_definitions"))
        attributes[names.TRAJECTORY] = as_text(rest)
        return self._span(
            root_id, parent, f"invoke_agent {self.agent_name}", start_ns, attributes,
            end_ns=end_ns, events=self.events,
        )  # fmt: skip

    def _message(self, step: Fields, source: str, time_ns: int) -> None:
        """An event for a message, or for a step copied from another trajectory."""
        attributes: Attributes = {names.STEP_ID: step.value["step_id"]}
        message = step.get("message")
        rest = step.remaining(("step_id", "source", "message"))
        attributes["content"] = as_text("" if message is None else message)
        if type(message) is list:
            attributes[names.PARTS] = True
        if rest:
            attributes[names.STEP] = as_text(rest)
        self.events.append(Event(names.EVENT_BY_SOURCE[source], time_ns, attributes))
        if source != "agent" and step.get("is_copied_context") is not True:
            self.pending.append(_message_of(source, message_text(message)))

    def _agent_step(self, step: Fields, root_id: bytes, clock: StepClock) -> Iterator[Span]:
        number = step.value["step_id"]
        calls = step.objects("tool_calls")
        results = self._results(step, calls)
        attributes = self._step_attributes(step, calls)
        loose = results.pop(None, [])
        if loose:
            attributes[names.OBSERVATION] = as_text([result.value for result in loose])
        made_call = step.get("llm_call_count") != 0
        model = step.string("model_name") or self.model
        span_id = self._id(f"steps/{number}")
        yield self._span(
            span_id,
            root_id,
            (f"chat {model}" if model else "chat") if made_call else "agent_step",
            clock.tick(),
            attributes,
            kind=SpanKind.CLIENT if made_call else SpanKind.INTERNAL,
        )
        for index, call in enumerate(calls):
            yield from self._tool(step, index, call, results, root_id, clock)
        for result in loose:
            self._add_result(result, None)
            yield from self._referred(result, root_id, clock)

    def _step_attributes(self, step: Fields, calls: list[Fields]) -> Attributes:
        made_call = step.get("llm_call_count") != 0
        attributes: Attributes = {
            "gen_ai.operation.name": "chat" if made_call else "agent_step",
            names.STEP_ID: step.value["step_id"],
            "gen_ai.agent.name": as_text(self.agent_name),
        }
        model = step.string("model_name") or self.model
        if made_call and model is not None:
            attributes["gen_ai.request.model"] = as_text(model)
        if made_call and self.pending:
            attributes["gen_ai.input.messages"] = as_text(self.pending)
            self.pending = []
        message = step.get("message")
        reasoning = step.string("reasoning_content")
        output = _message_of("agent", message_text(message), reasoning)
        output["parts"] += [
            {
                "type": "tool_call",
                "id": call.required_string("tool_call_id"),
                "name": call.required_string("function_name"),
                "arguments": call.get("arguments"),
            }
            for call in calls
        ]
        attributes["gen_ai.output.messages"] = as_text([output])
        rest = step.remaining(
            ("step_id", "source", "message", "reasoning_content", "tool_calls", "observation",
             "metrics")
        )  # fmt: skip
        if type(message) is list:
            rest["message"] = message
        if step.value.get("tool_calls") == []:
            rest["tool_calls"] = []
        metrics = step.object("metrics")
        if metrics is not None:
            _put_usage(attributes, metrics, "prompt_tokens", "completion_tokens", "cached_tokens",
                       "cost_usd")  # fmt: skip
            rest["metrics"] = metrics.remaining(
                ("prompt_tokens", "completion_tokens", "cached_tokens", "cost_usd")
            )
        if rest:
            attributes[names.STEP] = as_text(rest)
        return attributes

    def _results(self, step: Fields, calls: list[Fields]) -> dict[str | None, list[Fields]]:
        """The results of a step by tool call; under None those of no call of this step."""
        results: dict[str | None, list[Fields]] = {}
        observation = step.object("observation")
        if observation is None:
            return results
        ids = {call.string("tool_call_id") for call in calls}
        for result in observation.objects("results"):
            check_content(result, "content")
            source = result.string("source_call_id")
            if source is not None and source not in ids:
                self.report.add("ATIF results of no tool call of their step", result.place)
                source = None
            results.setdefault(source, []).append(result)
        return results

    def _tool(
        self,
        step: Fields,
        index: int,
        call: Fields,
        results: dict[str | None, list[Fields]],
        root_id: bytes,
        clock: StepClock,
    ) -> Iterator[Span]:
        name = call.required_string("function_name")
        call_id = call.required_string("tool_call_id")
        arguments = call.get("arguments")
        if type(arguments) is not dict:
            raise call.wrong("arguments", "an object")
        attributes: Attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": as_text(name),
            "gen_ai.tool.call.id": as_text(call_id),
            "gen_ai.tool.call.arguments": as_text(arguments),
            names.STEP_ID: step.value["step_id"],
        }
        extra = call.remaining(("tool_call_id", "function_name", "arguments"))
        if extra:
            attributes[names.TOOL_CALL] = as_text(extra)
        found = results.pop(call_id, [])
        if found:
            first = found[0]
            content = first.get("content")
            if content is not None:
                attributes["gen_ai.tool.call.result"] = as_text(content)
            rest = [result.remaining(("source_call_id",)) for result in found]
            if type(content) is str:
                rest[0].pop("content")
            if rest != [{}] or content is None:
                attributes[names.RESULTS] = as_text(rest)
        span_id = self._id(f"steps/{step.value['step_id']}/tool_calls/{index}")
        yield self._span(span_id, root_id, f"execute_tool {name}", clock.tick(), attributes)
        for result in found:
            self._add_result(result, call_id)
            yield from self._referred(result, span_id, clock)

    def _add_result(self, result: Fields, call_id: str | None) -> None:
        part: dict[str, Any] = {"type": "text", "content": message_text(result.get("content"))}
        if call_id is not None:
            part = {"type": "tool_call_response", "id": call_id, "response": part["content"]}
        self.pending.append({"role": "tool", "parts": [part]})

    def _referred(self, result: Fields, parent: bytes, clock: StepClock) -> Iterator[Span]:
        """The sub-agents that a result refers to; each hangs under the first that does."""
        for reference in result.objects("subagent_trajectory_ref"):
            key = reference.string("trajectory_id")
            if key is not None and key in self.subagents:
                yield from self._subagent(key, parent, clock)
            else:
                self.report.add("ATIF sub-agents in other files are not followed", reference.place)


def _message_of(source: str, content: str, reasoning: str | None = None) -> dict[str, Any]:
    role = "assistant" if source == "agent" else source
    parts: list[dict[str, Any]] = []
    if reasoning is not None:
        parts.append({"type": "reasoning", "content": reasoning})
    if content or source != "agent":
        parts.append({"type": "text", "content": content})
    return {"role": role, "parts": parts}


def _put_usage(
    attributes: Attributes, metrics: Fields, prompt: str, completion: str, cached: str, cost: str
) -> None:
    """Usage attributes. ``prompt`` includes cached tokens, as ``input_tokens`` does."""
    counts = {
        "gen_ai.usage.input_tokens": metrics.count(prompt),
        "gen_ai.usage.output_tokens": metrics.count(completion),
        "gen_ai.usage.cache_read.input_tokens": metrics.count(cached),
        "gen_ai.usage.cost": metrics.number(cost),
    }
    for key, value in counts.items():
        if value is not None:
            attributes[key] = value

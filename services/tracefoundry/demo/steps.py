"""Steps of an agent as planned spans: model calls, tool calls, retrieval.

Names and attributes follow OpenTelemetry's GenAI semantic conventions (v1.41); messages are JSON
strings in their message schema, the whole history in every call, as real agents send it.
``input_tokens`` includes cached tokens and ``output_tokens`` includes reasoning tokens.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.trace import SpanKind

from tracefoundry.demo.material import EMBEDDING, TOOL_SERVICE, Agent, Call, Model, Tool
from tracefoundry.demo.story import MILLISECOND_NS, AttributeValue, PlannedSpan, Story

Message = dict[str, Any]

CHARACTERS_PER_TOKEN = 4
CACHEABLE_TOKENS = 1024
"""The providers that the demo imitates do not cache shorter prompts."""


def as_json(value: Any) -> str:
    """Compact JSON, as instrumentation puts it into attributes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _text(role: str, content: str) -> Message:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


@dataclass(slots=True)
class Conversation:
    """A conversation of a user with an agent, and the messages so far."""

    story: Story
    agent: Agent
    model: Model
    user_id: str
    conversation_id: str
    history: list[Message] = field(default_factory=list)
    seen_tokens: int = 0
    """Prompt tokens of the last call; the provider may have them cached."""

    def ask(self, question: str) -> None:
        """Add a message of the user."""
        self.history.append(_text("user", question))

    @contextmanager
    def invocation(self) -> Iterator[PlannedSpan]:
        """The span of one invocation of the agent."""
        attributes: dict[str, AttributeValue] = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": self.model.provider,
            "gen_ai.agent.id": self.agent.agent_id,
            "gen_ai.agent.name": self.agent.name,
            "gen_ai.agent.version": self.agent.version,
            "gen_ai.conversation.id": self.conversation_id,
            "gen_ai.request.model": self.model.name,
            "user.id": self.user_id,
        }
        with self.story.span(f"invoke_agent {self.agent.name}", attributes) as span:
            yield span

    @contextmanager
    def model_call(self, *, retry_of: PlannedSpan | None = None) -> Iterator[PlannedSpan]:
        """The span of one request to the model, without its answer."""
        attributes: dict[str, AttributeValue] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": self.model.provider,
            "gen_ai.request.model": self.model.name,
            "gen_ai.request.temperature": 0.2,
            "gen_ai.request.max_tokens": 2048,
            "gen_ai.conversation.id": self.conversation_id,
            "server.address": self.model.host,
            "server.port": 443,
            "gen_ai.system_instructions": as_json(
                [{"type": "text", "content": self.agent.instructions}]
            ),
            "gen_ai.input.messages": as_json(self.history),
            "gen_ai.tool.definitions": as_json([_definition(tool) for tool in self.agent.tools]),
        }
        with self.story.span(
            f"chat {self.model.name}", attributes, kind=SpanKind.CLIENT, retry_of=retry_of
        ) as span:
            yield span

    def answer(self, text: str, *, retry_of: PlannedSpan | None = None) -> PlannedSpan:
        """The model answers with a text."""
        return self._respond([{"type": "text", "content": text}], "stop", retry_of)

    def choose(self, calls: Sequence[Call], *, retry_of: PlannedSpan | None = None) -> list[str]:
        """The model asks for tool calls; returns their ids."""
        ids = [self.story.identifier("call_") for _ in calls]
        parts = [
            {
                "type": "tool_call",
                "id": call_id,
                "name": call.tool.name,
                "arguments": json.loads(call.arguments),
            }
            for call_id, call in zip(ids, calls, strict=True)
        ]
        self._respond(parts, "tool_call", retry_of)
        return ids

    def add_tool_result(self, call_id: str, result: str) -> None:
        """Add the result of a tool to the history."""
        part = {"type": "tool_call_response", "id": call_id, "response": json.loads(result)}
        self.history.append({"role": "tool", "parts": [part]})

    def _respond(
        self, parts: list[dict[str, Any]], reason: str, retry_of: PlannedSpan | None
    ) -> PlannedSpan:
        message: Message = {"role": "assistant", "parts": parts}
        with self.model_call(retry_of=retry_of) as span:
            prompt = sum(
                len(str(span.attributes[key]))
                for key in (
                    "gen_ai.system_instructions",
                    "gen_ai.input.messages",
                    "gen_ai.tool.definitions",
                )
            )
            input_tokens = 180 + prompt // CHARACTERS_PER_TOKEN
            visible = 4 + len(as_json(parts)) // CHARACTERS_PER_TOKEN
            thought = self.story.rng.randrange(64, 640, 64) if self.model.is_reasoning else 0
            self.story.wait(180, 620)
            self.story.event(span, "gen_ai.first_token")
            per_token_ns = self.model.ms_per_token * MILLISECOND_NS
            self.story.now_ns += (visible + thought) * per_token_ns
            self.story.wait(1, 40)
            span.attributes |= {
                "gen_ai.response.id": self.story.identifier("resp_"),
                "gen_ai.response.model": self.model.response_name,
                "gen_ai.response.finish_reasons": [reason],
                "gen_ai.usage.input_tokens": input_tokens,
                "gen_ai.usage.output_tokens": visible + thought,
                "gen_ai.output.messages": as_json([{**message, "finish_reason": reason}]),
            }
            if self.seen_tokens >= CACHEABLE_TOKENS:
                span.attributes["gen_ai.usage.cache_read.input_tokens"] = (
                    self.seen_tokens // 128 * 128
                )
            if thought:
                span.attributes["gen_ai.usage.reasoning.output_tokens"] = thought
        self.seen_tokens = input_tokens
        self.history.append(message)
        return span

    @contextmanager
    def tool_call(self, call: Call, call_id: str) -> Iterator[PlannedSpan]:
        """The span of one tool call, without its result."""
        attributes: dict[str, AttributeValue] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": call.tool.name,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.description": call.tool.description,
            "gen_ai.tool.call.id": call_id,
            "gen_ai.conversation.id": self.conversation_id,
            "gen_ai.tool.call.arguments": call.arguments,
        }
        with self.story.span(f"execute_tool {call.tool.name}", attributes) as span:
            yield span

    def run_tool(self, call: Call, call_id: str, *, work_ms: tuple[int, int] = (15, 380)) -> None:
        """A tool call that succeeds: in this process, or over HTTP in the tool service."""
        with self.tool_call(call, call_id) as span:
            if call.tool.path is None:
                self.story.wait(1, 12)
            else:
                with self.request(call.tool) as request:
                    self.serve(call.tool, request, work_ms=work_ms)
                    request.attributes["http.response.status_code"] = 200
            span.attributes["gen_ai.tool.call.result"] = call.result
        self.add_tool_result(call_id, call.result)

    @contextmanager
    def request(
        self, tool: Tool, *, attempt: int = 0, retry_of: PlannedSpan | None = None
    ) -> Iterator[PlannedSpan]:
        """The agent's side of an HTTP request to the tool service."""
        attributes: dict[str, AttributeValue] = {
            "http.request.method": "POST",
            "url.full": f"http://{TOOL_SERVICE}:8000{tool.path}",
            "server.address": TOOL_SERVICE,
            "server.port": 8000,
        }
        if attempt:
            attributes["http.request.resend_count"] = attempt
        with self.story.span("POST", attributes, kind=SpanKind.CLIENT, retry_of=retry_of) as span:
            self.story.wait(1, 6)
            yield span
            self.story.wait(1, 4)

    def serve(
        self, tool: Tool, request: PlannedSpan, *, work_ms: tuple[int, int], status: int = 200
    ) -> PlannedSpan:
        """The tool service's side: it works for a while and answers with an HTTP status."""
        attributes: dict[str, AttributeValue] = {
            "http.request.method": "POST",
            "http.route": str(tool.path),
            "url.scheme": "http",
            "http.response.status_code": status,
        }
        name = f"POST {tool.path}"
        with self.story.span(name, attributes, kind=SpanKind.SERVER, service=TOOL_SERVICE) as span:
            self.story.wait(*work_ms)
            if status >= 500:
                span.failure = f"HTTP {status}"
                span.attributes["error.type"] = str(status)
        request.attributes["http.response.status_code"] = status
        return span

    def retrieve(self) -> None:
        """Search the agent's documents: embed the question, then search."""
        question = str(self.history[0]["parts"][0]["content"])
        attributes: dict[str, AttributeValue] = {
            "gen_ai.operation.name": "retrieval",
            "gen_ai.data_source.id": self.agent.documents,
            "gen_ai.conversation.id": self.conversation_id,
            "gen_ai.retrieval.query.text": question,
        }
        with self.story.span(
            f"retrieval {self.agent.documents}", attributes, kind=SpanKind.CLIENT
        ) as span:
            embedding: dict[str, AttributeValue] = {
                "gen_ai.operation.name": "embeddings",
                "gen_ai.provider.name": EMBEDDING.provider,
                "gen_ai.request.model": EMBEDDING.name,
                "gen_ai.response.model": EMBEDDING.response_name,
                "gen_ai.request.encoding_formats": ["float"],
                "gen_ai.usage.input_tokens": 2 + len(question) // CHARACTERS_PER_TOKEN,
                "server.address": EMBEDDING.host,
                "server.port": 443,
            }
            with self.story.span(f"embeddings {EMBEDDING.name}", embedding, kind=SpanKind.CLIENT):
                self.story.wait(40, 140)
            self.story.wait(8, 60)
            documents = [
                {"id": f"{self.agent.documents}-{number}", "score": score, "content": passage}
                for number, (passage, score) in enumerate(
                    zip(self.agent.passages, (0.91, 0.84, 0.79), strict=True), start=1
                )
            ]
            span.attributes["gen_ai.retrieval.documents"] = as_json(documents)
        self.history.append(_text("user", "Documents: " + as_json(documents)))


def _definition(tool: Tool) -> dict[str, Any]:
    properties = {name: {"type": "string"} for name in tool.parameters}
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": {"type": "object", "properties": properties},
    }

"""Steps of an agent: runs, model calls, tool calls and retrieval, traced with the SDK's helpers.

Every model call is sent the whole history, as real agents do. What a provider's client library
would give, :mod:`~tracefoundry.demo.replies` makes; the time that it takes passes on the simulated
clock.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from opentelemetry.trace import Status, StatusCode

import tracefoundry_sdk as tf
from tracefoundry.demo.material import EMBEDDING, TOOL_SERVICE, Agent, Call, Model, Tool
from tracefoundry.demo.replies import Tokens, chunks_of, openai_call, reply_of
from tracefoundry.demo.simulation import MILLISECOND_NS, HttpRequest, Simulation, answered
from tracefoundry_sdk.spans.agent_run import AgentRun
from tracefoundry_sdk.spans.llm_call import LlmCall
from tracefoundry_sdk.spans.tool_call import ToolCall

CHARACTERS_PER_TOKEN = 4
CACHEABLE_TOKENS = 1024
"""The providers that the demo imitates do not cache shorter prompts."""


def as_json(value: Any) -> str:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@dataclass(slots=True)
class Conversation:
    """A conversation of a user with an agent, and the messages so far, as in OpenAI's API."""

    world: Simulation
    agent: Agent
    model: Model
    user_id: str
    conversation_id: str
    scenario: str
    history: list[dict[str, Any]] = field(default_factory=list)
    seen_tokens: int = 0
    """Prompt tokens of the last call; the provider may have them cached."""

    @contextmanager
    def run(self, question: str) -> Iterator[AgentRun]:
        """One run of the agent, which answers a question of the user."""
        self.history.append({"role": "user", "content": question})
        with tf.trace_agent_run(
            self.agent.name,
            conversation_id=self.conversation_id,
            user_id=self.user_id,
            input=question,
            tags=["demo", self.scenario],
            attributes={
                "gen_ai.agent.id": self.agent.agent_id,
                "gen_ai.agent.version": self.agent.version,
            },
        ) as run:
            yield run

    def finish(self, run: AgentRun, answer: str) -> None:
        """The run has its answer."""
        run.output = answer
        run.span.set_status(Status(StatusCode.OK))

    @contextmanager
    def model_call(self) -> Iterator[LlmCall]:
        """One request to the model, without its reply."""
        with tf.llm_call(
            self.model.provider,
            model=self.model.name,
            input=self.history,
            tools=[definition(tool) for tool in self.agent.tools],
            parameters={
                "temperature": 0.2,
                "max_tokens": 2048,
                "instructions": self.agent.instructions,
            },
        ) as call:
            call.attribute("server.address", self.model.host)
            call.attribute("server.port", 443)
            yield call

    def choose(self, calls: Sequence[Call]) -> list[str]:
        """The model asks for tool calls; returns their ids."""
        ids = [self.world.identifier("call_") for _ in calls]
        chosen = list(zip(ids, calls, strict=True))
        turn = [openai_call(call_id, call) for call_id, call in chosen]
        with self.model_call() as call:
            tokens = self._think(as_json(turn))
            call.record(reply_of(self.model, self._reply_id(), "", chosen, tokens))
        self.history.append({"role": "assistant", "tool_calls": turn})
        return ids

    def answer(self, text: str) -> None:
        """The model answers with a text."""
        with self.model_call() as call:
            self.reply(call, text)

    def reply(self, call: LlmCall, text: str) -> None:
        """Give a text as the reply of a call."""
        tokens = self._think(text)
        call.record(reply_of(self.model, self._reply_id(), text, (), tokens))
        self.history.append({"role": "assistant", "content": text})

    def stream_answer(self, text: str) -> str:
        """The model streams its answer; returns what has come."""
        received = []
        with self.model_call() as call:
            for chunk in call.stream(self._arriving(text)):
                for choice in chunk["choices"]:
                    received.append(choice["delta"].get("content", ""))
        self.history.append({"role": "assistant", "content": text})
        return "".join(received)

    @contextmanager
    def tool_call(self, call: Call, call_id: str) -> Iterator[ToolCall]:
        """One tool call, without its result."""
        with tf.tool_call(
            call.tool.name,
            arguments=json.loads(call.arguments),
            call_id=call_id,
            description=call.tool.description,
        ) as tool:
            yield tool

    def take_result(self, tool: ToolCall, call_id: str, result: str) -> None:
        """A tool has given its result, which the model is told next."""
        tool.result = json.loads(result)
        self.add_result(call_id, result)

    def add_result(self, call_id: str, result: str) -> None:
        """Tell the model the result of a tool."""
        self.history.append({"role": "tool", "tool_call_id": call_id, "content": result})

    def run_tool(self, call: Call, call_id: str, *, work_ms: tuple[int, int] = (15, 380)) -> None:
        """A tool call that succeeds: in this process, or over HTTP in the tool service."""
        with self.tool_call(call, call_id) as tool:
            if call.tool.path is None:
                self.world.wait(1, 12)
            else:
                with self.request(call.tool) as request:
                    self.serve(call.tool, request, work_ms=work_ms)
                    answered(request.span, 200)
            self.take_result(tool, call_id, call.result)

    def run_tools(self, calls: Sequence[Call], *, slow: Call | None = None) -> None:
        """The model asks for tools, which run in parallel; one of them may be slow."""
        steps: list[Callable[[], None]] = []
        for call, call_id in zip(calls, self.choose(calls), strict=True):
            work_ms = (17_000, 28_000) if call is slow else (15, 380)
            steps.append(partial(self.run_tool, call, call_id, work_ms=work_ms))
        self.world.in_parallel(steps)

    @contextmanager
    def request(
        self, tool: Tool, *, attempt: int = 0, retry_of: HttpRequest | None = None
    ) -> Iterator[HttpRequest]:
        """A request to the tool service."""
        url = f"http://{TOOL_SERVICE}:8000{tool.path}"
        with self.world.http_request(url, attempt=attempt, retry_of=retry_of) as request:
            yield request

    def serve(
        self, tool: Tool, request: HttpRequest, *, work_ms: tuple[int, int], status: int = 200
    ) -> None:
        """The tool service works for a while and answers with an HTTP status."""
        with self.world.http_served(request, TOOL_SERVICE, str(tool.path)) as span:
            self.world.wait(*work_ms)
            answered(span, status)

    def retrieve(self) -> None:
        """Search the agent's documents: embed the question, then search."""
        question = str(self.history[0]["content"])
        with tf.retrieval(self.agent.documents, query=question) as found:
            with tf.llm_call(
                EMBEDDING.provider, model=EMBEDDING.name, input=question, operation="embeddings"
            ) as call:
                call.attribute("server.address", EMBEDDING.host)
                self.world.wait(40, 140)
                call.usage(input_tokens=2 + len(question) // CHARACTERS_PER_TOKEN)
            self.world.wait(8, 60)
            scored = zip(self.agent.passages, (0.91, 0.84, 0.79), strict=True)
            documents = [
                {"id": f"{self.agent.documents}-{number}", "score": score, "content": passage}
                for number, (passage, score) in enumerate(scored, start=1)
            ]
            found.documents = documents
        self.history.append({"role": "user", "content": "Documents: " + as_json(documents)})

    def _think(self, output: str) -> Tokens:
        """Let the time pass that the model needs for this output; returns its tokens."""
        tokens = self._tokens(output)
        self.world.wait(180, 620)
        self.world.clock.advance(tokens.output * self.model.ms_per_token * MILLISECOND_NS)
        self.world.wait(1, 40)
        return tokens

    def _arriving(self, text: str) -> Iterator[dict[str, Any]]:
        """The chunks of a streamed answer, each when it comes."""
        tokens = self._tokens(text)
        chunks = chunks_of(self.model, self._reply_id(), text, tokens)
        self.world.wait(180, 620)
        self.world.clock.advance(tokens.reasoning * self.model.ms_per_token * MILLISECOND_NS)
        for chunk in chunks:
            yield chunk
            self.world.wait(self.model.ms_per_token * 2, self.model.ms_per_token * 6)

    def _tokens(self, output: str) -> Tokens:
        prompt = len(self.agent.instructions) + len(as_json(self.history))
        prompt += sum(len(as_json(definition(tool))) for tool in self.agent.tools)
        thought = self.world.rng.randrange(64, 640, 64) if self.model.is_reasoning else 0
        seen = self.seen_tokens
        tokens = Tokens(
            input=180 + prompt // CHARACTERS_PER_TOKEN,
            cached=seen // 128 * 128 if seen >= CACHEABLE_TOKENS else 0,
            output=4 + len(output) // CHARACTERS_PER_TOKEN + thought,
            reasoning=thought,
        )
        self.seen_tokens = tokens.input
        return tokens

    def _reply_id(self) -> str:
        return self.world.identifier("resp_")


def definition(tool: Tool) -> dict[str, Any]:
    """A tool as it is offered to a model."""
    properties = {name: {"type": "string"} for name in tool.parameters}
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": {"type": "object", "properties": properties},
    }
    return {"type": "function", "function": function}

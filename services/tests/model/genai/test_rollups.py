"""A call that several spans record counts once in its trace, in every dialect."""

from __future__ import annotations

from typing import Any

import pytest

from tracefoundry.model.genai import registry
from tracefoundry.model.span import Resource, Scope, Span
from tracefoundry.model.summary import TraceSummary, facts_of, summarise

Tree = list[tuple[int, int | None, dict[str, Any]]]
"""Span number, number of its parent, attributes."""


def summary_of(tree: Tree) -> TraceSummary:
    """The summary of a trace of these spans, derived as ingest does it. Each span runs within
    those before it."""
    facts = []
    for number, parent, attributes in tree:
        span = Span(
            b"t" * 16,
            number.to_bytes(8, "big"),
            b"" if parent is None else parent.to_bytes(8, "big"),
            f"span {number}", 1, number, 100 - number, 0, "", attributes, Resource(), Scope(),
        )  # fmt: skip
        span.genai = registry.derive(attributes, span_name=span.name)
        facts.append(facts_of(span))
    return summarise(facts)


def usage(prefix: str, tokens_in: int, tokens_out: int) -> dict[str, Any]:
    """Usage under the names of a dialect."""
    names = {
        "gen_ai": ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"),
        "openinference": ("llm.token_count.prompt", "llm.token_count.completion"),
        "vercel": ("ai.usage.inputTokens", "ai.usage.outputTokens"),
        "aggregated": (
            "gen_ai.aggregated_usage.input_tokens",
            "gen_ai.aggregated_usage.output_tokens",
        ),
    }[prefix]
    return dict(zip(names, (tokens_in, tokens_out), strict=True))


CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a"}
TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}
STEP = {"ai.operationId": "ai.generateText.doGenerate", "ai.model.id": "m"}
MLFLOW = "mlflow.chat.tokenUsage"
LANGFUSE = "langfuse.observation.usage_details"

TREES: dict[str, Tree] = {
    "strands and agent-framework: the agent span adds its calls up": [
        (1, None, AGENT | usage("gen_ai", 30, 6)),
        (2, 1, CHAT | usage("gen_ai", 10, 2)),
        (3, 1, TOOL),
        (4, 1, CHAT | usage("gen_ai", 20, 4)),
    ],
    "pydantic-ai: aggregated usage": [
        (1, None, AGENT | usage("aggregated", 30, 6)),
        (2, 1, CHAT | usage("gen_ai", 10, 2)),
        (3, 1, CHAT | usage("gen_ai", 20, 4)),
    ],
    "older pydantic-ai: an agent without an operation": [
        (1, None, {"agent_name": "a", "all_messages_events": "[]"} | usage("gen_ai", 30, 6)),
        (2, 1, CHAT | usage("gen_ai", 10, 2)),
        (3, 1, CHAT | usage("gen_ai", 20, 4)),
    ],
    "smolagents: token counts on AGENT spans": [
        (1, None, {"openinference.span.kind": "AGENT"} | usage("openinference", 30, 6)),
        (2, 1, {"openinference.span.kind": "CHAIN"}),
        (3, 2, {"openinference.span.kind": "LLM"} | usage("openinference", 10, 2)),
        (4, 2, {"openinference.span.kind": "LLM"} | usage("openinference", 20, 4)),
    ],
    "AI SDK 6: the root sums all steps": [
        (1, None, {"ai.operationId": "ai.generateText"} | usage("vercel", 30, 6)),
        (2, 1, STEP | usage("vercel", 10, 2) | usage("gen_ai", 10, 2)),
        (3, 1, {"ai.operationId": "ai.toolCall", "ai.toolCall.name": "t"}),
        (4, 1, STEP | usage("vercel", 20, 4)),
    ],
    "AI SDK 5: the root repeats the last step": [
        (1, None, {"ai.operationId": "ai.streamText"} | usage("vercel", 20, 4)),
        (2, 1, STEP | usage("vercel", 10, 2)),
        (3, 1, STEP | usage("vercel", 20, 4)),
    ],
    "AI SDK: embeddings on parent and child": [
        (1, None, {"ai.operationId": "ai.embedMany", "ai.usage.tokens": 30}),
        (2, 1, {"ai.operationId": "ai.embedMany.doEmbed", "ai.usage.tokens": 30}),
        (3, None, CHAT | usage("gen_ai", 0, 6)),
    ],
    "two libraries: parent and child of one call": [
        (1, None, {"openinference.span.kind": "LLM"} | usage("openinference", 30, 6)),
        (2, 1, CHAT | {"gen_ai.response.id": "msg_1"} | usage("gen_ai", 30, 6)),
    ],
    "Anthropic SDK beside an instrumentor: siblings with one response id": [
        (1, None, AGENT),
        (2, 1, CHAT | {"gen_ai.response.id": "msg_1"} | usage("gen_ai", 30, 6)),
        (3, 1, CHAT | {"gen_ai.response.id": "msg_1"} | usage("gen_ai", 30, 6)),
    ],
    "Anthropic SDK beside OpenInference: the id at the head of the raw response": [
        (1, None, CHAT | {"gen_ai.response.id": "msg_1"} | usage("gen_ai", 30, 6)),
        (2, None, {"openinference.span.kind": "LLM", "output.value": '{"id":"msg_1","type":1}'}
         | usage("openinference", 30, 6)),
    ],
    "litellm: the raw request repeats its parent": [
        (1, None, CHAT | {"llm.request.type": "completion"} | usage("gen_ai", 30, 6)),
        (2, 1, {"llm.openai.id": "c", "llm.openai.usage": "{'prompt_tokens': 30}"}),
    ],
    "traceloop: a workflow above its calls": [
        (1, None, {"traceloop.span.kind": "workflow"} | usage("gen_ai", 30, 6)),
        (2, 1, {"llm.request.type": "chat"} | usage("gen_ai", 10, 2)),
        (3, 1, {"llm.request.type": "chat"} | usage("gen_ai", 20, 4)),
    ],
    "mlflow: sums on an agent": [
        (1, None, {"mlflow.spanType": '"AGENT"',
                   MLFLOW: '{"input_tokens": 30, "output_tokens": 6}'}),
        (2, 1, {"mlflow.spanType": '"LLM"', MLFLOW: '{"input_tokens": 30, "output_tokens": 6}'}),
    ],
    "langfuse: sums on an agent": [
        (1, None, {"langfuse.observation.type": "agent", LANGFUSE: '{"input": 30, "output": 6}'}),
        (2, 1, {"langfuse.observation.type": "generation",
                LANGFUSE: '{"input": 30, "output": 6}'}),
    ],
    "laminar: sums on the root": [
        (1, None, {"lmnr.span.type": "DEFAULT"} | usage("gen_ai", 30, 6)),
        (2, 1, {"lmnr.span.type": "LLM"} | usage("gen_ai", 30, 6)),
    ],
    "langsmith: sums on a chain": [
        (1, None, {"langsmith.span.kind": "chain"} | usage("gen_ai", 30, 6)),
        (2, 1, {"langsmith.span.kind": "llm"} | usage("gen_ai", 30, 6)),
    ],
}  # fmt: skip


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES.keys())
def test_each_call_counts_once(tree: Tree) -> None:
    """30 tokens in and 6 out, whatever repeats them."""
    summary = summary_of(tree)
    assert (30, 6) == (summary.input_tokens, summary.output_tokens)


def test_a_call_whose_tool_asked_another_agent_made_two_calls() -> None:
    """Nested calls behind a tool are calls of their own."""
    summary = summary_of(
        [
            (1, None, CHAT | usage("gen_ai", 10, 2)),
            (2, 1, TOOL),
            (3, 2, AGENT | usage("gen_ai", 20, 4)),
            (4, 3, CHAT | usage("gen_ai", 20, 4)),
        ]
    )
    assert (30, 6) == (summary.input_tokens, summary.output_tokens)


def test_reported_and_computed_costs_are_mixed_openly() -> None:
    """The trace says that its cost has two sources."""
    first = CHAT | usage("gen_ai", 10, 2) | {"gen_ai.usage.cost": 0.5}
    spans = []
    for number, attributes, at_ns in (
        (1, first, 1),
        (2, {"gen_ai.request.model": "gpt-4o"} | usage("gen_ai", 1000, 100), 1_790_000_000 * 10**9),
    ):
        span = Span(
            b"t" * 16, number.to_bytes(8, "big"), b"", "s", 1, number, number + 1, 0, "",
            attributes, Resource(), Scope(),
        )  # fmt: skip
        span.genai = registry.derive(attributes, start_time_ns=at_ns)
        spans.append(facts_of(span))
    summary = summarise(spans)
    assert (0.5035, "mixed") == (summary.cost_usd, summary.cost_source)

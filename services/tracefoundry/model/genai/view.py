"""The GenAI view: the form into which every dialect is normalised."""

from __future__ import annotations

from typing import Literal

import msgspec

GenAIKind = Literal[
    "agent",
    "llm",
    "tool",
    "chain",
    "retriever",
    "embedding",
    "reranker",
    "guardrail",
    "evaluator",
    "other",
]

CALL_KINDS: frozenset[str] = frozenset({"llm", "embedding"})
"""Kinds that stand for one model call; see the counting rule in :mod:`tracefoundry.model.usage`."""

BARRIER_KINDS: frozenset[str] = frozenset({"tool", "agent"})
"""Kinds below which a call is another call, not a second record of the same one."""


class GenAI(msgspec.Struct, omit_defaults=False):
    """What the attributes of a span say about a model, tool or agent. Unknown is None, never 0.

    Token rules (OpenTelemetry GenAI conventions): ``input_tokens`` includes cached tokens and
    ``output_tokens`` includes reasoning tokens. The parts are never added to them.
    ``cost_usd`` is in US dollars; ``cost_source`` is ``reported`` or ``computed``.

    ``kind`` is None on a span that has no GenAI attributes and only names its session or user. The
    API shows no view of such a span; the names reach the summary of its trace.
    """

    kind: GenAIKind | None
    dialect: str
    operation: str | None = None
    provider: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    finish_reasons: list[str] | None = None
    agent: str | None = None
    tool: str | None = None
    tool_call_id: str | None = None
    conversation_id: str | None = None
    user_id: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None
    cost_source: str | None = None
    price_version: str | None = None

"""Which dialects a span uses, and the one GenAI view that they give together.

Detection looks only at the keys, and :class:`KeyMemo` caches the result for each, so a span without
GenAI attributes costs one dict lookup per attribute. If a span has several dialects, they are read
in the order of ``_READERS``, the most specific first, and each fills only the fields that the ones
before it left empty:

1. ``langfuse``: set explicitly by users of its SDK
2. ``mlflow``, ``laminar``, ``langsmith``: platforms that classify spans of other instrumentations
3. ``openinference``: a complete dialect
4. ``vercel_ai``, ``pydantic_ai``, ``litellm``, ``traceloop``, ``ag2``, ``spring_ai``, ``genkit``,
   ``livekit``, ``bedrock_agentcore``: libraries and services that write ``gen_ai.*`` and more
5. ``claude_code``, ``codex``, ``gemini_cli``: command line agents, recognised by the names of their
   spans and events, as their attributes have plain names
6. ``otel_genai``: the ``gen_ai.*`` names themselves; then ``mcp``

``dialect`` names the one that decided the kind. A reported cost takes precedence over a computed
one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from tracefoundry.model.genai import (
    ag2,
    agentcore,
    claude_code,
    codex,
    cost,
    events,
    gemini_cli,
    genkit,
    laminar,
    langfuse,
    langsmith,
    litellm,
    livekit,
    mcp,
    mlflow,
    openinference,
    plain,
    pydantic_ai,
    session,
    spring_ai,
    traceloop,
    vercel,
)
from tracefoundry.model.genai.key_memo import KeyMemo
from tracefoundry.model.genai.merging import (
    ONE_EVENT_A_CALL,
    complete_by_events,
    fill,
    include_parts,
    is_empty,
)
from tracefoundry.model.genai.view import GenAI

SESSION = 1 << 30
"""Not a dialect: attributes that name the session or user on any span."""
LANGFUSE, MLFLOW, LAMINAR, LANGSMITH = 1, 2, 4, 8
OPENINFERENCE, VERCEL, PYDANTIC_AI, LITELLM, TRACELOOP, OTEL = 16, 32, 64, 128, 256, 512
AG2, SPRING_AI, GENKIT, LIVEKIT, AGENTCORE, MCP = (1 << bit for bit in range(10, 16))
CLAUDE_CODE, CODEX, GEMINI_CLI = (1 << bit for bit in range(16, 19))

_READERS: tuple[tuple[int, Callable[..., GenAI]], ...] = (
    (LANGFUSE, langfuse.read),
    (MLFLOW, mlflow.read),
    (LAMINAR, laminar.read),
    (LANGSMITH, langsmith.read),
    (OPENINFERENCE, openinference.read),
    (VERCEL, vercel.read),
    (PYDANTIC_AI, pydantic_ai.read),
    (LITELLM, litellm.read),
    (TRACELOOP, traceloop.read),
    (AG2, ag2.read),
    (SPRING_AI, spring_ai.read),
    (GENKIT, genkit.read),
    (LIVEKIT, livekit.read),
    (AGENTCORE, agentcore.read),
    (CLAUDE_CODE, claude_code.read),
    (CODEX, codex.read),
    (GEMINI_CLI, gemini_cli.read),
    (OTEL, plain.read),
    (MCP, mcp.read),
)
_BY_SPAN_NAME = CLAUDE_CODE | CODEX | GEMINI_CLI | MCP
"""Dialects whose reader takes the name of the span, too."""
_SPAN_PREFIXES = {
    claude_code.PREFIX: CLAUDE_CODE,
    codex.PREFIX: CODEX,
    gemini_cli.PREFIX: GEMINI_CLI,
}
_ANY_SPAN_PREFIX = tuple(_SPAN_PREFIXES)

VERSIONS: dict[str, int] = {
    module.DIALECT: module.VERSION
    for module in (
        langfuse,
        mlflow,
        laminar,
        langsmith,
        openinference,
        vercel,
        pydantic_ai,
        litellm,
        traceloop,
        ag2,
        spring_ai,
        genkit,
        livekit,
        agentcore,
        claude_code,
        codex,
        gemini_cli,
        plain,
        mcp,
        session,
    )
}
"""Version of each dialect's reading, by the name in ``GenAI.dialect``."""

_BY_FIRST_WORD = {
    "langfuse": LANGFUSE,
    "mlflow": MLFLOW,
    "lmnr": LAMINAR,
    "langsmith": LANGSMITH,
    "openinference": OPENINFERENCE,
    "ai": VERCEL,
    "pydantic_ai": PYDANTIC_AI,
    "traceloop": TRACELOOP,
    "gen_ai": OTEL,
    "ag2": AG2,
    "lk": LIVEKIT,
    "mcp": MCP,
}
_BY_KEY = {
    "all_messages_events": PYDANTIC_AI,
    "model_request_parameters": PYDANTIC_AI,
    "operation.cost": PYDANTIC_AI,
    "metadata.usage_object": LITELLM,
    "gen_ai.cost.total_cost": LITELLM | OTEL,
    "aws.operation.name": AGENTCORE,
    "aws.agent.id": AGENTCORE,
    "session.id": SESSION,
    "user.id": SESSION,
    "enduser.id": SESSION,
    "llm.user": TRACELOOP,
    "llm.headers": TRACELOOP,
    "llm.top_k": TRACELOOP,
    "llm.is_streaming": TRACELOOP,
    "llm.frequency_penalty": TRACELOOP,
    "llm.presence_penalty": TRACELOOP,
    "llm.request.type": TRACELOOP,
    "llm.request.model_name": OPENINFERENCE,
    "llm.response.model_name": OPENINFERENCE,
    "llm.response.finish_reason": TRACELOOP,
    "llm.response.stop_reason": TRACELOOP,
}
_LLM_BY_SECOND_WORD = {
    "request": TRACELOOP,
    "response": TRACELOOP,
    "usage": TRACELOOP,
    "chat": TRACELOOP,
    "content": TRACELOOP,
    "watsonx": TRACELOOP,
    "input_messages": OPENINFERENCE,
    "output_messages": OPENINFERENCE,
    "token_count": OPENINFERENCE,
    "cost": OPENINFERENCE,
    "prompts": OPENINFERENCE,
    "choices": OPENINFERENCE,
    "tools": OPENINFERENCE,
    "prompt_template": OPENINFERENCE,
}
# Dialects in which the name of a tool or agent span is the name of the tool or agent.
_NAMED_BY_SPAN = frozenset(
    {langfuse.DIALECT, mlflow.DIALECT, laminar.DIALECT, langsmith.DIALECT, openinference.DIALECT}
)


class SpanEvent(Protocol):
    """The fields of a span event that are read."""

    @property
    def name(self) -> str: ...
    @property
    def attributes(self) -> dict[str, Any]: ...


def _dialects_of(key: str) -> int:
    """The dialects that a key belongs to, as a set of bits."""
    known = _BY_KEY.get(key)
    if known is not None:
        return known
    first, _, rest = key.partition(".")
    if not rest:
        return GENKIT if key.startswith("genkit:") else 0
    if first != "llm":
        bits = _BY_FIRST_WORD.get(first, 0)
        if first == "spring" and rest.startswith("ai."):
            bits = SPRING_AI
        if key.startswith(("gen_ai.aggregated_usage.", "gen_ai.usage.details.")):
            bits |= PYDANTIC_AI
        return bits
    second, _, third = rest.partition(".")
    known = _LLM_BY_SECOND_WORD.get(second)
    if known is not None:
        return known
    # llm.<provider>.<parameter> is litellm's raw request, llm.<name> belongs to OpenInference.
    return LITELLM if third else OPENINFERENCE


_dialects = KeyMemo(_dialects_of)


def derive(
    attributes: dict[str, Any],
    span_events: Sequence[SpanEvent] = (),
    scope_name: str = "",
    *,
    span_name: str = "",
    start_time_ns: int | None = None,
) -> GenAI | None:
    """The GenAI view of a span, or None for a span without GenAI attributes.

    A span that only names a session or a user has a view without a kind (see :class:`GenAI`).

    Never raises: a value of the wrong type counts as absent. Call it after redaction and before
    the offload stage.

    Args:
        attributes: the span's attributes in tagged JSON form.
        span_events: its events; only those whose name begins with ``gen_ai.`` are read.
        scope_name: name of the instrumentation scope.
        span_name: the name of the tool or agent, for dialects that have no attribute for it.
        start_time_ns: start of the call. If it is given, a cost that is not reported is computed
            from the tokens and the prices of that day (see :mod:`cost`).
    """
    dialects = 0
    for key in attributes:
        dialects |= _dialects[key]
    if span_name.startswith(_ANY_SPAN_PREFIX):
        dialects |= _SPAN_PREFIXES[span_name[: span_name.index(".") + 1]]
    view: GenAI | None = None
    if dialects:
        view = _from_attributes(attributes, dialects, scope_name, span_name)
    elif not span_events:
        return None
    if span_events:
        view = _with_events(view, span_events)
    if dialects & SESSION:
        view = session.add(view, attributes)
    if view is None or view.kind is None:
        return view
    if span_name and view.dialect in _NAMED_BY_SPAN:
        if view.kind == "tool" and view.tool is None:
            view.tool = span_name
        elif view.kind == "agent" and view.agent is None:
            view.agent = span_name
    if view.cached_tokens or view.cache_write_tokens or view.reasoning_tokens:
        include_parts(view)
    if start_time_ns is not None and view.cost_usd is None:
        cost.add_computed(view, start_time_ns)
    return view


def derive_from_event(
    name: str, attributes: dict[str, Any], body: Any, time_ns: int
) -> GenAI | None:
    """What a log record says about its span; None if it says nothing.

    Call it after redaction and before the offload stage, which takes the body out. An event that
    is a call of its own has its cost; that of the others is computed with their span.
    """
    view = events.view_of_event(name, attributes, body)
    if view is not None and view.dialect in ONE_EVENT_A_CALL and view.cost_usd is None:
        cost.add_computed(view, time_ns)
    return view


def _from_attributes(
    attributes: dict[str, Any], dialects: int, scope_name: str, span_name: str
) -> GenAI | None:
    if dialects & ~SESSION == OTEL:
        if scope_name != "pydantic-ai":
            return plain.read(attributes)
        dialects |= PYDANTIC_AI
    view: GenAI | None = None
    for bit, read in _READERS:
        if dialects & bit:
            other = read(attributes, span_name) if bit & _BY_SPAN_NAME else read(attributes)
            view = other if view is None else fill(view, other)
    if view is None or (not dialects & OTEL and is_empty(view)):
        return None
    return view


def _with_events(view: GenAI | None, span_events: Sequence[SpanEvent]) -> GenAI | None:
    found = [
        event_view
        for event in span_events
        if event.name.startswith(events.PREFIXES)
        and (event_view := events.view_of_event(event.name, event.attributes)) is not None
    ]
    return complete_by_events(view, found) if found else view

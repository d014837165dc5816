"""The MLflow dialect: ``mlflow.*`` attributes. Each value is JSON, so strings have quotes.

Names are those of ``mlflow/tracing/constant.py``. Usage and cost are JSON objects in one attribute
each. Sums over the trace (``mlflow.trace.tokenUsage``) are not read, because they repeat the calls.
"""

from __future__ import annotations

from typing import Any

from tracefoundry.model.genai.values import Get, amount, count, parse_json, parse_object, text
from tracefoundry.model.genai.view import GenAI, GenAIKind

DIALECT = "mlflow"
VERSION = 1

_KINDS: dict[str, GenAIKind] = {
    "LLM": "llm",
    "CHAT_MODEL": "llm",
    "CHAIN": "chain",
    "WORKFLOW": "chain",
    "TASK": "chain",
    "AGENT": "agent",
    "TOOL": "tool",
    "RETRIEVER": "retriever",
    "EMBEDDING": "embedding",
    "RERANKER": "reranker",
    "GUARDRAIL": "guardrail",
    "EVALUATOR": "evaluator",
}


def read(attributes: dict[str, Any]) -> GenAI:
    """The GenAI view from the MLflow attributes of a span."""
    get = attributes.get
    usage = parse_object(get("mlflow.chat.tokenUsage")) or {}
    cost = _cost(parse_object(get("mlflow.llm.cost")))
    return GenAI(
        kind=_KINDS.get((_unquoted(get, "mlflow.spanType") or "").upper(), "other"),
        dialect=DIALECT,
        provider=_unquoted(get, "mlflow.llm.provider"),
        request_model=_unquoted(get, "mlflow.llm.model"),
        conversation_id=_unquoted(get, "mlflow.trace.session") or _unquoted(get, "session.id"),
        user_id=_unquoted(get, "mlflow.trace.user") or _unquoted(get, "user.id"),
        input_tokens=count(usage.get("input_tokens")),
        output_tokens=count(usage.get("output_tokens")),
        cached_tokens=count(usage.get("cache_read_input_tokens")),
        cache_write_tokens=count(usage.get("cache_creation_input_tokens")),
        cost_usd=cost,
        cost_source=None if cost is None else "reported",
    )


def _unquoted(get: Get, key: str) -> str | None:
    value = text(get(key))
    if value is not None and value.startswith('"'):
        return text(parse_json(value))
    return value


def _cost(cost: dict[str, Any] | None) -> float | None:
    if cost is None:
        return None
    total = amount(cost.get("total_cost"))
    if total is not None:
        return total
    input_cost, output_cost = amount(cost.get("input_cost")), amount(cost.get("output_cost"))
    return input_cost + output_cost if input_cost is not None and output_cost is not None else None

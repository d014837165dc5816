"""The MLflow dialect: ``mlflow.*`` attributes. Each value is JSON, so strings have quotes.

Names are those of ``mlflow/tracing/constant.py``. The model that answered is in the JSON of the
span's outputs. ``mlflow.llm.model`` is the model of the request, but in spans of OpenAI's client
the one that answered. Then, and in older versions, the requested one is only in the JSON of the
inputs. Both are spelled as the client library does. Usage and cost are JSON objects in one
attribute each. Sums over the trace (``mlflow.trace.tokenUsage``) are not read, because they repeat
the calls.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tracefoundry.model.genai.values import (
    Get,
    amount,
    count,
    first_text,
    parse_fields,
    parse_json,
    parse_object,
    text,
)
from tracefoundry.model.genai.view import CALL_KINDS, GenAI, GenAIKind

DIALECT = "mlflow"
VERSION = 3

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
    kind = _KINDS.get((_unquoted(get, "mlflow.spanType") or "").upper(), "other")
    requested = _unquoted(get, "mlflow.llm.model")
    answered = None
    if kind in CALL_KINDS:
        answered = _model(get, "mlflow.spanOutputs")
        if requested is None or requested == answered:
            requested = _model(get, "mlflow.spanInputs", "invocation_params") or requested
    cost = _cost(parse_object(get("mlflow.llm.cost")))
    return GenAI(
        kind=kind,
        dialect=DIALECT,
        provider=_unquoted(get, "mlflow.llm.provider"),
        request_model=requested,
        response_model=answered,
        conversation_id=_unquoted(get, "mlflow.trace.session") or _unquoted(get, "session.id"),
        user_id=_unquoted(get, "mlflow.trace.user") or _unquoted(get, "user.id"),
        input_tokens=count(usage.get("input_tokens")),
        output_tokens=count(usage.get("output_tokens")),
        cached_tokens=count(usage.get("cache_read_input_tokens")),
        cache_write_tokens=count(usage.get("cache_creation_input_tokens")),
        cost_usd=cost,
        cost_source=None if cost is None else "reported",
    )


class _Named(msgspec.Struct):
    """The members of a call's inputs or outputs that name its model, or hold what names it."""

    model: Any = None
    model_name: Any = None
    model_id: Any = None
    modelId: Any = None  # noqa: N815 - the name in the JSON
    model_version: Any = None
    modelVersion: Any = None  # noqa: N815 - the name in the JSON
    response_metadata: Any = None
    llm_output: Any = None
    generations: Any = None
    message: Any = None


_NAMES = _Named.__struct_fields__[:6]
_HOLDERS = _Named.__struct_fields__[6:]
_MAX_DEPTH = 6
"""LangChain's result is ``generations[0][0].message.response_metadata.model_name``."""


def _model(get: Get, *keys: str) -> str | None:
    """The model that the JSON of one of these attributes names."""
    for key in keys:
        named = parse_fields(get(key), _Named)
        if named is not None and (found := _named_model(msgspec.structs.asdict(named), 0)):
            return found
    return None


def _named_model(value: Any, depth: int) -> str | None:
    if type(value) is list and value:
        value = value[0]
    if depth > _MAX_DEPTH:
        return None
    if type(value) is list:
        return _named_model(value, depth + 1)
    if type(value) is not dict:
        return None
    found = first_text(value.get, *_NAMES)
    for holder in _HOLDERS:
        if found is None and value.get(holder) is not None:
            found = _named_model(value[holder], depth + 1)
    return found


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

"""The Genkit dialect: ``genkit:*`` attributes of Google's framework (note the colons).

Names are those of ``js/core/src/tracing`` in its repository. A span of type ``action`` has its kind
in ``genkit:metadata:subtype``. Models are named ``<plugin>/<model>``. The usage and the finish
reason of a call are in the JSON of ``genkit:output``, and only there. Its plugins differ in whether
``outputTokens`` includes thoughts: ``totalTokens`` decides.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tracefoundry.model.genai.values import count, first_text, parse_fields, text
from tracefoundry.model.genai.view import GenAI, GenAIKind

DIALECT = "genkit"
VERSION = 1

_KINDS: dict[str, GenAIKind] = {
    "model": "llm",
    "background-model": "llm",
    "tool": "tool",
    "tool.v2": "tool",
    "agent": "agent",
    "flow": "chain",
    "flowStep": "chain",
    "prompt": "chain",
    "executable-prompt": "chain",
    "promptTemplate": "chain",
    "util": "chain",
    "helper": "chain",
    "retriever": "retriever",
    "embedder": "embedding",
    "reranker": "reranker",
    "evaluator": "evaluator",
}


class _Output(msgspec.Struct):
    """The members of ``genkit:output`` that are read; the rest is skipped."""

    usage: Any = None
    finishReason: Any = None  # noqa: N815 - the name in the JSON


def read(attributes: dict[str, Any]) -> GenAI:
    """The GenAI view from the Genkit attributes of a span."""
    get = attributes.get
    subtype = first_text(get, "genkit:metadata:subtype", "genkit:type")
    kind = _KINDS.get(subtype or "", "other")
    name = text(get("genkit:name"))
    plugin, slash, model = (name or "").partition("/")
    view = GenAI(
        kind=kind,
        dialect=DIALECT,
        operation=subtype,
        provider=plugin if slash and kind in ("llm", "embedding") else None,
        request_model=(model if slash else name) if kind in ("llm", "embedding") else None,
        agent=name if kind == "agent" else None,
        tool=name if kind == "tool" else None,
        conversation_id=first_text(
            get, "genkit:sessionId", "genkit:metadata:sessionId", "session.id"
        ),
    )
    if kind in ("llm", "embedding"):
        _read_output(get("genkit:output"), view)
    return view


def _read_output(output: Any, view: GenAI) -> None:
    found = parse_fields(output, _Output)
    if found is None:
        return
    reason = text(found.finishReason)
    view.finish_reasons = None if reason is None else [reason]
    if type(found.usage) is dict:
        get = found.usage.get
        view.input_tokens = count(get("inputTokens"))
        view.output_tokens = count(get("outputTokens"))
        view.cached_tokens = count(get("cachedContentTokens"))
        view.reasoning_tokens = thoughts = count(get("thoughtsTokens"))
        if thoughts and view.output_tokens is not None:
            total = (view.input_tokens or 0) + view.output_tokens + thoughts
            if count(get("totalTokens")) == total:
                view.output_tokens += thoughts

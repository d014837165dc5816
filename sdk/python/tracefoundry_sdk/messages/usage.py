"""Token counts as each provider gives them, read into one form.

Input tokens include cached ones and output tokens those of reasoning, as the conventions ask.
Anthropic and Google count some of them apart, so theirs are added up here.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from tracefoundry_sdk.messages.fields import count, field, google_field


@dataclass(slots=True)
class Usage:
    """Tokens of a call; None where unknown."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None

    def update(self, later: Usage) -> None:
        """The last number of each count holds."""
        for name in COUNTS:
            if (value := getattr(later, name)) is not None:
                setattr(self, name, value)

    def add(self, more: Usage) -> None:
        """Each count is the sum."""
        for name in COUNTS:
            if (value := getattr(more, name)) is not None:
                setattr(self, name, (getattr(self, name) or 0) + value)


COUNTS = tuple(each.name for each in fields(Usage))

_ANTHROPIC_COUNTS = (
    "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
)  # fmt: skip


def openai_usage(usage: Any) -> Usage:
    """Usage of chat (prompt, completion) and of responses (input, output)."""
    inputs = field(usage, "prompt_tokens_details") or field(usage, "input_tokens_details")
    outputs = field(usage, "completion_tokens_details") or field(usage, "output_tokens_details")
    return Usage(
        input_tokens=_first(usage, "prompt_tokens", "input_tokens"),
        output_tokens=_first(usage, "completion_tokens", "output_tokens"),
        cached_tokens=count(field(inputs, "cached_tokens")),
        reasoning_tokens=count(field(outputs, "reasoning_tokens")),
    )


def anthropic_counts(usage: Any) -> dict[str, int]:
    """The counts that Anthropic tells; the last event of a stream has null for some."""
    told = ((name, count(field(usage, name))) for name in _ANTHROPIC_COUNTS)
    return {name: number for name, number in told if number is not None}


def anthropic_usage(usage: Any) -> Usage:
    """Usage of Anthropic, whose input tokens leave the cached ones out."""
    counts = anthropic_counts(usage)
    fresh = counts.get("input_tokens")
    cached = counts.get("cache_read_input_tokens")
    written = counts.get("cache_creation_input_tokens")
    return Usage(
        input_tokens=None if fresh is None else fresh + (cached or 0) + (written or 0),
        output_tokens=counts.get("output_tokens"),
        cached_tokens=cached,
        cache_write_tokens=written,
    )


def google_usage(usage: Any) -> Usage:
    """Usage of Google, whose prompt leaves out what its own tools put in, and whose candidates
    leave the thoughts out."""
    thought = count(google_field(usage, "thoughts_token_count"))
    return Usage(
        input_tokens=_sum(
            count(google_field(usage, "prompt_token_count")),
            count(google_field(usage, "tool_use_prompt_token_count")),
        ),
        output_tokens=_sum(count(google_field(usage, "candidates_token_count")), thought),
        cached_tokens=count(google_field(usage, "cached_content_token_count")),
        reasoning_tokens=thought,
    )


def langchain_usage(usage: Any) -> Usage:
    """Usage of LangChain's messages."""
    inputs = field(usage, "input_token_details")
    return Usage(
        input_tokens=count(field(usage, "input_tokens")),
        output_tokens=count(field(usage, "output_tokens")),
        cached_tokens=count(field(inputs, "cache_read")),
        cache_write_tokens=count(field(inputs, "cache_creation")),
        reasoning_tokens=count(field(field(usage, "output_token_details"), "reasoning")),
    )


def _first(value: Any, *names: str) -> int | None:
    return next((found for name in names if (found := count(field(value, name))) is not None), None)


def _sum(*counts: int | None) -> int | None:
    known = [number for number in counts if number is not None]
    return sum(known) if known else None

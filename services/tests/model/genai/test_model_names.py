"""A model under the names of clouds, gateways and dates."""

from __future__ import annotations

import pytest

from tracefoundry.model.genai.model_names import (
    MAX_NAME_CHARS,
    names_of,
    plain_name,
    same_model,
    vendors_of,
)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-4o", "gpt-4o"),
        ("GPT-4o-2024-08-06", "gpt-4o"),
        ("openrouter/openai/gpt-4o:latest", "gpt-4o"),
        ("gpt-4-0613", "gpt-4"),
        ("bedrock/us.anthropic.claude-sonnet-4-20250514-v1:0", "claude-sonnet-4"),
        ("anthropic.claude-3-5-sonnet-20240620-v1:0:200k", "claude-3-5-sonnet"),
        ("claude-3.5-sonnet", "claude-3-5-sonnet"),
        ("claude-sonnet-4@20250514", "claude-sonnet-4"),
        ("publishers/google/models/gemini-2.0-flash-001", "gemini-2.0-flash"),
        ("-latest", "-latest"),
        ("", ""),
    ],
)
def test_a_model_has_one_plain_name(model: str, expected: str) -> None:
    """Without provider, version and date."""
    assert plain_name(model) == expected


def test_names_are_looked_up_from_the_most_complete_to_the_plainest() -> None:
    """The price of a dated model may differ from that of its latest one."""
    assert names_of("litellm/openai/gpt-4o-20240513") == (
        "litellm/openai/gpt-4o-20240513",
        "openai/gpt-4o-20240513",
        "gpt-4o-20240513",
        "gpt-4o-2024-05-13",
        "gpt-4o",
    )


def test_a_long_path_is_read_from_its_end() -> None:
    """Its beginning names projects and places, and its length is the sender's choice."""
    names = names_of("/".join("abcdefgh" * 20))
    assert (len(names), names[-1]) == (5, "h")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-4o", ()),
        ("azure/gpt-4o", ("azure",)),
        ("bedrock/eu.meta.llama3-2-1b-instruct-v1:0", ("bedrock", "aws", "meta")),
        ("//", ()),
    ],
)
def test_a_name_may_name_its_provider(model: str, expected: tuple[str, ...]) -> None:
    """Before a slash, or as Bedrock does."""
    assert vendors_of(model) == expected


def test_models_are_compared_by_their_plain_names() -> None:
    """Names that are too long are compared as they are."""
    assert same_model("openai/gpt-4o", "gpt-4o-2024-08-06")
    assert not same_model("gpt-4o", "gpt-4o-mini")
    long = "x" * MAX_NAME_CHARS
    assert same_model(f"openai/{long}", f"openai/{long}")
    assert not same_model(f"openai/{long}", long)

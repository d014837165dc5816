"""Computed costs: equal to the price package's own, and absent where they are not known."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from genai_prices import data_snapshot
from genai_prices.data import providers
from genai_prices.data_snapshot import DataSnapshot
from genai_prices.types import Usage
from hypothesis import assume, given
from hypothesis import strategies as st

from tracefoundry.model.genai import cost, price_lookup, registry
from tracefoundry.model.genai.price_lookup import LOCAL_PROVIDERS
from tracefoundry.model.genai.view import GenAI, GenAIKind

AT = datetime(2026, 9, 21, 12, 30, tzinfo=UTC)
AT_NS = int(AT.timestamp()) * 10**9

TOKEN_PRICES = {
    "input_mtok",
    "output_mtok",
    "cache_read_mtok",
    "cache_write_mtok",
    "cache_write_1h_mtok",
    "web_searches_kcount",
    "storage_searches_kcount",
    "requests_kcount",
}
MODELS = [
    (provider, model)
    for provider in providers
    for model in provider.models
    if {key for key, value in model.get_prices(AT).__dict__.items() if value is not None}
    <= TOKEN_PRICES
    and model.get_prices(AT).input_mtok is not None
]


def call(model: str = "gpt-4o", *, kind: GenAIKind = "llm", **fields: Any) -> GenAI:
    """A model call with usage."""
    usage: dict[str, Any] = {"request_model": model, "input_tokens": 1000, "output_tokens": 100}
    return GenAI(kind=kind, dialect="otel_genai", **(usage | fields))


def computed(view: GenAI, at_ns: int = AT_NS) -> float | None:
    """The cost that is filled in."""
    cost.add_computed(view, at_ns)
    return view.cost_usd


@given(
    st.integers(0, len(MODELS) - 1),
    st.integers(0, 2_000_000),
    st.integers(0, 200_000),
    st.floats(0, 1),
    st.floats(0, 1),
    st.datetimes(datetime(2023, 1, 1), datetime(2026, 11, 30)),  # noqa: DTZ001 - UTC is added
)
def test_costs_equal_those_of_the_price_package(
    chosen: int, tokens_in: int, tokens_out: int, read: float, write: float, when: Any
) -> None:
    """Any token-priced model, any size of call, at any time of its price history."""
    provider, model = MODELS[chosen]
    assume(provider.find_model(model.id, all_providers=providers) is model)
    when = when.replace(tzinfo=UTC, microsecond=0)
    cached = int(tokens_in * read)
    written = int((tokens_in - cached) * write)
    view = call(
        model.id, provider=provider.id, input_tokens=tokens_in, output_tokens=tokens_out,
        cached_tokens=cached, cache_write_tokens=written,
    )  # fmt: skip
    rates = cost.rates_of(provider.id, model.id, int(when.timestamp()) * 10**9)
    snapshot = DataSnapshot(providers=providers, from_auto_update=False)
    usage = Usage(
        input_tokens=tokens_in, output_tokens=tokens_out, cache_read_tokens=cached,
        cache_write_tokens=written,
    )  # fmt: skip
    expected = snapshot.calc(usage, model.id, provider.id, None, when).total_price
    assert rates is not None
    actual = rates.cost(view, one_call=True)
    if actual is None:
        assert (rates.output is None and tokens_out > 0) or (rates.input is None and tokens_in > 0)
    else:
        assert float(expected) == pytest.approx(float(actual), rel=1e-12)


def test_a_computed_cost_says_where_it_comes_from() -> None:
    """Source and price version."""
    view = call(provider="openai", cached_tokens=400)
    cost.add_computed(view, AT_NS)
    assert (view.cost_usd, view.cost_source) == (0.003, "computed")
    assert view.price_version is not None
    assert view.price_version.startswith("genai-prices 0.")


def test_a_reported_cost_is_never_replaced() -> None:
    """What the sender says wins."""
    view = registry.derive(
        {"gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 10, "gen_ai.usage.cost": 1},
        start_time_ns=AT_NS,
    )
    assert view is not None
    assert (view.cost_usd, view.cost_source, view.price_version) == (1.0, "reported", None)


@pytest.mark.parametrize(
    "view",
    [
        call("no-such-model"),
        call("x" * 500),
        call("mistral", provider="ollama"),
        call(input_tokens=None),
        call(output_tokens=None),
        call(cached_tokens=1001),
        call(cached_tokens=600, cache_write_tokens=600, model="claude-sonnet-4-5"),
        GenAI(kind="llm", dialect="otel_genai", input_tokens=5, output_tokens=5),
    ],
    ids=[
        "unknown model", "endless name", "a server of the user's own",
        "no input count", "no output count", "more cached than input", "parts above the whole",
        "no model",
    ],
)  # fmt: skip
def test_a_cost_that_is_not_wholly_known_is_null(view: GenAI) -> None:
    """Never a part of the truth."""
    assert computed(view) is None
    assert (view.cost_source, view.price_version) == (None, None)


def test_an_embedding_needs_no_output_count() -> None:
    """Its model has no price for output."""
    assert 2e-05 == computed(
        call("text-embedding-3-small", provider="openai", output_tokens=None, kind="embedding")
    )


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o"),
        ("OpenAI", "gpt-4o-2024-08-06"),
        ("openai.chat", "gpt-4o"),
        ("azure.ai.openai", "gpt-4o"),
        (None, "gpt-4o"),
        (None, "openai/gpt-4o"),
        ("gcp.vertex_ai", "openai/gpt-4o"),
        ("litellm", "openai/gpt-4o"),
        ("strands-agents", "gpt-4o"),
        ("spring_ai", "gpt-4o"),
        ("langchain", "gpt-4o"),
        ("azure-openai.responses", "gpt-4o"),
        ("", "GPT-4o"),
        ("my-gateway", "openrouter/openai/gpt-4o-2024-11-20"),
        ("anthropic", "gpt-4o"),
        ("x" * 500, "gpt-4o"),
    ],
)
def test_one_model_has_one_price_by_all_its_names(provider: str | None, model: str) -> None:
    """As dialects and routers name provider and model."""
    assert computed(call(model, provider=provider)) == 0.0035


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("anthropic", "claude-sonnet-4-20250514"),
        ("anthropic.messages", "claude-sonnet-4"),
        ("strands-agents", "us.anthropic.claude-sonnet-4-20250514-v1:0"),
        ("aws.bedrock", "anthropic.claude-sonnet-4-20250514-v1:0"),
        (None, "bedrock/us.anthropic.claude-sonnet-4-20250514-v1:0"),
        (None, "claude-sonnet-4@20250514"),
        ("openai", "claude-sonnet-4-20250514"),
        ("gcp.vertex_ai", "publishers/anthropic/models/claude-sonnet-4@20250514"),
        ("litellm", "vertex_ai/claude-sonnet-4@20250514"),
    ],
)
def test_a_model_has_one_price_in_every_cloud(provider: str | None, model: str) -> None:
    """With regions, vendors, versions and dates around its name."""
    assert computed(call(model, provider=provider)) == pytest.approx(0.0045)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        (None, "text-embedding-3-small"),
        ("langchain", "text-embedding-3-small"),
        ("google.generative-ai", "gemini-2.5-flash"),
        (None, "models/gemini-2.0-flash-001"),
        ("xai", "grok-3"),
        (None, "xai/grok-3"),
        (None, "groq/llama-3.3-70b-versatile"),
        ("dspy", "llama-3.3-70b-versatile"),
        ("haystack", "mistral-large-latest"),
        ("amazon-bedrock", "us.amazon.nova-lite-v1:0"),
        (None, "us.amazon.nova-lite-v1:0"),
        (None, "fireworks_ai/accounts/fireworks/models/llama-v3p1-8b-instruct"),
    ],
)
def test_a_known_model_is_priced_whatever_its_provider_is_called(
    provider: str | None, model: str
) -> None:
    """Frameworks, clients, gateways and nothing."""
    assert computed(call(model, provider=provider, output_tokens=0)) is not None


@pytest.mark.parametrize("provider", sorted(LOCAL_PROVIDERS))
def test_a_server_of_ones_own_has_no_price(provider: str) -> None:
    """Whatever the model is called there."""
    assert computed(call("gpt-4o", provider=provider)) is None


@pytest.mark.parametrize("model", ["my-own-model", "not-gpt-4o", "gpt", "claude", "", "/", "a/b/"])
def test_what_is_no_known_model_has_no_price(model: str) -> None:
    """A name that only looks alike, or none."""
    assert computed(call(model)) is None


def test_the_index_finds_what_the_price_package_finds() -> None:
    """Each model of each provider, by its own id."""
    for provider in providers:
        for model in provider.models:
            name = model.id.lower()
            expected = provider.find_model(name, all_providers=providers)
            assert price_lookup.provider_models(provider.id).find(name) is expected


def test_the_model_that_answered_is_priced() -> None:
    """And the one asked for where the answer's name is unknown."""
    assert computed(call("my-deployment", response_model="gpt-4o")) == 0.0035
    assert computed(call("gpt-4o", response_model="build-7")) == 0.0035


def test_a_roll_up_pays_the_base_price() -> None:
    """A sum over calls says nothing of the size of each of them."""
    fields: dict[str, Any] = {"input_tokens": 1_000_000, "output_tokens": 0}
    one_call = computed(call("claude-sonnet-4-5", **fields))
    roll_up = computed(call("claude-sonnet-4-5", kind="agent", **fields))
    assert roll_up == 3.0
    assert one_call is not None
    assert one_call > roll_up


def test_prices_are_those_of_the_day_of_the_call() -> None:
    """A model whose price changed has both prices."""
    before, after = (
        computed(call("o3", provider="openai"), int(day.timestamp()) * 10**9)
        for day in (datetime(2025, 6, 9, tzinfo=UTC), datetime(2025, 6, 11, tzinfo=UTC))
    )
    assert (0.014, 0.0028) == (before, after)


def test_looking_prices_up_starts_no_thread_and_fills_no_shared_cache() -> None:
    """The package's own snapshot would remember every name that a sender makes up."""
    before = threading.active_count()
    for number in range(20):
        computed(call(f"made-up-{number}"))
    assert threading.active_count() == before
    assert not data_snapshot.get_snapshot()._provider_misses
    assert cost._find.cache_info().maxsize == cost.CACHED_MODELS


def test_a_body_looks_up_a_bounded_number_of_invented_models() -> None:
    """What is remembered keeps its price, and the next body begins anew."""
    assert computed(call("gpt-4o")) is not None
    with cost.bounded_lookups():
        for number in range(cost.MAX_LOOKUPS):
            computed(call(f"invented-{number}"))
        before = cost._find.cache_info().currsize
        assert computed(call("claude-3-5-haiku-20241022", provider="not asked yet")) is None
        with cost.bounded_lookups():
            assert computed(call("claude-3-5-haiku-20241022", provider="nor inside")) is None
        assert computed(call("gpt-4o")) is not None
        assert cost._find.cache_info().currsize == before
    assert computed(call("claude-3-5-haiku-20241022", provider="not asked yet")) is not None

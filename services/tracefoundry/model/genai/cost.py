"""The cost of a call, computed from its tokens if the sender did not report it.

Prices come from the data bundled with the ``genai-prices`` package; nothing is fetched, and none of
its updater threads is started. The package takes most of a second and about 30 MB to load, so it is
imported when the first span with tokens and without a cost arrives. Its own arithmetic takes about
0.1 ms a call, too much for every span. Here a model is looked up once (hits and misses are kept in
a bounded cache) and then a few decimals are multiplied, with equal results.

A cost is given only if all of it is known: the model, a price for every kind of token that was
used, the input and output counts, and cached and reasoning counts that are not larger than their
whole. Otherwise it is None, never a partial sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING

import msgspec

from tracefoundry.model.genai.model_names import MAX_NAME_CHARS
from tracefoundry.model.genai.price_lookup import find_model
from tracefoundry.model.genai.view import CALL_KINDS, GenAI
from tracefoundry.model.times import SECOND_NS

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

CACHED_MODELS = 2_048
"""Most (provider, model) pairs remembered; names come from senders."""

MAX_LOOKUPS = 1_000
"""Most (provider, model) pairs that are not remembered and are looked up for one body or answer."""

_MILLION = Decimal(1_000_000)
_THOUSAND = Decimal(1_000)
_ZERO = Decimal(0)
_DAY_S = 86_400
_MINUTE_S = 60
_LAST_SECOND = 253_402_300_799


class Rate(msgspec.Struct, frozen=True):
    """A price per million tokens. A step replaces it for inputs longer than the step's start."""

    base: Decimal
    steps: tuple[tuple[int, Decimal], ...] = ()

    def at(self, input_tokens: int) -> Decimal:
        """The price for a call with this number of input tokens."""
        price = self.base
        for start, step in self.steps:
            if input_tokens > start:
                price = step
        return price


class Rates(msgspec.Struct, frozen=True):
    """The prices of one model at one time; None for a kind of token without a price."""

    input: Rate | None
    output: Rate | None
    cache_read: Rate | None
    cache_write: Rate | None
    reasoning: Rate | None
    per_thousand_requests: Decimal

    def cost(self, view: GenAI, *, one_call: bool) -> Decimal | None:
        """Cost of the tokens of a view in US dollars; None if a part of it is unknown.

        Without ``one_call`` the counts may be sums over several calls. The size of each input is
        then unknown, and the base prices are used.
        """
        tokens_in, tokens_out = view.input_tokens, view.output_tokens
        if tokens_in is None or (tokens_out is None and self.output is not None):
            return None
        tokens_out = tokens_out or 0
        size = tokens_in if one_call else 0
        total = self.per_thousand_requests / _THOUSAND if self.per_thousand_requests else _ZERO
        plain_input, plain_output = tokens_in, tokens_out
        for rate, part in (
            (self.cache_read, view.cached_tokens),
            (self.cache_write, view.cache_write_tokens),
        ):
            if rate is not None and part:
                total += rate.at(size) * part / _MILLION
                plain_input -= part
        if self.reasoning is not None and view.reasoning_tokens:
            total += self.reasoning.at(size) * view.reasoning_tokens / _MILLION
            plain_output -= view.reasoning_tokens
        if plain_input < 0 or plain_output < 0:
            return None
        for rate, rest in ((self.input, plain_input), (self.output, plain_output)):
            if rest:
                if rate is None:
                    return None
                total += rate.at(size) * rest / _MILLION
        return total


class _LookupsSpent(Exception):
    """This body or answer has named too many models."""


@dataclass(slots=True)
class _Lookups:
    """How many lookups are left."""

    left: int


_lookups: ContextVar[_Lookups | None] = ContextVar("_lookups", default=None)


@contextmanager
def bounded_lookups() -> Iterator[None]:
    """Look up at most :data:`MAX_LOOKUPS` models inside; after that, only those that are remembered
    have a price.

    A lookup of an invented name takes up to half a millisecond, and one body may invent hundreds of
    thousands. Inside another such block the outer one counts.
    """
    if _lookups.get() is not None:
        yield
        return
    token = _lookups.set(_Lookups(MAX_LOOKUPS))
    try:
        yield
    finally:
        _lookups.reset(token)


def add_computed(view: GenAI, start_time_ns: int) -> None:
    """Fill ``cost_usd``, ``cost_source`` and ``price_version`` of a view that reports no cost.

    Prices are those at the start of the call. The model of the response is looked up first, then
    the model of the request. If a part of the cost is unknown, the view stays as it is.
    """
    if view.cost_usd is not None or view.input_tokens is None:
        return
    for model in (view.response_model, view.request_model):
        if model is None or len(model) > MAX_NAME_CHARS:
            continue
        try:
            rates = rates_of(view.provider, model, start_time_ns)
        except _LookupsSpent:
            return
        if rates is not None:
            cost = rates.cost(view, one_call=view.kind in CALL_KINDS)
            if cost is not None:
                view.cost_usd = float(cost)
                view.cost_source = "computed"
                view.price_version = price_version()
            return


@cache
def price_version() -> str:
    """Name and version of the package that the prices come from."""
    return f"genai-prices {version('genai-prices')}"


def rates_of(provider: str | None, model: str, at_ns: int) -> Rates | None:
    """The prices of a model at a time, None for a model that is not known.

    Args:
        provider: provider as the span names it; None to derive it from the model's name.
        model: model as the span names it.
        at_ns: when the call was made, in nanoseconds since the epoch.
    """
    key = None if provider is None else provider[:MAX_NAME_CHARS].lower()
    found = _find(key, model.lower())
    if found is None:
        return None
    if isinstance(found.prices, list):
        second = min(max(at_ns // SECOND_NS, 0), _LAST_SECOND)
        step = _MINUTE_S if _varies_by_hour(found) else _DAY_S
        return _rates_at(key, model.lower(), second - second % step)
    return _rates_at(key, model.lower(), 0)


def _varies_by_hour(model: ModelInfo) -> bool:
    """Whether some prices depend on the hour of the day, and not only on the date."""
    prices = model.prices if isinstance(model.prices, list) else []
    return any(hasattr(price.constraint, "start_time") for price in prices)


@lru_cache(CACHED_MODELS)
def _find(provider: str | None, model: str) -> ModelInfo | None:
    # Only names that are not remembered come here; what is raised is not remembered.
    lookups = _lookups.get()
    if lookups is not None:
        if lookups.left == 0:
            raise _LookupsSpent
        lookups.left -= 1
    return find_model(provider, model)


@lru_cache(CACHED_MODELS)
def _rates_at(provider: str | None, model: str, second: int) -> Rates | None:
    found = _find(provider, model)
    if found is None:
        return None
    prices = found.get_prices(datetime.fromtimestamp(second, UTC))
    requests = prices.requests_kcount
    rates = Rates(
        input=_rate(prices, "input_mtok"),
        output=_rate(prices, "output_mtok"),
        cache_read=_rate(prices, "cache_read_mtok"),
        cache_write=_rate(prices, "cache_write_mtok"),
        reasoning=_rate(prices, "output_reasoning_mtok"),
        per_thousand_requests=requests if isinstance(requests, Decimal) else _ZERO,
    )
    return rates if rates.input is not None or rates.output is not None else None


def _rate(prices: ModelPrice, key: str) -> Rate | None:
    price: Decimal | TieredPrices | None = getattr(prices, key)
    if price is None or isinstance(price, Decimal):
        return None if price is None else Rate(price)
    return Rate(price.base, tuple((tier.start, tier.price) for tier in price.tiers))

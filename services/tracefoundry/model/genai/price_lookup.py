"""Finding a model in the price data of the ``genai-prices`` package, whatever its provider is
called.

The provider of a span is often a framework (``strands-agents``, ``spring_ai``), a gateway or a
client (``openai.chat``), and the name of the model may hold more than the model (see
:mod:`.model_names`). A lookup is bounded: a few providers, a few names, and an index of exact
names, because senders choose both and the data has thousands of models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Final

from tracefoundry.model.genai.model_names import names_of, vendors_of
from tracefoundry.model.genai.price_prefilter import prefilter

if TYPE_CHECKING:
    from genai_prices.types import MatchLogic, ModelInfo, Provider

_PROVIDERS: Final = {
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "az.ai.openai": "azure",
    "az.ai.inference": "azure",
    "azure_openai": "azure",
    "azure-openai": "azure",
    "gcp.gen_ai": "google",
    "google_genai": "google",
    "x_ai": "x-ai",
    "xai": "x-ai",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "moonshot_ai": "moonshotai",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "perplexity-ai": "perplexity",
}
"""Provider names of dialects and routers, where ``genai-prices`` uses another name."""

_NO_PROVIDERS: Final = frozenset({"", "unknown", "other", "_other"})

LOCAL_PROVIDERS: Final = frozenset(
    {
        "gpt4all",
        "llama-cpp",
        "llama.cpp",
        "llama_cpp",
        "llamacpp",
        "lm-studio",
        "lm_studio",
        "lmstudio",
        "localai",
        "mlx",
        "ollama",
        "sglang",
        "tgi",
        "transformers",
        "vllm",
        "xinference",
    }
)
"""Servers that people run themselves. Their calls have no price, whatever the model is called."""

_MAKERS: Final = ("openai", "anthropic", "google", "mistral", "cohere", "deepseek", "voyageai")
"""Who is asked last, for models whose name does not give its maker away."""

_ROUTERS: Final = frozenset({"openrouter", "quicksilverpro", "github-copilot", "cursor"})
"""Sellers of others' models."""

MAX_HINTS: Final = 3
"""Most providers taken from the names of provider and model."""


def find_model(provider: str | None, model: str) -> ModelInfo | None:
    """The entry of a model, None if it is not known or runs on a server of the user's own.

    The provider of the span is asked first, as its prices may differ from the maker's; then the
    providers that the model's name names, then its maker, and last the one provider that has a
    model of that name, if there is only one.

    Args:
        provider: provider as the span names it, in lower case, if it does.
        model: model as the span names it, in lower case.
    """
    if provider in LOCAL_PROVIDERS:
        return None
    names = names_of(model)
    hints = (*_provider_names(provider), *vendors_of(model))[:MAX_HINTS]
    asked = dict.fromkeys(
        known for hint in hints if (known := _known_provider(_PROVIDERS.get(hint, hint)))
    )
    asked.update(dict.fromkeys(maker for name in names if (maker := _maker_of(name))))
    asked.update(dict.fromkeys(_MAKERS))
    for provider_id in asked:
        for name in names:
            found = provider_models(provider_id).find(name)
            if found is not None:
                return found
    for name in names:
        owner = _sole_owners().get(name)
        if owner is not None:
            return provider_models(owner).find(name)
    return None


def provider_models(provider_id: str) -> ProviderModels:
    """The models of a provider of the data, by its id.

    Raises:
        KeyError: there is no such provider.
    """
    return _catalogue()[provider_id]


class ProviderModels:
    """The models of one provider, by exact name where the data gives exact names."""

    def __init__(self, provider: Provider) -> None:
        self._models = provider.models
        self._exact: dict[str, int] = {}
        self._rules: list[tuple[int, MatchLogic]] = []
        self._fallback: list[ProviderModels] = []
        for place, model in enumerate(provider.models):
            exact = _exact_names(model.match)
            if exact is None:
                self._rules.append((place, model.match))
            for name in exact or ():
                self._exact.setdefault(name, place)
        self._may_match = prefilter(rule for _, rule in self._rules)

    @property
    def exact_names(self) -> Iterable[str]:
        """Names that are accepted as they are."""
        return self._exact

    def ask_next(self, others: list[ProviderModels]) -> None:
        """Whom to ask for models that this provider resells."""
        self._fallback = others

    def find(self, name: str) -> ModelInfo | None:
        """The first model that the name matches, here or at the others."""
        own = self._own(name)
        if own is not None:
            return own
        return next((found for other in self._fallback if (found := other._own(name))), None)

    def _own(self, name: str) -> ModelInfo | None:
        place = self._exact.get(name, len(self._models))
        for rule_place, rule in self._rules if self._may_match(name) else ():
            if rule_place > place:
                break
            if rule.is_match(name):
                place = rule_place
                break
        return self._models[place] if place < len(self._models) else None


@cache
def _catalogue() -> dict[str, ProviderModels]:
    from genai_prices.data import providers

    found = {provider.id: ProviderModels(provider) for provider in providers}
    for provider in providers:
        resold = provider.fallback_model_providers or []
        found[provider.id].ask_next([found[other] for other in resold if other in found])
    return found


@cache
def _sole_owners() -> dict[str, str]:
    """The provider of each exact name that only one provider has; routers are not counted."""
    owners: dict[str, str] = {}
    shared: set[str] = set()
    for provider_id, models in _catalogue().items():
        if provider_id in _ROUTERS:
            continue
        for name in models.exact_names:
            if owners.setdefault(name, provider_id) != provider_id:
                shared.add(name)
    return {name: owner for name, owner in owners.items() if name not in shared}


def _exact_names(match: MatchLogic) -> list[str] | None:
    """The names that a rule accepts, if it accepts nothing else."""
    from genai_prices.types import ClauseEquals, ClauseOr

    if isinstance(match, ClauseEquals):
        return [match.equals.lower()]
    if isinstance(match, ClauseOr):
        parts = [_exact_names(part) for part in match.or_]
        if None not in parts:
            return [name for part in parts for name in part or ()]
    return None


def _provider_names(provider: str | None) -> tuple[str, ...]:
    """The name as it came, and without an ending like ``.chat`` (Vercel AI SDK)."""
    if provider is None or provider in _NO_PROVIDERS:
        return ()
    head = provider.partition(".")[0]
    return (provider,) if head == provider or provider in _PROVIDERS else (provider, head)


def _known_provider(name: str) -> str | None:
    from genai_prices.data import providers
    from genai_prices.data_snapshot import find_provider_by_id

    found = find_provider_by_id(providers, name)
    return None if found is None else found.id


@cache
def _may_have_maker() -> Callable[[str], bool]:
    from genai_prices.data import providers

    return prefilter(one.model_match for one in providers if one.model_match is not None)


def _maker_of(name: str) -> str | None:
    from genai_prices.data import providers

    if not _may_have_maker()(name):
        return None
    for provider in providers:
        if provider.model_match is not None and provider.model_match.is_match(name):
            return provider.id
    return None

"""Invented model names cost little, and no name is priced otherwise than by the rules."""

from __future__ import annotations

from typing import Any

import pytest
from genai_prices.data import providers
from genai_prices.types import ClauseAnd, ClauseContains, ClauseOr, ClauseRegex
from hypothesis import given
from hypothesis import strategies as st

from tracefoundry.model.genai.price_prefilter import prefilter

RULES: list[Any] = [model.match for provider in providers for model in provider.models]
RULES += [provider.model_match for provider in providers if provider.model_match is not None]


def words(rule: Any) -> list[str]:
    """The texts in a rule."""
    parts = getattr(rule, "or_", None) or getattr(rule, "and_", None)
    if parts:
        return [word for part in parts for word in words(part)]
    return [str(value).lower() for value in vars(rule).values()]


WORDS = sorted({word for rule in RULES for word in words(rule)})


@given(st.sampled_from(RULES), st.lists(st.sampled_from(WORDS) | st.text(max_size=5), max_size=3))
def test_a_name_that_a_rule_matches_passes(rule: Any, parts: list[str]) -> None:
    """The filter may only say no where the rule does."""
    names = ["".join(parts).lower(), *words(rule)]
    may_match = prefilter([rule])
    assert [name for name in names if rule.is_match(name) and not may_match(name)] == []


def test_every_rule_of_the_data_passes_its_own_words() -> None:
    """A change of the price package that brings another kind of rule fails here."""
    may_match = prefilter(RULES)
    assert [
        word
        for rule in RULES
        for word in words(rule)
        if rule.is_match(word) and not may_match(word)
    ] == []


@pytest.mark.parametrize("name", ["", "invented-4711", "x" * 200])
def test_names_of_nobody_do_not_pass(name: str) -> None:
    """Otherwise the filter would filter nothing."""
    assert not prefilter([ClauseContains("gpt"), ClauseRegex("^o[0-9]$")])(name)


def test_what_re2_cannot_read_passes_everything() -> None:
    """The rules are then asked, as before."""
    assert prefilter([ClauseRegex("a(?!b)")])("zzz")


def test_rules_within_rules() -> None:
    """All of an ``and`` need not match for the filter; any of an ``or`` must."""
    both = ClauseAnd([ClauseContains("a"), ClauseContains("b")])
    either = ClauseOr([ClauseContains("c"), both])
    assert [prefilter([either])(name) for name in ("c", "ab", "b")] == [True, True, False]

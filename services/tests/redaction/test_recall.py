"""Nearly all kinds of provider values, and values in nearly all contexts, are found, by lists that
are not the rules' own."""

from __future__ import annotations

from redaction.recall import measured, measured_contexts
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.policy import Policy


def test_nearly_all_kinds_of_provider_values_are_found() -> None:
    """95 of 100 kinds, each with all its values, bare and in a sentence."""
    kinds = list(measured(Redactor(Policy()), variants=3))
    missed = [kind.name for kind in kinds if not kind.all_found]
    assert len(kinds) > 150
    assert len(missed) <= len(kinds) // 20, missed


def test_nearly_all_values_are_found_by_their_context() -> None:
    """97 of 100 values, and two in three in every single context."""
    contexts = list(measured_contexts(Redactor(Policy())))
    assert len(contexts) >= 60
    found = sum(context.found for context in contexts)
    assert found >= 0.97 * sum(context.values for context in contexts)
    weak = [context.name for context in contexts if context.found < 0.65 * context.values]
    assert not weak

"""Nearly all kinds of provider values are found, by a list that is not the rule table's own."""

from __future__ import annotations

from redaction.recall import measured
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.policy import Policy


def test_nearly_all_kinds_of_provider_values_are_found() -> None:
    """95 of 100 kinds, each with all its values, bare and in a sentence."""
    kinds = list(measured(Redactor(Policy()), variants=3))
    missed = [kind.name for kind in kinds if not kind.all_found]
    assert len(kinds) > 150
    assert len(missed) <= len(kinds) // 20, missed

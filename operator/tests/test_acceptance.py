"""Whether a TraceExport is within the bounds of its instance."""

from __future__ import annotations

from typing import Any

import pytest

from tests.instances import MINIMAL, export, instance
from tracefoundry_operator import acceptance


def reasons(bounds: dict[str, Any], **spec: Any) -> list[str]:
    """Why it is refused."""
    return [
        reason
        for reason, _ in acceptance.refusals(
            export(**spec), instance({**MINIMAL, "exports": bounds})
        )
    ]


def test_the_default_export_is_within_the_default_bounds() -> None:
    """Both have the strictest defaults."""
    assert [] == reasons({})


@pytest.mark.parametrize(
    ("weakest", "asked", "expected"),
    [
        ("strict", "standard", ["RedactionTooWeak"]),
        ("strict", "strict", []),
        ("standard", "off", ["RedactionTooWeak"]),
        ("standard", "strict", []),
        ("off", "off", []),
    ],
)
def test_redaction_may_be_stronger_than_the_bound_and_never_weaker(
    weakest: str, asked: str, expected: list[str]
) -> None:
    """Strict is stronger than standard, and that than off."""
    assert expected == reasons({"weakestRedaction": weakest}, redaction=asked)


def test_payloads_need_permission() -> None:
    """They contain prompts."""
    assert ["PayloadsNotAllowed"] == reasons({}, payloads="Include")
    assert [] == reasons({"payloads": True}, payloads="Include")


@pytest.mark.parametrize(
    ("bucket", "prefix", "expected"),
    [
        (None, "anything", []),
        ("shared", "team", []),
        ("shared", "team/incidents", []),
        ("shared", "teamwork", ["DestinationNotAllowed"]),
        ("shared", "", ["DestinationNotAllowed"]),
        ("other", "team", ["DestinationNotAllowed"]),
        ("open", "", []),
    ],
)
def test_a_foreign_bucket_needs_permission_for_whole_parts_of_its_path(
    bucket: str | None, prefix: str, expected: list[str]
) -> None:
    """The instance's bucket is always allowed: the Job writes under exports/."""
    bounds = {"destinations": [{"bucket": "shared", "prefix": "team"}, {"bucket": "open"}]}
    destination = {"prefix": prefix, **({"bucket": bucket} if bucket else {})}
    assert expected == reasons(bounds, destination=destination)


def test_an_image_to_run_must_be_named_exactly() -> None:
    """It runs with access to recorded prompts."""
    replay = {"mode": "Rerun", "image": "agent:1"}
    assert ["ImageNotAllowed"] == reasons({"rerunImages": ["agent:2"]}, dryReplay=replay)
    assert [] == reasons({"rerunImages": ["agent:1"]}, dryReplay=replay)

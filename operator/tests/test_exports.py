"""Whether a TraceExport is within the bounds of its instance."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest

from tests.instances import MINIMAL, instance
from tracefoundry_operator import exports
from tracefoundry_operator.api.export import Export, read_export
from tracefoundry_operator.api.instance import Instance
from tracefoundry_operator.snapshot import ExportSnapshot

NOW = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)


def export(**spec: Any) -> Export:
    """An export that asks for this."""
    return read_export(
        {
            "metadata": {"name": "one", "namespace": "tracing", "generation": 3},
            "spec": {"instanceRef": {"name": "main"}, "query": {}, **spec},
        }
    )


def compute(
    asked: Export, there: Instance | None, status: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The status of an export."""
    return exports.compute(
        ExportSnapshot(export=asked, instance=there, status=status or {}, now=NOW)
    )


def reasons(bounds: dict[str, Any], **spec: Any) -> list[str]:
    """Why it is refused."""
    return [
        reason
        for reason, _ in exports.refusals(export(**spec), instance({**MINIMAL, "exports": bounds}))
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


def test_all_reasons_are_reported_at_once() -> None:
    """One attempt shows everything that must change."""
    found = compute(export(redaction="off", payloads="Include"), instance(MINIMAL))
    accepted, complete = found["conditions"]
    assert ("Accepted", "False", "RedactionTooWeak", 3) == (
        accepted["type"], accepted["status"], accepted["reason"], accepted["observedGeneration"],
    )  # fmt: skip
    assert (
        "redaction off is weaker than strict; payloads may not be included" in (accepted["message"])
    )
    assert ("False", "NotAccepted") == (complete["status"], complete["reason"])


def test_a_missing_instance_is_reported() -> None:
    """By its name."""
    accepted = compute(export(), None)["conditions"][0]
    assert ("InstanceMissing", "There is no TraceFoundry 'main' in this namespace.") == (
        accepted["reason"],
        accepted["message"],
    )


def test_what_a_job_reported_is_kept() -> None:
    """Only conditions are replaced."""
    before = {"bundle": {"uri": "s3://b/k"}, "finishedJobs": ["a"]}
    found = compute(export(), instance(MINIMAL), before)
    assert before.items() <= found.items()

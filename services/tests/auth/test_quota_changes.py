"""Quotas of projects: who sets them, how they are written, and what holds."""

from __future__ import annotations

import pytest

from auth.conftest import Office
from tracefoundry.auth.caller import Caller, Role
from tracefoundry.auth.errors import AccessError
from tracefoundry.auth.projects import ProjectChange, Projects
from tracefoundry.model.quotas import QuotaName, Quotas
from tracefoundry.settings import Settings, SettingsError

PLATFORM = {
    "TRACEFOUNDRY_QUOTA_SPANS_PER_SECOND": "100",
    "TRACEFOUNDRY_QUOTA_BYTES_PER_SECOND": "1MiB",
    "TRACEFOUNDRY_QUOTA_SPANS_PER_DAY": "1000",
    "TRACEFOUNDRY_QUOTA_CONTENT_BYTES_PER_DAY": "10GiB",
    "TRACEFOUNDRY_QUOTA_PROCESSES": "4",
}


def test_a_projects_own_quotas_go_before_the_platforms(office: Office) -> None:
    """One by one, and also upwards: whoever may set them may set all."""
    settings = Settings.from_environment(PLATFORM)
    assert 4 == settings.quota_processes
    projects = Projects(office.administration, office.audit, settings)
    assert Quotas() == office.projects.quotas(office.projects.all()[0])
    change = ProjectChange(quotas={"spans_per_day": "5000", "bytes_per_second": "512KiB"})
    changed = projects.change("default", office.boss, change)
    assert Quotas(100, 512 * 1024, 5000, 10 * 2**30) == projects.quotas(changed)
    assert [changed] == projects.all()
    back = projects.change(
        "default", office.boss, ProjectChange(quotas={"spans_per_day": "default"})
    )
    assert Quotas(100, 512 * 1024, 1000, 10 * 2**30) == projects.quotas(back)
    details = [entry.detail for entry in office.entries("project.set")]
    assert (
        "quota of bytes per second default -> 524288, quota of spans per day default -> 5000"
        in details
    )


def test_an_admin_of_one_project_cannot_set_quotas(office: Office) -> None:
    """Not even to what they are; nothing else of the change is made either."""
    tenant = Caller(name="t", role=Role.ADMIN, project_id=1, project="default")
    change = ProjectChange(redaction="strict", quotas={"spans_per_day": "default"})
    with pytest.raises(AccessError) as caught:
        office.projects.change("default", tenant, change)
    assert ("forbidden_project", "quota_spans_per_day") == (
        caught.value.kind,
        caught.value.field,
    )
    assert office.projects.all()[0].redaction is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("spans_per_second", "0"),
        ("spans_per_second", "-1"),
        ("spans_per_second", "1KiB"),
        ("spans_per_day", "1.5"),
        ("spans_per_day", "²"),
        ("bytes_per_second", "0"),
        ("bytes_per_second", "1MB"),
        ("content_bytes_per_day", "none"),
        ("content_bytes_per_day", "9999999GiB"),
    ],
)
def test_what_is_no_quota_is_refused(office: Office, name: QuotaName, text: str) -> None:
    """With the name of the field."""
    with pytest.raises(AccessError) as caught:
        office.projects.create("new", office.boss, ProjectChange(quotas={name: text}))
    assert ("invalid", f"quota_{name}") == (caught.value.kind, caught.value.field)
    assert ["default"] == [project.name for project in office.projects.all()]


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("TRACEFOUNDRY_QUOTA_SPANS_PER_SECOND", "many"),
        ("TRACEFOUNDRY_QUOTA_SPANS_PER_DAY", "0"),
        ("TRACEFOUNDRY_QUOTA_BYTES_PER_SECOND", "0"),
        ("TRACEFOUNDRY_QUOTA_CONTENT_BYTES_PER_DAY", "10GB"),
        ("TRACEFOUNDRY_QUOTA_PROCESSES", "0"),
    ],
)
def test_wrong_defaults_are_refused_at_start(variable: str, text: str) -> None:
    """With the name of the variable."""
    with pytest.raises(SettingsError, match=variable):
        Settings.from_environment({variable: text})

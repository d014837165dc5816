"""Projects: names, settings of their own, and the record of changes."""

from __future__ import annotations

import pytest

from auth.conftest import Office
from tracefoundry.auth.errors import AccessError
from tracefoundry.auth.projects import ProjectChange, Projects, duration
from tracefoundry.model.times import DAY_NS
from tracefoundry.settings import Settings


def test_a_new_project_follows_the_platform(office: Office) -> None:
    """Until it sets something itself."""
    project = office.projects.create("shop", office.boss)
    assert (None, None, None) == (
        project.redaction,
        project.retention_spans_ns,
        project.retention_payloads_ns,
    )
    assert ("standard", 7 * DAY_NS, 3 * DAY_NS) == office.projects.effective(project)
    assert ["default", "shop"] == [project.name for project in office.projects.all()]


@pytest.mark.parametrize("name", ["a", "0", "a-b", "a" * 63, "9-lives"])
def test_names_of_projects(office: Office, name: str) -> None:
    """Lower-case letters, digits and inner hyphens."""
    assert name == office.projects.create(name, office.boss).name


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "a_b", "a b", "a" * 64, "a\n", "é"])
def test_other_names_are_refused(office: Office, name: str) -> None:
    """They stand in paths of payloads and in headers."""
    with pytest.raises(AccessError) as caught:
        office.projects.create(name, office.boss)
    assert "invalid" == caught.value.kind


def test_a_name_is_taken_once(office: Office) -> None:
    """Also that of the first project."""
    with pytest.raises(AccessError) as caught:
        office.projects.create("default", office.boss)
    assert "name_taken" == caught.value.kind


def test_settings_change_one_by_one_and_go_back_to_the_platforms(office: Office) -> None:
    """What is not named stays; ``default`` takes the project's own away."""
    change = office.projects.change
    change("default", office.boss, ProjectChange(redaction="strict", retention_spans="14d"))
    change("default", office.boss, ProjectChange(retention_payloads="12h"))
    project = change("default", office.boss, ProjectChange(redaction="default"))
    assert (None, 14 * DAY_NS, DAY_NS // 2) == (
        project.redaction,
        project.retention_spans_ns,
        project.retention_payloads_ns,
    )
    assert [project] == office.projects.all()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (ProjectChange(redaction="weak"), "redaction"),
        (ProjectChange(retention_spans="soon"), "retention_spans"),
        (ProjectChange(retention_spans="3661d"), "retention_spans"),
        (ProjectChange(retention_payloads="0d"), "retention_payloads"),
        (ProjectChange(retention_payloads="8d"), "retention_payloads"),
        (ProjectChange(retention_spans="1d", retention_payloads="2d"), "retention_payloads"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_whole(
    office: Office, change: ProjectChange, field: str
) -> None:
    """Payloads never outlive spans, the platform's seven days included."""
    before = office.projects.all()
    with pytest.raises(AccessError) as caught:
        office.projects.change("default", office.boss, change)
    assert ("invalid", field) == (caught.value.kind, caught.value.field)
    assert before == office.projects.all()


def test_spans_cannot_be_cut_below_the_payloads_of_the_project(office: Office) -> None:
    """Only what the project sets itself counts: the platform's payloads are simply cut too."""
    office.projects.change("default", office.boss, ProjectChange(retention_payloads="2d"))
    with pytest.raises(AccessError):
        office.projects.change("default", office.boss, ProjectChange(retention_spans="1d"))
    other = office.projects.create("o", office.boss, ProjectChange(retention_spans="1d"))
    assert ("standard", DAY_NS, DAY_NS) == office.projects.effective(other)


def test_a_project_that_is_not_there_cannot_be_changed(office: Office) -> None:
    """And is not made by the attempt."""
    with pytest.raises(AccessError) as caught:
        office.projects.change("nowhere", office.boss, ProjectChange(redaction="off"))
    assert "unknown_project" == caught.value.kind
    assert ["default"] == [project.name for project in office.projects.all()]


def test_changes_are_recorded_with_what_was_before(office: Office) -> None:
    """A change that changes nothing is not."""
    office.projects.create("shop", office.boss)
    change = ProjectChange(redaction="off", retention_spans="30d")
    office.projects.change("shop", office.boss, change)
    office.projects.change("shop", office.boss, change)
    assert [
        ("project.set", "shop", "redaction default -> off, retention of spans default -> 30d"),
        ("project.create", "shop", None),
    ] == [(entry.action, entry.project, entry.detail) for entry in office.entries()]


@pytest.mark.parametrize("text", ["7d", "36h", "90m", "61s"])
def test_durations_are_shown_as_they_are_written(office: Office, text: str) -> None:
    """In the largest unit that divides them."""
    change = ProjectChange(retention_payloads=text)
    project = office.projects.change("default", office.boss, change)
    assert project.retention_payloads_ns is not None
    assert text == duration(project.retention_payloads_ns)


def bounded(office: Office, environment: dict[str, str]) -> Projects:
    """The same projects on a platform with these settings."""
    settings = Settings.from_environment(environment)
    return Projects(office.administration, office.audit, settings)


BOUNDS = {
    "TRACEFOUNDRY_REDACTION_FLOOR": "standard",
    "TRACEFOUNDRY_RETENTION_SPANS_MAX": "14d",
    "TRACEFOUNDRY_RETENTION_PAYLOADS_MAX": "5d",
}


@pytest.mark.parametrize(
    ("change", "field", "bound"),
    [
        (ProjectChange(redaction="off"), "redaction", "REDACTION_FLOOR"),
        (ProjectChange(retention_spans="15d"), "retention_spans", "RETENTION_SPANS_MAX"),
        (ProjectChange(retention_payloads="6d"), "retention_payloads", "RETENTION_PAYLOADS_MAX"),
    ],
)
def test_no_project_passes_a_bound_of_the_platform(
    office: Office, change: ProjectChange, field: str, bound: str
) -> None:
    """Neither one that is made nor one that is changed; the refusal names the bound."""
    projects = bounded(office, BOUNDS)
    for attempt in (
        lambda: projects.change("default", office.boss, change),
        lambda: projects.create("new", office.boss, change),
    ):
        with pytest.raises(AccessError) as caught:
            attempt()
        assert ("out_of_bounds", field) == (caught.value.kind, caught.value.field)
        assert f"TRACEFOUNDRY_{bound}" in caught.value.remedy
    assert ["default"] == [project.name for project in projects.all()]


def test_a_project_may_be_as_weak_and_keep_as_long_as_the_bounds_say(office: Office) -> None:
    """The bounds themselves are allowed."""
    change = ProjectChange(redaction="standard", retention_spans="14d", retention_payloads="5d")
    projects = bounded(office, BOUNDS)
    project = projects.change("default", office.boss, change)
    assert ("standard", 14 * DAY_NS, 5 * DAY_NS) == projects.effective(project)


def test_a_row_that_is_older_than_a_bound_is_held_to_it_and_can_still_be_changed(
    office: Office,
) -> None:
    """What it has set stays written; what holds is within the bounds."""
    change = ProjectChange(redaction="off", retention_spans="60d", retention_payloads="30d")
    office.projects.change("default", office.boss, change)
    projects = bounded(office, BOUNDS)
    (old,) = projects.all()
    assert ("standard", 14 * DAY_NS, 5 * DAY_NS) == projects.effective(old)
    shorter = projects.change("default", office.boss, ProjectChange(retention_payloads="1d"))
    assert ("off", DAY_NS) == (shorter.redaction, shorter.retention_payloads_ns)
    assert ("standard", 14 * DAY_NS, DAY_NS) == projects.effective(shorter)

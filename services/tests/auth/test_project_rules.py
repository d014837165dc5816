"""What holds for a project: its own settings, the platform's, and the platform's bounds."""

from __future__ import annotations

import pytest

from tracefoundry.auth.project_rules import ProjectRules
from tracefoundry.settings import Settings, SettingsError
from tracefoundry.store.records import ProjectRecord

FLOOR = "TRACEFOUNDRY_REDACTION_FLOOR"
SPANS_MAX, PAYLOADS_MAX = "TRACEFOUNDRY_RETENTION_SPANS_MAX", "TRACEFOUNDRY_RETENTION_PAYLOADS_MAX"


def project(spans_ns: int | None = None, payloads_ns: int | None = None) -> ProjectRecord:
    """A project with retentions of its own."""
    return ProjectRecord(1, "p", 0, None, spans_ns, payloads_ns)


@pytest.mark.parametrize(
    ("own_spans", "own_payloads", "expected"),
    [
        (None, None, (7, 3)),
        (2, None, (2, 2)),
        (None, 5, (7, 5)),
        (30, 10, (30, 10)),
        (1, 9, (1, 1)),
    ],
)
def test_payloads_never_outlive_spans(
    own_spans: int | None, own_payloads: int | None, expected: tuple[int, int]
) -> None:
    """Even where the platform's settings changed after the project's."""
    rules = ProjectRules(retention_spans_ns=7, retention_payloads_ns=3)
    assert expected == rules.retention_of(project(own_spans, own_payloads))


def test_retention_is_the_smaller_of_the_projects_and_the_ceiling() -> None:
    """Also where spans are cut below what payloads may have."""
    rules = ProjectRules(
        retention_spans_ns=7,
        retention_payloads_ns=3,
        retention_spans_max_ns=10,
        retention_payloads_max_ns=8,
    )
    assert (10, 8) == rules.retention_of(project(30, 20))
    assert (7, 7) == rules.retention_of(project(None, 20))
    assert (2, 2) == rules.retention_of(project(2, 2))


@pytest.mark.parametrize(
    ("own", "floor", "expected"),
    [
        ("off", "off", "off"),
        ("off", "standard", "standard"),
        ("off", "strict", "strict"),
        ("standard", "strict", "strict"),
        ("strict", "standard", "strict"),
        (None, "strict", "strict"),
        ("of-a-newer-version", "strict", "of-a-newer-version"),
    ],
)
def test_a_mode_below_the_floor_is_raised_to_it(own: str | None, floor: str, expected: str) -> None:
    """A mode that is not known stays as it is, for the caller to refuse."""
    rules = ProjectRules(redaction_floor=floor, retention_spans_ns=7, retention_payloads_ns=3)
    assert expected == rules.redaction_of(ProjectRecord(1, "p", 0, own))


def test_bounds_move_the_defaults_where_these_are_not_set() -> None:
    """An operator who sets a bound need not set the default too."""
    settings = Settings.from_environment({FLOOR: "strict", SPANS_MAX: "2d"})
    rules = ProjectRules.of(settings)
    assert "strict" == rules.redaction_of(project())
    assert (settings.retention_spans_max_ns,) * 2 == rules.retention_of(project())


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({FLOOR: "none"}, FLOOR),
        ({FLOOR: "strict", "TRACEFOUNDRY_REDACTION": "standard"}, FLOOR),
        ({SPANS_MAX: "3d", "TRACEFOUNDRY_RETENTION_SPANS": "4d"}, SPANS_MAX),
        ({PAYLOADS_MAX: "1d", "TRACEFOUNDRY_RETENTION_PAYLOADS": "2d"}, PAYLOADS_MAX),
        ({SPANS_MAX: "3661d"}, SPANS_MAX),
    ],
)
def test_settings_that_contradict_each_other_are_refused_at_start(
    environment: dict[str, str], named: str
) -> None:
    """With the name of the bound."""
    with pytest.raises(SettingsError, match=named):
        Settings.from_environment(environment)

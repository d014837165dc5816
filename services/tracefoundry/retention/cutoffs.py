"""From settings and a clock to the first day that is kept, for each project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tracefoundry.auth.project_rules import ProjectRules
from tracefoundry.model.times import SECOND_NS, day_of
from tracefoundry.settings import Settings
from tracefoundry.store.records import ProjectRecord

GRACE_NS = 120 * SECOND_NS
"""Added to every retention: what was accepted in the last moment of its window has been committed
by then, or given up."""

DICTIONARY_DAYS = 2
"""How much longer than spans the resources and scopes are kept: they are touched once a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectCutoff:
    """What a project keeps.

    Attributes:
        spans_day: the first day (since the epoch, UTC) of which spans, logs and refs are kept.
        payloads_day: the same for payloads.
    """

    project_id: int
    name: str
    spans_day: int
    payloads_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoffs:
    """What the platform keeps.

    Attributes:
        projects: each project's own.
        spans_day: the first day of which any project keeps spans, or would by the settings.
        payloads_day: the same for payloads.
        window_day: the first day for which writers keep partitions ready.
        today: the day of the run.
        dictionary_day: resources and scopes last used before go.
        audit_ns: audit entries from before go.
    """

    projects: Sequence[ProjectCutoff]
    spans_day: int
    payloads_day: int
    window_day: int
    today: int
    dictionary_day: int
    audit_ns: int

    def without_spans_before(self, day: int) -> Cutoffs:
        """The same with no spans kept from before a day, whatever the retention."""
        return replace(
            self,
            spans_day=max(self.spans_day, day),
            projects=[
                replace(project, spans_day=max(project.spans_day, day)) for project in self.projects
            ],
        )


def cutoffs(settings: Settings, projects: Sequence[ProjectRecord], now_ns: int) -> Cutoffs:
    """What to keep at a moment.

    The platform's own retention counts as a project's even if every project has another one:
    there may be a new project at any time. Payloads never outlive the spans that refer to them.
    """

    rules = ProjectRules.of(settings)

    def first_day(retention_ns: int) -> int:
        return day_of(now_ns - retention_ns - GRACE_NS)

    def of_project(project: ProjectRecord) -> ProjectCutoff:
        spans_ns, payloads_ns = rules.retention_of(project)
        return ProjectCutoff(
            project_id=project.project_id,
            name=project.name,
            spans_day=first_day(spans_ns),
            payloads_day=first_day(payloads_ns),
        )

    each = [of_project(project) for project in projects]
    spans_day = min([first_day(settings.retention_spans_ns), *(one.spans_day for one in each)])
    payloads_ns = min(settings.retention_payloads_ns, settings.retention_spans_ns)
    return Cutoffs(
        projects=each,
        spans_day=spans_day,
        payloads_day=min([first_day(payloads_ns), *(one.payloads_day for one in each)]),
        window_day=day_of(now_ns - settings.retention_spans_ns),
        today=day_of(now_ns),
        dictionary_day=spans_day - DICTIONARY_DAYS,
        audit_ns=now_ns - settings.retention_audit_ns,
    )

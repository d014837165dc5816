"""Projects, tokens and audit entries as the API and the command line show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from tracefoundry.auth.projects import Projects, duration
from tracefoundry.auth.quota_changes import own_quotas
from tracefoundry.model.quotas import Quotas
from tracefoundry.model.times import rfc3339_milliseconds
from tracefoundry.schemas.administration import (
    AuditEntry,
    EffectiveSettings,
    Project,
    Token,
    UsageToday,
)
from tracefoundry.schemas.fields import Redaction, Role
from tracefoundry.store import records


def project_answers(projects: Projects, chosen: Iterable[records.ProjectRecord]) -> list[Project]:
    """Projects: what they set themselves (null where nothing), what holds for them, and what they
    have used of their quotas for a day.

    Raises:
        StoreUnavailable: the store cannot be asked.
    """
    quotas = [(project, projects.quotas(project)) for project in chosen]
    counted = any(each.any_for_a_day for _, each in quotas)
    usage = projects.usage_today() if counted else {}
    return [_project(projects, project, each, usage) for project, each in quotas]


def project_answer(projects: Projects, project: records.ProjectRecord) -> Project:
    """One project."""
    return project_answers(projects, [project])[0]


def _project(
    projects: Projects,
    project: records.ProjectRecord,
    quotas: Quotas,
    usage: Mapping[int, records.ProjectUsage],
) -> Project:
    redaction, spans_ns, payloads_ns = projects.effective(project)
    own = own_quotas(project)
    return Project(
        name=project.name,
        created_at=rfc3339_milliseconds(project.created_at_ns),
        redaction=cast(Redaction | None, project.redaction),
        retention_spans=_duration(project.retention_spans_ns),
        retention_payloads=_duration(project.retention_payloads_ns),
        quota_spans_per_second=own.spans_per_second,
        quota_bytes_per_second=own.bytes_per_second,
        quota_spans_per_day=own.spans_per_day,
        quota_content_bytes_per_day=own.content_bytes_per_day,
        effective=EffectiveSettings(
            redaction=cast(Redaction, redaction),
            retention_spans=duration(spans_ns),
            retention_payloads=duration(payloads_ns),
            quota_spans_per_second=quotas.spans_per_second,
            quota_bytes_per_second=quotas.bytes_per_second,
            quota_spans_per_day=quotas.spans_per_day,
            quota_content_bytes_per_day=quotas.content_bytes_per_day,
        ),
        usage_today=_usage(quotas, usage.get(project.project_id)),
    )


def _usage(quotas: Quotas, used: records.ProjectUsage | None) -> UsageToday | None:
    if not quotas.any_for_a_day:
        return None
    spans, content_bytes = used or (0, 0)
    return UsageToday(spans, content_bytes, quotas.near(spans, content_bytes))


def token_answer(record: records.TokenRecord, now_ns: int) -> Token:
    """A token without its text."""
    return Token(
        id=record.token_id,
        name=record.name,
        role=cast(Role, record.role),
        project=record.project,
        state=record.state(now_ns),
        created_at=rfc3339_milliseconds(record.created_at_ns),
        expires_at=_moment(record.expires_at_ns),
        revoked_at=_moment(record.revoked_at_ns),
    )


def audit_entry_answer(entry: records.AuditEntry) -> AuditEntry:
    """An entry of the audit log."""
    return AuditEntry(
        at=rfc3339_milliseconds(entry.at_ns),
        at_ns=str(entry.at_ns),
        action=entry.action,
        outcome=entry.outcome,
        actor=entry.actor,
        role=entry.role,
        project=entry.project,
        target=entry.target,
        address=entry.address,
        status=entry.status,
        count=entry.count,
        detail=entry.detail,
    )


def _moment(ns: int | None) -> str | None:
    return None if ns is None else rfc3339_milliseconds(ns)


def _duration(ns: int | None) -> str | None:
    return None if ns is None else duration(ns)

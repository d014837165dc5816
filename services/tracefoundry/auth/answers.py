"""Projects, tokens and audit entries as the API and the command line show them."""

from __future__ import annotations

from typing import cast

from tracefoundry.auth.projects import Projects, duration
from tracefoundry.model.times import rfc3339_milliseconds
from tracefoundry.schemas.administration import AuditEntry, EffectiveSettings, Project, Token
from tracefoundry.schemas.fields import OnOff, Redaction, Role
from tracefoundry.store import records


def project_answer(projects: Projects, project: records.ProjectRecord) -> Project:
    """A project: what it sets itself (null where nothing), and what holds for it."""
    redaction, spans_ns, payloads_ns = projects.effective(project)
    return Project(
        name=project.name,
        created_at=rfc3339_milliseconds(project.created_at_ns),
        redaction=cast(Redaction | None, project.redaction),
        personal_data=cast(OnOff | None, project.personal_data),
        retention_spans=_duration(project.retention_spans_ns),
        retention_payloads=_duration(project.retention_payloads_ns),
        effective=EffectiveSettings(
            redaction=cast(Redaction, redaction),
            personal_data=cast(OnOff, projects.personal_data(project)),
            retention_spans=duration(spans_ns),
            retention_payloads=duration(payloads_ns),
        ),
    )


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

"""Projects, tokens and audit entries as JSON, the same from the API and from the command line."""

from __future__ import annotations

import datetime
from typing import Any

from tracefoundry.auth.projects import Projects, duration
from tracefoundry.store.records import AuditEntry, ProjectRecord, TokenRecord


def project_json(projects: Projects, project: ProjectRecord) -> dict[str, Any]:
    """A project: what it sets itself (null where nothing), and what holds for it."""
    redaction, spans_ns, payloads_ns = projects.effective(project)
    return {
        "name": project.name,
        "created_at": rfc3339(project.created_at_ns),
        "redaction": project.redaction,
        "retention_spans": _duration(project.retention_spans_ns),
        "retention_payloads": _duration(project.retention_payloads_ns),
        "effective": {
            "redaction": redaction,
            "retention_spans": duration(spans_ns),
            "retention_payloads": duration(payloads_ns),
        },
    }


def token_json(record: TokenRecord, now_ns: int) -> dict[str, Any]:
    """A token without its text; ``project`` null holds for all projects."""
    return {
        "id": record.token_id,
        "name": record.name,
        "role": record.role,
        "project": record.project,
        "state": record.state(now_ns),
        "created_at": rfc3339(record.created_at_ns),
        "expires_at": rfc3339(record.expires_at_ns),
        "revoked_at": rfc3339(record.revoked_at_ns),
    }


def entry_json(entry: AuditEntry) -> dict[str, Any]:
    """An entry of the audit log."""
    return {
        "at": rfc3339(entry.at_ns),
        "at_ns": str(entry.at_ns),
        "action": entry.action,
        "outcome": entry.outcome,
        "actor": entry.actor,
        "role": entry.role,
        "project": entry.project,
        "target": entry.target,
        "address": entry.address,
        "status": entry.status,
        "count": entry.count,
        "detail": entry.detail,
    }


def rfc3339(ns: int | None) -> str | None:
    """A moment in UTC with milliseconds; null for none."""
    if ns is None:
        return None
    moment = datetime.datetime.fromtimestamp(ns // 1_000_000_000, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ns // 1_000_000 % 1000:03d}Z"


def _duration(ns: int | None) -> str | None:
    return None if ns is None else duration(ns)

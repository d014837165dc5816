"""The session, projects, tokens and the audit log."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tracefoundry.model.quotas import QuotaName
from tracefoundry.schemas.fields import (
    Cursor,
    Duration,
    Moment,
    Quota,
    Redaction,
    Role,
    TimeNs,
)


class Session(msgspec.Struct):
    """Who is asking."""

    role: Role
    name: Annotated[str, Meta(description="The token's name; `loopback` without login.")]
    project: Annotated[
        str | None, Meta(description="The only project the token holds for; null for all.")
    ]
    projects: Annotated[list[str], Meta(description="Projects that may be read.")]
    login_required: bool
    version: Annotated[str, Meta(description="Of the server.")]


class EffectiveSettings(msgspec.Struct):
    """What holds for a project: its own settings, else the platform's."""

    redaction: Redaction
    retention_spans: Duration
    retention_payloads: Duration
    quota_spans_per_second: Quota
    quota_bytes_per_second: Quota
    quota_spans_per_day: Quota
    quota_content_bytes_per_day: Quota


class UsageToday(msgspec.Struct):
    """What was stored for a project today (UTC), as far as its quotas for a day count it."""

    spans: Annotated[int, Meta(description="Spans and log records.")]
    content_bytes: Annotated[int, Meta(description="New content, before compression.")]
    near_quotas: Annotated[
        list[QuotaName], Meta(description="Quotas of which 80 percent are used, or more.")
    ]


class Project(msgspec.Struct):
    """A project and what it sets for itself; null follows the platform."""

    name: str
    created_at: Moment
    redaction: Redaction | None
    retention_spans: Duration | None
    retention_payloads: Duration | None
    quota_spans_per_second: Quota
    quota_bytes_per_second: Quota
    quota_spans_per_day: Quota
    quota_content_bytes_per_day: Quota
    effective: EffectiveSettings
    usage_today: Annotated[
        UsageToday | None, Meta(description="Null for a project without a quota for a day.")
    ]


class ProjectList(msgspec.Struct):
    """The projects that may be read, by name."""

    projects: list[Project]


class Token(msgspec.Struct):
    """A token without its text."""

    id: int
    name: str
    role: Role
    project: Annotated[str | None, Meta(description="Null holds for all projects.")]
    state: Literal["live", "expired", "revoked"]
    created_at: Moment
    expires_at: Moment | None
    revoked_at: Moment | None


class CreatedToken(msgspec.Struct):
    """A new token. Its text is in this answer only."""

    token: Annotated[str, Meta(description="The token's text: Authorization: Bearer TOKEN.")]
    id: int
    name: str
    role: Role
    project: str | None
    state: Literal["live", "expired", "revoked"]
    created_at: Moment
    expires_at: Moment | None
    revoked_at: Moment | None


class TokenList(msgspec.Struct):
    """The tokens, by name."""

    tokens: list[Token]


class AuditEntry(msgspec.Struct):
    """One thing that was done or refused."""

    at: Moment
    at_ns: TimeNs
    action: Annotated[str, Meta(examples=["payload.read"])]
    outcome: Literal["allowed", "denied"]
    actor: Annotated[str | None, Meta(description="The token's name; null for nobody known.")]
    role: str | None
    project: str | None
    target: Annotated[str | None, Meta(description="What it was done to.")]
    address: str | None
    status: Annotated[int | None, Meta(description="HTTP status of a refusal.")]
    count: Annotated[int, Meta(description="How many refusals this row stands for.")]
    detail: str | None


class AuditPage(msgspec.Struct):
    """Audit entries, newest first."""

    entries: list[AuditEntry]
    start_ns: TimeNs
    end_ns: TimeNs
    next_cursor: Cursor

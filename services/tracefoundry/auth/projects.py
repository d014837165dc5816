"""Projects: their names, their own settings, and changes of these, each with an audit entry."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field

import msgspec

from tracefoundry.auth.audit import AuditLog
from tracefoundry.auth.caller import Caller
from tracefoundry.auth.errors import AccessError
from tracefoundry.auth.project_rules import ProjectRules, is_weaker
from tracefoundry.auth.quota_changes import DEFAULT, changed_quotas, quota_differences
from tracefoundry.model.quotas import QuotaName, Quotas
from tracefoundry.model.times import day_of
from tracefoundry.settings import (
    MAX_RETENTION_NS,
    REDACTION_MODES,
    Settings,
    SettingsError,
    parse_duration_ns,
)
from tracefoundry.store.api import Administration, NameTaken
from tracefoundry.store.records import ProjectRecord, ProjectUsage

NAME_FORM = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"

_NAME = re.compile(NAME_FORM)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectChange:
    """Settings as people write them: ``strict``, ``7d``, ``default``; None leaves one as it is.

    ``quotas`` has only those that are set: a number, for bytes also ``1GiB``, or ``default``.
    """

    redaction: str | None = None
    personal_data: str | None = None
    retention_spans: str | None = None
    retention_payloads: str | None = None
    quotas: Mapping[QuotaName, str] = dataclass_field(default_factory=dict)

    def __bool__(self) -> bool:
        retention = self.retention_spans, self.retention_payloads
        return any((self.redaction, self.personal_data, *retention, self.quotas))


def check_project_name(name: str) -> None:
    """Refuse what cannot name a project.

    Raises:
        AccessError: ``invalid``.
    """
    if _NAME.fullmatch(name) is None:
        raise AccessError(
            "invalid",
            f"name: {name[:80]!r} cannot name a project",
            "Use 1 to 63 lower-case letters, digits and inner hyphens.",
            field="name",
        )


class Projects:
    """Reads and changes projects.

    ``platform`` gives what holds for projects that set nothing, and the bounds of what they set.
    """

    def __init__(
        self,
        administration: Administration,
        audit: AuditLog,
        platform: Settings,
        *,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._administration = administration
        self._audit = audit
        self._rules = ProjectRules.of(platform)
        self._now_ns = now_ns

    def all(self) -> list[ProjectRecord]:
        """Every project, by name.

        Raises:
            StoreUnavailable: the store cannot be asked.
        """
        return self._administration.projects()

    def effective(self, project: ProjectRecord) -> tuple[str, int, int]:
        """What holds for a project: redaction, retention of spans and of payloads in ns."""
        return self._rules.redaction_of(project), *self._rules.retention_of(project)

    def personal_data(self, project: ProjectRecord) -> str:
        """Whether phones, IP addresses and national ids of a project are redacted: on or off."""
        return self._rules.personal_data_of(project)

    def quotas(self, project: ProjectRecord) -> Quotas:
        """The quotas that hold for a project."""
        return self._rules.quotas_of(project)

    def usage_today(self) -> dict[int, ProjectUsage]:
        """What projects with a quota for a day have stored today (UTC), by project id.

        Raises:
            StoreUnavailable: the store cannot be asked.
        """
        return self._administration.usage(day_of(self._now_ns()))

    def create(
        self, name: str, caller: Caller, change: ProjectChange | None = None
    ) -> ProjectRecord:
        """Make a project.

        Raises:
            AccessError: the name or a setting cannot be used, or the name is taken.
            StoreUnavailable: nothing was changed.
        """
        check_project_name(name)
        try:
            with self._administration.change() as transaction:
                project = transaction.add_project(name, created_at_ns=self._now_ns())
                changed = self._changed(project, change or ProjectChange(), caller)
                if changed != project:
                    transaction.save_project(changed)
                self._audit.add(
                    transaction, caller, "project.create",
                    target=name, project=name, detail=_difference(project, changed),
                )  # fmt: skip
                return changed
        except NameTaken:
            raise AccessError(
                "name_taken", f"there is a project {name!r} already", "Choose another name."
            ) from None

    def change(self, name: str, caller: Caller, change: ProjectChange) -> ProjectRecord:
        """Change what a project sets for itself.

        Raises:
            AccessError: there is no such project, or a setting cannot be used.
            StoreUnavailable: nothing was changed.
        """
        with self._administration.change() as transaction:
            project = transaction.lock_project(name)
            if project is None:
                raise unknown_project(name)
            changed = self._changed(project, change, caller)
            if changed != project:
                transaction.save_project(changed)
                self._audit.add(
                    transaction, caller, "project.set",
                    target=name, project=name, detail=_difference(project, changed),
                )  # fmt: skip
            return changed

    def _changed(
        self, project: ProjectRecord, change: ProjectChange, caller: Caller
    ) -> ProjectRecord:
        redaction = project.redaction
        if change.redaction is not None:
            redaction = _redaction(change.redaction)
        spans, payloads = project.retention_spans_ns, project.retention_payloads_ns
        if change.retention_spans is not None:
            spans = _retention("retention_spans", change.retention_spans)
        if change.retention_payloads is not None:
            payloads = _retention("retention_payloads", change.retention_payloads)
        kept_ns = spans or self._rules.retention_spans_ns
        if payloads is not None and payloads > kept_ns:
            raise AccessError(
                "invalid",
                f"retention_payloads: {duration(payloads)} is longer than the retention of spans,"
                f" {duration(kept_ns)}",
                "A payload cannot outlive the span that refers to it: keep spans longer, or"
                " payloads shorter.",
                field="retention_payloads",
            )
        self._check_bounds(change, redaction, spans, payloads)
        return msgspec.structs.replace(
            project,
            redaction=redaction,
            personal_data=_personal_data(project, change),
            retention_spans_ns=spans,
            retention_payloads_ns=payloads,
            **changed_quotas(caller, change.quotas),
        )

    def _check_bounds(
        self, change: ProjectChange, redaction: str | None, spans: int | None, payloads: int | None
    ) -> None:
        """Refuse what passes the platform's bounds. Settings that stay as they are do not count:
        a row that is older than a bound can still be changed, and the bound holds at use."""
        rules = self._rules
        if change.redaction and redaction and is_weaker(redaction, rules.redaction_floor):
            raise _out_of_bounds(
                "redaction", redaction, "weaker", "TRACEFOUNDRY_REDACTION_FLOOR",
                rules.redaction_floor,
            )  # fmt: skip
        for field, given, wanted, most in (
            ("retention_spans", change.retention_spans, spans, rules.retention_spans_max_ns),
            (
                "retention_payloads",
                change.retention_payloads,
                payloads,
                rules.retention_payloads_max_ns,
            ),
        ):
            if given and wanted is not None and wanted > most:
                raise _out_of_bounds(
                    field, duration(wanted), "longer", f"TRACEFOUNDRY_{field.upper()}_MAX",
                    duration(most),
                )  # fmt: skip


def _out_of_bounds(field: str, wanted: str, how: str, setting: str, bound: str) -> AccessError:
    """The refusal of a setting that the platform does not allow any project."""
    return AccessError(
        "out_of_bounds",
        f"{field}: {wanted} is {how} than the platform allows, {bound}",
        f"Choose a value within the bound; the platform's operator sets it by {setting}.",
        field=field,
    )


def unknown_project(name: str) -> AccessError:
    """The refusal of a name that no project has."""
    return AccessError(
        "unknown_project",
        f"there is no project {name[:63]!r}",
        "Make it with: tracefoundry project create NAME",
    )


def duration(ns: int) -> str:
    """A duration in the form in which it is written: ``7d``, ``12h``."""
    seconds = ns // 1_000_000_000
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _redaction(text: str) -> str | None:
    if text == DEFAULT:
        return None
    if text in REDACTION_MODES:
        return text
    raise AccessError(
        "invalid",
        f"redaction: {text[:80]!r} is not a mode",
        f"Use {', '.join(REDACTION_MODES)} or {DEFAULT}.",
        field="redaction",
    )


def _personal_data(project: ProjectRecord, change: ProjectChange) -> str | None:
    text = change.personal_data
    if text is None:
        return project.personal_data
    if text == DEFAULT:
        return None
    if text in ("on", "off"):
        return text
    raise AccessError(
        "invalid",
        f"personal_data: {text[:80]!r} is neither on nor off",
        f"Use on, off or {DEFAULT}.",
        field="personal_data",
    )


def _retention(field: str, text: str) -> int | None:
    if text == DEFAULT:
        return None
    try:
        ns = parse_duration_ns(text[:80], field)
    except SettingsError:
        ns = MAX_RETENTION_NS + 1
    if ns > MAX_RETENTION_NS:
        raise AccessError(
            "invalid",
            f"{field}: {text[:80]!r} is not a duration up to 3660d",
            f"Use a whole number and s, m, h, d or w, like 7d, or {DEFAULT}.",
            field=field,
        )
    return ns


def _difference(before: ProjectRecord, after: ProjectRecord) -> str | None:
    """What has changed, for the audit log."""
    changes = []
    if before.redaction != after.redaction:
        changes.append(f"redaction {before.redaction or DEFAULT} -> {after.redaction or DEFAULT}")
    if before.personal_data != after.personal_data:
        was, now = before.personal_data or DEFAULT, after.personal_data or DEFAULT
        changes.append(f"redaction of personal data {was} -> {now}")
    for what, old, new in (
        ("retention of spans", before.retention_spans_ns, after.retention_spans_ns),
        ("retention of payloads", before.retention_payloads_ns, after.retention_payloads_ns),
    ):
        if old != new:
            was, now = (DEFAULT if ns is None else duration(ns) for ns in (old, new))
            changes.append(f"{what} {was} -> {now}")
    changes += quota_differences(before, after)
    return ", ".join(changes) or None

"""Changes of a project's quotas: who may make them, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping

from tracefoundry.auth.caller import Caller
from tracefoundry.auth.errors import AccessError
from tracefoundry.model.quotas import MOST, QUOTA_NAMES, QuotaName, Quotas
from tracefoundry.settings import SettingsError, parse_bytes
from tracefoundry.store.records import ProjectRecord

DEFAULT = "default"
"""Written for a setting, it takes the project's own one away."""


def field_of(name: QuotaName) -> str:
    """The name of a quota among the settings of a project."""
    return f"quota_{name}"


def own_quotas(project: ProjectRecord) -> Quotas:
    """What a project sets for itself."""
    return Quotas(*(getattr(project, field_of(name)) for name in QUOTA_NAMES))


def changed_quotas(caller: Caller, change: Mapping[QuotaName, str]) -> dict[str, int | None]:
    """The fields of the project's record that a change sets.

    Raises:
        AccessError: the caller holds for one project only, or a value is no quota.
    """
    if change and caller.project_id is not None:
        raise AccessError(
            "forbidden_project",
            f"the token {caller.name!r} holds for the project {caller.project!r} alone, and cannot"
            " set quotas",
            "Quotas are set with an admin's token that holds for all projects.",
            field=field_of(next(iter(change))),
        )
    return {field_of(name): _parsed(name, text) for name, text in change.items()}


def quota_differences(before: ProjectRecord, after: ProjectRecord) -> list[str]:
    """What has changed in the quotas, for the audit log."""
    changes = []
    for name in QUOTA_NAMES:
        old, new = (getattr(record, field_of(name)) for record in (before, after))
        if old != new:
            was, now = (DEFAULT if value is None else str(value) for value in (old, new))
            changes.append(f"quota of {name.replace('_', ' ')} {was} -> {now}")
    return changes


def _parsed(name: QuotaName, text: str) -> int | None:
    if text == DEFAULT:
        return None
    try:
        if "bytes" in name:
            number = parse_bytes(text[:80], field_of(name))
        else:
            number = int(text[:80]) if text.isascii() and text.isdigit() else 0
    except SettingsError:
        number = 0
    if not 1 <= number <= MOST:
        sizes = " (KiB, MiB or GiB may follow)" if "bytes" in name else ""
        raise AccessError(
            "invalid",
            f"{field_of(name)}: {text[:80]!r} is not a quota",
            f"Use a whole number from 1 to {MOST}{sizes}, or {DEFAULT}.",
            field=field_of(name),
        )
    return number

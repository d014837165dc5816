"""What holds for a project: its own settings, else the platform's, within the platform's bounds.

The platform's operator sets a floor for redaction and ceilings for retention that no project may
pass. Settings of a project are checked against them when they are written. They are applied again
whenever a project's settings are used, because a row may be older than the bound.
"""

from __future__ import annotations

import msgspec

from tracefoundry.model.quotas import Quotas
from tracefoundry.settings import MAX_RETENTION_NS, REDACTION_MODES, Settings
from tracefoundry.store.records import ProjectRecord


class ProjectRules(msgspec.Struct, frozen=True, kw_only=True):
    """The platform's defaults for projects, and its bounds.

    Attributes:
        redaction: for projects without a mode of their own.
        redaction_floor: the weakest mode that a project may have.
        retention_spans_ns: for projects without their own.
        retention_payloads_ns: the same for payloads.
        retention_spans_max_ns: the longest that a project may have.
        retention_payloads_max_ns: the same for payloads.
        quotas: for projects without their own, one by one.
    """

    redaction: str = "standard"
    redaction_floor: str = "off"
    retention_spans_ns: int
    retention_payloads_ns: int
    retention_spans_max_ns: int = MAX_RETENTION_NS
    retention_payloads_max_ns: int = MAX_RETENTION_NS
    quotas: Quotas = Quotas()

    @classmethod
    def of(cls, settings: Settings) -> ProjectRules:
        """The rules that the settings of this process give."""
        return cls(
            redaction=settings.redaction,
            redaction_floor=settings.redaction_floor,
            retention_spans_ns=settings.retention_spans_ns,
            retention_payloads_ns=settings.retention_payloads_ns,
            retention_spans_max_ns=settings.retention_spans_max_ns,
            retention_payloads_max_ns=settings.retention_payloads_max_ns,
            quotas=settings.quotas,
        )

    def redaction_of(self, project: ProjectRecord) -> str:
        """The project's mode; the floor where that is weaker.

        A mode that this version does not know, written by a newer one, is returned as it is: the
        caller must refuse it.
        """
        mode = project.redaction or self.redaction
        return self.redaction_floor if is_weaker(mode, self.redaction_floor) else mode

    def retention_of(self, project: ProjectRecord) -> tuple[int, int]:
        """How long the project's spans and payloads are kept, in ns.

        A payload never outlives the span that refers to it, so the shorter of the two holds.
        """
        spans_ns = min(
            project.retention_spans_ns or self.retention_spans_ns, self.retention_spans_max_ns
        )
        payloads_ns = min(
            project.retention_payloads_ns or self.retention_payloads_ns,
            self.retention_payloads_max_ns,
        )
        return spans_ns, min(payloads_ns, spans_ns)

    def quotas_of(self, project: ProjectRecord) -> Quotas:
        """The project's own quotas, else the platform's. They may be above the platform's, because
        only who may change all projects sets them."""
        platform = self.quotas
        return Quotas(
            project.quota_spans_per_second or platform.spans_per_second,
            project.quota_bytes_per_second or platform.bytes_per_second,
            project.quota_spans_per_day or platform.spans_per_day,
            project.quota_content_bytes_per_day or platform.content_bytes_per_day,
        )


def is_weaker(mode: str, other: str) -> bool:
    """Whether a redaction mode keeps more than another; False for a mode that is not known."""
    if mode not in REDACTION_MODES:
        return False
    return REDACTION_MODES.index(mode) > REDACTION_MODES.index(other)

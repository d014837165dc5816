"""Small records that are over: dictionary entries, tombstones, marks of days, audit entries.

Tokens stay, expired and revoked ones too: the audit log names them.
"""

from __future__ import annotations

from tracefoundry.retention.context import Run
from tracefoundry.retention.cutoffs import Cutoffs

USAGE_DAYS = 31
"""How many days back the usage of projects is kept."""


def delete_records(run: Run, cutoffs: Cutoffs) -> None:
    """Delete what nothing refers to any more.

    Raises:
        Stopped: asked to end; running again goes on.
        StoreUnavailable: the same.
    """
    report, delete = run.report.resources, run.data.delete_records
    over_ns = run.now_ns + 1  # a tombstone is over at the very time until which it is kept
    report.resources += delete("resources", before=cutoffs.dictionary_day)
    report.scopes += delete("scopes", before=cutoffs.dictionary_day)
    report.tombstones += delete("tombstones", before=over_ns)
    report.payload_tombstones += delete("payload_tombstones", before=over_ns)
    for project in cutoffs.projects:
        report.payload_days += run.data.delete_payload_marks(
            project.project_id, before_day=project.spans_day
        )
    report.usage_days += delete("usage", before=cutoffs.today - USAGE_DAYS)
    report.audit_entries += delete("audit_entries", before=cutoffs.audit_ns)

"""Small records that are over: dictionary entries, tombstones, marks of days, audit entries.

Tokens stay, expired and revoked ones too: the audit log names them.
"""

from __future__ import annotations

from tracefoundry.retention.context import Run
from tracefoundry.retention.cutoffs import Cutoffs
from tracefoundry.store.sql.expiry.payloads import mark_is_over
from tracefoundry.store.sql.tables import (
    audit_log,
    payload_days,
    payload_tombstones,
    resources,
    scopes,
    tombstones,
)


def delete_records(run: Run, cutoffs: Cutoffs) -> None:
    """Delete what nothing refers to any more.

    Raises:
        Stopped: asked to end; running again goes on.
        StoreUnavailable: the same.
    """
    report = run.report.resources
    report.resources += run.delete(resources, resources.c.last_used_day < cutoffs.dictionary_day)
    report.scopes += run.delete(scopes, scopes.c.last_used_day < cutoffs.dictionary_day)
    report.tombstones += run.delete(tombstones, tombstones.c.keep_until_ns <= run.now_ns)
    report.payload_tombstones += run.delete(
        payload_tombstones, payload_tombstones.c.keep_until_ns <= run.now_ns
    )
    for project in cutoffs.projects:
        report.payload_days += run.delete(
            payload_days, *mark_is_over(project.project_id, project.spans_day)
        )
    report.audit_entries += run.delete(audit_log, audit_log.c.at_ns < cutoffs.audit_ns)

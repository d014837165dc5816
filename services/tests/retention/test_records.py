"""Small records: dictionaries, tombstones, audit entries, tokens."""

from __future__ import annotations

import sqlalchemy as sa

from retention.stock import NOW_NS, TODAY, execute, run, select
from tracefoundry.model.times import DAY_NS
from tracefoundry.store.sql.tables import (
    audit_log,
    payload_tombstones,
    resources,
    scopes,
    tokens,
    tombstones,
)


def test_dictionary_entries_go_two_days_after_the_longest_retention(migrated_url: str) -> None:
    """Resources and scopes alike."""
    for table, key in ((resources, "resource_id"), (scopes, "scope_id")):
        names = {"name": "s", "version": ""} if table is scopes else {}
        for day in (TODAY - 10, TODAY - 9):
            row = {"project_id": 1, key: bytes([day % 256]), "attributes": {}, "last_used_day": day}
            execute(migrated_url, sa.insert(table).values(**row, **names))
    report = run(migrated_url)
    assert [TODAY - 9] == select(migrated_url, resources.c.last_used_day)
    assert [TODAY - 9] == select(migrated_url, scopes.c.last_used_day)
    assert (1, 1) == (report.resources.resources, report.resources.scopes)


def test_tombstones_that_are_over_go(migrated_url: str) -> None:
    """Of traces and of payloads."""
    for table, key in ((tombstones, "trace_id"), (payload_tombstones, "ref")):
        for until_ns in (NOW_NS, NOW_NS + 1):
            row = {"project_id": 1, key: until_ns.to_bytes(16, "big"), "keep_until_ns": until_ns}
            values = {**row, "deleted_at_ns": 0, "reason": "deleted"}
            execute(migrated_url, sa.insert(table).values(**values))
    report = run(migrated_url)
    assert [NOW_NS + 1] == select(migrated_url, tombstones.c.keep_until_ns)
    assert [NOW_NS + 1] == select(migrated_url, payload_tombstones.c.keep_until_ns)
    assert (1, 1) == (report.resources.tombstones, report.resources.payload_tombstones)


def test_audit_entries_have_a_retention_of_their_own_and_tokens_stay(migrated_url: str) -> None:
    """The audit log names tokens that are long gone."""
    limit_ns = NOW_NS - 90 * DAY_NS
    for at_ns in (limit_ns - 1, limit_ns):
        entry = {"at_ns": at_ns, "action": "payload.read", "outcome": "allowed", "count": 1}
        execute(migrated_url, sa.insert(audit_log).values(**entry))
    token = {"token_hash": b"h", "name": "old", "role": "viewer", "created_at_ns": 0}
    execute(migrated_url, sa.insert(tokens).values(**token, expires_at_ns=1, revoked_at_ns=1))
    report = run(migrated_url)
    assert [limit_ns] == select(migrated_url, audit_log.c.at_ns)
    assert (["old"], 1) == (select(migrated_url, tokens.c.name), report.resources.audit_entries)

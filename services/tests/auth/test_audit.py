"""The audit log: entries, counted refusals, pages, and trouble."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from auth.conftest import START_NS, Clock, Office
from platform_process import eventually
from tracefoundry.auth import audit as audit_module
from tracefoundry.auth.audit import AuditLog
from tracefoundry.auth.caller import Caller, Role
from tracefoundry.auth.token_text import new_token
from tracefoundry.model.times import SECOND_NS
from tracefoundry.store.api import StoreUnavailable
from tracefoundry.store.records import AuditEntry, AuditOutcome
from tracefoundry.store.sql import tables
from tracefoundry.store.sql.administration import SqlAdministration
from tracefoundry.store.sql.engine import make_engine

VIEWER = Caller(name="eye", role=Role.VIEWER, project_id=3, project="shop", address="10.0.0.9")


def test_an_entry_says_who_did_what_to_what_from_where(office: Office) -> None:
    """The project is the caller's where none is named."""
    office.audit.record(VIEWER, "payload.read", target="sha256:00")
    assert [
        AuditEntry(
            at_ns=START_NS,
            action="payload.read",
            outcome="allowed",
            actor="eye",
            role="viewer",
            project="shop",
            target="sha256:00",
            address="10.0.0.9",
        )
    ] == office.entries()


def test_a_refusal_of_a_known_caller_is_a_row(office: Office) -> None:
    """Written when the call returns."""
    office.audit.record_denied("payload.read", status=403, caller=VIEWER, target="sha256:00")
    (entry,) = office.entries()
    assert ("denied", "eye", 403, "sha256:00", 1, None) == (
        entry.outcome,
        entry.actor,
        entry.status,
        entry.target,
        entry.count,
        entry.counted_key,
    )


def test_many_refusals_of_one_caller_become_one_counted_row(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that nobody fills the database by being refused; the next minute has rows again."""
    monkeypatch.setattr(audit_module, "ROWS_A_MINUTE", 3)
    for _ in range(10):
        office.audit.record_denied("trace.delete", status=403, caller=VIEWER)
    counts = sorted(entry.count for entry in office.entries())
    assert [1, 1, 1, 7] == counts
    assert {"eye"} == {entry.actor for entry in office.entries()}
    office.clock.seconds = 60
    office.audit.record_denied("trace.delete", status=403, caller=VIEWER)
    assert [1, 1, 1, 1, 7] == sorted(entry.count for entry in office.entries())


def test_unknown_callers_are_counted_by_address_and_minute(office: Office) -> None:
    """Of several processes too, which meet in one row."""
    other = AuditLog(office.administration, now_ns=office.clock.now_ns)
    for audit in (office.audit, other, office.audit):
        for address in ("10.0.0.1", "10.0.0.1", "10.0.0.2"):
            audit.record_denied("trace.read", status=401, address=address)
    other.close()
    office.clock.seconds = 61
    office.audit.record_denied("trace.read", status=401, address="10.0.0.1")
    assert [("10.0.0.1", 1), ("10.0.0.1", 6), ("10.0.0.2", 3)] == sorted(
        (entry.address or "", entry.count) for entry in office.entries()
    )


def test_counts_are_written_without_being_asked_for(office: Office) -> None:
    """A reader of the table sees them a moment later."""
    office.audit.record_denied("trace.read", status=401, address="10.0.0.1")

    def rows() -> int:
        return len(office.administration.audit_page(start_ns=0, end_ns=2**63 - 1, limit=10)[0])

    eventually(rows, what="the row of a refusal")


def test_addresses_counted_at_once_are_bounded(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is counted together: none goes uncounted."""
    monkeypatch.setattr(audit_module, "MOST_COUNTED", 5)
    with office.audit._writing:  # as if a write took long
        for number in range(50):
            office.audit.record_denied("trace.read", status=401, address=f"10.0.0.{number}")
    entries = office.entries()
    assert 50 == sum(entry.count for entry in entries)
    assert len(entries) <= 12
    assert audit_module.OTHER_ADDRESSES in {entry.address for entry in entries}


def test_what_is_allowed_is_not_done_where_it_cannot_be_recorded(tmp_path: Path) -> None:
    """Who reads content must be on record first."""
    audit = AuditLog(SqlAdministration(make_engine(f"sqlite:///{tmp_path}/missing.db")))
    with pytest.raises(StoreUnavailable):
        audit.record(VIEWER, "payload.read", target="sha256:00")


def test_a_refusal_never_fails_and_is_kept_until_it_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """The refusal itself stands in any case."""
    monkeypatch.setattr(audit_module, "WRITE_INTERVAL_S", 0.01)
    url = f"sqlite:///{tmp_path}/late.db"
    engine = make_engine(url)
    audit = AuditLog(SqlAdministration(engine), now_ns=clock.now_ns)
    audit.record_denied("payload.read", status=403, caller=VIEWER)
    audit.record_denied("trace.read", status=401, address="10.0.0.1")
    late = make_engine(f"sqlite:///{tmp_path}/made.db", create=True)
    tables.metadata.create_all(late, tables=[tables.audit_log])
    late.dispose()
    (tmp_path / "made.db").rename(tmp_path / "late.db")

    def counts() -> list[tuple[str | None, int]]:
        found, _ = audit.page(start_ns=0, end_ns=2**63 - 1, limit=10)
        return sorted((entry.address, entry.count) for entry in found)

    assert [("10.0.0.1", 1), ("10.0.0.9", 1)] == counts()
    audit.close()
    engine.dispose()


def test_pages_go_on_where_the_last_one_ended(office: Office) -> None:
    """Newest first, though many entries have one time."""
    for number in range(25):
        office.clock.seconds = number // 10
        office.audit.record(VIEWER, "payload.read", target=f"{number}")
    seen: list[str | None] = []
    after = None
    while True:
        page, after = office.audit.page(start_ns=0, end_ns=2**63 - 1, limit=4, after=after)
        seen += [entry.target for entry in page]
        if after is None:
            break
    assert [str(number) for number in reversed(range(25))] == seen


def test_entries_are_chosen_by_time_action_outcome_and_project(office: Office) -> None:
    """The end is exclusive."""
    office.audit.record(VIEWER, "payload.read")
    office.clock.seconds = 1
    office.audit.record_denied("payload.read", status=403, caller=VIEWER)
    office.audit.record(office.boss, "trace.delete")

    def actions(
        start_s: int = 0,
        end_s: int = 9,
        *,
        action: str | None = None,
        outcome: AuditOutcome | None = None,
        project: str | None = None,
    ) -> list[str]:
        entries, _ = office.audit.page(
            start_ns=START_NS + start_s * SECOND_NS,
            end_ns=START_NS + end_s * SECOND_NS,
            limit=10,
            action=action,
            outcome=outcome,
            project=project,
        )
        return [f"{entry.action} {entry.outcome}" for entry in entries]

    first, second, third = "payload.read allowed", "payload.read denied", "trace.delete allowed"
    assert [third, second, first] == actions()
    assert [first] == actions(end_s=1)
    assert [third, second] == actions(start_s=1)
    assert [second, first] == actions(action="payload.read")
    assert [second] == actions(outcome="denied")
    assert [second, first] == actions(project="shop")


def test_nothing_that_looks_like_a_token_is_kept(office: Office) -> None:
    """Nor what a database cannot store."""
    token = new_token()
    office.audit.record_denied(
        "token.revoke", status=403, caller=VIEWER, target=f"/api/tokens/{token}\x00\ud800"
    )
    office.audit.record_denied("otlp.send", status=401, address="::1", detail=f"Host {token}")
    assert token not in repr(office.entries())
    assert {"/api/tokens/tf_***\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}", None} == {
        entry.target for entry in office.entries()
    }


def test_threads_may_be_refused_at_once(office: Office) -> None:
    """All of them are counted."""

    def refuse() -> None:
        for _ in range(50):
            office.audit.record_denied("trace.read", status=401, address="10.0.0.1")

    threads = [threading.Thread(target=refuse) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 200 == sum(entry.count for entry in office.entries())

"""Projects, tokens and the audit log, over every store."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from store.answers import add_projects
from tracefoundry.store.api import NameTaken, Store, StoreError
from tracefoundry.store.records import (
    ANY_TIME_NS,
    AuditEntry,
    AuditOutcome,
    AuditPosition,
    ProjectRecord,
    TokenRecord,
)


def add_token(store: Store, name: str, **fields: Any) -> TokenRecord:
    """A token of this name; its hash is made of the name and the project."""
    owner = fields.get("project_id")
    whole: dict[str, Any] = {
        "token_hash": (name if owner is None else f"{name} {owner}").encode().ljust(32, b"."),
        "role": "viewer",
        "project_id": None,
        "created_at_ns": 1,
        "expires_at_ns": None,
        **fields,
    }
    with store.administration.change() as change:
        return change.add_token(name=name, **whole)


def entry(at_ns: int, **fields: Any) -> AuditEntry:
    """An entry that says little."""
    return AuditEntry(**{"action": "payload.read", "outcome": "allowed", **fields, "at_ns": at_ns})


def log(store: Store, **chosen: Any) -> list[AuditEntry]:
    """The audit log, newest first."""
    whole = {"start_ns": 0, "end_ns": ANY_TIME_NS, "limit": 1_000, **chosen}
    return store.administration.audit_page(**whole)[0]


def test_a_store_has_the_project_default_from_the_start(store: Store) -> None:
    """With id 1, which sets nothing itself."""
    (project,) = store.administration.projects()
    assert (project.project_id, project.name, project.redaction) == (1, "default", None)


def test_the_export_key_of_a_project_is_made_once(store: Store) -> None:
    """Every project has its own, and it stays as it is."""
    (zoo,) = add_projects(store, "zoo")
    key = store.administration.export_key(1)
    assert len(key) == 32
    assert store.administration.export_key(zoo) != key
    assert store.administration.export_key(1) == key
    with pytest.raises(StoreError, match="no project 999"):
        store.administration.export_key(999)


def test_two_who_ask_at_once_get_one_export_key(store: Store) -> None:
    """The one that was stored first."""
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(store.administration.export_key(1)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 4
    assert len(set(found)) == 1


def test_projects_are_made_found_and_changed(store: Store) -> None:
    """By name; lists are in the order of names."""
    (zoo,) = add_projects(store, "zoo")
    with store.administration.change() as change:
        made = change.add_project("ape", created_at_ns=7)
        assert change.find_project("ape") == made
        assert change.find_project("nobody") is None
        assert change.lock_project("nobody") is None
    assert made == ProjectRecord(made.project_id, "ape", 7)
    changed = ProjectRecord(
        made.project_id, "ape", 7, "strict", 2**40, 2**39, 2**41, 2**42, 2**43, 2**44, "on"
    )
    with store.administration.change() as change:
        assert change.lock_project("ape") == made
        change.save_project(changed)
    found = store.administration.projects()
    assert [project.name for project in found] == ["ape", "default", "zoo"]
    assert found[0] == changed
    assert len({1, zoo, made.project_id}) == 3


def test_a_change_happens_whole_or_not_at_all(store: Store) -> None:
    """An error in its block undoes it, the audit entry included."""

    def fail_after_changes() -> None:
        with store.administration.change() as change:
            change.add_project("shop", created_at_ns=0)
            change.record(entry(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_changes()
    assert [project.name for project in store.administration.projects()] == ["default"]
    assert log(store) == []


def test_names_are_taken_once(store: Store) -> None:
    """Of projects and of tokens, and a token's hash too; the refused change leaves nothing."""
    first, second = add_token(store, "a"), add_token(store, "b")

    def add_default() -> None:
        with store.administration.change() as change:
            change.record(entry(1))
            change.add_project("default", created_at_ns=0)

    with pytest.raises(NameTaken):
        add_default()
    with pytest.raises(NameTaken):
        add_token(store, "a", token_hash=bytes(32))
    with pytest.raises(NameTaken):
        add_token(store, "c", token_hash=first.token_hash)
    with pytest.raises(NameTaken), store.administration.change() as change:
        change.change_token(second.token_id, name="a", expires_at_ns=None, revoked_at_ns=None)
    assert store.administration.tokens() == [first, second]
    assert log(store) == []


def test_each_project_has_names_of_its_own(store: Store) -> None:
    """So that nobody learns by a refusal which names another project's tokens have."""
    shop, bank = add_projects(store, "shop", "bank")
    made = [add_token(store, "ci", project_id=owner) for owner in (None, shop, bank)]
    assert [("ci", None), ("ci", "shop"), ("ci", "bank")] == [
        (token.name, token.project) for token in made
    ]
    assert made == store.administration.tokens()
    for owner in (None, shop, bank):
        with pytest.raises(NameTaken):
            add_token(store, "ci", project_id=owner, token_hash=bytes(32))
    second = add_token(store, "cd", project_id=shop)
    with pytest.raises(NameTaken), store.administration.change() as change:
        change.change_token(second.token_id, name="ci", expires_at_ns=None, revoked_at_ns=None)
    add_token(store, "x:ci")
    with store.administration.change() as change:
        assert made == change.tokens_named("ci")
        assert made == [
            change.find_token(name="ci", project_id=owner) for owner in (None, shop, bank)
        ]
        assert change.find_token(name="cd", project_id=bank) is None
        assert change.tokens_named("%") == []
        moved = change.change_token(
            made[1].token_id, name="ci#2", expires_at_ns=None, revoked_at_ns=1
        )
        assert (moved.name, moved.project) == ("ci#2", "shop")
        assert change.find_token(name="ci", project_id=shop) is None
    assert store.administration.tokens_of([moved.token_hash]) == [moved]


def test_tokens_are_found_by_hash_name_and_id(store: Store) -> None:
    """In whatever state, with the name of their project."""
    (shop,) = add_projects(store, "shop")
    token = add_token(store, "ci", project_id=shop, expires_at_ns=9)
    assert (token.project, token.expires_at_ns, token.revoked_at_ns) == ("shop", 9, None)
    with store.administration.change() as change:
        revoked = change.change_token(token.token_id, name="ci#1", expires_at_ns=8, revoked_at_ns=5)
        assert change.find_token(name="ci#1", project_id=shop) == revoked
        assert change.find_token(token_id=token.token_id) == revoked
        assert change.find_token(token_hash=token.token_hash) == revoked
        assert change.find_token(name="ci", project_id=shop) is None
        assert change.find_token(name="ci#1") is None
        assert change.find_token(token_id=999) is None
    assert (revoked.name, revoked.expires_at_ns, revoked.revoked_at_ns) == ("ci#1", 8, 5)
    assert revoked.token_hash == token.token_hash
    asked = [bytes(32), token.token_hash, bytes(31) + b"1"]
    assert store.administration.tokens_of(asked) == [revoked]
    assert store.administration.tokens_of(asked[:1]) == []


def test_a_token_that_is_not_there_cannot_be_changed(store: Store) -> None:
    """It is an error of the caller."""
    with pytest.raises(StoreError), store.administration.change() as change:
        change.change_token(999, name="a", expires_at_ns=None, revoked_at_ns=None)


def test_a_token_is_live_until_it_expires_or_is_revoked(store: Store) -> None:
    """The moment of expiry is not live any more."""
    assert not store.administration.has_live_token(0)
    token = add_token(store, "a", expires_at_ns=10)
    assert store.administration.has_live_token(9)
    assert not store.administration.has_live_token(10)
    with store.administration.change() as change:
        change.change_token(token.token_id, name="a", expires_at_ns=10, revoked_at_ns=1)
    assert not store.administration.has_live_token(0)


def test_one_of_many_gets_a_name_that_all_want_at_once(store: Store) -> None:
    """The others are refused. Registrations that lock wait for each other."""
    won: list[int] = []
    lost: list[str] = []

    def want() -> None:
        try:
            with store.administration.change() as change:
                change.lock_token_registration()
                won.append(change.add_project("shop", created_at_ns=0).project_id)
        except NameTaken as error:
            lost.append(str(error))

    threads = [threading.Thread(target=want) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(won), len(lost)) == (1, 3)


def test_the_audit_log_is_filtered_and_newest_first(store: Store) -> None:
    """The end of the time is exclusive."""
    entries = [
        entry(1, actor="eye", role="viewer", target="t", address="::1", detail="d"),
        entry(2, action="trace.delete", outcome="denied", status=403, project="shop"),
        entry(2, action="otlp.send", project="shop"),
    ]
    with store.administration.change() as change:
        for one in entries:
            change.record(one)
    first, second, third = entries
    denied: AuditOutcome = "denied"
    assert log(store) == [third, second, first]
    assert log(store, end_ns=2) == [first]
    assert log(store, start_ns=2) == [third, second]
    assert log(store, action="otlp.send") == [third]
    assert log(store, outcome=denied) == [second]
    assert log(store, project="shop") == [third, second]


def test_pages_of_the_audit_log_go_on_where_the_last_one_ended(store: Store) -> None:
    """Though many entries have one time."""
    entries = [entry(number // 10, target=f"{number}") for number in range(25)]
    with store.administration.change() as change:
        for one in entries:
            change.record(one)
    seen: list[AuditEntry] = []
    after: AuditPosition | None = None
    while not seen or after is not None:
        page, after = store.administration.audit_page(
            start_ns=0, end_ns=ANY_TIME_NS, limit=4, after=after
        )
        seen += page
    assert seen == entries[::-1]


def test_counted_refusals_of_one_key_are_one_row(store: Store) -> None:
    """Whose counts are added up; the first one's time stays."""

    def refusal(at_ns: int, key: str, count: int) -> AuditEntry:
        return entry(at_ns, outcome="denied", counted_key=key, count=count)

    store.administration.count_refusals([refusal(1, "b", 2), refusal(1, "a", 1)])
    store.administration.count_refusals([refusal(5, "a", 3), refusal(5, "c", 1)])
    counts = sorted((one.counted_key, one.at_ns, one.count) for one in log(store))
    assert counts == [("a", 1, 4), ("b", 1, 2), ("c", 5, 1)]

"""The life of a token: made, listed, expired, revoked, replaced by a Secret's new one."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from auth.conftest import START_NS, Office
from tracefoundry.auth.audit import AuditLog
from tracefoundry.auth.caller import Caller, Role, loopback_caller
from tracefoundry.auth.errors import AccessError
from tracefoundry.auth.token_text import hash_of, new_token
from tracefoundry.auth.tokens import Tokens
from tracefoundry.model.times import DAY_NS
from tracefoundry.store import migrations
from tracefoundry.store.records import TokenRecord
from tracefoundry.store.sql import tables
from tracefoundry.store.sql.administration import SqlAdministration
from tracefoundry.store.sql.engine import make_engine, reading


def found(office: Office, text: str) -> TokenRecord | None:
    """The record of a token's text."""
    return next(iter(office.administration.tokens_of([hash_of(text)])), None)


def states(office: Office) -> dict[str, str]:
    """State by name of all tokens."""
    now = office.clock.now_ns()
    return {record.name: record.state(now) for record in office.tokens.all()}


def test_a_new_token_is_found_by_its_hash_alone(office: Office) -> None:
    """Neither its text nor the hash is shown."""
    text, record = office.tokens.create("ci", Role.VIEWER, office.boss, expires="90d")
    assert record == found(office, text)
    assert ("ci", "viewer", None, START_NS, START_NS + 90 * DAY_NS, None) == (
        record.name,
        record.role,
        record.project,
        record.created_at_ns,
        record.expires_at_ns,
        record.revoked_at_ns,
    )
    assert text not in repr(record)
    assert hash_of(text).hex() not in repr(record)


def test_the_text_of_a_token_is_in_no_table(database_url: str) -> None:
    """Not in the audit log either."""
    migrations.upgrade(database_url)
    engine = make_engine(database_url)
    administration = SqlAdministration(engine)
    tokens = Tokens(administration, AuditLog(administration))
    text, _ = tokens.create("ci", Role.VIEWER, loopback_caller())
    with reading(engine) as connection:
        found = [
            repr(tuple(row))
            for table in tables.metadata.sorted_tables
            for row in connection.execute(sa.select(table))
        ]
    engine.dispose()
    assert any(hash_of(text).hex() in row or repr(hash_of(text)) in row for row in found)
    assert not any(text in row for row in found)


def test_a_token_may_hold_for_one_project(office: Office) -> None:
    """Which must exist."""
    project = office.projects.create("shop", office.boss)
    _, record = office.tokens.create("shop ci", Role.INGEST, office.boss, project="shop")
    assert (project.project_id, "shop") == (record.project_id, record.project)
    with pytest.raises(AccessError) as caught:
        office.tokens.create("other", Role.INGEST, office.boss, project="nowhere")
    assert "unknown_project" == caught.value.kind


def test_names_are_unique_among_living_tokens_only(office: Office) -> None:
    """A revoked or expired one gives its name free and stays in the list under another."""
    office.tokens.create("a", Role.VIEWER, office.boss)
    office.tokens.create("b", Role.VIEWER, office.boss, expires="1d")
    for name in ("a", "b"):
        with pytest.raises(AccessError) as caught:
            office.tokens.create(name, Role.ADMIN, office.boss)
        assert "name_taken" == caught.value.kind
    office.tokens.revoke("a", office.boss)
    office.clock.seconds = 86_400
    office.tokens.create("a", Role.ADMIN, office.boss)
    office.tokens.create("b", Role.ADMIN, office.boss)
    assert {"a": "live", "a#1": "revoked", "b": "live", "b#2": "expired"} == states(office)


@pytest.mark.parametrize(
    "name", ["", " a", "a ", "123", "secret:admin", "a#1", "a/b", "a\n", "é", "a" * 64]
)
def test_names_that_could_be_mistaken_are_refused(office: Office, name: str) -> None:
    """Digits alone would be an id, a colon and a hash are ours, a slash is no path segment."""
    with pytest.raises(AccessError) as caught:
        office.tokens.create(name, Role.VIEWER, office.boss)
    assert ("invalid", "name") == (caught.value.kind, caught.value.field)


@pytest.mark.parametrize("expires", ["", "0d", "soon", "-1d", "9999999d", "1.5h"])
def test_a_lifetime_that_is_no_duration_is_refused(office: Office, expires: str) -> None:
    """It must not become a token without an end."""
    with pytest.raises(AccessError) as caught:
        office.tokens.create("a", Role.VIEWER, office.boss, expires=expires)
    assert ("invalid", "expires") == (caught.value.kind, caught.value.field)


def test_a_token_is_revoked_by_name_or_id_once(office: Office) -> None:
    """Revoking again changes nothing, and is not recorded again."""
    _, record = office.tokens.create("a", Role.VIEWER, office.boss)
    office.clock.seconds = 5
    first = office.tokens.revoke("a", office.boss)
    office.clock.seconds = 9
    assert first == office.tokens.revoke(str(record.token_id), office.boss)
    assert START_NS + 5_000_000_000 == first.revoked_at_ns
    assert 1 == len(office.entries("token.revoke"))


def test_an_unknown_token_cannot_be_revoked_and_is_not_shown(office: Office) -> None:
    """People paste the token itself where its name is wanted."""
    text, _ = office.tokens.create("a", Role.VIEWER, office.boss)
    for which in (text, "99", "999999999999999999999", "nobody"):
        with pytest.raises(AccessError) as caught:
            office.tokens.revoke(which, office.boss)
        assert "unknown_token" == caught.value.kind
        assert which not in caught.value.message


def test_each_project_names_its_tokens_for_itself(office: Office) -> None:
    """A name that another project uses is neither taken nor refused; nor is one of all projects."""
    for project in ("shop", "bank"):
        office.projects.create(project, office.boss)
        office.tokens.create("ci", Role.INGEST, office.boss, project=project)
    office.tokens.create("ci", Role.VIEWER, office.boss)
    for project in ("shop", None):
        with pytest.raises(AccessError) as caught:
            office.tokens.create("ci", Role.ADMIN, office.boss, project=project)
        assert "name_taken" == caught.value.kind
    assert 3 == len(office.tokens.all())


def test_an_admin_revokes_the_token_of_that_name_of_their_project(office: Office) -> None:
    """Whoever may revoke in all projects is asked for the id where a name stands for several."""
    shop, bank = (office.projects.create(name, office.boss) for name in ("shop", "bank"))
    made = {
        project.name: office.tokens.create("ci", Role.INGEST, office.boss, project=project.name)[1]
        for project in (shop, bank)
    }
    with pytest.raises(AccessError) as caught:
        office.tokens.revoke("ci", office.boss)
    assert "ambiguous_token" == caught.value.kind
    for name, record in made.items():
        assert f"{record.token_id} ({name})" in caught.value.message
    keeper = Caller(name="k", role=Role.ADMIN, project_id=shop.project_id, project="shop")
    assert made["shop"].token_id == office.tokens.revoke("ci", keeper).token_id
    assert made["bank"].token_id == office.tokens.revoke("ci", office.boss).token_id
    assert {"revoked"} == {record.state(office.clock.now_ns()) for record in office.tokens.all()}
    assert "revoked" == office.tokens.revoke("ci", office.boss).state(office.clock.now_ns())


def test_an_admin_of_one_project_revokes_its_tokens_only(office: Office) -> None:
    """Those of others look as if they were not there."""
    project = office.projects.create("shop", office.boss)
    office.tokens.create("everywhere", Role.VIEWER, office.boss)
    office.tokens.create("inside", Role.VIEWER, office.boss, project="shop")
    keeper = Caller(name="k", role=Role.ADMIN, project_id=project.project_id, project="shop")
    with pytest.raises(AccessError) as caught:
        office.tokens.revoke("everywhere", keeper)
    assert "unknown_token" == caught.value.kind
    assert "revoked" == office.tokens.revoke("inside", keeper).state(office.clock.now_ns())


def test_what_was_made_and_revoked_is_recorded_with_who_did_it(office: Office) -> None:
    """In the transaction that did it: a refused name leaves no entry."""
    office.tokens.create("a", Role.INGEST, office.boss)
    with pytest.raises(AccessError):
        office.tokens.create("a", Role.ADMIN, office.boss)
    office.tokens.revoke("a", office.boss)
    assert [
        ("token.revoke", "a", "loopback", None),
        ("token.create", "a", "loopback", "role ingest"),
    ] == [(entry.action, entry.target, entry.actor, entry.detail) for entry in office.entries()]


def test_a_name_goes_to_one_of_many_that_want_it_at_once(office: Office) -> None:
    """The others hear that it is taken."""
    won: list[str] = []
    lost: list[str] = []

    def want() -> None:
        try:
            won.append(office.tokens.create("a", Role.VIEWER, office.boss)[0])
        except AccessError as error:
            lost.append(error.kind)

    threads = [threading.Thread(target=want) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (1, ["name_taken"] * 3) == (len(won), lost)


def test_tokens_of_secrets_are_registered_once(office: Office) -> None:
    """A second migration changes nothing."""
    texts = {Role.ADMIN: new_token(), Role.INGEST: new_token()}
    assert 2 == len(office.tokens.register(texts, office.boss))
    assert [] == office.tokens.register(texts, office.boss)
    assert {"secret:admin": "live", "secret:ingest": "live"} == states(office)
    assert 2 == len(office.entries("token.create"))
    record = found(office, texts[Role.INGEST])
    assert record is not None
    assert ("ingest", None, None) == (record.role, record.project_id, record.expires_at_ns)


def test_the_token_before_of_a_changed_secret_lives_one_more_day(office: Office) -> None:
    """Pods that still send it must not lose data while they are rolled; putting it back works."""
    first, second = new_token(), new_token()
    office.tokens.register({Role.INGEST: first}, office.boss)
    office.clock.seconds = 100
    office.tokens.register({Role.INGEST: second}, office.boss)
    old = found(office, first)
    assert old is not None
    assert ("secret:ingest#1", START_NS + 100_000_000_000 + DAY_NS) == (
        old.name,
        old.expires_at_ns,
    )
    office.clock.seconds = 200
    office.tokens.register({Role.INGEST: first}, office.boss)
    assert {"secret:ingest": "live", "secret:ingest#2": "live"} == states(office)
    office.clock.seconds = 200 + 86_400
    assert {"secret:ingest": "live", "secret:ingest#2": "expired"} == states(office)
    again = found(office, first)
    assert again is not None
    assert again.expires_at_ns is None


def test_a_revoked_token_does_not_come_back_from_its_secret(office: Office) -> None:
    """Who revoked it had a reason, and the next migration is not it."""
    text = new_token()
    office.tokens.register({Role.ADMIN: text}, office.boss)
    office.tokens.revoke("secret:admin", office.boss)
    (said,) = office.tokens.register({Role.ADMIN: text}, office.boss)
    assert "revoked" in said
    assert {"secret:admin": "revoked"} == states(office)


def test_one_text_for_two_roles_is_refused(office: Office) -> None:
    """In one go, one after the other, and for a token that was made here."""
    text = new_token()
    made, _ = office.tokens.create("ci", Role.VIEWER, office.boss)
    office.tokens.register({Role.ADMIN: text}, office.boss)
    for texts in (
        {Role.INGEST: text},
        {Role.VIEWER: made},
        dict.fromkeys((Role.VIEWER, Role.ENGINEER), new_token()),
        {Role.VIEWER: "too short"},
    ):
        with pytest.raises(AccessError) as caught:
            office.tokens.register(texts, office.boss)
        assert "invalid" == caught.value.kind
        assert not any(value in caught.value.message for value in texts.values())
    assert {"ci": "live", "secret:admin": "live"} == states(office)


def test_it_is_known_whether_anybody_can_log_in(office: Office) -> None:
    """A token that is over does not count."""
    assert not office.tokens.any_live()
    office.tokens.create("a", Role.ADMIN, office.boss, expires="1h")
    assert office.tokens.any_live()
    office.clock.seconds = 3_600
    assert not office.tokens.any_live()

"""Reading payloads over HTTP: who may, from which copy, how typed, and what is said when not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from query.app_client import AppClient
from query.payload_store import TODAY, PayloadShelf
from query.rows import add_project
from tracefoundry.model.payload import digest_of, ref_of
from tracefoundry.payloads.errors import ObjectStoreUnavailable, PayloadMissing
from tracefoundry.payloads.keys import KeyRing
from tracefoundry.query import payload_reading
from tracefoundry.query.payload_reading import PayloadReader
from tracefoundry.query.payloads import media_type_of
from tracefoundry.store.sql import tables

OTHER = (2, "other")


def conversation(turns: int) -> bytes:
    """Messages long enough to be stored one by one."""
    messages = [{"role": "user", "content": f"turn {n} " + "x" * 300} for n in range(turns)]
    return json.dumps(messages).encode()


def refusal(client: AppClient, ref: str, **parameters: str) -> tuple[int, str]:
    """Status and code of an answer that is none."""
    answer = client.get(f"/api/payloads/{ref}", params=parameters)
    return answer.status_code, answer.json()["error"]["code"]


def damage(shelf: PayloadShelf, name: str) -> None:
    """Change one byte in the middle of an object."""
    path = shelf.objects.below.root / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_payload_is_served_as_it_was_stored(shelf: PayloadShelf) -> None:
    """Whole values and lists of messages, by ref or bare digest, with headers for browsers."""
    values = [b"a prompt", conversation(40), conversation(41)]
    refs = shelf.put(values)
    client = shelf.client()
    answers = [client.get(f"/api/payloads/{ref}") for ref in refs]
    bare = client.get(f"/api/payloads/{refs[1].removeprefix('sha256:').upper()}")
    assert [values[0], values[1], values[2], values[1]] == [
        answer.content for answer in [*answers, bare]
    ]
    assert {
        "content-type": "text/plain; charset=utf-8",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox",
        "cache-control": "private, no-store",
        "etag": f'"{refs[0]}"',
    }.items() <= dict(answers[0].headers).items()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"a": [1, "\xc3\xbc"]}', "application/json"),
        (b" [1]\n", "application/json"),
        (b'"text"', "text/plain; charset=utf-8"),
        (b"[1, 2", "text/plain; charset=utf-8"),
        (b"[" * 100_000 + b"]" * 100_000, "text/plain; charset=utf-8"),
        (b"<script>alert(1)</script>", "text/plain; charset=utf-8"),
        (b"", "text/plain; charset=utf-8"),
        (b'{"a": "\xff"}', "application/octet-stream"),
        (b"\x89PNG\r\n", "application/octet-stream"),
    ],
)
def test_content_is_typed_as_data_that_no_browser_runs(content: bytes, expected: str) -> None:
    """JSON only where it is an object or array."""
    assert expected == media_type_of(content)


@pytest.mark.parametrize("role", ["viewer", "ingest"])
def test_who_may_not_read_content_gets_403(shelf: PayloadShelf, role: str) -> None:
    """Whether the payload is there or not."""
    (ref,) = shelf.put([b"secret"])
    client = shelf.client(role)
    assert [(403, "forbidden")] * 2 == [refusal(client, one) for one in (ref, ref_of(b"no"))]


def test_a_read_is_recorded_before_the_answer_and_none_is_given_without(
    shelf: PayloadShelf,
) -> None:
    """Ref, project and reader are in the audit log; without the log there is no content."""
    (ref,) = shelf.put([b"secret"])
    client = shelf.client()
    assert 200 == client.get(f"/api/payloads/{ref}").status_code
    log = tables.audit_log.c
    with shelf.engine.connect() as connection:
        rows = connection.execute(
            sa.select(log.action, log.outcome, log.actor, log.target, log.project)
        ).all()
    assert [("payload.read", "allowed", "engineer", ref, "default")] == [tuple(row) for row in rows]
    with shelf.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE audit_log")
    answer = client.get(f"/api/payloads/{ref}")
    assert (503, False) == (answer.status_code, b"secret" in answer.content)


def test_a_payload_comes_from_any_copy_that_is_whole(shelf: PayloadShelf) -> None:
    """The newest first; a damaged or missing one gives way to another day's or project's."""
    add_project(shelf.engine, *OTHER)
    value = conversation(20)
    (ref,) = shelf.put([value], day=TODAY - 1)
    (old,) = shelf.names()
    shelf.put([value], day=TODAY)
    (new,) = set(shelf.names()) - {old}
    shelf.put([value], project=OTHER, day=TODAY - 2)
    (other,) = set(shelf.names()) - {old, new}
    client = shelf.client()
    found = [client.get(f"/api/payloads/{ref}").content]
    damage(shelf, new)
    found.append(client.get(f"/api/payloads/{ref}").content)
    (shelf.objects.below.root / old).unlink()
    found.append(client.get(f"/api/payloads/{ref}").content)
    assert [value] * 3 == found
    assert (500, "payload_corrupt") == refusal(client, ref, project="default")
    damage(shelf, other)
    answer = client.get(f"/api/payloads/{ref}")
    assert (500, "payload_corrupt") == (answer.status_code, answer.json()["error"]["code"])
    assert ref in answer.json()["error"]["message"]


def test_copies_of_projects_that_may_not_be_read_do_not_count(shelf: PayloadShelf) -> None:
    """Nor are they known of."""
    add_project(shelf.engine, *OTHER)
    (ref,) = shelf.put([b"theirs"], project=OTHER)
    mine = shelf.client("engineer", (1, "default"))
    assert [(404, "payload_not_found"), (403, "forbidden_project"), (404, "payload_not_found")] == [
        refusal(mine, ref),
        refusal(mine, ref, project="other"),
        refusal(shelf.client(), ref, project="default"),
    ]
    assert 200 == shelf.client("admin").get(f"/api/payloads/{ref}").status_code


def test_what_is_gone_says_when_and_why(shelf: PayloadShelf) -> None:
    """Expired with its day, deleted with its trace, or gone without a word."""
    expired, deleted, missing = shelf.put([b"expired"], day=TODAY - 4) + shelf.put([b"d", b"m"])
    shelf.execute(sa.delete(tables.payload_blobs))
    shelf.execute(
        sa.insert(tables.payload_days).values(
            project_id=1, day=TODAY - 4, expired_at_ns=1_500_000_000, reason="retention"
        )
    )
    shelf.execute(
        sa.insert(tables.payload_tombstones).values(
            project_id=1,
            ref=digest_of(deleted),
            deleted_at_ns=2_000_000_000,
            keep_until_ns=time.time_ns() + 10**12,
            reason="removing 2026-01-01/00",
        )
    )
    client = shelf.client()
    answers = [client.get(f"/api/payloads/{ref}") for ref in (expired, deleted, missing)]
    assert [410] * 3 == [answer.status_code for answer in answers]
    assert ["payload_gone"] * 3 == [answer.json()["error"]["code"] for answer in answers]
    assert [
        {"state": "expired", "at": "1970-01-01T00:00:01.500000Z", "reason": "retention"},
        {"state": "deleted", "at": "1970-01-01T00:00:02Z", "reason": "deleted"},
        {"state": "missing", "at": None, "reason": None},
    ] == [answer.json()["error"]["tombstone"] for answer in answers]


def test_a_payload_is_expired_from_the_moment_its_objects_go(shelf: PayloadShelf) -> None:
    """Retention marks the day, removes the objects and then the rows; between them all is said."""
    (ref,) = shelf.put([b"expired"], day=TODAY - 4)
    client = shelf.client()
    assert 0 < shelf.objects.below.delete_prefix("default/")
    assert (500, "payload_corrupt") == refusal(client, ref)
    shelf.execute(
        sa.insert(tables.payload_days).values(
            project_id=1, day=TODAY - 4, expired_at_ns=1_500_000_000, reason="retention"
        )
    )
    assert (410, "payload_gone") == refusal(client, ref)


def test_a_payload_that_is_live_somewhere_is_not_gone(shelf: PayloadShelf) -> None:
    """410 only when every copy is gone."""
    (ref,) = shelf.put([b"again"])
    shelf.execute(
        sa.insert(tables.payload_days).values(
            project_id=1, day=TODAY - 4, expired_at_ns=1, reason="retention"
        )
    )
    shelf.refer(2, [ref], day=TODAY - 4)
    assert 200 == shelf.client().get(f"/api/payloads/{ref}").status_code


def test_unknown_and_malformed_refs(shelf: PayloadShelf) -> None:
    """404 and 400."""
    client = shelf.client()
    assert [(404, "payload_not_found"), (400, "invalid_parameter"), (400, "invalid_parameter")] == [
        refusal(client, ref_of(b"never")),
        refusal(client, "sha256:12"),
        refusal(client, "md5:" + "0" * 64),
    ]


def test_an_object_store_that_cannot_answer_is_503(shelf: PayloadShelf) -> None:
    """Nothing is said to be lost, and the caller is told when to come again."""
    (ref,) = shelf.put([b"x"])
    shelf.objects.down = {"get"}
    answer = shelf.client().get(f"/api/payloads/{ref}")
    assert (503, "payload_store_unavailable", "2") == (
        answer.status_code,
        answer.json()["error"]["code"],
        answer.headers["retry-after"],
    )


def test_a_key_that_is_not_configured_is_503_and_an_old_one_still_reads(
    shelf: PayloadShelf,
) -> None:
    """Keys rotate: the new one in front, the old one behind it."""
    old, new = bytes(range(32)), bytes(range(1, 33))
    shelf.keys = KeyRing({"old": old})
    (ref,) = shelf.put([b"secret"])
    shelf.keys = KeyRing({"new": new})
    refused = refusal(shelf.client(), ref)
    shelf.keys = KeyRing({"new": new, "old": old})
    answer = shelf.client().get(f"/api/payloads/{ref}")
    assert ((503, "payload_key_missing"), b"secret") == (refused, answer.content)


def test_one_copy_can_be_read_by_its_project_and_day(shelf: PayloadShelf) -> None:
    """As exports do, which must not take a copy of elsewhere."""
    value = conversation(20)
    (ref,) = shelf.put([value])
    payloads = PayloadReader(shelf.database.reader, shelf.store, shelf.keys)
    assert value == payloads.read_from(1, "default", TODAY, ref)
    with pytest.raises(PayloadMissing):
        payloads.read_from(1, "default", TODAY - 1, ref)


def test_large_payloads_wait_for_each_other_and_say_so_in_the_end(
    shelf: PayloadShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their number at once is bounded, as they are whole in memory."""
    monkeypatch.setattr(payload_reading, "LARGE_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(payload_reading, "LARGE_AT_ONCE", 1)
    value = b"l" * (payload_reading.LARGE_BYTES + 1)
    (ref,) = shelf.put([value])
    payloads = PayloadReader(shelf.database.reader, shelf.store, shelf.keys)
    with payloads._place_for(len(value)), pytest.raises(ObjectStoreUnavailable, match="too many"):
        payloads.read({1: "default"}, ref)
    found = payloads.read({1: "default"}, ref)
    assert found is not None
    assert value == found.content


def test_a_blob_that_moves_while_it_is_read_is_found(
    shelf: PayloadShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deletion rewrites a pack between the look at its row and the look at the object."""
    (ref,) = shelf.put([b"moving"])
    (name,) = shelf.names()
    below = shelf.objects.below
    get: Callable[..., bytes] = below.get
    data = get(name)

    def move_first(wanted: str, *place: int) -> bytes:
        monkeypatch.setattr(below, "get", get)
        moved = b"x" + data
        digest = digest_of(ref_of(moved))
        below.put(f"{name.rpartition('/')[0]}/{digest.hex()}", moved)
        shelf.execute(sa.update(tables.payload_blobs).values(object=digest, object_offset=1))
        below.delete([name])
        return get(wanted, *place)

    monkeypatch.setattr(below, "get", move_first)
    assert b"moving" == shelf.client().get(f"/api/payloads/{ref}").content

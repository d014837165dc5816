"""Whoever receives content leaves an audit entry, whether by payload, preview, log or search."""

from __future__ import annotations

from typing import Any

import pytest

from query.payload_store import PayloadShelf, entry
from query.rows import add_project, insert
from samples import make_log, make_span, span_id, trace_id
from tracefoundry.query import content_audit
from tracefoundry.store.api import StoreUnavailable

TRACE = trace_id(1).hex()
WORD = "zanzibar"
CONTENT = f"a trip to {WORD} and back".encode()
SPANS = f"/api/traces/{TRACE}/spans"
SPAN = f"/api/spans/{span_id(1).hex()}?trace_id={TRACE}"
CONTENT_ACTIONS = {"payload.read", "payload.preview", "payload.search"}
READERS = ("viewer", "engineer", "admin")


def entries(shelf: PayloadShelf) -> list[dict[str, Any]]:
    """The audit log, newest first, as an admin of all projects reads it."""
    found: list[dict[str, Any]] = (
        shelf.client("admin").get("/api/audit", params={"start": 0}).json()["entries"]
    )
    return found


def allowed(shelf: PayloadShelf) -> int:
    """How many reads of content are on record."""
    return sum(
        one["outcome"] == "allowed" and one["action"] in CONTENT_ACTIONS for one in entries(shelf)
    )


@pytest.fixture
def stocked(shelf: PayloadShelf) -> PayloadShelf:
    """A trace of two spans with a payload each, and a log whose body was left in its row."""
    shelf.put([CONTENT])
    insert(
        shelf.engine,
        [make_span(1, n, start=n, payloads=(entry(CONTENT),)) for n in (1, 2)],
        [make_log(1, 1, body="a word of the model")],
    )
    return shelf


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (SPANS, "payload previews: 2, log bodies: 1"),
        (SPAN, "payload previews: 1, log bodies: 1"),
    ],
)
def test_an_answer_with_previews_has_one_entry(
    stocked: PayloadShelf, path: str, found: str
) -> None:
    """However many it holds; with who, which trace and which project."""
    assert 200 == stocked.client("engineer").get(path).status_code
    (one,) = entries(stocked)
    assert ("payload.preview", "allowed", "engineer", "default", TRACE, found) == tuple(
        one[name] for name in ("action", "outcome", "role", "project", "target", "detail")
    )


@pytest.mark.parametrize("q", [WORD, "not there at all"])
def test_a_search_in_content_has_one_entry(stocked: PayloadShelf, q: str) -> None:
    """What it did not find tells too. Its text may be a secret, and is not kept."""
    answer = stocked.client("engineer", (1, "default")).get(
        "/api/traces", params={"start": 0, "q": q}
    )
    (one,) = entries(stocked)
    count = len(answer.json()["traces"])
    assert ("payload.search", "default", None, f"traces found: {count}") == tuple(
        one[name] for name in ("action", "project", "target", "detail")
    )
    assert q not in repr(one)


def test_what_holds_no_content_leaves_no_entry(stocked: PayloadShelf) -> None:
    """Metadata of all kinds, for every role; and nothing that a viewer asks for is a read."""
    metadata = [
        f"/api/traces/{TRACE}",
        f"/api/traces/{TRACE}/tree",
        f"{SPANS}?view=skeleton",
        "/api/traces?start=0",
        "/api/stats?start=0",
        "/api/session",
    ]
    for role in READERS:
        for path in metadata:
            assert 200 == stocked.client(role).get(path).status_code
    for path in (SPANS, SPAN, f"/api/traces?start=0&q={WORD}"):
        assert WORD not in stocked.client("viewer").get(path).text
    assert [] == entries(stocked)


def test_an_answer_of_spans_without_content_leaves_no_entry(shelf: PayloadShelf) -> None:
    """Attributes are metadata; what was taken out or is gone shows nothing."""
    gone = entry(b"gone")
    removed = entry(b"", ref=None, bytes=None, media_type=None, state="redacted")
    insert(shelf.engine, [make_span(1, 1, attributes={"a": 1}, payloads=(gone, removed))])
    (span,) = shelf.client("engineer").get(SPANS).json()["spans"]
    assert [None, None] == [one["preview"] for one in span["payloads"]]
    assert [] == entries(shelf)


@pytest.mark.parametrize("path", [SPANS, SPAN, f"/api/traces?start=0&q={WORD}"])
def test_content_is_not_sent_where_it_cannot_be_recorded(
    stocked: PayloadShelf, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """503 to those who may read content; a viewer is answered."""

    def fail(*_arguments: object, **_options: object) -> None:
        raise StoreUnavailable("the database takes no writes")

    monkeypatch.setattr("tracefoundry.auth.audit.AuditLog.record", fail)
    answer = stocked.client("engineer").get(path)
    assert (503, "store_unavailable") == (answer.status_code, answer.json()["error"]["code"])
    assert WORD not in answer.text
    assert 200 == stocked.client("viewer").get(path).status_code


@pytest.mark.parametrize("role", READERS)
def test_no_answer_holds_content_without_an_entry(stocked: PayloadShelf, role: str) -> None:
    """Every reading route by every role: a word of the content, or a hit for it, and an entry
    come together."""
    (ref,) = {one["ref"] for one in stocked.client().get(SPAN).json()["spans"][0]["payloads"]}
    for path in (SPANS, SPAN, f"/api/payloads/{ref}", f"/api/traces?start=0&q={WORD}"):
        before = allowed(stocked)
        answer = stocked.client(role).get(path)
        shown = "a trip" in answer.text or ("q=" in path and TRACE in answer.text)
        assert (role != "viewer") == shown
        assert before + shown == allowed(stocked)


def test_an_admin_of_a_project_sees_who_read_its_content(stocked: PayloadShelf) -> None:
    """The entries of their own project, and no others."""
    add_project(stocked.engine, 2, "other")
    stocked.client("engineer").get(SPANS)
    path = "/api/audit?start=0&action=payload.preview"
    mine = stocked.client("admin", (1, "default")).get(path).json()["entries"]
    theirs = stocked.client("admin", (2, "other")).get(path).json()["entries"]
    assert (1, 0) == (len(mine), len(theirs))
    assert content_audit.PREVIEW_READ == mine[0]["action"]

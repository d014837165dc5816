"""Text search in payloads: for engineers and admins, and never for viewers."""

from __future__ import annotations

from typing import Any

import pytest

from query.app_client import AppClient
from query.payload_store import PayloadShelf
from query.rows import add_project, insert
from samples import make_log, make_span
from tracefoundry.model.payload import ref_of
from tracefoundry.query.app import create_app
from tracefoundry.query.settings import QuerySettings
from tracefoundry.store.sql.reader import search

OTHER = (2, "other")


def found(shelf: PayloadShelf, text: str, role: str = "engineer") -> list[int]:
    """Trace ids as small numbers, newest first."""
    answer = shelf.client(role).get("/api/traces", params={"start": 0, "q": text})
    assert 200 == answer.status_code, answer.text
    assert (answer.json()["search_complete"], answer.json()["next_cursor"]) == (True, None)
    return [int(trace["trace_id"], 16) for trace in answer.json()["traces"]]


@pytest.mark.parametrize("text", ["zanzibar", "ZANZIBAR", "über", 'say "hi"', "two\nlines"])
def test_content_is_found_by_who_may_read_it_and_never_by_a_viewer(
    shelf: PayloadShelf, text: str
) -> None:
    """A word that stands in the content alone, whatever the case."""
    add_project(shelf.engine, *OTHER)
    insert(shelf.engine, [make_span(n, 1, start=n, name="plain") for n in (1, 2, 3)])
    insert(shelf.engine, [make_span(4, 1, start=4)], project=2)
    insert(shelf.engine, [make_span(5, 1, start=5)], [make_log(5, 1)])
    content = 'Fly to Zanzibar ÜBER say "hi" and two\nlines 100%'.encode()
    shelf.put([content], trace=1)
    shelf.put([b"x" * 300 + content], trace=2)
    shelf.put([content], trace=4, project=OTHER)
    shelf.put([content], trace=5)
    assert [5, 4, 1] == found(shelf, text)
    assert [5, 4, 1] == found(shelf, text, "admin")
    assert [] == found(shelf, text, "viewer")
    assert [3, 2, 1] == found(shelf, "plain", "viewer")


def test_a_viewer_finds_nothing_by_a_ref_that_a_sender_wrote(shelf: PayloadShelf) -> None:
    """Whoever guesses a text could make sure of it."""
    ref = ref_of(b"yes")
    insert(shelf.engine, [make_span(1, 1, attributes={"gen_ai.input.messages_ref": ref})])
    assert ([1], []) == (found(shelf, ref), found(shelf, ref, "viewer"))


@pytest.mark.parametrize("step", [1, 2, 100])
def test_a_search_in_payloads_goes_on_where_it_stopped(
    shelf: PayloadShelf, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Inside a large trace too, between its spans and between its payloads."""
    monkeypatch.setattr(search, "STEP_SPANS", 5)
    monkeypatch.setattr(search, "STEP_PREVIEWS", step)
    insert(shelf.engine, [make_span(2, n, start=n) for n in range(1, 13)])
    insert(shelf.engine, [make_span(1, 1), make_span(3, 1, start=90)])
    shelf.put([b"hay %d" % n for n in range(9)] + [b"needle"], trace=2)
    shelf.put([b"needle"], trace=1)
    client = AppClient(
        create_app(shelf.database, QuerySettings(search_seconds=0), objects=shelf.store)
    )
    ids: list[int] = []
    pages = 0
    parameters: dict[str, Any] = {"start": 0, "q": "needle"}
    while "cursor" not in parameters or parameters["cursor"]:
        page = client.get("/api/traces", params=parameters).json()
        ids += [int(trace["trace_id"], 16) for trace in page["traces"]]
        parameters["cursor"] = page["next_cursor"]
        pages += 1
        assert pages < 50
    assert ([2, 1], True) == (ids, pages >= 4)


def test_a_place_among_payloads_helps_no_viewer(
    shelf: PayloadShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cursor that an engineer got says nothing to somebody who may not read content."""
    monkeypatch.setattr(search, "STEP_SPANS", 5)
    monkeypatch.setattr(search, "STEP_PREVIEWS", 1)
    insert(shelf.engine, [make_span(2, n, start=n) for n in range(1, 13)])
    shelf.put([b"needle %d" % n for n in range(4)] + [b"hay"], trace=2)
    engineer = AppClient(create_app(shelf.database, QuerySettings(search_seconds=0)))
    parameters: dict[str, Any] = {"start": 0, "q": "needle 3"}
    cursors = []
    for _ in range(4):
        page = engineer.get("/api/traces", params=parameters).json()
        if page["next_cursor"] is None:
            break
        parameters["cursor"] = page["next_cursor"]
        cursors.append(page["next_cursor"])
    viewer = shelf.client("viewer")
    for cursor in cursors:
        answer = viewer.get("/api/traces", params={"start": 0, "q": "needle 3", "cursor": cursor})
        assert [] == answer.json()["traces"]

"""What spans say of their payloads: states of the moment, for each role."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from query.payload_store import TODAY, PayloadShelf, entry
from query.rows import insert
from samples import make_log, make_span, span_id, trace_id
from tracefoundry.model.genai import plain, registry
from tracefoundry.model.payload import digest_of, ref_of
from tracefoundry.model.times import DAY_NS
from tracefoundry.store.sql import tables

TRACE = trace_id(1).hex()
SECRET = "hush-hush"


def spans(shelf: PayloadShelf, role: str = "engineer", **parameters: Any) -> list[dict[str, Any]]:
    """The full spans of the trace."""
    answer = shelf.client(role).get(f"/api/traces/{TRACE}/spans", params=parameters)
    assert 200 == answer.status_code, answer.text
    found: list[dict[str, Any]] = answer.json()["spans"]
    return found


def everything(shelf: PayloadShelf, role: str) -> str:
    """All answers about the trace, as they come."""
    client = shelf.client(role)
    paths = (
        f"/api/traces/{TRACE}/spans",
        f"/api/traces/{TRACE}/spans?view=skeleton",
        f"/api/traces/{TRACE}/tree",
        f"/api/spans/{span_id(1).hex()}?trace_id={TRACE}",
        f"/api/traces/{TRACE}",
        "/api/traces?start=0",
    )
    return "".join(client.get(path).text for path in paths)


def test_an_entry_tells_where_the_value_stood_and_that_it_is_there(shelf: PayloadShelf) -> None:
    """All fields in the order of the contract; the preview for those who may read content."""
    value = b"x" * 300
    (ref,) = shelf.put([value])
    insert(shelf.engine, [make_span(1, 1, payloads=(entry(value),))])
    (span,) = spans(shelf)
    shown = {
        "slot": "input_messages",
        "place": "span",
        "key": "gen_ai.input.messages",
        "type": "string",
        "ref": ref,
        "bytes": 300,
        "media_type": "text/plain; charset=utf-8",
        "state": "present",
        "preview": "x" * 256,
        "expired_at": None,
    }
    assert [(shown, list(shown))] == [(one, list(one)) for one in span["payloads"]]
    (span,) = spans(shelf, "viewer")
    assert [{**shown, "ref": None, "preview": None}] == span["payloads"]


def test_states_are_those_of_the_moment(shelf: PayloadShelf) -> None:
    """Expired with the day, deleted with another trace, missing; what was taken out stays so."""
    values = {name: name.encode() for name in ("present", "deleted", "missing", "late")}
    shelf.put(values.values())
    for name in ("deleted", "missing"):
        shelf.execute(
            sa.delete(tables.payload_blobs).where(
                tables.payload_blobs.c.ref == digest_of(ref_of(values[name]))
            )
        )
    shelf.execute(
        sa.insert(tables.payload_tombstones).values(
            project_id=1,
            ref=digest_of(ref_of(values["deleted"])),
            deleted_at_ns=1,
            keep_until_ns=2**60,
            reason="deleted",
        )
    )
    entries = [entry(values[name], key=name) for name in ("present", "deleted", "missing")]
    entries += [
        entry(values["late"], key="late", state="expired"),
        entry(b"", key="redacted", ref=None, bytes=None, state="redacted"),
        entry(b"", key="withheld", ref=None, bytes=None, state="withheld"),
    ]
    insert(shelf.engine, [make_span(1, 1, payloads=tuple(entries))])
    for role in ("engineer", "viewer"):
        (span,) = spans(shelf, role)
        assert {
            "present": "present",
            "deleted": "deleted",
            "missing": "missing",
            "late": "expired",
            "redacted": "redacted",
            "withheld": "withheld",
        } == {one["key"]: one["state"] for one in span["payloads"]}


def test_a_payload_expires_with_its_own_day(shelf: PayloadShelf) -> None:
    """A copy of another day does not make it present; the time is that of the day's tombstone."""
    (ref,) = shelf.put([b"daily"])
    old = make_span(1, 1, start=-2 * DAY_NS, payloads=(entry(b"daily"),))
    insert(shelf.engine, [old, make_span(1, 2, payloads=(entry(b"daily"),))])
    shelf.execute(
        sa.insert(tables.payload_days).values(
            project_id=1, day=TODAY - 2, expired_at_ns=3_000_000_000, reason="disk"
        )
    )
    found = [one for span in spans(shelf) for one in span["payloads"]]
    assert [
        ("expired", "1970-01-01T00:00:03Z", None, ref),
        ("present", None, "daily", ref),
    ] == [(one["state"], one["expired_at"], one["preview"], one["ref"]) for one in found]


def test_a_preview_ends_with_the_mark_of_retention(shelf: PayloadShelf) -> None:
    """Objects go after it and rows last: a run that ends between leaves rows with previews."""
    shelf.put([SECRET.encode() * 2])
    insert(shelf.engine, [make_span(1, 1, payloads=(entry(SECRET.encode() * 2),))])
    search = f"/api/traces?start=0&q={SECRET}"
    assert 1 == len(shelf.client().get(search).json()["traces"])
    shelf.execute(
        sa.insert(tables.payload_days).values(
            project_id=1, day=TODAY, expired_at_ns=3_000_000_000, reason="retention"
        )
    )
    (span,) = spans(shelf)
    assert [("expired", "1970-01-01T00:00:03Z", None)] == [
        (one["state"], one["expired_at"], one["preview"]) for one in span["payloads"]
    ]
    assert [] == shelf.client().get(search).json()["traces"]


def test_refs_that_senders_wrote_are_present_or_dangling(shelf: PayloadShelf) -> None:
    """Ours are looked up on any day of the project; a viewer gets no ref, in no place, and cannot
    make sure of a guess by sending a reference and looking whether it is present."""
    (ref,) = shelf.put([b"elsewhere"], day=TODAY - 1, trace=9)
    keys = {
        "gen_ai.input.messages_ref": ref,
        "gen_ai.output.messages_ref": ref_of(b"never"),
        "gen_ai.tool.definitions_ref": "s3://bucket/key",
    }
    entries = tuple(
        entry(b"", key=key, ref=value, bytes=None, media_type=None, state="reference")
        for key, value in keys.items()
    )
    insert(shelf.engine, [make_span(1, 1, attributes={**keys, "a": 1}, payloads=entries)])
    (span,) = spans(shelf)
    assert (["present", "dangling", "dangling"], {**keys, "a": 1}) == (
        [one["state"] for one in span["payloads"]],
        span["attributes"],
    )
    (span,) = spans(shelf, "viewer")
    assert (["dangling"] * 3, [None] * 3, {"a": 1}, ["content_withheld"]) == (
        [one["state"] for one in span["payloads"]],
        [one["ref"] for one in span["payloads"]],
        span["attributes"],
        span["warnings"],
    )


def test_entries_of_logs_stand_with_their_place_among_the_logs(shelf: PayloadShelf) -> None:
    """By the day of the log; what a resource had is listed once."""
    shelf.put([b"body"])
    logs = [
        make_log(1, 1, time_offset=1, name="gen_ai.user.message"),
        make_log(
            1,
            1,
            time_offset=2,
            name="gen_ai.choice",
            payloads=(entry(b"body", place="log", key="body"), entry(b"r", place="resource")),
            redactions=(("email", 2),),
        ),
        make_log(1, 1, time_offset=3 - DAY_NS, payloads=(entry(b"body", place="log"),)),
    ]
    span = make_span(1, 1, payloads=(entry(b"r", place="resource"),), redactions=(("card", 1),))
    insert(shelf.engine, [span], logs)
    (found,) = spans(shelf)
    assert [("resource", "missing"), ("logs/0", "missing"), ("logs/2", "present")] == [
        (one["place"], one["state"]) for one in found["payloads"]
    ]
    assert ([{"rule": "card", "count": 1}], [{"rule": "email", "count": 2}]) == (
        found["redactions"],
        found["logs"][2]["redactions"],
    )


def test_previews_count_for_the_size_of_a_page(shelf: PayloadShelf, monkeypatch: Any) -> None:
    """A page of spans with many previews ends early, and goes on."""
    monkeypatch.setattr("tracefoundry.store.sql.reader.page_size.PAGE_BYTES", 12_000)
    value = b"p" * 256
    shelf.put([value])
    insert(
        shelf.engine,
        [make_span(1, n, start=n, payloads=(entry(value),) * 4) for n in range(1, 6)],
    )
    client, sizes = shelf.client(), []
    parameters: dict[str, Any] = {}
    while "cursor" not in parameters or parameters["cursor"]:
        answer = client.get(f"/api/traces/{TRACE}/spans", params=parameters)
        assert len(answer.content) < 12_000
        sizes.append(len(answer.json()["spans"]))
        parameters["cursor"] = answer.json()["next_cursor"]
    assert (5, True) == (sum(sizes), max(sizes) <= 2)


def test_a_viewer_sees_no_body_of_any_log(shelf: PayloadShelf) -> None:
    """Whatever the policy left in it."""
    insert(shelf.engine, [make_span(1, 1)], [make_log(1, 1, body={"x": SECRET})])
    assert (None, {"x": SECRET}) == (
        spans(shelf, "viewer")[0]["logs"][0]["body"],
        spans(shelf)[0]["logs"][0]["body"],
    )


def test_logs_complete_the_view_of_their_span(shelf: PayloadShelf) -> None:
    """Usage comes from one of them only, and counts like that of a span."""
    details = "gen_ai.client.inference.operation.details"
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.response.model": "m-2",
        "gen_ai.usage.input_tokens": 50,
        "gen_ai.usage.output_tokens": 60,
    }
    usage = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 7}
    model = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    members = [
        make_span(1, 1, attributes=usage),
        make_span(1, 2, start=1, attributes=model),
        make_span(1, 3, start=2),
        make_span(1, 4, start=3),
    ]
    logs = []
    for number in (1, 2, 3):
        log = make_log(1, number, name=details)
        log.attributes = told
        log.genai = registry.derive_from_event(log.name, told, log.body, log.time_ns)
        logs.append(log)
    insert(shelf.engine, members, logs)
    views = [span["genai"] for span in spans(shelf, "viewer")]
    assert views.pop() is None
    assert [
        ("llm", None, "m-2", 7, None, True),
        ("llm", "m", "m-2", 50, 60, True),
        ("llm", None, "m-2", 50, 60, True),
    ] == [
        (
            view["kind"],
            view["request_model"],
            view["response_model"],
            view["input_tokens"],
            view["output_tokens"],
            view["counts"],
        )
        for view in views
    ]
    assert {plain.DIALECT} == {view["dialect"] for view in views}
    skeletons = spans(shelf, "viewer", view="skeleton")
    assert [(7, None), (50, 60), (50, 60), None] == [
        (span["genai"]["input_tokens"], span["genai"]["output_tokens"]) if span["genai"] else None
        for span in skeletons
    ]

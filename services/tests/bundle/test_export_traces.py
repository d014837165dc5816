"""Exports of stored traces: the same bundle from every store, whole, and honest about absences."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest

from bundle.stored_traces import OFF, REF_KEY, STANDARD, STRICT, exported, keep
from samples import NOW_NS, make_log, make_span, trace_id
from store.answers import add_projects
from tracefoundry.bundle.export_refs import keyed_ref
from tracefoundry.bundle.reading import Bundle
from tracefoundry.bundle.verification import verify
from tracefoundry.model.payload import ref_of
from tracefoundry.model.span import Event, LogRecord, Resource, Span
from tracefoundry.model.times import day_of
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.store.api import Store

PLANTED = "planted text that must not leave"
SECRET = "sk-ant-api03-" + "Zx81kQpLm0" * 9 + "AA"


@pytest.fixture
def objects(tmp_path: Path) -> FilesystemStore:
    """An empty payload store."""
    return FilesystemStore(tmp_path / "payloads")


def conversation(trace: int = 1, turns: int = 6, text: str = "hello") -> list[Span]:
    """Chat spans, each with the history of those before it, of two services."""
    nested = {"zz": [1, {"b": 1, "a": 2}], "aa": {"$object": {"$b": 1, "a": 2}}}
    spans = [make_span(trace, 1, name="agent", duration=10_000, attributes={"z": 1, "a": nested})]
    history: list[dict[str, str]] = [{"role": "system", "content": "be brief " * 30}]
    for turn in range(turns):
        history = [*history, {"role": "user", "content": f"{text} {turn} " * 20}]
        spans.append(
            make_span(
                trace,
                turn + 2,
                1,
                start=turn + 1,
                resource=Resource({"service.name": f"agent-{turn % 2}", "z": 1, "a": {"y": 1}}),
                attributes={
                    "gen_ai.operation.name": "chat",
                    "gen_ai.request.model": "m",
                    "z.last": 1,
                    "gen_ai.input.messages": json.dumps(history),
                    "gen_ai.output.messages": json.dumps([{"role": "assistant", "content": "ok"}]),
                },
                events=[Event("note", NOW_NS, {"text": "x" * 5_000})],
            )
        )
    return spans


def logs(trace: int = 1) -> list[LogRecord]:
    """Events with bodies, some of one time and span."""
    return [make_log(trace, 2, time_offset=n // 3, body={"content": f"said {n}"}) for n in range(7)]


def inflated(data: bytes) -> dict[str, bytes]:
    """The members of a bundle by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def states_of(data: bytes) -> dict[str, int]:
    """Payloads by state, over all traces."""
    total: dict[str, int] = {}
    for trace in Bundle(io.BytesIO(data)).traces():
        for state, count in trace.payloads.items():
            total[state] = total.get(state, 0) + count
    return total


def test_a_bundle_holds_spans_logs_and_contents_as_they_were_sent(
    store: Store, objects: FilesystemStore
) -> None:
    """Put back, they are those that came."""
    sent = conversation()
    keep(store, objects, sent, logs())
    data, manifest = exported(store, objects, [trace_id(1)])
    assert verify(io.BytesIO(data)).valid
    bundle = Bundle(io.BytesIO(data))
    spans = [span for chunk in bundle.spans() for span in chunk]
    assert [span.span_id for span in spans] == [span.span_id for span in sent]
    for span, before in zip(spans, sent, strict=True):
        for entry in span.payloads:
            if entry.place == "span":
                content = bundle.payload(str(entry.ref).removeprefix("sha256:"))
                assert content is not None
                assert content.decode() == before.attributes[entry.key]
    found = [log for chunk in bundle.logs() for log in chunk]
    bodies = {
        bundle.payload(str(entry.ref).removeprefix("sha256:"))
        for log in found
        for entry in log.payloads
    }
    assert bodies == {b'{"content":"said %d"}' % n for n in range(7)}
    assert (manifest.counts.spans, manifest.counts.logs) == (len(sent), 7)
    (facts,) = bundle.traces()
    assert facts.payloads == {"present": 6 * 3 + 7}


def test_two_exports_are_equal_bytes(store: Store, objects: FilesystemStore) -> None:
    """With contents and without."""
    keep(store, objects, conversation(), logs())
    for payloads in (True, False):
        first, _ = exported(store, objects, [trace_id(1)], payloads=payloads)
        second, _ = exported(store, objects, [trace_id(1)], payloads=payloads)
        assert first == second


def test_sqlite_postgresql_and_memory_give_one_root(store: Store, objects: FilesystemStore) -> None:
    """Whatever order of keys a database keeps: every kind of store gives this digest of members."""
    keep(store, objects, conversation(), logs())
    keep(store, objects, conversation(2, text="other"))
    data, manifest = exported(store, objects, [trace_id(2), trace_id(1)])
    _roots.add(manifest.root)
    assert len(_roots) == 1, "the stores differ"
    assert [trace.trace_id for trace in Bundle(io.BytesIO(data)).traces()] == [
        trace_id(1).hex(),
        trace_id(2).hex(),
    ]


_roots: set[str] = set()
"""Roots of the same traces from each kind of store; times of samples are fixed for one run."""


def test_one_trace_of_two_projects_is_two_traces(store: Store, objects: FilesystemStore) -> None:
    """By name of project; each is redacted by its own policy."""
    (shop,) = add_projects(store, "a-shop")
    keep(store, objects, conversation(turns=1))
    keep(store, objects, conversation(turns=2), project=(shop, "a-shop"))
    data, _ = exported(store, objects, [trace_id(1)], projects={1: "default", shop: "a-shop"})
    found = [(trace.project, trace.spans) for trace in Bundle(io.BytesIO(data)).traces()]
    assert found == [("a-shop", 3), ("default", 2)]


def test_without_payloads_refs_are_keyed_and_nothing_tells_a_text(
    store: Store, objects: FilesystemStore
) -> None:
    """Neither the content nor its plain hash is in any member."""
    keep(store, objects, conversation(text=PLANTED), logs())
    data, manifest = exported(store, objects, [trace_id(1)], payloads=False)
    members = inflated(data)
    whole = b"".join(
        content for name, content in members.items() if name.startswith(("spans", "logs", "facts"))
    )
    assert PLANTED.encode() not in whole
    assert b"sha256:" in whole
    assert whole.count(b"sha256:") == whole.count(b"hmac-sha256:")
    assert manifest.counts.payloads == 0
    assert states_of(data) == {"excluded": 6 * 3 + 7}
    entries = [
        entry
        for chunk in Bundle(io.BytesIO(data)).spans()
        for span in chunk
        for entry in span.payloads
    ]
    reply = json.dumps([{"role": "assistant", "content": "ok"}]).encode()
    assert keyed_ref(ref_of(reply), REF_KEY) in {entry.ref for entry in entries}


def test_strict_leaves_the_planted_text_in_no_byte(store: Store, objects: FilesystemStore) -> None:
    """Content, events, status messages, log bodies; and the bundle says what went."""
    spans = conversation(text=PLANTED)
    spans[0].status_message = PLANTED
    spans[0].attributes["note"] = PLANTED
    spans[0].events = [Event("exception", 1, {"exception.message": PLANTED})]
    keep(store, objects, spans, [make_log(1, 2, body={"content": PLANTED})], policy=OFF)
    for payloads in (True, False):
        data, manifest = exported(store, objects, [trace_id(1)], payloads=payloads, policy=STRICT)
        for content in inflated(data).values():
            assert PLANTED.encode() not in content
            assert hashlib.sha256(PLANTED.encode()).hexdigest().encode() not in content
        assert manifest.counts.payloads == 0
        assert manifest.redaction.mode == "strict"
        assert [(one.rule, one.count > 20) for one in manifest.redaction.report] == [
            ("not_allowed", True)
        ]
        assert set(states_of(data)) == {"redacted"}


def test_a_secret_that_an_older_policy_left_does_not_leave(
    store: Store, objects: FilesystemStore
) -> None:
    """It is taken out of content and attributes; what else was sent stays."""
    spans = conversation(text=f"use {SECRET} please")
    spans[0].attributes["note"] = f"key {SECRET}"
    keep(store, objects, spans, policy=OFF)
    data, manifest = exported(store, objects, [trace_id(1)], policy=STANDARD)
    members = inflated(data)
    assert not [name for name, content in members.items() if SECRET.encode() in content]
    assert sum(one.count for one in manifest.redaction.report) > 6
    assert verify(io.BytesIO(data)).valid
    assert states_of(data) == {"present": 6 * 3}
    kept = [content for name, content in members.items() if name.startswith("payloads/")]
    assert sum(b"please" in content for content in kept) == 6


def test_content_that_is_gone_or_damaged_is_told_and_ends_nothing(
    store: Store, objects: FilesystemStore, tmp_path: Path
) -> None:
    """One pack lost, one flipped; the rest is exported."""
    keep(store, objects, conversation(1, turns=2))
    names_before = {stored.name for stored in objects.list()}
    keep(store, objects, conversation(2, turns=2, text="second"))
    (lost,) = names_before
    objects.delete([lost])
    (damaged,) = [stored.name for stored in objects.list()]
    file = tmp_path / "payloads" / damaged
    content = bytearray(file.read_bytes())
    content[60] ^= 1
    file.chmod(0o600)
    file.write_bytes(bytes(content))
    data, _ = exported(store, objects, [trace_id(1), trace_id(2)])
    assert verify(io.BytesIO(data)).valid
    states = states_of(data)
    assert states["missing"] >= 6
    assert states.get("present", 0) + states["missing"] == 12


def test_expired_content_is_told_with_its_time(store: Store, objects: FilesystemStore) -> None:
    """State and time of expiry stand in the facts."""
    keep(store, objects, conversation(turns=1))
    with store.deletion.retention_run(dry_run=False, check=lambda: None) as run:
        run.mark_payloads_expired(1, day_of(NOW_NS), now_ns=NOW_NS, reason="retention")
    data, _ = exported(store, objects, [trace_id(1)])
    assert states_of(data) == {"expired": 3}

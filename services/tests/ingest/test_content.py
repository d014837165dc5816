"""Content on its way: out of the rows, into the object store, and back, on every database."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ingest.bodies import body, log_body, new_span_id, new_trace_id, recent_ns, span
from store.conftest import new_writer
from store.reading import count, rows
from tracefoundry.auth.project_rules import ProjectRules
from tracefoundry.ingest.batch import Batch
from tracefoundry.ingest.messages import IngestRequest, Outcome
from tracefoundry.ingest.pipeline import Pipeline
from tracefoundry.ingest.projects import Projects
from tracefoundry.model.times import DAY_NS
from tracefoundry.payloads.codec import BlobCodec, DecodedBlob
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.payloads.keys import KeyRing
from tracefoundry.payloads.lists import assemble
from tracefoundry.payloads.packs import BlobLocation, read_blobs
from tracefoundry.payloads.storing import PayloadWriter
from tracefoundry.redaction.policy import UserPatterns
from tracefoundry.store import migrations
from tracefoundry.store.api import Writer
from tracefoundry.store.sql.engine import make_engine

ENTRY_FIELDS = ["slot", "place", "key", "type", "ref", "bytes", "media_type", "state"]


class Platform:
    """The write path over one database and one folder."""

    def __init__(self, url: str, folder: Path, *, payload_retention_ns: int = 3 * DAY_NS) -> None:
        migrations.upgrade(url)
        self.url = url
        self.folder = folder
        self.keys = KeyRing()
        self.writer: Writer = new_writer(url)
        self.writer.maintain(time.time_ns())
        self._reader = new_writer(url)
        self.pipeline = Pipeline(
            self.writer,
            Projects(
                self._reader.projects,
                rules=ProjectRules(
                    retention_spans_ns=7 * DAY_NS, retention_payloads_ns=payload_retention_ns
                ),
                patterns=UserPatterns(),
                ahead_ns=DAY_NS,
            ),
            lambda: PayloadWriter(
                FilesystemStore(folder), BlobCodec(self.keys), previews=not self.keys.current_id
            ),
            max_body_bytes=64 * 1024 * 1024,
        )

    def close(self) -> None:
        """Give up the connections."""
        self.writer.close()
        self._reader.close()

    def send(self, *contents: bytes, signal: Any = "traces") -> list[Outcome]:
        """Prepare the bodies and commit them together."""
        batches = []
        for number, content in enumerate(contents):
            batch = self.pipeline.prepare(IngestRequest(number, signal, "protobuf"), content)
            assert isinstance(batch, Batch), batch
            batches.append(batch)
        return self.pipeline.commit(batches)

    def entries(self, table: str = "spans") -> list[dict[str, Any]]:
        """All payload entries of a table's rows."""
        found: list[dict[str, Any]] = []
        for row in rows(self.url, f"SELECT payloads FROM {table}"):
            listed = row["payloads"]
            if listed is not None:
                found += json.loads(listed) if isinstance(listed, str) else listed
        return found

    def read(self, ref: str) -> bytes:
        """A payload by its ref, verified."""
        codec = BlobCodec(self.keys)
        objects = FilesystemStore(self.folder)

        def fetch(refs: Sequence[str]) -> Mapping[str, DecodedBlob]:
            wanted = {bytes.fromhex(each.removeprefix("sha256:")): each for each in refs}
            locations = [
                BlobLocation(
                    wanted[bytes(row["ref"])],
                    f"default/{time.strftime('%Y-%m-%d', time.gmtime(row['day'] * 86_400))}"
                    f"/{bytes(row['object']).hex()}",
                    row["object_offset"],
                    row["stored_bytes"],
                )
                for row in rows(self.url, "SELECT * FROM payload_blobs")
                if bytes(row["ref"]) in wanted
            ]
            return read_blobs(objects, codec, "default", locations)

        return assemble(ref, fetch)


@pytest.fixture
def start(database_url: str, tmp_path: Path) -> Iterator[Callable[..., Platform]]:
    """Starts write paths over the test's database and folder."""
    started: list[Platform] = []

    def begin(**settings: Any) -> Platform:
        started.append(Platform(database_url, tmp_path / "payloads", **settings))
        return started[-1]

    yield begin
    for platform in started:
        platform.close()


def messages(turns: int) -> str:
    """A conversation of so many turns, of which each is a few hundred bytes."""
    return json.dumps(
        [{"role": "user", "content": f"turn {turn}: " + "word " * 100} for turn in range(turns)]
    )


def sha(text: str) -> str:
    """The ref of a text."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def test_content_leaves_the_row_and_can_be_read_back(start: Callable[..., Platform]) -> None:
    """By key or by length; what stays stays in its order; the entry says what stood where."""
    platform = start()
    long = "x" * 5_000
    sent = span(
        new_trace_id(),
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": messages(3),
            "note": long,
            "kept": "short",
            "gen_ai.tool.call.arguments": b"\x00\xff",
        },
    )
    assert ["ok"] == [outcome.status for outcome in platform.send(body([sent]))]
    (row,) = rows(platform.url, "SELECT attributes FROM spans")
    attributes = row["attributes"]
    attributes = json.loads(attributes) if isinstance(attributes, str) else attributes
    assert {"gen_ai.operation.name": "chat", "kept": "short"} == attributes
    entries = platform.entries()
    assert [
        ("input_messages", "span", "gen_ai.input.messages", "string", "application/json"),
        ("attribute", "span", "note", "string", "text/plain; charset=utf-8"),
        ("tool_arguments", "span", "gen_ai.tool.call.arguments", "bytes", OCTETS),
    ] == sorted_like(entries)
    assert all(set(ENTRY_FIELDS) == set(entry) for entry in entries)
    contents = {entry["key"]: platform.read(entry["ref"]) for entry in entries}
    assert messages(3).encode() == contents["gen_ai.input.messages"]
    assert long.encode() == contents["note"]
    assert b"\x00\xff" == contents["gen_ai.tool.call.arguments"]


OCTETS = "application/octet-stream"


def sorted_like(entries: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Entries without what depends on their bytes, in the order of the attributes sent."""
    order = ["gen_ai.input.messages", "note", "gen_ai.tool.call.arguments"]
    return [
        tuple(entry[field] for field in ("slot", "place", "key", "type", "media_type"))
        for entry in sorted(entries, key=lambda entry: order.index(entry["key"]))
    ]


def test_content_leaves_every_place(start: Callable[..., Platform]) -> None:
    """Events, links, resource, scope and log bodies, each named by its place."""
    platform = start()
    long = "y" * 4_097
    sent = span(new_trace_id())
    event = sent.events.add(name="gen_ai.user.message", time_unix_nano=recent_ns())
    event.attributes.add(key="content").value.string_value = "hello"
    event.attributes.add(key="role").value.string_value = "user"
    sent.events.add(name="other").attributes.add(key="big").value.string_value = long
    link = sent.links.add(trace_id=new_trace_id(), span_id=new_span_id())
    link.attributes.add(key="big").value.string_value = long
    platform.send(body([sent, span(new_trace_id())], {"service.name": "a", "build.log": long}))
    assert [
        ("events/0", "content"),
        ("events/1", "big"),
        ("links/0", "big"),
        ("resource", "build.log"),
        ("resource", "build.log"),
    ] == sorted((entry["place"], entry["key"]) for entry in platform.entries())
    platform.send(log_body(new_trace_id(), new_span_id()), signal="logs")
    (entry,) = platform.entries("span_logs")
    assert ("log", "body", "present") == (entry["place"], entry["key"], entry["state"])
    assert [{"body": None}] == rows(platform.url, "SELECT body FROM span_logs")


def test_4096_bytes_stay_and_one_more_leaves(start: Callable[..., Platform]) -> None:
    """The limit counts UTF-8 bytes, not characters; arrays count as JSON."""
    platform = start()
    attributes = {
        "at": "x" * 4_096,
        "over": "x" * 4_097,
        "wide": "ä" * 2_049,
        "list": ["y" * 4_093],
    }
    platform.send(body([span(new_trace_id(), attributes=attributes)]))
    assert ["list", "over", "wide"] == sorted(entry["key"] for entry in platform.entries())


def test_a_resent_history_is_stored_once(start: Callable[..., Platform]) -> None:
    """Each turn adds its message and a short description; a resend adds nothing at all."""
    platform = start()
    trace = new_trace_id()
    bodies = [
        body([span(trace, attributes={"gen_ai.input.messages": messages(turns)})])
        for turns in range(1, 21)
    ]
    for content in bodies:
        platform.send(content)
    # 20 messages, 20 lists; the first list of one message is stored whole.
    assert 39 == count(platform.url, "payload_blobs")
    assert 20 == count(platform.url, "span_payload_refs")
    assert messages(20).encode() == platform.read(sha(messages(20)))
    assert messages(7).encode() == platform.read(sha(messages(7)))
    before = sorted(path.name for path in platform.folder.rglob("*"))
    assert [0] * 20 == [outcome.accepted for outcome in platform.send(*bodies)]
    assert 39 == count(platform.url, "payload_blobs")
    assert 20 == count(platform.url, "span_payload_refs")
    assert before == sorted(path.name for path in platform.folder.rglob("*"))


def test_one_message_of_many_agents_is_one_blob_and_a_ref_each(
    start: Callable[..., Platform],
) -> None:
    """In one commit and in later ones."""
    platform = start()
    attributes = {"gen_ai.system_instructions": "be kind " * 50}
    bodies = [body([span(new_trace_id(), attributes=attributes)]) for _ in range(5)]
    platform.send(*bodies[:3])
    platform.send(*bodies[3:])
    assert 1 == count(platform.url, "payload_blobs")
    assert 5 == count(platform.url, "span_payload_refs")


def test_a_span_past_payload_retention_keeps_its_metadata_only(
    start: Callable[..., Platform],
) -> None:
    """Its content leaves the row and goes nowhere; the entry says so."""
    platform = start(payload_retention_ns=DAY_NS)
    old = time.time_ns() - 3 * DAY_NS
    sent = span(new_trace_id(), start_ns=old, attributes={"gen_ai.input.messages": "hello"})
    platform.send(body([sent]))
    (entry,) = platform.entries()
    assert ("expired", sha("hello"), 5) == (entry["state"], entry["ref"], entry["bytes"])
    assert 0 == count(platform.url, "payload_blobs")
    assert 1 == count(platform.url, "span_payload_refs")
    assert not platform.folder.exists() or not list(platform.folder.rglob("*/*/*"))


def test_a_payload_deleted_between_its_lookup_and_its_lock_is_stored_again(
    start: Callable[..., Platform], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit does not rely on what was there a moment ago."""
    platform = start()
    platform.send(body([span(new_trace_id(), attributes={"gen_ai.input.messages": "hello"})]))
    lookup = platform.writer.stored_payloads
    calls: list[int] = []

    def deleted_after_the_answer(
        project_id: int, day: int, refs: Sequence[bytes]
    ) -> dict[bytes, int]:
        found = lookup(project_id, day, refs)
        calls.append(len(found))
        if len(calls) == 1:
            engine = make_engine(platform.url)
            with engine.begin() as connection:
                connection.execute(sa.text("DELETE FROM payload_blobs"))
            engine.dispose()
        return found

    monkeypatch.setattr(platform.writer, "stored_payloads", deleted_after_the_answer)
    again = body([span(new_trace_id(), attributes={"gen_ai.input.messages": "hello"})])
    assert [("ok", 1)] == [(each.status, each.accepted) for each in platform.send(again)]
    assert [1, 0] == calls
    assert b"hello" == platform.read(sha("hello"))


def test_writers_of_the_same_content_agree(postgres_url: str, tmp_path: Path) -> None:
    """Four writers, the same conversations at the same time: everything can be read afterwards."""
    platforms = [Platform(postgres_url, tmp_path / "payloads") for _ in range(4)]
    histories = [messages(turns) for turns in range(2, 40, 3)]
    statuses: list[str] = []

    def send_all(platform: Platform) -> None:
        for history in histories:
            sent = span(new_trace_id(), attributes={"gen_ai.input.messages": history})
            statuses.extend(outcome.status for outcome in platform.send(body([sent])))

    threads = [threading.Thread(target=send_all, args=(platform,)) for platform in platforms]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert ["ok"] * len(histories) * len(platforms) == statuses
    assert [h.encode() for h in histories] == [platforms[0].read(sha(h)) for h in histories]
    for platform in platforms:
        platform.close()


def test_with_keys_nothing_is_in_the_clear(start: Callable[..., Platform]) -> None:
    """Neither objects nor previews; what was stored before a rotation is still read."""
    platform = start()
    platform.keys = KeyRing({"one": b"1" * 32})
    word = "unmistakable"
    platform.send(body([span(new_trace_id(), attributes={"gen_ai.input.messages": word})]))
    platform.keys = KeyRing({"two": b"2" * 32, "one": b"1" * 32})
    assert word.encode() == platform.read(sha(word))
    assert [{"preview": None}] == rows(platform.url, "SELECT preview FROM payload_blobs")
    for path in platform.folder.rglob("*"):
        assert path.is_dir() or word.encode() not in path.read_bytes()


def test_a_preview_is_the_beginning_of_the_value(start: Callable[..., Platform]) -> None:
    """256 characters, of text only; parts of lists have none."""
    platform = start()
    value = "ä" * 300
    attributes = {"gen_ai.input.messages": value, "gen_ai.tool.call.result": b"\xff\xfe" * 10}
    platform.send(body([span(new_trace_id(), attributes=attributes)]))
    found = {row["preview"] for row in rows(platform.url, "SELECT preview FROM payload_blobs")}
    assert {"ä" * 256, None} == found

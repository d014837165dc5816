"""The write path without sockets and databases: with a scripted writer in place of the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingest.bodies import (
    SECOND_NS,
    body,
    log_body,
    new_span_id,
    new_trace_id,
    recent_ns,
    request,
    span,
)
from tracefoundry.auth.project_rules import ProjectRules
from tracefoundry.ingest import batch as batch_module
from tracefoundry.ingest.batch import Batch
from tracefoundry.ingest.messages import IngestRequest, Outcome
from tracefoundry.ingest.pipeline import Pipeline
from tracefoundry.ingest.projects import Projects
from tracefoundry.model.payload import PayloadRows
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.otlp import protobuf as otlp_protobuf
from tracefoundry.payloads.codec import BlobCodec
from tracefoundry.payloads.errors import ObjectStoreUnavailable
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.payloads.storing import PayloadWriter
from tracefoundry.redaction.policy import UserPatterns
from tracefoundry.store.api import (
    CommitResult,
    PreparedLog,
    PreparedSpan,
    ProjectRecord,
    ProjectUsage,
    Refusal,
    StoreUnavailable,
)

RETENTION_NS = 3_600 * SECOND_NS
AHEAD_NS = 600 * SECOND_NS
PROJECTS = {"default": ProjectRecord(1, "default", 0), "research": ProjectRecord(2, "research", 0)}


class ScriptedWriter:
    """Keeps what is committed and answers with what the test says."""

    def __init__(self) -> None:
        self.result = CommitResult()
        self.error: Exception | None = None
        self.metered: set[int] = set()
        self.commits: list[tuple[list[PreparedSpan], list[PreparedLog]]] = []

    def prepare_span(self, project_id: int, span: Span) -> PreparedSpan:
        return PreparedSpan(project_id, span, b"", b"", b"", None)

    def prepare_log(self, project_id: int, log: LogRecord) -> PreparedLog:
        return PreparedLog(project_id, log, b"", b"", b"", None)

    def commit(
        self,
        spans: Sequence[PreparedSpan],
        logs: Sequence[PreparedLog] = (),
        payloads: PayloadRows | None = None,
        *,
        metered: Collection[int] = (),
    ) -> CommitResult:
        if self.error is not None:
            raise self.error
        self.metered = set(metered)
        self.commits.append((list(spans), list(logs)))
        return self.result

    def stored_payloads(self, project_id: int, day: int, refs: Sequence[bytes]) -> dict[bytes, int]:
        return {}

    def usage(self, day: int) -> dict[int, ProjectUsage]:
        return {}

    def projects(self) -> dict[str, ProjectRecord]:
        return dict(PROJECTS)

    def maintain(self, now_ns: int) -> None:
        pass

    def recompute_deferred_summaries(self, now_ns: int) -> int:
        return 0

    def close(self) -> None:
        pass


@pytest.fixture
def writer() -> ScriptedWriter:
    """A writer without a store."""
    return ScriptedWriter()


@pytest.fixture
def pipeline(writer: ScriptedWriter, tmp_path: Path) -> Pipeline:
    """The stages over it, with an hour of window."""
    return pipeline_over(
        writer,
        writer.projects,
        lambda: PayloadWriter(FilesystemStore(tmp_path), BlobCodec(), previews=True),
    )


def no_payload_store() -> PayloadWriter:
    """What opening it says where it is down."""
    raise ObjectStoreUnavailable("it is down")


RULES = ProjectRules(
    redaction="off", retention_spans_ns=RETENTION_NS, retention_payloads_ns=RETENTION_NS
)


def pipeline_over(
    writer: ScriptedWriter,
    find: Callable[[], Mapping[str, ProjectRecord]],
    open_payloads: Callable[[], PayloadWriter] = no_payload_store,
    rules: ProjectRules = RULES,
) -> Pipeline:
    """The stages without redaction, which has tests of its own."""
    projects = Projects(
        find,
        rules=rules,
        patterns=UserPatterns(),
        ahead_ns=AHEAD_NS,
    )
    return Pipeline(writer, projects, open_payloads, max_body_bytes=1_000_000)


def traces(project: str | None = None, **fields: Any) -> IngestRequest:
    """An export of spans in protobuf."""
    return IngestRequest(7, "traces", "protobuf", project=project, **fields)


def logs(project: str | None = None) -> IngestRequest:
    """An export of logs in protobuf."""
    return IngestRequest(7, "logs", "protobuf", project=project)


def prepared(pipeline: Pipeline, request: IngestRequest, content: bytes) -> Batch:
    """A batch that has something to commit."""
    batch = pipeline.prepare(request, content)
    assert isinstance(batch, Batch)
    return batch


def refused(pipeline: Pipeline, request: IngestRequest, content: bytes) -> Outcome:
    """The outcome of a body with nothing to commit."""
    outcome = pipeline.prepare(request, content)
    assert isinstance(outcome, Outcome)
    return outcome


def test_a_body_becomes_rows_and_an_outcome(pipeline: Pipeline, writer: ScriptedWriter) -> None:
    """Spans arrive at the writer with their project and derived view."""
    content = body([span(new_trace_id(), attributes={"gen_ai.operation.name": "chat"})])
    batch = prepared(pipeline, traces(), content)
    assert len(content) == batch.plain_bytes
    [outcome] = pipeline.commit([batch])
    assert ("ok", "", 1, {}) == (
        outcome.status,
        outcome.message,
        outcome.accepted,
        outcome.rejected,
    )
    [([stored], [])] = writer.commits
    assert 1 == stored.project_id
    assert stored.span.genai is not None


@pytest.mark.parametrize(
    ("attribute", "header", "project_id"),
    [
        (None, None, 1),
        (None, "research", 2),
        ("research", None, 2),
        ("research", "default", 2),
        ("default", "research", 1),
        ("research", "nowhere", 2),
    ],
)
def test_the_resource_names_the_project_before_the_header(
    pipeline: Pipeline, attribute: str | None, header: str | None, project_id: int
) -> None:
    """Headers do not survive a collector's queue; without either it is the default project."""
    resource = {"service.name": "agent"}
    if attribute is not None:
        resource["tracefoundry.project"] = attribute
    batch = prepared(pipeline, traces(header), body([span(new_trace_id())], resource))
    assert [project_id] == [each.project_id for each in batch.spans]
    batch = prepared(
        pipeline, logs(header), log_body(new_trace_id(), new_span_id(), resource=resource)
    )
    assert [project_id] == [each.project_id for each in batch.logs]


@pytest.mark.parametrize(("attribute", "header"), [("nowhere", "default"), (None, "nowhere")])
def test_an_unknown_project_is_refused_by_name(
    pipeline: Pipeline, attribute: str | None, header: str | None
) -> None:
    """With nothing left to commit the outcome is there at once."""
    resource = {} if attribute is None else {"tracefoundry.project": attribute}
    content = body([span(new_trace_id()), span(new_trace_id())], resource)
    outcome = refused(pipeline, traces(header), content)
    assert ("ok", {"unknown_project": 2}) == (outcome.status, outcome.rejected)
    assert "'nowhere'" in outcome.message
    outcome = refused(
        pipeline, logs(header), log_body(new_trace_id(), new_span_id(), resource=resource)
    )
    assert {"unknown_project": 1} == outcome.rejected


def test_a_project_that_was_made_just_now_is_found(
    pipeline: Pipeline, writer: ScriptedWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown name asks the store again, but not more than once a second."""
    now = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    content = body([span(new_trace_id())])
    assert {"unknown_project": 1} == refused(pipeline, traces("new"), content).rejected
    monkeypatch.setitem(PROJECTS, "new", ProjectRecord(3, "new", 0))
    assert {"unknown_project": 1} == refused(pipeline, traces("new"), content).rejected
    now += 1.5
    assert [3] == [each.project_id for each in prepared(pipeline, traces("new"), content).spans]


def test_a_store_that_cannot_be_asked_for_projects_is_unavailable(writer: ScriptedWriter) -> None:
    """An unknown name is not refused permanently because a database is down."""
    answers: list[dict[str, ProjectRecord]] = []

    def find() -> dict[str, ProjectRecord]:
        if not answers:
            raise StoreUnavailable("the database is down")
        return answers[0]

    pipeline = pipeline_over(writer, find)
    outcome = refused(pipeline, traces(), body([span(new_trace_id())]))
    assert ("unavailable", "the database cannot be reached", "the database is down") == (
        outcome.status,
        outcome.message,
        outcome.detail,
    )
    answers.append(PROJECTS)
    assert 1 == len(prepared(pipeline, traces(), body([span(new_trace_id())])).spans)


@pytest.mark.parametrize(
    ("offset_ns", "kept"),
    [
        (-RETENTION_NS + 60 * SECOND_NS, True),
        (-RETENTION_NS - SECOND_NS, False),
        (AHEAD_NS - 60 * SECOND_NS, True),
        (AHEAD_NS + 60 * SECOND_NS, False),
    ],
)
def test_the_window_decides_by_start_time(pipeline: Pipeline, offset_ns: int, kept: bool) -> None:
    """For spans and logs alike; the message names the limits."""
    time_ns = time.time_ns() + offset_ns
    content = body([span(new_trace_id(), start_ns=time_ns)])
    found = pipeline.prepare(traces(), content)
    found_logs = pipeline.prepare(logs(), log_body(new_trace_id(), new_span_id(), time_ns=time_ns))
    if kept:
        assert isinstance(found, Batch)
        assert isinstance(found_logs, Batch)
        return
    assert isinstance(found, Outcome)
    assert isinstance(found_logs, Outcome)
    assert {"outside_window": 1} == found.rejected == found_logs.rejected
    assert "3600 s before" in found.message
    assert "600 s ahead" in found.message


def test_other_logs_are_refused_and_counted(pipeline: Pipeline) -> None:
    """Only GenAI events are kept; the message states the rule."""
    content = log_body(new_trace_id(), new_span_id(), names=["gen_ai.choice", "http", "app.start"])
    batch = prepared(pipeline, logs(), content)
    [outcome] = pipeline.commit([batch])
    assert (1, {"not_a_genai_event": 2}) == (outcome.accepted, outcome.rejected)
    assert "2 log records refused" in outcome.message
    assert "gen_ai." in outcome.message


def test_each_batch_gets_its_own_part_of_a_commit(
    pipeline: Pipeline, writer: ScriptedWriter
) -> None:
    """Indices of one transaction are mapped to the body of that span or log."""
    batches = [
        prepared(pipeline, traces(), body([span(new_trace_id()) for _ in range(3)])),
        prepared(pipeline, logs(), log_body(new_trace_id(), new_span_id(), names=["gen_ai.a"] * 2)),
        prepared(pipeline, traces(), body([span(new_trace_id()) for _ in range(2)])),
    ]
    writer.result = CommitResult(
        duplicates=[0, 3],
        conflicts=[4],
        refused_spans=[Refusal(1, "trace_deleted", "it was deleted")],
        duplicate_logs=[1],
        refused_logs=[Refusal(0, "data_error", "too long")],
    )
    outcomes = pipeline.commit(batches)
    assert [(1, 1, 0, {"trace_deleted": 1}), (0, 1, 0, {"data_error": 1}), (0, 1, 1, {})] == [
        (outcome.accepted, outcome.duplicates, outcome.conflicts, outcome.rejected)
        for outcome in outcomes
    ]
    assert "it was deleted" in outcomes[0].message
    assert "too long" in outcomes[1].message
    assert "other content" in outcomes[2].message
    assert 1 == len(writer.commits)


def test_a_message_names_a_bounded_number_of_reasons(pipeline: Pipeline) -> None:
    """The most frequent first, and how many more there are."""
    batch = Batch(traces())
    for number in range(8):
        batch.reject(f"reason_{number}", "detail", count=number + 1)
    message = batch_module._message(batch, 0)
    assert message.startswith("8 spans refused: reason_7 (detail)")
    assert "reason_2" not in message
    assert message.endswith("and 3 more reasons")


def test_a_failing_store_is_unavailable_for_every_batch(
    pipeline: Pipeline, writer: ScriptedWriter
) -> None:
    """Nothing was stored; all senders ask again."""
    writer.error = StoreUnavailable("the database is down")
    batches = [prepared(pipeline, traces(), body([span(new_trace_id())])) for _ in range(2)]
    outcomes = pipeline.commit(batches)
    assert [("unavailable", "the database cannot be reached", "the database is down")] * 2 == [
        (outcome.status, outcome.message, outcome.detail) for outcome in outcomes
    ]


@pytest.mark.parametrize(
    ("content", "content_encoding", "status"),
    [
        (b"\xff\xff", "", "undecodable"),
        (b"plain", "gzip", "undecodable"),
        (bytes(1_000_001), "", "too_large"),
        (b"", "br", "unsupported_encoding"),
    ],
)
def test_what_can_never_succeed_is_distinguished(
    pipeline: Pipeline, content: bytes, content_encoding: str, status: str
) -> None:
    """The transports turn these into 400, 413 and 415."""
    outcome = refused(pipeline, traces(content_encoding=content_encoding), content)
    assert (7, status) == (outcome.id, outcome.status)
    assert outcome.message


def test_an_empty_body_is_a_success_without_a_commit(
    pipeline: Pipeline, writer: ScriptedWriter
) -> None:
    """Nothing to store is no error."""
    outcome = refused(pipeline, traces(), b"")
    assert ("ok", "", 0) == (outcome.status, outcome.message, outcome.accepted)
    assert [] == writer.commits


def test_bad_spans_keep_their_reasons_beside_stored_ones(pipeline: Pipeline) -> None:
    """Reasons of decoding and of the window stand in one message."""
    content = body(
        [
            span(new_trace_id()),
            span(b"short"),
            span(b"short"),
            span(new_trace_id(), start_ns=recent_ns() - 2 * RETENTION_NS),
        ]
    )
    [outcome] = pipeline.commit([prepared(pipeline, traces(), content)])
    assert (1, {"invalid_trace_id": 2, "outside_window": 1}) == (
        outcome.accepted,
        outcome.rejected,
    )
    assert outcome.message.index("invalid_trace_id") < outcome.message.index("outside_window")


def test_envelopes_may_name_different_projects(pipeline: Pipeline) -> None:
    """A collector sends the spans of many services in one body."""
    export = request([span(new_trace_id())], {"tracefoundry.project": "research"})
    export.MergeFrom(request([span(new_trace_id())]))
    export.MergeFrom(request([span(new_trace_id())], {"tracefoundry.project": "nowhere"}))
    content = export.SerializeToString()
    assert 3 == len(otlp_protobuf.decode_traces(content).spans)
    batch = prepared(pipeline, traces(), content)
    assert [2, 1] == [each.project_id for each in batch.spans]
    assert {"unknown_project": 1} == batch.rejected


def test_a_failing_payload_store_affects_only_batches_with_content(writer: ScriptedWriter) -> None:
    """Bodies without content are stored; the others are unavailable; outcomes keep their order."""
    pipeline = pipeline_over(writer, writer.projects)
    with_content = body([span(new_trace_id(), attributes={"gen_ai.input.messages": "hello"})])
    plain = body([span(new_trace_id())])
    batches = [
        prepared(pipeline, IngestRequest(number, "traces", "protobuf"), content)
        for number, content in enumerate((with_content, plain, with_content))
    ]
    assert [
        (0, "unavailable", "the payload store cannot be reached"),
        (1, "ok", ""),
        (2, "unavailable", "the payload store cannot be reached"),
    ] == [(each.id, each.status, each.message) for each in pipeline.commit(batches)]
    assert [1] == [len(spans) for spans, _ in writer.commits]


def test_a_token_of_one_project_sends_to_no_other(pipeline: Pipeline) -> None:
    """It is also the project where nothing else names one."""
    content = body([span(new_trace_id())])
    theirs = refused(pipeline, traces("default", token_project="research"), content)
    assert {"forbidden_project": 1} == theirs.rejected
    assert "'research', not for 'default'" in theirs.message
    own = prepared(pipeline, traces(token_project="research"), content)
    assert [2] == [each.project_id for each in own.spans]


@pytest.mark.parametrize(("took", "quiet_until"), [(0.0, 1_000.5), (7.0, 1_014.0), (60.0, 1_070.0)])
def test_a_failing_payload_store_is_not_asked_for_as_long_as_the_failure_took(
    writer: ScriptedWriter, monkeypatch: pytest.MonkeyPatch, took: float, quiet_until: float
) -> None:
    """What has no content does not wait behind a store that hangs, time and again."""
    asked: list[float] = []

    def hanging() -> PayloadWriter:
        nonlocal now
        asked.append(now)
        now += took
        raise ObjectStoreUnavailable("it hangs")

    now = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    pipeline = pipeline_over(writer, writer.projects, hanging)
    content = body([span(new_trace_id(), attributes={"gen_ai.input.messages": "hello"})])
    for moment in (1_000.0, quiet_until - 0.25, quiet_until):
        now = moment
        (outcome,) = pipeline.commit([prepared(pipeline, traces(), content)])
        assert ("unavailable", "payload store: it hangs") == (outcome.status, outcome.detail)
    assert [1_000.0, quiet_until] == asked


def test_a_project_below_the_floor_is_redacted_as_the_floor_says(writer: ScriptedWriter) -> None:
    """Its row may be older than the floor."""
    weak = {"default": ProjectRecord(1, "default", 0, "off")}
    secret = body([span(new_trace_id(), attributes={"password": "hunter2"})])

    def stored(rules: ProjectRules) -> str:
        pipeline = pipeline_over(writer, lambda: weak, rules=rules)
        return str(prepared(pipeline, traces(), secret).spans[0].span.attributes)

    assert "hunter2" in stored(RULES)
    assert "hunter2" not in stored(msgspec.structs.replace(RULES, redaction_floor="standard"))


def test_the_window_ends_at_the_longest_retention_that_the_platform_allows(
    writer: ScriptedWriter,
) -> None:
    """A span that retention would remove at once is refused, however long the project keeps."""
    long = {"default": ProjectRecord(1, "default", 0, None, 10 * RETENTION_NS)}
    old = body([span(new_trace_id(), start_ns=time.time_ns() - 2 * RETENTION_NS)])
    assert prepared(pipeline_over(writer, lambda: long), traces(), old).spans
    rules = msgspec.structs.replace(RULES, retention_spans_max_ns=RETENTION_NS)
    outcome = pipeline_over(writer, lambda: long, rules=rules).prepare(traces(), old)
    assert isinstance(outcome, Outcome)
    assert outcome.rejected == {"outside_window": 1}

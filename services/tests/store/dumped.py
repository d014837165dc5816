"""What the databases in ``dumps/`` hold: some of everything that the schema can store.

All of it is spelled out, down to the times and the GenAI views, so that it stays the same when the
code that derives such things changes. ``make_dump.py`` writes it, ``test_migrations.py`` reads it.
"""

from __future__ import annotations

from hashlib import sha256

from tracefoundry.model.genai.view import GenAI
from tracefoundry.model.payload import BlobRow, PayloadEntry, PayloadRows
from tracefoundry.model.span import Event, Link, LogRecord, Resource, Scope, Span

DAY_NS = 86_400_000_000_000
DAY = 20_468
"""2026-01-15."""
START_NS = DAY * DAY_NS + DAY_NS - 2_000_000_000
"""Two seconds before midnight: the first trace lies on two days."""

AGENT_TRACE, PLAIN_TRACE, LOG_TRACE = (bytes(15) + bytes([number]) for number in (1, 2, 3))
TRACES = (AGENT_TRACE, PLAIN_TRACE)

AGENT = Resource(
    {"service.name": "agent", "deployment.environment.name": "production", "n": {"k": [1, None]}},
    schema_url="https://opentelemetry.io/schemas/1.38.0",
    dropped_attributes_count=1,
    mended_strings=1,
)
WORKER = Resource({"service.name": "worker"})
SCOPE = Scope("tracer", "1.2.3", {"k": True}, dropped_attributes_count=2)
BARE_SCOPE = Scope()

MESSAGE = b'{"role":"user","parts":[{"type":"text","content":"Where is my order?"}]}'
MESSAGE_REF = sha256(MESSAGE).digest()
LIST_REF = sha256(b"a list of one message").digest()
PACK = sha256(b"the bytes of the pack").digest()
PAYLOADS = PayloadRows(
    blobs=[
        BlobRow(1, DAY, MESSAGE_REF, PACK, 0, 60, len(MESSAGE), 0, "Where is my order?"),
        BlobRow(1, DAY, LIST_REF, PACK, 60, 20, 40, 1, None, (MESSAGE_REF,)),
    ]
)
_ENTRIES = (
    PayloadEntry(
        "input_messages", "span", "gen_ai.input.messages", "string", f"sha256:{LIST_REF.hex()}",
        40, "application/json", "present",
    ),
    PayloadEntry("attribute", "resource", "secret.name", "string", None, None, None, "redacted"),
)  # fmt: skip


def _span_id(number: int) -> bytes:
    return number.to_bytes(8, "big")


SPANS = [
    Span(
        AGENT_TRACE, _span_id(1), b"", "invoke_agent planner", 1, START_NS, START_NS + 4 * 10**9, 1,
        "", {"gen_ai.operation.name": "invoke_agent", "double": 0.1, "big": {"$double": "1e+300"}},
        AGENT, SCOPE,
        genai=GenAI("agent", "otel_genai", operation="invoke_agent", agent="planner"),
        policy_version=7,
        trace_state="vendor=value",
        dropped_attributes_count=1,
        dropped_events_count=2,
        dropped_links_count=3,
        mended_strings=4,
    ),
    Span(
        AGENT_TRACE, _span_id(2), _span_id(1), "chat m-large", 3, START_NS + 10**9,
        START_NS + 3 * 10**9, 2, "rate limited", {"gen_ai.operation.name": "chat", "text": "naïve"},
        AGENT, SCOPE,
        events=[
            Event("exception", START_NS + 2 * 10**9, {"exception.type": "RateLimit"}, 1),
            Event("retry", 2**64 - 1),
        ],
        links=[Link(PLAIN_TRACE, _span_id(9), {"why": "caused"}, "a=b", 1, 2), Link(b"", b"\xff")],
        flags=257,
        genai=GenAI(
            "llm", "otel_genai", "chat", "openai", "m-large", "m-large-1", "resp-1",
            ["stop", "length"], "planner", "search", "call-1", "conversation-1", "user-1",
            1_000, 200, 800, 10, 50, 0.0125, "computed", "2026-01-10",
        ),
        policy_version=7,
        redactions=(("aws_access_key", 2), ("email", 1)),
        payloads=_ENTRIES,
    ),
    Span(
        AGENT_TRACE, _span_id(3), _span_id(77), "after midnight", 2, START_NS + 3 * 10**9,
        START_NS + 3 * 10**9, 0, "", {}, WORKER, BARE_SCOPE, policy_version=7,
    ),
    Span(
        PLAIN_TRACE, _span_id(9), b"", "GET /orders", 2, START_NS, START_NS + 5, 0, "",
        {"http.response.status_code": 200}, WORKER, BARE_SCOPE, policy_version=7,
    ),
]  # fmt: skip
"""By trace and start."""

LOGS = [
    LogRecord(
        AGENT_TRACE, _span_id(2), "gen_ai.choice", START_NS + 2 * 10**9, START_NS + 3 * 10**9, 9,
        "INFO", {"index": 0}, {"gen_ai.system": "openai"}, AGENT, SCOPE,
        flags=1,
        dropped_attributes_count=2,
        mended_strings=1,
        policy_version=7,
        redactions=(("email", 1),),
        payloads=_ENTRIES[:1],
    ),
    LogRecord(
        LOG_TRACE, _span_id(4), "gen_ai.user.message", START_NS + 1, 0, 0, "", None, {}, WORKER,
        BARE_SCOPE, policy_version=7,
    ),
]  # fmt: skip
"""By trace and time; the second one's trace has no spans."""

OTHER_ROWS = """
INSERT INTO projects (name, created_at_ns, redaction, retention_spans_ns, retention_payloads_ns)
VALUES ('team', 1768500000000000000, 'strict', 604800000000000, 259200000000000);
INSERT INTO tombstones VALUES
    (1, {other_id}, 1768500000000000000, 1768600000000000000, 'deleted');
INSERT INTO payload_days VALUES (1, 20400, 1768500000000000000, 'retention');
INSERT INTO payload_tombstones VALUES
    (1, {other_id}, 1768500000000000000, 1768600000000000000, 'deleted');
INSERT INTO tokens (token_hash, name, role, project_id, created_at_ns, expires_at_ns)
VALUES ({other_id}, 'reader', 'viewer', 1, 1768500000000000000, 1769500000000000000);
INSERT INTO audit_log (at_ns, action, outcome, actor, role, project, target, count)
VALUES (1768500000000000000, 'payload.read', 'allowed', 'reader', 'viewer', 'default', 'x', 1);
"""
"""Rows that no span writer makes; ``other_id`` is a literal of some bytes."""

ROWS = {
    "projects": 2,
    "resources": 2,
    "scopes": 2,
    "tombstones": 1,
    "payload_blobs": 2,
    "payload_list_parts": 1,
    "span_payload_refs": 2,
    "payload_days": 1,
    "payload_tombstones": 1,
    "tokens": 1,
    "audit_log": 1,
}
"""How many rows the other tables have."""

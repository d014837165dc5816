"""The answer of a dry replay, and the report of a re-run."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tracefoundry.schemas.fields import SpanId, TraceId

DryReplayState = Literal[
    "present",
    "redacted",
    "withheld",
    "excluded",
    "expired",
    "deleted",
    "missing",
    "dangling",
    "corrupt",
]
"""The state of a payload in a dry replay. ``excluded``: the export left content out. ``corrupt``:
its bytes are there and do not give its hash."""

CheckName = Literal[
    "orphans",
    "cycles",
    "hashes",
    "missing",
    "dangling",
    "expired",
    "deleted",
    "redacted",
    "withheld",
    "excluded",
]


class DryReplayItem(msgspec.Struct, kw_only=True):
    """A span, or a payload of it, that a check is about."""

    trace_id: TraceId
    span_id: SpanId
    place: Annotated[
        str | None, Meta(description="Where the payload stood; null where it is the span itself.")
    ] = None
    key: str | None = None
    ref: str | None = None


class DryReplayCheck(msgspec.Struct, kw_only=True):
    """One thing that was looked for."""

    check: CheckName
    ok: Annotated[bool, Meta(description="False where this keeps the trace from being replayed.")]
    count: int
    message: str
    items: Annotated[list[DryReplayItem], Meta(description="The first 100.")] = []


class DryReplay(msgspec.Struct, kw_only=True):
    """What a replay would find: the tree, and every payload read and compared with its hash."""

    ok: Annotated[
        bool,
        Meta(
            description="False where content is missing, dangling, expired, deleted or corrupt."
            " What redaction took out or an export left out is told and does not count."
        ),
    ]
    traces: int
    spans: int
    logs: int
    roots: int
    checks: list[DryReplayCheck]
    payloads: Annotated[
        dict[str, int], Meta(description="How many payloads, by state; one a place in a span.")
    ]


CallOutcome = Literal["matched", "missed", "diverged", "allowed", "blocked", "unused"]


class RecordedPlace(msgspec.Struct, kw_only=True):
    """A recorded call that is nearest to one that missed."""

    kind: str
    name: str
    agent_path: list[str] = []
    span_id: str | None = None
    trace_id: str | None = None
    arguments: Any = None


class RerunCall(msgspec.Struct, kw_only=True):
    """A call of the re-run, or a recorded call that it never made."""

    kind: str
    name: str
    agent_path: list[str] = []
    outcome: Annotated[
        CallOutcome,
        Meta(
            description="`diverged`: the recording has this call with other arguments. `allowed`:"
            " it went out. `blocked`: a guard stopped what no recorded call stands for. `unused`:"
            " a recorded call that nobody asked for."
        ),
    ]
    call_id: str | None = None
    how: Annotated[str | None, Meta(description="How it was matched.")] = None
    message: Annotated[str | None, Meta(description="Why it was not.")] = None
    span_id: Annotated[str | None, Meta(description="Of the recorded call.")] = None
    trace_id: str | None = None
    nearest: RecordedPlace | None = None
    diff: Annotated[str | None, Meta(description="From the nearest recorded arguments.")] = None


class RerunReport(msgspec.Struct, kw_only=True):
    """What a re-run asked for and got. It is good when nothing missed and the command ended with
    status 0; unused recorded calls are told."""

    ok: bool = False
    command: list[str] = []
    exit_status: Annotated[
        int | None,
        Meta(description="Null if the command did not start, or runs in another container."),
    ] = None
    root: Annotated[str | None, Meta(description="Root hash of the bundle.")] = None
    matched: int = 0
    missed: Annotated[int, Meta(description="Also those that diverged or were blocked.")] = 0
    diverged: int = 0
    allowed: int = 0
    through_redaction_marks: Annotated[
        int, Meta(description="Matched calls in which a mark of redaction stood for something.")
    ] = 0
    unused: int = 0
    guards: Annotated[
        list[str], Meta(description="What kept live calls from being made, and was active.")
    ] = []
    notes: list[str] = []
    calls: list[RerunCall] = []

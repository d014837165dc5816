"""The answer of a dry replay, and the report of a re-run."""

from __future__ import annotations

from typing import Annotated, Literal

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


CallOutcome = Literal["matched", "missed", "diverged", "unused"]


class RerunCall(msgspec.Struct, kw_only=True):
    """A call of the re-run, or a recorded call that it never made."""

    kind: str
    name: str
    agent_path: list[str] = []
    outcome: Annotated[
        CallOutcome,
        Meta(
            description="`diverged`: the recording has this call with other arguments. `unused`: a"
            " recorded call that nobody asked for."
        ),
    ]
    how: Annotated[str | None, Meta(description="How it was matched, or why it was not.")] = None
    span_id: Annotated[str | None, Meta(description="The recorded call, or the nearest one.")] = (
        None
    )
    diff: Annotated[
        list[str], Meta(description="Lines of a diff from the nearest recorded arguments.")
    ] = []


class RerunReport(msgspec.Struct, kw_only=True):
    """What a re-run asked for and got. It is good when nothing missed or diverged and the command
    ended with status 0; unused recorded calls are told."""

    ok: bool = False
    exit_status: int | None = None
    matched: int = 0
    missed: int = 0
    diverged: int = 0
    unused: int = 0
    guards: Annotated[
        list[str], Meta(description="What kept live calls from being made, and was active.")
    ] = []
    blocked: Annotated[
        list[str], Meta(description="Connections that were tried and blocked, the first 100.")
    ] = []
    notes: list[str] = []
    calls: list[RerunCall] = []

"""The recording file: JSON Lines, a header and then one line for each recorded call.

The header::

    {"recording": 1, "trace_ids": ["..."], "root": "sha256:..." | null}

A call::

    {"kind": "llm" | "tool" | "retrieval",
     "name": "search_orders",              of the tool, model or data source
     "agent_path": ["triage", "billing"],  agents around the call, outermost first
     "call_id": "call_1" | null,           tool call id that the model gave
     "trace_id": "...", "span_id": "...", "start_time_ns": 1,
     "arguments": ...,                     of a tool its arguments; of a retrieval {"query"}; of a
                                           model any of {"model", "input", "system", "tools",
                                           "parameters"}: what is not there is not compared
     "arguments_state": "present",         or redacted, excluded, expired, deleted, missing
     "result": ...,                        of a model its output messages
     "result_state": "present",
     "raw_response": ... | null,           reply of the model as its client saw it
     "error": {"type": "ValueError", "message": "..."} | null}

Members that are absent are null, and states that are absent are ``present``. ``span_records`` makes
these lines from spans. A file with another number in its header is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from tracefoundry_sdk.json_text import dumps

VERSION = 1
MAX_LINE_BYTES = 64 << 20
MAX_CALLS = 1_000_000

Kind = Literal["llm", "tool", "retrieval"]
_KINDS = ("llm", "tool", "retrieval")
PRESENT = "present"


class UnreadableRecording(Exception):
    """The file is no recording of this version; the message names the line and the remedy."""


@dataclass(slots=True, kw_only=True)
class RecordedCall:
    """One line of the file; the module's docstring explains the members."""

    kind: Kind
    name: str
    agent_path: list[str] = field(default_factory=list)
    call_id: str | None = None
    trace_id: str = ""
    span_id: str = ""
    start_time_ns: int = 0
    arguments: Any = None
    arguments_state: str = PRESENT
    result: Any = None
    result_state: str = PRESENT
    raw_response: Any = None
    error: dict[str, Any] | None = None


@dataclass(slots=True)
class Recording:
    """The calls of a file."""

    calls: list[RecordedCall]
    trace_ids: list[str] = field(default_factory=list)
    root: str | None = None  # hash of the bundle that the calls come from


def read_recording(path: str | Path) -> Recording:
    """Read a recording file.

    Raises:
        UnreadableRecording: the file is none, or of another version.
    """
    with Path(path).open("rb") as file:
        lines = _values(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""))
        header = next(lines, None)
        if header is None or "recording" not in header:
            raise UnreadableRecording(
                f"{path} has no header of a recording in its first line; make it with "
                "`tracefoundry replay FILE --rerun`"
            )
        if header["recording"] != VERSION:
            raise UnreadableRecording(
                f"{path} is a recording of version {header['recording']!r}, this is version "
                f"{VERSION}; use the tracefoundry-sdk that belongs to the program which wrote it"
            )
        calls = [_call(value, number) for number, value in enumerate(lines, start=2)]
    return Recording(calls, list(header.get("trace_ids") or ()), header.get("root"))


def write_recording(path: str | Path, recording: Recording) -> None:
    """Write a recording file."""
    header = {"recording": VERSION, "trace_ids": recording.trace_ids, "root": recording.root}
    with Path(path).open("w", encoding="utf-8") as file:
        file.write(dumps(header) + "\n")
        file.writelines(dumps(asdict(call)) + "\n" for call in recording.calls)


def _values(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        if number > MAX_CALLS + 1:
            raise UnreadableRecording(f"more than {MAX_CALLS} calls; replay fewer traces at a time")
        if len(line) > MAX_LINE_BYTES:
            raise UnreadableRecording(f"line {number} is longer than {MAX_LINE_BYTES} bytes")
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UnreadableRecording(f"line {number} is no JSON: {error}") from error
        if not isinstance(value, dict):
            raise UnreadableRecording(f"line {number} is no JSON object")
        yield value


def _call(value: dict[str, Any], number: int) -> RecordedCall:
    if value.get("kind") not in _KINDS or not isinstance(value.get("name"), str):
        raise UnreadableRecording(
            f"line {number} needs a kind ({', '.join(_KINDS)}) and a name; make the file again"
        )
    known = RecordedCall.__dataclass_fields__
    unknown = [name for name in value if name not in known]
    if unknown:
        raise UnreadableRecording(f"line {number} has the unknown member {unknown[0]!r}")
    return RecordedCall(**value)

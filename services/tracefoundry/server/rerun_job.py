"""``tracefoundry rerun-job``: answers an agent from the bundle of a TraceExport.

It runs beside the agent, in a container of its own and in a pod without egress. The bundle is
handed to it (:mod:`.bundle_handover`). Kubernetes starts the agent when this process is ready, and
sends SIGTERM to it when the agent has ended. Then it leaves the report.

The whole report, with the arguments of calls, goes to the log. The termination message, which
becomes part of the TraceExport's status, has no content: counts, guards, and the names of the first
calls that were not answered.
"""

from __future__ import annotations

import signal
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from tracefoundry.bundle.errors import NotABundle
from tracefoundry.bundle.reading import Bundle
from tracefoundry.replay.egress import try_egress
from tracefoundry.replay.served import serve_bundle
from tracefoundry.schemas.replay import RerunCall, RerunReport
from tracefoundry.server.bundle_handover import Receiver, listening
from tracefoundry.server.errors import CommandError
from tracefoundry.server.job_documents import (
    MESSAGE_LIMIT_BYTES,
    RERUN_VARIABLE,
    JobFailed,
    RerunRequest,
    Scratch,
    read_document,
)

UNANSWERED: Final = ("diverged", "missed", "blocked")
"""Outcomes that the report names calls of."""

MAX_NAMED = 5
MAX_GUARDS = 16
NAME_LIMIT = 120

_POLL_S = 0.2
_MARK = "bundle-received"
"""A file in the scratch space, which outlives the container: the bundle comes only once."""


def run_rerun_job(write: Callable[[bytes], None]) -> dict[str, Any]:
    """Answer the agent until SIGTERM, and return the report without content. The whole report is
    given to ``write``.

    Raises:
        JobFailed: the bundle cannot be read, or was lost.
        CommandError: the bundle did not come.
    """
    request, scratch = read_document(RERUN_VARIABLE, RerunRequest), Scratch.of()
    mark = scratch.folder / _MARK
    if mark.exists():
        raise JobFailed(
            "the bundle was lost when this container was restarted, and so was the report of calls",
            "if it ran out of memory, raise spec.exports.resources of the TraceFoundry",
        )
    ended = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: ended.set())
    try:
        with tempfile.TemporaryFile(dir=scratch.folder) as file:
            receiver = Receiver(request.port, request.sha256, file, limit_bytes=scratch.limit_bytes)
            with receiver:
                _wait_for_bundle(receiver, ended)
                mark.touch()
                report = _serve(request, file, ended)
    finally:
        signal.signal(signal.SIGTERM, before)
    write(msgspec.json.encode(report))
    return summary(report)


def _wait_for_bundle(receiver: Receiver, ended: threading.Event) -> None:
    while not receiver.received.wait(_POLL_S):
        if ended.is_set():
            last = f": {receiver.problem}" if receiver.problem else ""
            raise CommandError(f"the bundle of the re-run did not come{last}")


def _serve(request: RerunRequest, file: BinaryIO, ended: threading.Event) -> RerunReport:
    def until_ended() -> None:
        # The kubelet's probe only connects; connections wait in the backlog and are never taken.
        with listening(request.ready_port):
            ended.wait()

    file.seek(0)
    try:
        return serve_bundle(
            Bundle(file), Path(request.socket), try_egress(), until_ended=until_ended
        )
    except NotABundle as error:
        raise JobFailed(f"the bundle cannot be read: {error}") from error


def summary(report: RerunReport) -> dict[str, Any]:
    """The report without content, small enough for a termination message."""
    named = [_named(call) for call in report.calls if call.outcome in UNANSWERED]
    found: dict[str, Any] = {
        "matched": report.matched,
        "missed": report.missed,
        "diverged": report.diverged,
        "unused": report.unused,
        "guards": [name[:NAME_LIMIT] for name in report.guards[:MAX_GUARDS]],
        "notes": report.notes,
        "unanswered": named[:MAX_NAMED],
    }
    for part in ("unanswered", "guards"):
        while found[part] and len(msgspec.json.encode(found)) > MESSAGE_LIMIT_BYTES:
            found[part].pop()
    return found


def _named(call: RerunCall) -> str:
    agents = f" of agent {call.agent_path[-1][:NAME_LIMIT]!r}" if call.agent_path else ""
    return f"{call.outcome}: {call.kind} {call.name[:NAME_LIMIT]!r}{agents}"

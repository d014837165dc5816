"""A re-run whose agent runs in another container of the pod, and is answered over a shared folder.

Unlike in :mod:`.rerun`, the agent is not started here: Kubernetes starts it when the socket is
there, and ends this process when the agent has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from tracefoundry.bundle.reading import Bundle
from tracefoundry.replay.egress import POLICY_GUARD, Egress
from tracefoundry.replay.rerun import recording_notes, recording_of, with_outer_guard
from tracefoundry.schemas.replay import RerunReport
from tracefoundry_sdk.replay.server import ReplayServer


def serve_bundle(
    bundle: Bundle,
    socket_path: Path,
    egress: Egress,
    *,
    until_ended: Callable[[], None],
) -> RerunReport:
    """Answer calls over a socket until the agent has ended, and tell what happened.

    The report's ``ok`` says that nothing missed; only Kubernetes knows the agent's exit status.

    Args:
        bundle: has the recorded calls.
        socket_path: where the agent's container finds the socket.
        egress: of the pod.
        until_ended: is called when the socket is there, and returns when the agent has ended.

    Raises:
        NotABundle: it cannot be read.
    """
    recording = recording_of(bundle)
    with ReplayServer(recording, socket_path=socket_path) as server:
        until_ended()
        report = msgspec.convert(server.report(), RerunReport)
    report.guards = with_outer_guard(report.guards, POLICY_GUARD, active=bool(egress.guards))
    report.root = recording.root
    report.notes = [
        *egress.notes,
        *recording_notes(recording, report, around=egress.guards),
    ]
    report.ok = not report.missed
    return report

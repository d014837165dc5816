"""Running an agent again with its model and tool calls answered from a recording.

A recording file holds the calls of traced runs. ``server`` hands its calls out over a Unix socket,
each once; ``session`` notices ``TRACEFOUNDRY_REPLAY`` and makes the helpers and the guarded
libraries of this process ask it::

    recording      the file: one line for each recorded call
    span_records   how a call of the file is read from the attributes of its span
    arguments      canonical form of arguments, their comparison where something was redacted
    matching       which recorded call answers a call
    report         what was matched, missed and never asked for
    server, client, session    across processes; in this one
    answers, errors            what the agent gets instead of a live call
    http_replies   a recorded reply of a model as a reply of HTTP
    guards/        the libraries through which live calls would go

Nothing here is imported before a replay or by an agent that only sends traces.
"""

from __future__ import annotations

from tracefoundry_sdk.replay.errors import ReplayedError, ReplayMiss
from tracefoundry_sdk.replay.recording import Recording, read_recording, write_recording
from tracefoundry_sdk.replay.server import ReplayServer

__all__ = [
    "Recording",
    "ReplayMiss",
    "ReplayServer",
    "ReplayedError",
    "read_recording",
    "write_recording",
]

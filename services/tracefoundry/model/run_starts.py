"""Agent runs that have started and whose span has not come: how a trace is known to be running.

A span is sent when it ends. So that a long run is seen before that, SDKs send a log record when it
starts, with the ids of the span that is to come. It counts as an unfinished run of its trace until
a span of its id arrives, and the trace is shown as running while an unfinished run is less than
:data:`RUNNING_FOR_NS` old: a process that was killed never sends its span.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

import msgspec

from tracefoundry.model.genai.view import GenAI
from tracefoundry.model.span import Attributes, LogRecord
from tracefoundry.model.times import DAY_NS

EVENT_NAME: Final = "gen_ai.tracefoundry.run_started"
RUN_NAME: Final = "tracefoundry.run.name"
"""Attribute of the event: the name that its span will have."""
RUNNING_FOR_NS: Final = DAY_NS
"""How long after its start a run without a span is taken to be running."""

_UNNAMED = "agent run"


class RunStart(msgspec.Struct, frozen=True, gc=False):
    """The start of an agent run. ``span_id`` is that of the span that is sent at its end."""

    span_id: bytes
    time_ns: int
    name: str
    service: str | None = None
    environment: str | None = None
    agent: str | None = None
    conversation_id: str | None = None
    user_id: str | None = None


def start_of(log: LogRecord) -> RunStart | None:
    """The start of a run that a decoded log record tells of; None for any other."""
    if log.name != EVENT_NAME:
        return None
    sender = log.resource
    return run_start(
        log.span_id, log.time_ns, log.attributes, log.genai, sender.service, sender.environment
    )


def run_start(
    span_id: bytes,
    time_ns: int,
    attributes: Attributes,
    view: GenAI | None,
    service: str | None,
    environment: str | None,
) -> RunStart:
    """The start of a run from what its event has. One without a name is named after its agent."""
    agent = None if view is None else view.agent
    name: Any = attributes.get(RUN_NAME)
    return RunStart(
        span_id,
        time_ns,
        name if isinstance(name, str) and name else agent or _UNNAMED,
        service,
        environment,
        agent,
        None if view is None else view.conversation_id,
        None if view is None else view.user_id,
    )


def unfinished(starts: Iterable[RunStart], span_ids: Collection[bytes]) -> list[RunStart]:
    """The runs of which no span is there, by start and span id. Of several events of one run, the
    earliest counts."""
    found: dict[bytes, RunStart] = {}
    for start in sorted(starts, key=lambda start: (start.time_ns, start.span_id)):
        if start.span_id not in span_ids:
            found.setdefault(start.span_id, start)
    return list(found.values())


def is_running(last_started_ns: int | None, now_ns: int) -> bool:
    """Whether a trace is running whose latest unfinished run started then."""
    return last_started_ns is not None and last_started_ns > now_ns - RUNNING_FOR_NS

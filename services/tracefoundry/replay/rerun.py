"""Runs an agent again with its model and tool calls answered from a bundle.

The recorded calls are read out of the bundle and handed out by the SDK's replay server, over a Unix
socket that ``TRACEFOUNDRY_REPLAY`` names. The SDK in the agent asks it; its guards stop every call
that would go out. Around them stands a network namespace, where the system lets us make one.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from tracefoundry.bundle.errors import NotABundle
from tracefoundry.bundle.members import SpanFacts
from tracefoundry.bundle.reading import Bundle
from tracefoundry.model.attributes import tag_of, untag
from tracefoundry.model.contents import restore_span
from tracefoundry.model.payload import SPAN
from tracefoundry.model.span import Span, StatusCode
from tracefoundry.replay.namespace import namespace_prefix
from tracefoundry.schemas.replay import RerunReport
from tracefoundry_sdk.replay.recording import Recording
from tracefoundry_sdk.replay.server import ReplayServer
from tracefoundry_sdk.replay.span_records import TracedSpan, recorded_calls

ADDRESS_VARIABLE: Final = "TRACEFOUNDRY_REPLAY"
NAMESPACE_GUARD: Final = "network namespace"
COMMAND_NOT_FOUND: Final = 127


def recording_of(bundle: Bundle) -> Recording:
    """The calls of all traces of a bundle, with their contents as far as it holds them.

    Raises:
        NotABundle: it cannot be read.
    """
    spans = itertools.chain.from_iterable(bundle.spans_with_facts())
    recording = Recording([], root=bundle.manifest.root)
    for trace in bundle.traces():
        recording.trace_ids.append(trace.trace_id)
        members = itertools.islice(spans, trace.spans)
        recording.calls += recorded_calls(_traced(members, bundle))
    return recording


def rerun(
    recording: Recording,
    command: Sequence[str],
    *,
    allow: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> RerunReport:
    """Run a command until it ends, answer its calls from a recording, and tell what happened.

    The command inherits the terminal. With ``allow`` its network stays as it is, because the calls
    of these names go out.
    """
    prefix = [] if allow else namespace_prefix()
    with ReplayServer(recording, allow=allow) as server:
        status = _run(
            [*(prefix or []), *command],
            {
                **(os.environ if environment is None else environment),
                ADDRESS_VARIABLE: server.address,
            },
        )
        report = msgspec.convert(server.report(), RerunReport)
    report.command = list(command)
    report.exit_status = status
    report.root = recording.root
    report.guards = with_outer_guard(report.guards, NAMESPACE_GUARD, active=bool(prefix))
    report.notes = _notes(recording, report, has_namespace=bool(prefix), allow=allow)
    report.ok = status == 0 and not report.missed
    return report


def _run(command: list[str], environment: Mapping[str, str]) -> int | None:
    """The exit status of a command; None if it cannot be started. Ctrl-C is the command's alone: it
    gets the signal too, and the report is written when it has ended."""
    before = signal.getsignal(signal.SIGINT)
    try:
        with subprocess.Popen(command, env=dict(environment)) as process:  # noqa: S603 - the user's
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            return process.wait()
    except OSError:
        return None
    finally:
        signal.signal(signal.SIGINT, before)


def _notes(
    recording: Recording, report: RerunReport, *, has_namespace: bool, allow: Sequence[str]
) -> list[str]:
    notes = []
    if allow:
        notes.append(
            f"Calls of {', '.join(allow)} went out, so the command had no network namespace of its"
            " own: only the guards of the SDK stopped other calls."
        )
    elif not has_namespace:
        notes.append(
            "This system lets us make no network namespace: only the guards of the SDK stopped live"
            " calls. Libraries that open connections in native code are not seen by these."
        )
    return [*notes, *recording_notes(recording, report, around=[NAMESPACE_GUARD])]


def with_outer_guard(told: Sequence[str], name: str, *, active: bool) -> list[str]:
    """The guards that processes of the agent told, and the one around them if it is active.

    A process can name any guard; the one around it is known outside of it alone.
    """
    return [*([name] if active else []), *(each for each in told if each != name)]


def recording_notes(
    recording: Recording, report: RerunReport, *, around: Sequence[str]
) -> list[str]:
    """What a reader of the report has to know of the recording, and of an agent that did not use
    it. ``around`` names guards that stand around the agent whatever it does."""
    notes = []
    if not recording.calls:
        notes.append("The bundle has no recorded calls of models or tools.")
    elif not set(report.guards) - set(around):
        notes.append(
            "No process of the command asked for a recorded call or told of a guard: it has to call"
            " tracefoundry_sdk.quick_start() or use the SDK's helpers."
        )
    unanswerable = sum(1 for call in recording.calls if call.result_state != "present")
    if unanswerable:
        notes.append(
            f"{unanswerable:,} of {len(recording.calls):,} recorded calls cannot be answered: their"
            " results are not in the bundle."
        )
    return notes


def _traced(spans: Iterator[tuple[Span, SpanFacts | None]], bundle: Bundle) -> list[TracedSpan]:
    return [_traced_span(span, facts, bundle) for span, facts in spans]


def _traced_span(span: Span, facts: SpanFacts | None, bundle: Bundle) -> TracedSpan:
    contents: dict[str, bytes] = {}
    absent: dict[str, str] = {}
    for told in () if facts is None else facts.payloads:
        if told.place != SPAN or told.pointer:
            continue
        content = None
        if told.state == "present" and told.ref is not None:
            content = bundle.payload(told.ref.removeprefix("sha256:"))
        if content is None or told.ref is None:
            absent[told.key] = "missing" if told.state == "present" else told.state
        else:
            contents[told.ref] = content
    try:
        whole = restore_span(span, contents)
    except ValueError as error:
        raise NotABundle(f"a payload is not of the type that its span says: {error}") from None
    return TracedSpan(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex() or None,
        start_time_ns=span.start_time_ns,
        attributes=_plain(whole.attributes),
        scope=span.scope.name,
        absent=absent,
        exceptions=[_plain(event.attributes) for event in span.events if event.name == "exception"],
        failed=span.status_code == StatusCode.ERROR,
        status_message=span.status_message,
    )


def _plain(attributes: dict[str, Any]) -> dict[str, Any]:
    return {key: _plain_value(value) for key, value in attributes.items()}


def _plain_value(value: Any) -> Any:
    """A value as the SDK had it, without the tags of our JSON form."""
    tag = tag_of(value) if type(value) is dict else None
    if tag is None:
        return value
    plain = untag(value)
    return plain.decode("utf-8", "replace") if isinstance(plain, bytes) else plain

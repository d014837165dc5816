"""One traced operation: its OpenTelemetry span, its content, and its place in the context.

The span is put into the context by setting the context and taken out by setting the previous one
again. OpenTelemetry's tokens are not used: a generator that is closed from another task cannot give
its token back, which OpenTelemetry reports as "Failed to detach context".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Link, NonRecordingSpan, Span, SpanContext, SpanKind

from tracefoundry_sdk import conventions as c
from tracefoundry_sdk import replaying
from tracefoundry_sdk import runtime as runtimes
from tracefoundry_sdk.capture import Content
from tracefoundry_sdk.errors import describe, is_error, record_error
from tracefoundry_sdk.http_exchanges import Exchange
from tracefoundry_sdk.messages.inputs import Message, roles_of, to_messages
from tracefoundry_sdk.replaying import Identity, OpenCall
from tracefoundry_sdk.runtime import Runtime
from tracefoundry_sdk.safety import never_raises

AGENTS_OF_CALLER = ("*",)
"""Begins the agent path of what another process called: the agents there are not known here."""

MAX_EXCHANGES = 100
"""Replies of HTTP that are kept of one call."""

_OWNER = context.create_key("tracefoundry.operation")
"""The innermost operation of ours in a context."""

_REMOTE_PARENT = context.create_key("tracefoundry.remote_parent")
"""The span of another process that a context was extracted from."""


def with_remote_parent(extracted: Context) -> Context:
    """A context from a carrier, marked so that an isolated SDK takes its span as parent too."""
    where = trace.get_current_span(extracted).get_span_context()
    if not where.is_remote:
        return extracted
    return context.set_value(_REMOTE_PARENT, where, context.set_value(_OWNER, None, extracted))


def without_parent(current: Context) -> Context:
    """The context with no span in it, so that the next one begins a trace."""
    bare = trace.set_span_in_context(INVALID_SPAN, current)
    return context.set_value(_REMOTE_PARENT, None, context.set_value(_OWNER, None, bare))


def context_of_call() -> Context:
    """The current context; with the spans of an isolated SDK, which others do not see there."""
    current = context.get_current()
    owner = _living(current).get(_OWNER)
    if not isinstance(owner, Operation) or owner._runtime is None or not owner._runtime.isolated:
        return current
    return trace.set_span_in_context(owner.span, current)


def innermost() -> Operation | None:
    """The innermost operation of ours that is open here."""
    owner = _living(context.get_current()).get(_OWNER)
    return owner if isinstance(owner, Operation) else None


class Operation:
    """What ``with`` gives. Nothing of it raises, before, while or after the operation runs."""

    kind: ClassVar[SpanKind] = SpanKind.INTERNAL

    # Defaults stand in the class: setting each in __init__ costs a span 0.5 us.
    _runtime: Runtime | None = None
    _span: Span = INVALID_SPAN
    _recording = False
    _keeps_content = False
    _ended = False
    _conversation_id: str | None = None
    _context: Context | None = None
    _ended_context = 0  # identity of the context, once the operation has ended
    _previous: Context | None = None
    _exchanges: list[Exchange] | None = None  # replies of HTTP, kept for replay
    agent_path: tuple[
        str, ...
    ] = ()  # names of the agent runs around it in a replay, outermost first
    replay: OpenCall | None = None  # set in a replay, for calls that are recorded

    def __init__(self) -> None:
        self._contents: dict[str, Content] = {}

    # What a helper defines.

    def span_name(self) -> str:
        """The name of the span."""
        raise NotImplementedError

    def start_attributes(self) -> dict[str, Any]:
        """Attributes that are known at the start."""
        return {}

    def origin(self, current: Context) -> tuple[Context, Sequence[Link]]:
        """The context that the operation begins in, and the spans that it links to."""
        return current, ()

    def finish(self) -> None:
        """Set what is known only at the end."""

    def began(self) -> None:
        """The span has started and is not yet in the context."""

    def take_arguments(self, name: str, arguments: dict[str, Any]) -> None:
        """A decorated function is called."""

    def take_result(self, result: Any) -> Any:
        """A decorated function has returned; gives what the caller gets."""
        return result

    def take_items(self, items: list[Any]) -> None:
        """A decorated generator has ended, after these values."""
        self.take_result(items)

    def identity(self) -> Identity | None:
        """What a replay finds the recorded call by; None for what is not a call."""
        return None

    @never_raises(None)
    def new_exchange(self) -> Exchange | None:
        """A place for a reply of HTTP inside this call; None if it is not recorded."""
        if self._runtime is None or not self._runtime.record or not self._wants_content():
            return None
        if self.identity() is None:  # no call: nothing would find it again
            return None
        self._exchanges = self._exchanges or []
        if len(self._exchanges) == MAX_EXCHANGES:
            return None
        self._exchanges.append(Exchange())
        return self._exchanges[-1]

    def keep_raw_response(self, reply: dict[str, Any] | None) -> None:
        """Keep a reply for replay, and the replies of HTTP that it was made from."""
        exchanges = [exchange.as_json() for exchange in self._exchanges or ()]
        if exchanges and None not in exchanges:  # with one missing the others would be misread
            reply = {**(reply or {}), "exchanges": exchanges}
        if reply is not None and reply.keys() == {"reply"}:
            # A reply that is text is kept as a member, so that it is not taken for JSON.
            text = isinstance(reply["reply"], str)
            reply = {"exchanges": [], **reply} if text else reply["reply"]
        if reply:
            self.content(c.RAW_RESPONSE, reply)

    def agents_below(self) -> tuple[str, ...]:
        """The agent path of what runs inside."""
        return self.agent_path

    # What an agent calls.

    @property
    def span(self) -> Span:
        """OpenTelemetry's span."""
        return self._span

    @never_raises(None)
    def attribute(self, key: str, value: Any) -> None:
        """Set an attribute of your own; sent in every capture mode."""
        if self._recording and self._runtime is not None:
            self._span.set_attribute(key, self._runtime.capture.plain(key, value))

    @never_raises(None)
    def event(self, name: str, /, **attributes: Any) -> None:
        """Add an event."""
        runtime = self._runtime
        if self._recording and runtime is not None:
            plain = {key: runtime.capture.plain(key, value) for key, value in attributes.items()}
            self._span.add_event(name, plain, timestamp=runtime.now_ns())

    @never_raises(None)
    def retry(self, attempt: int, error: object | None = None, wait_s: float | None = None) -> None:
        """The operation is tried again: its number, what failed, and how long is waited."""
        attributes: dict[str, Any] = {c.ATTEMPT: attempt}
        if error is not None and self._runtime is not None:
            attributes[c.ERROR] = describe(error, self._runtime.capture)
        if wait_s is not None:
            attributes[c.WAIT_S] = wait_s
        self._span.add_event(c.EVENT_RETRY, attributes, timestamp=self._now_ns())

    @never_raises(None)
    def timeout(self, after_s: float) -> None:
        """The operation took too long and was given up."""
        self._span.add_event(c.EVENT_TIMEOUT, {c.AFTER_S: after_s}, timestamp=self._now_ns())

    # What the helpers use.

    @never_raises(None)
    def start(self) -> None:
        """Start the span, as a child of what is current; it is not yet in the context."""
        runtime = self._runtime = runtimes.current()
        previous, links = self.origin(_living(context.get_current()))
        owner = previous.get(_OWNER)
        if isinstance(owner, Operation) and owner._runtime is runtime:
            self._conversation_id = self._conversation_id or owner._conversation_id
        else:
            owner = None
        if replaying.session() is not None:
            self.agent_path = _agent_path(owner, previous)
        parent = _isolated_parent(owner, previous) if runtime.isolated else previous
        given = self.start_attributes().items()
        attributes = {key: value for key, value in given if value is not None}
        self._span = runtime.tracer.start_span(
            self.span_name(), parent, self.kind, attributes, links, start_time=runtime.now_ns()
        )
        self._recording = self._span.is_recording()
        self._keeps_content = self._recording and runtime.capture.wanted
        if runtime.isolated:
            current = context.set_value(_OWNER, self, previous)
        else:
            current = trace.set_span_in_context(self._span, previous)
            # The context is new and nobody else has it: this saves a second copy of it.
            dict.__setitem__(current, _OWNER, self)
        self._context = self.extended(current)
        self.began()

    def extended(self, current: Context) -> Context:
        """The context with what the helper adds for those that run below it."""
        return current

    def attach(self) -> None:
        """Make the span current."""
        if self._context is not None:
            self._previous = context.get_current()
            context.attach(self._context)

    def detach(self, *, abandoned: bool = False) -> None:
        """Make current again what was before.

        An abandoned generator may end anywhere; where something else is current, that stays.
        """
        if self._previous is None:
            return
        if not abandoned or context.get_current() is self._context:
            context.attach(self._previous)

    @never_raises(None)
    def end(self, error: BaseException | None = None) -> None:
        """End the span, once."""
        runtime = self._runtime
        if self._ended or runtime is None:
            return
        self._ended = True
        # The context holds the operation: this breaks the cycle, so that no collector is needed.
        self._ended_context, self._context = id(self._context), None
        if self.replay is not None:
            self.replay.close()
        if runtimes.withheld(error):
            return
        if not self._recording:
            self._span.end()
            return
        try:
            self.finish()
            if error is not None and is_error(error):
                record_error(self._span, error, runtime.capture, at_ns=runtime.now_ns())
        finally:
            if self._contents:
                self._end_with_content(runtime, list(self._contents.values()))
            else:
                self._span.end(runtime.now_ns())

    def leave(self, error: BaseException | None) -> None:
        """The ``with`` is left."""
        self.end(error)

    def content(self, key: str, value: Any, roles: Sequence[str] = ()) -> None:
        """Keep a snapshot as content of an attribute; the last one holds."""
        self._contents[key] = Content(key, value, tuple(roles))

    def messages(self, key: str, value: Any, *, role: str = "user") -> None:
        """Keep messages as content."""
        if self._wants_content():
            found: list[Message] = to_messages(value, role=role)
            self.content(key, found, roles_of(found))

    def _wants_content(self) -> bool:
        return self._keeps_content

    def _now_ns(self) -> int | None:
        return self._runtime.now_ns() if self._runtime is not None else None

    def _end_with_content(self, runtime: Runtime, contents: list[Content]) -> None:
        """Give the content to our processor where that is safe, else set it as attributes."""
        processor = runtime.processor
        if processor is not None and runtime.may_defer_content:
            span_id = self._span.get_span_context().span_id
            processor.keep_content(span_id, contents)
            try:
                self._span.end(runtime.now_ns())
            finally:
                processor.forget_content(span_id)
            return
        try:
            for content in contents:
                self._span.set_attributes(runtime.capture.attributes_of(content))
        finally:
            self._span.end(runtime.now_ns())


def _agent_path(owner: Operation | None, previous: Context) -> tuple[str, ...]:
    """Names of the agent runs around an operation."""
    if owner is not None:
        return owner.agents_below()
    where = trace.get_current_span(previous).get_span_context()
    return AGENTS_OF_CALLER if where.is_remote else ()


def _isolated_parent(owner: Operation | None, previous: Context) -> Context:
    """The parent in an isolated SDK: its own span, of this process or another."""
    if owner is not None:
        return trace.set_span_in_context(owner.span, Context())
    remote = previous.get(_REMOTE_PARENT)
    if isinstance(remote, SpanContext):
        return trace.set_span_in_context(NonRecordingSpan(remote), Context())
    return Context()


def _living(current: Context) -> Context:
    """The context without operations that have ended.

    A ``with`` inside a generator leaves its context behind when the generator is abandoned.
    """
    owner = current.get(_OWNER)
    while isinstance(owner, Operation) and owner._ended_context == id(current):
        if owner._previous is None:
            break
        current = owner._previous
        owner = current.get(_OWNER)
    return current

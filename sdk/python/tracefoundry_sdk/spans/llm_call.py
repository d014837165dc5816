"""``llm_call``: one call of a model."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, ParamSpec, TypeVar, overload

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind

from tracefoundry_sdk import conventions as c
from tracefoundry_sdk import suppression
from tracefoundry_sdk.json_text import snapshot, text_of
from tracefoundry_sdk.messages.chunks import ReplyBuilder
from tracefoundry_sdk.messages.inputs import roles_of, to_messages
from tracefoundry_sdk.messages.parts import to_parts
from tracefoundry_sdk.messages.replies import Reply, read_reply
from tracefoundry_sdk.messages.unknown_reply import warn_of_unknown_reply
from tracefoundry_sdk.messages.usage import Usage
from tracefoundry_sdk.replaying import Identity
from tracefoundry_sdk.safety import never_raises
from tracefoundry_sdk.spans.base import Operation
from tracefoundry_sdk.spans.helper import Helper
from tracefoundry_sdk.streaming import Stream

P = ParamSpec("P")
R = TypeVar("R")

_PARAMETERS = {
    "max_tokens": c.REQUEST_MAX_TOKENS,
    "max_completion_tokens": c.REQUEST_MAX_TOKENS,
    "max_output_tokens": c.REQUEST_MAX_TOKENS,
    "temperature": c.REQUEST_TEMPERATURE,
    "top_p": c.REQUEST_TOP_P,
    "top_k": c.REQUEST_TOP_K,
    "stop": c.REQUEST_STOP_SEQUENCES,
    "stop_sequences": c.REQUEST_STOP_SEQUENCES,
    "seed": c.REQUEST_SEED,
    "n": c.REQUEST_CHOICE_COUNT,
    "frequency_penalty": c.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": c.REQUEST_PRESENCE_PENALTY,
    "stream": c.REQUEST_STREAM,
}
_SYSTEM_PARAMETERS = ("system", "instructions", "system_instruction")
_INPUT_ARGUMENTS = ("messages", "input", "prompt", "contents")


def call_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a request without the system instructions, which stand apart."""
    return {name: value for name, value in parameters.items() if name not in _SYSTEM_PARAMETERS}


class LlmCall(Operation):
    """A model call: what it was sent, what it answered, for how many tokens."""

    kind = SpanKind.CLIENT
    _output: Any = None
    _inner: Any = None  # what a suppressed instrumentation tells
    _stream: Stream | None = None
    _started_ns = 0
    _raw_response: dict[str, Any] | None = None  # its member is `reply` or `chunks`
    _raw_request: Any = None

    def __init__(
        self,
        provider: str | None,
        model: str | None,
        input: Any,
        tools: Any,
        parameters: Mapping[str, Any] | None,
        operation: str,
    ) -> None:
        super().__init__()
        self._provider = provider
        self._model = model
        self._input = input
        self._tools = tools
        self._parameters = parameters or {}
        self._operation = operation
        self._attributes: dict[str, Any] = {}  # set when the call ends

    @property
    def output(self) -> Any:
        """What the model answered: text, messages, or any value."""
        return self._output

    @output.setter
    def output(self, value: Any) -> None:
        self._output = value
        self.messages(c.OUTPUT_MESSAGES, value, role="assistant")

    @never_raises(None)
    def record(self, reply: Any) -> None:
        """Take output, tokens, model, id and finish reason from a reply.

        Replies of OpenAI, Anthropic, Google and LangChain, or dicts of the same shape. Of any other
        the JSON is recorded, with a warning, since its tokens are not known.
        """
        if not self._recording:
            return
        if self._runtime is not None and self._runtime.record:
            self._raw_response = {"reply": snapshot(reply)}
        found = read_reply(reply)
        if found is not None:
            self.take_reply(found)
            return
        if self._inner is None and c.USAGE_INPUT_TOKENS not in self._attributes:
            warn_of_unknown_reply(reply)
        if reply is not None:
            self.output = text_of(reply)
            self._output = reply

    @never_raises(None)
    def usage(
        self,
        *,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cached_tokens: int | None = None,
        cache_write_tokens: int | None = None,
        reasoning_tokens: int | None = None,
        cost_usd: float | None = None,
    ) -> None:
        """Tell the tokens of the call. Input includes cached tokens, output those of reasoning."""
        attributes = self._attributes
        if input_tokens is not None:
            attributes[c.USAGE_INPUT_TOKENS] = input_tokens
        if output_tokens is not None:
            attributes[c.USAGE_OUTPUT_TOKENS] = output_tokens
        if cached_tokens is not None:
            attributes[c.USAGE_CACHE_READ_INPUT_TOKENS] = cached_tokens
        if cache_write_tokens is not None:
            attributes[c.USAGE_CACHE_WRITE_INPUT_TOKENS] = cache_write_tokens
        if reasoning_tokens is not None:
            attributes[c.USAGE_REASONING_OUTPUT_TOKENS] = reasoning_tokens
        if cost_usd is not None:
            attributes[c.USAGE_COST] = cost_usd

    def stream(self, iterable: Any) -> Any:
        """Pass a streamed reply on, chunk by chunk, and record it.

        For both ``for`` and ``async for``. Where the loop is left early, what has come so far is
        recorded. If the stream is returned from the ``with`` instead of being consumed in it, the
        span ends with the stream.
        """
        self._stream = Stream(iterable, self)
        return self._stream

    @never_raises(None)
    def first_chunk(self) -> None:
        """The first piece of the answer has come."""
        self._attributes[c.REQUEST_STREAM] = True
        elapsed_s = (self._stopwatch_ns() - self._started_ns) / 1e9
        self._attributes.setdefault(c.RESPONSE_TIME_TO_FIRST_CHUNK, elapsed_s)

    @never_raises(None)
    def take_reply(self, reply: Reply) -> None:
        """Keep what a reply says."""
        attributes = self._attributes
        if reply.model:
            attributes[c.RESPONSE_MODEL] = reply.model
        if reply.response_id:
            attributes[c.RESPONSE_ID] = reply.response_id
        if reply.finish_reasons:
            attributes[c.RESPONSE_FINISH_REASONS] = reply.finish_reasons
        if reply.provider and not self._provider:
            attributes[c.PROVIDER_NAME] = reply.provider
        self._take_usage(reply.usage)
        if reply.messages:
            self._output = reply.messages
            if self._wants_content():
                self.content(c.OUTPUT_MESSAGES, reply.messages, roles_of(reply.messages))

    @never_raises(None)
    def stream_finished(
        self, reply: Reply, chunks: list[Any], error: BaseException | None, *, early: bool
    ) -> None:
        """The stream has ended, was left, or failed."""
        if early:
            self._attributes[c.STREAM_ENDED_EARLY] = True
        if chunks:
            self._raw_response = {"chunks": chunks}
        self.take_reply(reply)
        if self._stream is None:  # the `with` was left before
            self.end(error)

    @property
    def keeps_chunks(self) -> bool:
        """Chunks are recorded for replay."""
        return self._runtime is not None and self._runtime.record

    def span_name(self) -> str:
        """``chat {model}``."""
        return f"{self._operation} {self._model}" if self._model else self._operation

    def identity(self) -> Identity:
        """The model and the request, in the form in which the span's attributes hold it."""
        system = [self._parameters.get(name) for name in _SYSTEM_PARAMETERS]
        given = [value for value in system if value is not None]
        arguments = {
            "model": self._model,
            "input": None if self._input is None else snapshot(to_messages(self._input)),
            "system": snapshot(to_parts(given[-1])) if given else None,
            "tools": snapshot(self._tools),
            "parameters": snapshot(call_parameters(self._parameters)),
        }
        return Identity("llm", self._model or self._operation, arguments)

    def start_attributes(self) -> dict[str, Any]:
        """Identity and parameters of the call."""
        attributes: dict[str, Any] = {
            c.OPERATION_NAME: self._operation,
            c.PROVIDER_NAME: self._provider,
            c.REQUEST_MODEL: self._model,
            c.CONVERSATION_ID: self._conversation_id,
        }
        for name, value in self._parameters.items():
            key = _PARAMETERS.get(name)
            if key is not None and isinstance(value, str | bool | int | float | list | tuple):
                listed = key == c.REQUEST_STOP_SEQUENCES and isinstance(value, str)
                attributes[key] = [value] if listed else value
        return attributes

    def extended(self, current: Context) -> Context:
        """Official client instrumentations below make no span of their own."""
        if not suppression.present():
            return current
        capture = self._runtime is not None and self._runtime.capture.full
        if self._conversation_id is not None:
            current = suppression.with_conversation(current, self._conversation_id) or current
        published, self._inner = suppression.publish(current, capture_content=capture)
        return published if published is not None else current

    def began(self) -> None:
        """Keep the request as it is now: the agent may go on with the same list."""
        self._started_ns = self._stopwatch_ns()
        if not self._wants_content():
            return
        if self.keeps_chunks:
            self._raw_request = snapshot(self._request())
        if self._input is not None:
            self.messages(c.INPUT_MESSAGES, self._input)
        if self._tools is not None:
            self.content(c.TOOL_DEFINITIONS, snapshot(self._tools))
        for name in _SYSTEM_PARAMETERS:
            if (system := self._parameters.get(name)) is not None:
                self.content(c.SYSTEM_INSTRUCTIONS, to_parts(system))

    def leave(self, error: BaseException | None) -> None:
        """End, unless the stream was handed on and nobody has begun to read it."""
        stream = self._stream
        if stream is None:
            self.end(error)
            return
        self._stream = None
        if stream.started or error is not None:
            self._stream = stream  # not handed on: closing must not end the span yet
            stream.close_recording(error)
            self._stream = None
            self.end(error)

    def finish(self) -> None:
        """Set what the reply told, and what a suppressed instrumentation knows beyond it."""
        attributes = self._attributes
        if self._inner is not None:
            told, contents = suppression.learned(self._inner)
            if self._runtime is not None:
                plain = self._runtime.capture.plain
                told = {key: plain(key, value) for key, value in told.items()}
            attributes = {**told, **attributes}
            for key, value in contents.items():
                if key not in self._contents and self._wants_content():
                    self.content(key, snapshot(value))
        if attributes:
            self._span.set_attributes(attributes)
        if self._runtime is not None and self._runtime.record and self._wants_content():
            self._record_raw()

    def take_arguments(self, name: str, arguments: dict[str, Any]) -> None:
        """Model, input, tools and parameters from the arguments of the same names."""
        if self._input is None:
            named = next((key for key in _INPUT_ARGUMENTS if key in arguments), None)
            self._input = arguments[named] if named else next(iter(arguments.values()), None)
        if self._model is None and isinstance(arguments.get("model"), str):
            self._model = arguments["model"]
        if self._tools is None:
            self._tools = arguments.get("tools")
        known = (*_PARAMETERS, *_SYSTEM_PARAMETERS)
        given = {key: arguments[key] for key in known if key in arguments}
        self._parameters = {**given, **self._parameters}

    def take_result(self, result: Any) -> Any:
        """A reply is recorded, a stream is passed on and recorded as it is read."""
        if isinstance(result, Stream):
            return result
        if isinstance(result, Iterator | AsyncIterator):
            return self.stream(result)
        if isinstance(result, list) and result and all(type(item) is str for item in result):
            result = "".join(result)
        if self._output is None and result is not None:
            self.record(result)
        return result

    def take_items(self, items: list[Any]) -> None:
        """The chunks of a generator are kept apart for replay, too."""
        builder = ReplyBuilder()
        for item in items:
            builder.add(item)
        if self._output is not None or not items or builder.unknown_chunk is not None:
            self.take_result(items)
        else:
            self.take_reply(builder.reply())
        if self.keeps_chunks and items:
            self._raw_response = {"chunks": snapshot(items)}

    def _stopwatch_ns(self) -> int:
        """A time for differences: the injected clock's, else one that is never set back."""
        now_ns = self._now_ns()
        return time.monotonic_ns() if now_ns is None else now_ns

    def _take_usage(self, usage: Usage) -> None:
        self.usage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_tokens=usage.cached_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            reasoning_tokens=usage.reasoning_tokens,
        )

    def _request(self) -> dict[str, Any]:
        """The request in full, for replay; never headers."""
        return {
            "operation": self._operation,
            "provider": self._provider,
            "model": self._model,
            "input": self._input,
            "tools": self._tools,
            "parameters": dict(self._parameters),
        }

    def _record_raw(self) -> None:
        """Request and reply in full, for replay."""
        self.content(c.RAW_REQUEST, self._raw_request)
        self.keep_raw_response(self._raw_response)


@overload
def llm_call(provider: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def llm_call(
    provider: str | None = None,
    *,
    model: str | None = None,
    input: Any = None,
    tools: Any = None,
    parameters: Mapping[str, Any] | None = None,
    operation: str = c.OPERATION_CHAT,
) -> Helper[LlmCall]: ...
def llm_call(
    provider: Any = None,
    *,
    model: str | None = None,
    input: Any = None,
    tools: Any = None,
    parameters: Mapping[str, Any] | None = None,
    operation: str = c.OPERATION_CHAT,
) -> Any:
    """Trace a model call: ``with llm_call("openai", model=..., input=...) as call`` or decorate.

    OpenTelemetry's own client instrumentation makes no second span inside it.
    """
    function = provider if callable(provider) else None
    text = None if function else provider
    helper = Helper(lambda: LlmCall(text, model, input, tools, parameters, operation))
    return helper(function) if function else helper

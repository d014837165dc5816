"""The six scenarios, and which trace uses which.

A trace depends only on the seed and its number, not on the number of traces. So a later run with
more traces gives the same ones and some more. The first six traces use each scenario once.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from opentelemetry.trace import SpanKind

from tracefoundry.demo.material import (
    AGENTS,
    ENVIRONMENTS,
    FOLLOW_UPS,
    Agent,
    Call,
    Case,
)
from tracefoundry.demo.steps import Conversation
from tracefoundry.demo.story import PlannedSpan, Story
from tracefoundry.model.times import SECOND_NS

TOOL_DEADLINE_MS = 30_000
USERS = 14


@dataclass(frozen=True, slots=True)
class PlannedTrace:
    """A trace to record. Its resources come from ``agent`` and ``environment``."""

    scenario: str
    agent: Agent
    environment: str
    roots: list[PlannedSpan]
    duration_ns: int


def plan(seed: int, number: int, at_ns: int) -> PlannedTrace:
    """Trace ``number`` (from 0) of a demo. Only identifiers depend on ``at_ns``."""
    rng = random.Random(f"story/{seed}/{number}")  # noqa: S311 (a demo, not a secret)
    identifiers = random.Random(f"identifiers/{seed}/{number}/{at_ns}")  # noqa: S311
    name, play = SCENARIOS[number % len(SCENARIOS)]
    agent = AGENTS[(number + number // len(SCENARIOS)) % len(AGENTS)]
    environment = ENVIRONMENTS[0 if rng.random() < 0.7 else 1]
    story = Story(rng=rng, identifiers=identifiers, service=agent.service)
    conversation = Conversation(
        story,
        agent,
        rng.choice(agent.models),
        user_id=f"user-{rng.randrange(USERS):03d}",
        conversation_id=story.identifier("conv_", 16),
    )
    cases = agent.cases
    if name in NEEDS_TOOL_SERVICE:
        cases = tuple(case for case in cases if _remote_call(case) is not None)
    case = rng.choice(cases)
    with ExitStack() as stack:
        entry = None
        if agent.route is not None:
            entry = stack.enter_context(
                story.span(
                    f"POST {agent.route}",
                    {
                        "http.request.method": "POST",
                        "http.route": agent.route,
                        "url.scheme": "https",
                        "user.id": conversation.user_id,
                    },
                    kind=SpanKind.SERVER,
                )
            )
            story.wait(1, 9)
        failed = play(conversation, case)
        if entry is not None:
            entry.attributes["http.response.status_code"] = 502 if failed else 200
            if failed:
                entry.failure = "the agent gave no answer"
                entry.attributes["error.type"] = "502"
            else:
                entry.succeeded = True
            story.wait(1, 5)
    return PlannedTrace(name, agent, environment, story.roots, story.duration_ns())


def _remote_call(case: Case) -> Call | None:
    return next((call for call in case.calls if call.tool.path is not None), None)


def _required_remote_call(case: Case) -> Call:
    call = _remote_call(case)
    if call is None:
        raise ValueError(f"the case {case.question!r} has no tool of the tool service")
    return call


def play_ok(conversation: Conversation, case: Case) -> bool:
    """Everything works; tools run in parallel."""
    with conversation.invocation() as root:
        conversation.ask(case.question)
        if case.retrieves:
            conversation.retrieve()
        if case.calls:
            ids = conversation.choose(case.calls)
            conversation.story.in_parallel(
                [
                    partial(conversation.run_tool, call, call_id)
                    for call, call_id in zip(case.calls, ids, strict=True)
                ]
            )
        conversation.answer(case.answer)
        root.succeeded = True
    return False


def play_slow_tool(conversation: Conversation, case: Case) -> bool:
    """One tool takes nearly all the time of a run that succeeds."""
    slow = _required_remote_call(case)
    with conversation.invocation() as root:
        conversation.ask(case.question)
        ids = conversation.choose(case.calls)
        conversation.story.in_parallel(
            [
                partial(
                    conversation.run_tool,
                    call,
                    call_id,
                    work_ms=(17_000, 28_000) if call is slow else (15, 380),
                )
                for call, call_id in zip(case.calls, ids, strict=True)
            ]
        )
        conversation.answer(case.answer)
        root.succeeded = True
    return False


def play_retry_storm(conversation: Conversation, case: Case) -> bool:
    """A tool fails again and again, with growing pauses; each attempt links to the one before.

    Then the provider limits the rate of the agent's own requests, too.
    """
    story = conversation.story
    call = _required_remote_call(case)
    failures = story.rng.randint(5, 8)
    with conversation.invocation() as root:
        conversation.ask(case.question)
        (call_id,) = conversation.choose([call])
        with conversation.tool_call(call, call_id) as tool:
            before: PlannedSpan | None = None
            for attempt in range(failures + 1):
                status = 503 if attempt < failures else 200
                with conversation.request(call.tool, attempt=attempt, retry_of=before) as request:
                    conversation.serve(call.tool, request, work_ms=(5, 60), status=status)
                    if status != 200:
                        request.failure = f"HTTP {status}"
                        request.attributes["error.type"] = str(status)
                before = request
                if status != 200:
                    pause_ms = min(100 * 2**attempt, 3200)
                    story.event(
                        tool,
                        "retry",
                        {"retry.attempt": attempt + 1, "retry.delay_ms": pause_ms},
                    )
                    story.wait(pause_ms, pause_ms + pause_ms // 4)
            tool.attributes["gen_ai.tool.call.result"] = call.result
        conversation.add_tool_result(call_id, call.result)
        limited: PlannedSpan | None = None
        for attempt in range(story.rng.randint(1, 3)):
            with conversation.model_call(retry_of=limited) as limited:
                story.wait(40, 120)
                limited.attributes["http.response.status_code"] = 429
                story.fail(limited, "RateLimitError", "429: too many requests, retry later")
            story.wait(400 * 2**attempt, 500 * 2**attempt)
        conversation.answer(case.answer, retry_of=limited)
        root.succeeded = True
    return False


MODEL_FAILURES = (
    ("ContextLengthExceeded", "the prompt has 214032 tokens, the model takes 200000"),
    ("InternalServerError", "500: the server had an error while processing your request"),
    ("ContentFilterError", "the response was stopped by the provider's content filter"),
)


def play_llm_error(conversation: Conversation, case: Case) -> bool:
    """The model call fails permanently, and so does the run."""
    story = conversation.story
    error_type, message = story.rng.choice(MODEL_FAILURES)
    with conversation.invocation() as root:
        conversation.ask(case.question)
        if case.retrieves:
            conversation.retrieve()
        if case.calls:
            ids = conversation.choose(case.calls[:1])
            conversation.run_tool(case.calls[0], ids[0])
        with conversation.model_call() as call:
            story.wait(300, 2400)
            story.fail(call, error_type, message)
        story.fail(root, error_type, message)
    return True


def play_timeout(conversation: Conversation, case: Case) -> bool:
    """A tool does not answer in time; the tool service goes on after the request was given up.

    Half of the agents apologise and succeed, the others fail.
    """
    story = conversation.story
    call = _required_remote_call(case)
    recovers = story.rng.random() < 0.5
    message = f"no answer from {call.tool.name} within {TOOL_DEADLINE_MS // 1000} s"
    with conversation.invocation() as root:
        conversation.ask(case.question)
        (call_id,) = conversation.choose([call])
        with conversation.tool_call(call, call_id) as tool:
            with conversation.request(call.tool) as request:
                asked_ns = story.now_ns
                server = conversation.serve(
                    call.tool,
                    request,
                    work_ms=(TOOL_DEADLINE_MS + 4_000, TOOL_DEADLINE_MS + 15_000),
                )
                server.attributes["http.response.status_code"] = 499
                del request.attributes["http.response.status_code"]
                story.now_ns = asked_ns + TOOL_DEADLINE_MS * SECOND_NS // 1000
                story.event(request, "deadline_exceeded", {"deadline_ms": TOOL_DEADLINE_MS})
                request.failure = message
                request.attributes["error.type"] = "timeout"
            story.fail(tool, "TimeoutError", message)
        if recovers:
            conversation.add_tool_result(call_id, '{"error":"timeout"}')
            conversation.answer("I could not reach that system just now. Please try again later.")
            root.succeeded = True
        else:
            story.fail(root, "TimeoutError", message)
    return not recovers


def play_long_conversation(conversation: Conversation, case: Case) -> bool:
    """Many turns with time to think between them; every turn sends the whole history again."""
    story = conversation.story
    turns = story.rng.randint(9, 15)
    attributes = {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": "conversation",
        "gen_ai.conversation.id": conversation.conversation_id,
        "user.id": conversation.user_id,
    }
    with story.span("invoke_workflow conversation", {**attributes}) as root:
        play_ok(conversation, case)
        for turn in range(turns):
            story.wait(3_000, 25_000)
            question, answer = FOLLOW_UPS[(turn + story.rng.randrange(2)) % len(FOLLOW_UPS)]
            with conversation.invocation() as invocation:
                conversation.ask(question)
                if case.calls and story.rng.random() < 0.4:
                    call = story.rng.choice(case.calls)
                    (call_id,) = conversation.choose([call])
                    conversation.run_tool(call, call_id)
                conversation.answer(answer)
                invocation.succeeded = True
        root.succeeded = True
    return False


SCENARIOS: tuple[tuple[str, Callable[[Conversation, Case], bool]], ...] = (
    ("ok", play_ok),
    ("slow_tool", play_slow_tool),
    ("retry_storm", play_retry_storm),
    ("llm_error", play_llm_error),
    ("timeout", play_timeout),
    ("long_conversation", play_long_conversation),
    ("ok", play_ok),
    ("ok", play_ok),
    ("ok", play_ok),
    ("ok", play_ok),
)
"""The scenarios in order of the traces, repeated. A function returns True if the run failed."""

NEEDS_TOOL_SERVICE = frozenset({"slow_tool", "retry_storm", "timeout"})

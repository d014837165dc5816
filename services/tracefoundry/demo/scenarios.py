"""The scenarios, and which trace plays which.

A trace depends only on the seed and its number, not on the number of traces. So a later run with
more traces gives the same ones and some more. The first nine traces play each scenario once.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

from tracefoundry.demo.material import (
    AGENTS,
    ENVIRONMENTS,
    FAST,
    FOLLOW_UPS,
    RESEARCH,
    RESEARCH_ROUTE,
    SUPPORT,
    Agent,
    Call,
    Case,
)
from tracefoundry.demo.replies import (
    ContentFilterError,
    ContextLengthExceeded,
    InternalServerError,
    ProviderError,
    RateLimitError,
)
from tracefoundry.demo.simulation import HttpRequest, Simulation, answered, failed, retry_link
from tracefoundry.demo.steps import Conversation
from tracefoundry.model.times import SECOND_NS

TOOL_DEADLINE_S = 30
USERS = 14

Play = Callable[[Conversation, Case], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens in a trace, and which agents and cases suit it."""

    name: str
    play: Play
    agent: Agent | None = None
    """The agent, where it must be a certain one."""
    suits: Callable[[Case], bool] = lambda _case: True


@dataclass(frozen=True, slots=True)
class Casting:
    """Who plays a trace, chosen by its seed alone."""

    scenario: Scenario
    agent: Agent
    environment: str
    rng: random.Random


def cast(seed: int, number: int) -> Casting:
    """The casting of trace ``number`` (from 0)."""
    return _casting(SCENARIOS[number % len(SCENARIOS)], seed, number)


def cast_running(seed: int) -> Casting:
    """The casting of the run that is still going on."""
    return _casting(RUNNING, seed, "running")


def _casting(scenario: Scenario, seed: int, number: int | str) -> Casting:
    rng = random.Random(f"story/{seed}/{number}")  # noqa: S311 (a demo, not a secret)
    agent = scenario.agent
    if agent is None:
        agent = AGENTS[(int(number) + int(number) // len(SCENARIOS)) % len(AGENTS)]
    return Casting(scenario, agent, ENVIRONMENTS[0 if rng.random() < 0.7 else 1], rng)


def perform(casting: Casting, world: Simulation) -> None:
    """Play a trace: a request of a user to the agent's service, or a job that it runs itself."""
    agent, rng = casting.agent, casting.rng
    conversation = Conversation(
        world,
        agent,
        rng.choice(agent.models),
        user_id=f"user-{rng.randrange(USERS):03d}",
        conversation_id=world.identifier("conv_", 16),
        scenario=casting.scenario.name,
    )
    case = rng.choice([case for case in agent.cases if casting.scenario.suits(case)])
    with world.service(agent.service):
        if agent.route is None:
            _play(casting.scenario, conversation, case)
        else:
            _serve_user(agent.route, casting.scenario, conversation, case)


def _play(scenario: Scenario, conversation: Conversation, case: Case) -> bool:
    """Whether the agent gave an answer."""
    try:
        scenario.play(conversation, case)
    except (ProviderError, TimeoutError):
        return False
    return True


def _serve_user(route: str, scenario: Scenario, conversation: Conversation, case: Case) -> None:
    with conversation.world.plain_span(
        f"POST {route}",
        {
            "http.request.method": "POST",
            "http.route": route,
            "url.scheme": "https",
            "user.id": conversation.user_id,
        },
        kind=SpanKind.SERVER,
    ) as entry:
        conversation.world.wait(1, 9)
        if _play(scenario, conversation, case):
            answered(entry, 200)
            entry.set_status(Status(StatusCode.OK))
        else:
            answered(entry, 502, failure="the agent gave no answer")
        conversation.world.wait(1, 5)


def _remote_call(case: Case) -> Call | None:
    return next((call for call in case.calls if call.tool.path is not None), None)


def _required_remote_call(case: Case) -> Call:
    call = _remote_call(case)
    if call is None:
        raise ValueError(f"the case {case.question!r} has no tool of the tool service")
    return call


def _has_remote_call(case: Case) -> bool:
    return _remote_call(case) is not None


def play_ok(conversation: Conversation, case: Case) -> None:
    """Everything works."""
    with conversation.run(case.question) as run:
        if case.retrieves:
            conversation.retrieve()
        if case.calls:
            conversation.run_tools(case.calls)
        conversation.answer(case.answer)
        conversation.finish(run, case.answer)


def play_slow_tool(conversation: Conversation, case: Case) -> None:
    """One tool takes nearly all the time of a run that succeeds."""
    with conversation.run(case.question) as run:
        conversation.run_tools(case.calls, slow=_required_remote_call(case))
        conversation.answer(case.answer)
        conversation.finish(run, case.answer)


def play_retry_storm(conversation: Conversation, case: Case) -> None:
    """A tool fails again and again, with growing pauses; each attempt links to the one before.

    Then the provider limits the rate of the agent's own requests, too.
    """
    world = conversation.world
    call = _required_remote_call(case)
    with conversation.run(case.question) as run:
        (call_id,) = conversation.choose([call])
        with conversation.tool_call(call, call_id) as tool:
            before: HttpRequest | None = None
            failures = world.rng.randint(5, 8)
            for attempt in range(failures):
                with conversation.request(call.tool, attempt=attempt, retry_of=before) as before:
                    conversation.serve(call.tool, before, work_ms=(5, 60), status=503)
                    answered(before.span, 503)
                pause_ms = min(100 * 2**attempt, 3200)
                tool.retry(attempt + 1, error="HTTP 503", wait_s=pause_ms / 1000)
                world.wait(pause_ms, pause_ms + pause_ms // 4)
            with conversation.request(call.tool, attempt=failures, retry_of=before) as last:
                conversation.serve(call.tool, last, work_ms=(5, 60))
                answered(last.span, 200)
            conversation.take_result(tool, call_id, call.result)
        _answer_in_spite_of_limits(conversation, case.answer)
        conversation.finish(run, case.answer)


def _answer_in_spite_of_limits(conversation: Conversation, answer: str) -> None:
    world = conversation.world
    before: SpanContext | None = None
    limited = world.rng.randint(1, 3)
    for attempt in range(limited + 1):
        try:
            with conversation.model_call() as call:
                if before is not None:
                    link = retry_link(before)
                    call.span.add_link(link.context, link.attributes)
                before = call.span.get_span_context()
                if attempt < limited:
                    world.wait(40, 120)
                    call.attribute("http.response.status_code", 429)
                    raise RateLimitError("429: too many requests, retry later")
                conversation.reply(call, answer)
        except RateLimitError:
            world.wait(400 * 2**attempt, 500 * 2**attempt)


MODEL_FAILURES = (
    ContextLengthExceeded("the prompt has 214032 tokens, the model takes 200000"),
    InternalServerError("500: the server had an error while processing your request"),
    ContentFilterError("the response was stopped by the provider's content filter"),
)


def play_llm_error(conversation: Conversation, case: Case) -> None:
    """The model call fails permanently, and so does the run."""
    world = conversation.world
    failure = world.rng.choice(MODEL_FAILURES)
    with conversation.run(case.question):
        if case.retrieves:
            conversation.retrieve()
        if case.calls:
            conversation.run_tools(case.calls[:1])
        with conversation.model_call():
            world.wait(300, 2400)
            raise type(failure)(*failure.args)  # a new one: the SDK marks those it has recorded


def play_timeout(conversation: Conversation, case: Case) -> None:
    """A tool does not answer in time; the tool service goes on after the request was given up.

    Half of the agents apologise and succeed, the others fail.
    """
    call = _required_remote_call(case)
    recovers = conversation.world.rng.random() < 0.5
    apology = "I could not reach that system just now. Please try again later."
    with conversation.run(case.question) as run:
        (call_id,) = conversation.choose([call])
        try:
            _wait_in_vain(conversation, call, call_id)
        except TimeoutError:
            if not recovers:
                raise
        conversation.add_result(call_id, '{"error":"timeout"}')
        conversation.answer(apology)
        conversation.finish(run, apology)


def _wait_in_vain(conversation: Conversation, call: Call, call_id: str) -> None:
    clock = conversation.world.clock
    message = f"no answer from {call.tool.name} within {TOOL_DEADLINE_S} s"
    working_ms = (TOOL_DEADLINE_S * 1000 + 4_000, TOOL_DEADLINE_S * 1000 + 15_000)
    with conversation.tool_call(call, call_id) as tool:
        with conversation.request(call.tool) as request:
            asked_ns = clock.now_ns
            conversation.serve(call.tool, request, work_ms=working_ms, status=499)
            clock.now_ns = asked_ns + TOOL_DEADLINE_S * SECOND_NS
            failed(request.span, "timeout", message)
        tool.timeout(TOOL_DEADLINE_S)
        raise TimeoutError(message)


def play_long_conversation(conversation: Conversation, case: Case) -> None:
    """Many turns with time to think between them; every turn sends the whole history again."""
    world = conversation.world
    with world.plain_span(
        "invoke_workflow conversation",
        {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.workflow.name": "conversation",
            "gen_ai.conversation.id": conversation.conversation_id,
            "user.id": conversation.user_id,
        },
        kind=SpanKind.INTERNAL,
    ) as root:
        play_ok(conversation, case)
        for turn in range(world.rng.randint(9, 15)):
            world.wait(3_000, 25_000)
            question, answer = FOLLOW_UPS[(turn + world.rng.randrange(2)) % len(FOLLOW_UPS)]
            with conversation.run(question) as run:
                if case.calls and world.rng.random() < 0.4:
                    conversation.run_tools([world.rng.choice(case.calls)])
                conversation.answer(answer)
                conversation.finish(run, answer)
        root.set_status(Status(StatusCode.OK))


def play_sub_agent(conversation: Conversation, case: Case) -> None:
    """The agent hands the question to another agent, which runs in a service of its own."""
    world = conversation.world
    other = Conversation(
        world,
        RESEARCH,
        world.rng.choice(RESEARCH.models),
        user_id=conversation.user_id,
        conversation_id=conversation.conversation_id,
        scenario=conversation.scenario,
    )
    asked = world.rng.choice([case for case in RESEARCH.cases if case.retrieves])
    url = f"http://{RESEARCH.service}:8000{RESEARCH_ROUTE}"
    with conversation.run(asked.question) as run:
        with (
            world.http_request(url) as request,
            world.http_served(request, RESEARCH.service, RESEARCH_ROUTE) as entry,
        ):
            play_ok(other, asked)
            answered(entry, 200)
            answered(request.span, 200)
        conversation.history.append({"role": "user", "content": f"Findings: {asked.answer}"})
        conversation.answer(asked.answer)
        conversation.finish(run, asked.answer)


def play_streaming(conversation: Conversation, case: Case) -> None:
    """The answer comes in pieces."""
    conversation.model = FAST
    with conversation.run(case.question) as run:
        if case.calls:
            conversation.run_tools(case.calls)
        conversation.finish(run, conversation.stream_answer(case.answer))


SCENARIOS = (
    Scenario("ok", play_ok),
    Scenario("slow_tool", play_slow_tool, suits=_has_remote_call),
    Scenario("retry_storm", play_retry_storm, suits=_has_remote_call),
    Scenario("llm_error", play_llm_error),
    Scenario("timeout", play_timeout, suits=_has_remote_call),
    Scenario("long_conversation", play_long_conversation),
    Scenario("parallel_tools", play_ok, suits=lambda case: len(case.calls) > 1),
    Scenario("sub_agent", play_sub_agent, agent=SUPPORT),
    Scenario("streaming", play_streaming),
    Scenario("ok", play_ok),
)
"""The scenarios in order of the traces, repeated."""

RUNNING = Scenario("running", play_slow_tool, agent=RESEARCH, suits=_has_remote_call)
"""Half of its time has passed at the demo's time: it waits for its slow tool."""

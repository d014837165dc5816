"""The comparison of records with the API server, and when the liveness probe fails."""

from __future__ import annotations

import aiohttp
import pytest

from tests.lists import Lists, body
from tracefoundry_operator import kinds
from tracefoundry_operator.kinds import EXPORT, INSTANCE, POD, SECRET, ObjectKey
from tracefoundry_operator.metrics import Metrics
from tracefoundry_operator.resync import REPAIR_S, Resync
from tracefoundry_operator.serving import application, serve
from tracefoundry_operator.state import State
from tracefoundry_operator.watches import Watches

WATCHED = (SECRET, POD, kinds.CONFIG_MAP, INSTANCE, EXPORT)


class NoLoops:
    """Runs no passes."""

    def wake(self, key: ObjectKey) -> None:
        """Do nothing."""


class Comparison:
    """A state, its comparison with lists, and the answer of the liveness probe."""

    def __init__(
        self, lists: Lists, *, namespaces: tuple[str, ...] = (), repair_s: float = 0.0
    ) -> None:
        self.metrics, self.state = Metrics(), State()
        loops = {INSTANCE.name: NoLoops(), EXPORT.name: NoLoops()}
        self.watches = Watches(self.state, kinds=WATCHED, loops=loops)
        self.resync = Resync(
            lists,  # type: ignore[arg-type]
            self.state,
            self.watches,
            self.metrics,
            kinds=WATCHED,
            namespaces=namespaces,
            grace_s=0.02,
            repair_s=repair_s,
        )

    @property
    def known(self) -> dict[ObjectKey, str]:
        """Versions of all known Secrets."""
        return self.state.versions(SECRET)

    def knows(self, name: str, version: str) -> None:
        """Take a Secret in, from no watch."""
        self.state.observe(SECRET, body(name, version))

    def problem(self) -> str | None:
        """The answer of the liveness probe."""
        return self.resync.problem(resync_s=300, failures_allowed=4)


def key_of(name: str) -> ObjectKey:
    """Key of a Secret of a list."""
    return ObjectKey("Secret", "tracing", name)


@pytest.mark.asyncio
async def test_the_start_takes_in_everything_that_is_listed() -> None:
    """A pass with incomplete records would create what already exists."""
    lists = Lists()
    lists.items = [body("a", "1")]
    found = Comparison(lists)
    await found.resync.start()
    assert {key_of("a"): "1"} == found.known


@pytest.mark.asyncio
async def test_a_change_that_no_watch_delivered_is_taken_in_and_its_watch_is_silent() -> None:
    """The liveness probe then fails until the watch delivers an event."""
    lists = Lists()
    lists.items = [body("a", "2"), body("b", "1")]
    found = Comparison(lists)
    found.knows("a", "1")
    await found.resync.compare()
    assert ({key_of("a"): "2", key_of("b"): "1"}, {"Secret"}) == (
        found.known,
        found.resync.silent,
    )
    await found.resync.compare()
    assert {"Secret"} == found.resync.silent
    found.watches.event(SECRET, "MODIFIED", body("a", "3"))
    assert frozenset() == found.resync.silent


@pytest.mark.asyncio
async def test_a_watch_that_delivers_a_change_in_time_is_not_silent() -> None:
    """A list may be ahead of the watch."""
    lists = Lists()
    lists.items = [body("a", "2")]
    found = Comparison(lists)
    found.knows("a", "1")
    lists.after = lambda: found.knows("a", "2")
    before = dict(found.known)
    await found.resync.compare()
    assert ({key_of("a"): "1"}, frozenset()) == (before, found.resync.silent)


@pytest.mark.asyncio
async def test_what_was_deleted_while_a_watch_was_interrupted_is_forgotten() -> None:
    """No event reports it, and the watch is not silent."""
    found = Comparison(Lists())
    found.knows("a", "1")
    await found.resync.compare()
    assert ({}, frozenset()) == (found.known, found.resync.silent)


@pytest.mark.asyncio
async def test_a_watch_is_not_silent_for_an_object_that_was_created_and_deleted() -> None:
    """The watch delivered both events."""
    lists = Lists()
    lists.items = [body("a", "1")]
    lists.after = lists.items.clear
    found = Comparison(lists)
    await found.resync.compare()
    assert ({}, frozenset()) == (found.known, found.resync.silent)


@pytest.mark.asyncio
async def test_a_silent_watch_stays_unhealthy_until_it_delivers_an_event() -> None:
    """Further comparisons do not change it: the probe must fail three times in a minute."""
    lists = Lists()
    lists.items = [body("a", "1")]
    watching = Comparison(lists)
    await watching.resync.start()
    assert watching.problem() is None

    lists.items = [body("a", "2")]
    answers = []
    for _ in range(5):
        await watching.resync.compare()
        answers.append(watching.problem())
    assert ["no watch events for changes in: Secret"] * 5 == answers

    watching.watches.event(kinds.CONFIG_MAP, "MODIFIED", body("other", "3"))
    assert answers[0] == watching.problem()

    watching.watches.event(kinds.SECRET, "MODIFIED", body("a", "3"))
    assert watching.problem() is None


@pytest.mark.asyncio
async def test_a_silent_watch_is_unhealthy_only_after_kopf_had_time_to_repair_it() -> None:
    """A new process is the last resort. The change itself is taken in at once."""
    lists = Lists()
    lists.items = [body("a", "1")]
    found = Comparison(lists, repair_s=REPAIR_S)
    await found.resync.start()
    lists.items = [body("a", "2")]
    await found.resync.compare()
    assert ({key_of("a"): "2"}, None) == (found.known, found.problem())

    for since in found.resync._silent.values():
        since._since -= REPAIR_S
    assert "no watch events for changes in: Secret" == found.problem()


@pytest.mark.asyncio
async def test_a_comparison_that_fails_again_and_again_is_unhealthy() -> None:
    """Nothing would find what watches miss."""
    found = Comparison(Lists())
    assert found.problem() is None
    found.resync.age._since -= 4 * 300 + 1
    assert "no comparison with the API server for 1201 s" == found.problem()


@pytest.mark.asyncio
async def test_an_event_in_one_namespace_does_not_count_for_the_watch_of_another() -> None:
    """There is one for each namespace that the operator is limited to."""
    lists = Lists()
    watching = Comparison(lists, namespaces=("one", "two"))
    await watching.resync.start()
    lists.items = [body("a", "1", namespace="one")]
    await watching.resync.compare()
    watching.watches.event(kinds.SECRET, "ADDED", body("b", "2", namespace="two"))
    assert {"Secret"} == watching.resync.silent
    watching.watches.event(kinds.SECRET, "MODIFIED", body("a", "3", namespace="one"))
    assert frozenset() == watching.resync.silent


@pytest.mark.asyncio
async def test_an_object_deleted_between_two_attempts_of_the_first_list_is_dropped() -> None:
    """A list that fails before its end is repeated."""
    lists = Lists()
    lists.items, lists.failures = [body("gone", "1"), body("there", "1")], 1
    lists.after_failure = lambda: lists.items.pop(0)
    watching = Comparison(lists)
    await watching.resync.start()
    assert ["there"] == [key.name for key in watching.known]


@pytest.mark.asyncio
async def test_the_age_of_the_last_event_is_counted_for_each_kind() -> None:
    """An active watch must not hide another one that delivers nothing."""
    watching = Comparison(Lists())
    ages = dict.fromkeys(watching.watches.ages, 100.0)
    assert {"Secret", "Pod", "ConfigMap", "TraceFoundry", "TraceExport"} == ages.keys()
    for stopwatch in watching.watches.ages.values():
        stopwatch._since -= 100
    watching.metrics.follow(
        event_ages={kind: age.seconds for kind, age in watching.watches.ages.items()},
        resync_age=watching.resync.age.seconds,
    )
    watching.watches.event(kinds.SECRET, "MODIFIED", body("a", "1"))

    app = application(watching.metrics, alive=watching.problem, ready=lambda: None)
    runner = await serve(app, "127.0.0.1", 0)
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            text = await answer.text()
    finally:
        await runner.cleanup()
    shown = {}
    for line in text.splitlines():
        if line.startswith("tracefoundry_operator_last_watch_event_age_seconds{"):
            labels, _, value = line.partition("} ")
            shown[labels.split('"')[1]] = float(value)
    assert ages.keys() == shown.keys()
    assert {"Secret"} == {kind for kind, age in shown.items() if age < 50}

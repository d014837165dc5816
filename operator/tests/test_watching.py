"""A watch that fell silent is noticed by the liveness probe, whatever the other watches deliver."""

from __future__ import annotations

import aiohttp
import pytest

from tests.lists import Lists, body
from tracefoundry_operator import kinds
from tracefoundry_operator.handlers import problem
from tracefoundry_operator.kinds import InstanceKey
from tracefoundry_operator.metrics import Metrics
from tracefoundry_operator.observed import Observed
from tracefoundry_operator.passes import Passes
from tracefoundry_operator.resync import Resync
from tracefoundry_operator.serving import application, serve
from tracefoundry_operator.settings import Settings
from tracefoundry_operator.watches import Watches

CONFIG_MAPS = (kinds.CONFIG_MAP,)


class Nobody:
    """Who needs no pass."""

    def wake(self, key: InstanceKey) -> None:
        """Nothing."""


class Watching:
    """Records, their comparison with lists, and what the probe would be told."""

    def __init__(self, lists: Lists, *, namespaces: tuple[str, ...] = ()) -> None:
        self.metrics, observed = Metrics(), Observed()
        passes = Passes(None, observed, Settings(), self.metrics, known_kinds=frozenset())  # type: ignore[arg-type]
        self.watches = Watches(observed, passes, instances=Nobody(), exports=Nobody())
        self.resync = Resync(
            lists,  # type: ignore[arg-type]
            self.watches.watched(CONFIG_MAPS),
            self.metrics,
            namespaces=namespaces,
            grace_s=0.01,
        )
        self.watches.told = self.resync.told

    def problem(self) -> str | None:
        """What the liveness probe is answered."""
        return problem(self.resync, resync_s=300)


@pytest.mark.asyncio
async def test_a_silent_watch_stays_unhealthy_until_it_tells_something_again() -> None:
    """However often is compared meanwhile: the probe has to fail three times in a minute."""
    lists = Lists()
    lists.items = [body("a", "1")]
    watching = Watching(lists)
    await watching.resync.start()
    assert watching.problem() is None

    lists.items = [body("a", "2")]
    answers = []
    for _ in range(5):
        await watching.resync.compare()
        answers.append(watching.problem())
    assert ["no watch tells of changes in: Secret"] * 5 == answers

    watching.watches.event(kinds.CONFIG_MAP, "MODIFIED", body("other", "3"))
    assert answers[0] == watching.problem()

    watching.watches.event(kinds.SECRET, "MODIFIED", body("a", "3"))
    assert watching.problem() is None


@pytest.mark.asyncio
async def test_the_watch_of_one_namespace_does_not_speak_for_that_of_another() -> None:
    """There is one for each namespace that the operator is limited to."""
    lists = Lists()
    watching = Watching(lists, namespaces=("one", "two"))
    await watching.resync.start()
    lists.items = [body("a", "1", namespace="one")]
    await watching.resync.compare()
    watching.watches.event(kinds.SECRET, "ADDED", body("b", "2", namespace="two"))
    assert {"Secret"} == watching.resync.silent
    watching.watches.event(kinds.SECRET, "MODIFIED", body("a", "3", namespace="one"))
    assert frozenset() == watching.resync.silent


@pytest.mark.asyncio
async def test_what_went_between_two_tries_of_the_first_list_is_forgotten() -> None:
    """A list that breaks off is begun anew."""
    lists = Lists()
    lists.items, lists.failures = [body("gone", "1"), body("there", "1")], 1
    lists.after_failure = lambda: lists.items.pop(0)
    watching = Watching(lists)
    secrets = watching.watches.watched(())[0]
    await watching.resync.start()
    assert ["there"] == [key.name for key in secrets.versions()]


@pytest.mark.asyncio
async def test_a_busy_watch_does_not_hide_how_long_another_was_silent() -> None:
    """The age of the last event is shown by kind, for all kinds that are watched."""
    watching = Watching(Lists())
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

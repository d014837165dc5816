"""Loops, comparison with the API server, probing, settings: what keeps the operator going."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.instances import MINIMAL, instance
from tests.lists import Lists, body
from tracefoundry_operator import kinds
from tracefoundry_operator.cluster import Body
from tracefoundry_operator.conditions import Check
from tracefoundry_operator.kinds import InstanceKey, ObjectKey
from tracefoundry_operator.loops import Loops, Result
from tracefoundry_operator.metrics import Metrics
from tracefoundry_operator.observed import Observed, read_pod
from tracefoundry_operator.passes import Passes
from tracefoundry_operator.probing import Prober, combined, read_checks
from tracefoundry_operator.resync import Resync, Watched
from tracefoundry_operator.serving import application, serve
from tracefoundry_operator.settings import Settings, SettingsError

KEY = InstanceKey("tracing", "main")


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, at most 10 s."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - any condition, not one that could set an event
            await asyncio.sleep(0.005)


@pytest.mark.asyncio
async def test_many_wakes_make_few_passes_and_none_overlap() -> None:
    """What happens during a pass makes one more."""
    running, most, passes = 0, 0, 0
    release = asyncio.Event()

    async def pass_over(key: InstanceKey) -> Result:
        nonlocal running, most, passes
        running += 1
        most = max(most, running)
        await release.wait()
        running -= 1
        passes += 1
        return Result.DONE

    loops = Loops(pass_over, resync_s=60, debounce_s=0.01)
    loops.release()
    loops.wake(KEY)
    await until(lambda: running == 1)
    for _ in range(50):
        loops.wake(KEY)
    release.set()
    await until(lambda: passes == 2)
    await asyncio.sleep(0.05)  # a third pass would come within the debounce time
    await loops.stop()
    assert (1, 2) == (most, passes)


@pytest.mark.asyncio
async def test_a_pass_that_fails_is_repeated_and_stops_nobody_else() -> None:
    """An error that nobody expected, and a resource beside it."""
    seen: list[str] = []

    async def pass_over(key: InstanceKey) -> Result:
        seen.append(key.name)
        if key.name == "bad" and seen.count("bad") == 1:
            raise KeyError("what nobody expected")
        return Result.DONE

    loops = Loops(pass_over, resync_s=60, debounce_s=0.01)
    loops.release()
    loops.wake(InstanceKey("tracing", "bad"))
    loops.wake(InstanceKey("tracing", "good"))
    await until(lambda: seen.count("bad") == 2)
    await loops.stop()
    assert ["bad", "good", "bad"] == seen


@pytest.mark.asyncio
async def test_a_resource_that_is_gone_is_forgotten_and_can_come_back() -> None:
    """Tasks of deleted resources would pile up."""
    passes = 0

    async def pass_over(key: InstanceKey) -> Result:
        nonlocal passes
        passes += 1
        return Result.GONE

    loops = Loops(pass_over, resync_s=60, debounce_s=0.0)
    loops.release()
    for expected in (1, 2):
        loops.wake(KEY)
        await until(lambda expected=expected: passes == expected and not len(loops))  # type: ignore[misc]
    await loops.stop()


@pytest.mark.asyncio
async def test_a_pass_comes_without_a_wake_after_the_resync_time() -> None:
    """Whatever was missed is found then."""
    passes = 0

    async def pass_over(key: InstanceKey) -> Result:
        nonlocal passes
        passes += 1
        return Result.DONE

    loops = Loops(pass_over, resync_s=0.02, debounce_s=0.0)
    loops.release()
    loops.wake(KEY)
    await until(lambda: passes >= 3)
    await loops.stop()


@pytest.mark.asyncio
async def test_no_pass_begins_before_everything_is_known() -> None:
    """It would make what is there already."""
    passes = 0

    async def pass_over(key: InstanceKey) -> Result:
        nonlocal passes
        passes += 1
        return Result.DONE

    loops = Loops(pass_over, resync_s=60, debounce_s=0.0)
    loops.wake(KEY)
    await asyncio.sleep(0.05)  # a pass would come at once
    before = passes
    loops.release()
    await until(lambda: passes == 1)
    await loops.stop()
    assert 0 == before


class Resources:
    """An API server that has these resources, and keeps what is written to their status."""

    def __init__(self, *bodies: Body) -> None:
        self.bodies = {body["metadata"]["name"]: body for body in bodies}

    async def get(self, kind: kinds.Kind, namespace: str, name: str) -> Body | None:
        """One of them."""
        return self.bodies.get(name)

    async def apply(self, kind: kinds.Kind, manifest: Body, **_: Any) -> Body:
        """Keep a status."""
        found = self.bodies[manifest["metadata"]["name"]]
        found["status"] = manifest["status"]
        return found

    async def create(self, kind: kinds.Kind, manifest: Body, **_: Any) -> Body:
        """Events go nowhere."""
        return manifest


def resource(kind: str, name: str, spec: dict[str, Any]) -> Body:
    """A resource as the API server delivers it."""
    return {
        "apiVersion": "tracefoundry.dev/v1alpha1",
        "kind": kind,
        "metadata": {**body(name, "1")["metadata"], "uid": f"uid-{name}", "generation": 3},
        "spec": spec,
    }


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("broken", "reason", "field"),
    [("incident", "InvalidSpec", "payloads"), ("main", "InstanceInvalid", "suspend")],
)
async def test_an_export_that_cannot_be_measured_says_so_and_is_not_tried_again(
    broken: str, reason: str, field: str
) -> None:
    """The definitions in the cluster may be other ones; a try a minute would not mend that."""
    spec = {"instanceRef": {"name": "main"}, "query": {}}
    server = Resources(
        resource("TraceExport", "incident", spec), resource("TraceFoundry", "main", dict(MINIMAL))
    )
    server.bodies[broken]["spec"][field] = 7
    passes = Passes(server, Observed(), Settings(), Metrics(), known_kinds=frozenset())  # type: ignore[arg-type]
    assert Result.DONE is await passes.over_export(InstanceKey("tracing", "incident"))
    status = server.bodies["incident"]["status"]
    accepted, complete = status["conditions"]
    assert (3, "False", reason) == (
        status["observedGeneration"],
        accepted["status"],
        accepted["reason"],
    )
    assert field in accepted["message"]
    assert "NotAccepted" == complete["reason"]


def pod_body(status: dict[str, Any]) -> Body:
    """A pod with this status."""
    return {**body("main-migrate-1-x", "1"), "status": status}


@pytest.mark.parametrize(
    ("status", "started"),
    [
        ({}, False),
        ({"phase": "Pending", "conditions": [{"reason": "Unschedulable"}]}, False),
        (
            {
                "phase": "Pending",
                "containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}],
            },
            False,
        ),
        ({"phase": "Running", "containerStatuses": [{"state": {"running": {}}}]}, True),
        (
            {
                "phase": "Pending",
                "containerStatuses": [
                    {"state": {"waiting": {}}, "lastState": {"terminated": {"exitCode": 1}}}
                ],
            },
            True,
        ),
        ({"phase": "Failed"}, True),
    ],
)
def test_a_pod_counts_as_started_unless_it_certainly_never_was(
    status: dict[str, Any], started: bool
) -> None:
    """Only then its Job may be deleted."""
    assert started is read_pod(pod_body(status)).started


@pytest.mark.parametrize(("code", "expected"), [(1, "said"), (0, None)])
def test_only_what_a_failed_container_left_is_told(code: int, expected: str | None) -> None:
    """Also a migration that succeeds may leave something."""
    terminated = {"exitCode": code, "message": "said"}
    status = {"phase": "Failed", "containerStatuses": [{"state": {"terminated": terminated}}]}
    assert expected == read_pod(pod_body(status)).message


class Comparison:
    """A comparison of one kind, with records that the test sees."""

    def __init__(self, lists: Lists) -> None:
        self.known: dict[ObjectKey, str] = {}
        self.resync = Resync(
            lists,  # type: ignore[arg-type]
            (
                Watched(
                    kind=kinds.SECRET,
                    selector=None,
                    concerns=lambda _: True,
                    versions=lambda: dict(self.known),
                    version=self.known.get,
                    take_in=self.take_in,
                    drop=lambda key: self.known.pop(key) and None,
                ),
            ),
            Metrics(),
            namespaces=(),
            grace_s=0.02,
        )

    def knows(self, name: str, version: str) -> None:
        """Have an object known in a version."""
        self.known[key_of(name)] = version

    def take_in(self, body: Body) -> None:
        """Note an object."""
        metadata = body["metadata"]
        self.known[key_of(metadata["name"])] = metadata["resourceVersion"]


def key_of(name: str) -> ObjectKey:
    """Key of an object of a list."""
    return ObjectKey("Secret", "tracing", name)


@pytest.mark.asyncio
async def test_the_start_waits_until_everything_could_be_listed() -> None:
    """Deciding on half of it would make what is there already."""
    lists = Lists()
    lists.items = [body("a", "1")]
    found = Comparison(lists)
    await found.resync.start()
    assert {key_of("a"): "1"} == found.known


@pytest.mark.asyncio
async def test_a_change_that_no_watch_told_is_taken_in_and_the_watch_called_silent() -> None:
    """The liveness probe then fails, until the watch tells anything."""
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
    found.resync.told(kinds.SECRET, "tracing")
    assert frozenset() == found.resync.silent


@pytest.mark.asyncio
async def test_a_change_that_the_watch_tells_in_time_is_no_silence() -> None:
    """Lists and watches are not in step."""
    lists = Lists()
    lists.items = [body("a", "2")]
    found = Comparison(lists)
    found.knows("a", "1")
    lists.after = lambda: found.take_in(body("a", "2"))
    before = dict(found.known)
    await found.resync.compare()
    assert ({key_of("a"): "1"}, frozenset()) == (before, found.resync.silent)


@pytest.mark.asyncio
async def test_what_was_deleted_while_a_watch_was_interrupted_is_forgotten() -> None:
    """Nobody tells of it; it is no silence either."""
    found = Comparison(Lists())
    found.knows("a", "1")
    await found.resync.compare()
    assert ({}, frozenset()) == (found.known, found.resync.silent)


@pytest.mark.asyncio
async def test_an_object_that_came_and_went_is_no_silence() -> None:
    """The watch told of both."""
    lists = Lists()
    lists.items = [body("a", "1")]
    lists.after = lists.items.clear
    found = Comparison(lists)
    await found.resync.compare()
    assert ({}, frozenset()) == (found.known, found.resync.silent)


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def probed(answer: Answer) -> tuple[Any, list[InstanceKey]]:
    """What the operator knows after it asked a pod that answers so, and whom it woke."""
    app = web.Application()
    app.router.add_get("/readyz", answer)
    runner = await serve(app, "127.0.0.1", 0)
    port = runner.addresses[0][1]
    observed, woken = Observed(), []
    pod = read_pod(
        {
            "metadata": {
                "name": "main-ingest-x",
                "namespace": "tracing",
                "resourceVersion": "1",
                "labels": {
                    "app.kubernetes.io/instance": "main",
                    "app.kubernetes.io/component": "ingest",
                },
            },
            "status": {"phase": "Running", "podIP": "127.0.0.1"},
        }
    )
    observed.pods[ObjectKey("Pod", "tracing", pod.name)] = pod
    passes = Passes(None, observed, Settings(), Metrics(), known_kinds=frozenset())  # type: ignore[arg-type]
    passes.instances[KEY] = instance(MINIMAL)
    prober = Prober(passes, observed, wake=woken.append, interval_s=1, port=port)
    try:
        async with aiohttp.ClientSession() as session:
            await prober.ask_all(session)
            await prober.ask_all(session)
    finally:
        await runner.cleanup()
    return passes.checks.get(KEY), woken


@pytest.mark.asyncio
async def test_the_answer_of_a_pod_that_is_not_ready_is_read_and_wakes_once() -> None:
    """503 carries the reasons."""

    async def answer(_: web.Request) -> web.StreamResponse:
        checks = {
            "database": {"ok": True, "reason": None},
            "object_store": {"ok": False, "reason": "no such bucket"},
        }
        return web.json_response({"checks": checks}, status=503)

    found, woken = await probed(answer)
    assert (True, Check(False, "no such bucket")) == (
        found["database"].ok,
        found["object_store"],
    )
    assert [KEY] == woken


@pytest.mark.asyncio
async def test_an_answer_that_makes_no_sense_is_no_answer() -> None:
    """Something else may listen there."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>")

    assert ({}, [KEY]) == await probed(answer)


def test_one_pod_that_reaches_the_database_is_enough() -> None:
    """The other pod is the problem then, and its readiness tells that."""
    bad, good = Check(False, "no route"), Check(True, "")
    assert {"database": good} == combined([{"database": bad}, {"database": good}])
    assert {"database": bad} == combined([{"database": bad}])


@pytest.mark.parametrize("answer", [None, [], {}, {"checks": []}, "ok"])
def test_an_answer_without_checks_is_none(answer: Any) -> None:
    """Whatever JSON it is."""
    assert read_checks(answer) is None


@pytest.mark.asyncio
async def test_health_and_metrics_are_served() -> None:
    """503 with the reason when something is wrong."""
    reasons: list[str | None] = [None]
    app = application(Metrics(), alive=lambda: reasons[0], ready=lambda: "not yet")
    runner = await serve(app, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}/healthz") as answer:
                assert (200, {"ok": True, "reason": None}) == (answer.status, await answer.json())
            reasons[0] = "silent"
            async with session.get(f"{url}/healthz") as answer:
                assert (503, "silent") == (answer.status, (await answer.json())["reason"])
            async with session.get(f"{url}/readyz") as answer:
                assert 503 == answer.status
            async with session.get(f"{url}/metrics") as answer:
                assert "tracefoundry_operator_build_info" in await answer.text()
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("name", "text"), [("HTTP_PORT", "web"), ("RESYNC_S", "0"), ("PROBE_S", "-1"), ("IMGAE", "x")]
)
def test_settings_that_cannot_be_used_are_refused_by_name(name: str, text: str) -> None:
    """A misspelt one too: it would be silently without effect."""
    with pytest.raises(SettingsError, match=f"TRACEFOUNDRY_OPERATOR_{name}"):
        Settings.from_environment({f"TRACEFOUNDRY_OPERATOR_{name}": text})


@pytest.mark.parametrize(
    ("spec", "services", "collector", "version"),
    [
        ({}, "tracefoundry:1", "tracefoundry-collector:2", "1"),
        ({"version": "3"}, "tracefoundry:3", "tracefoundry-collector:3", "3"),
        ({"image": {"tag": "4"}}, "tracefoundry:4", "tracefoundry-collector:2", "4"),
        ({"image": {"repository": "r/x"}}, "r/x:1", "tracefoundry-collector:2", "1"),
        ({"collector": {"image": {"tag": "5"}}}, "tracefoundry:1", "tracefoundry-collector:5", "1"),
    ],
)
def test_images_come_from_the_resource_and_else_from_the_installation(
    spec: dict[str, Any], services: str, collector: str, version: str
) -> None:
    """The version label follows."""
    settings, found = Settings(tag="1", collector_tag="2"), instance({**MINIMAL, **spec}).spec
    assert (services, collector, version) == (
        settings.services_image(found).reference,
        settings.collector(found).reference,
        settings.version(found),
    )

"""Probes of ingest pods."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.instances import MINIMAL, instance
from tracefoundry_operator.conditions import Check
from tracefoundry_operator.kinds import POD, ObjectKey
from tracefoundry_operator.probing import Prober, combined, read_checks
from tracefoundry_operator.serving import serve
from tracefoundry_operator.state import State

KEY = ObjectKey("TraceFoundry", "tracing", "main")

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def probed(answer: Answer) -> tuple[Any, list[ObjectKey]]:
    """The recorded checks after two probes of a pod with this answer, and the woken resources."""
    app = web.Application()
    app.router.add_get("/readyz", answer)
    runner = await serve(app, "127.0.0.1", 0)
    port = runner.addresses[0][1]
    state, woken = State(), list[ObjectKey]()
    state.record_instance(instance(MINIMAL))
    state.observe(
        POD,
        {
            "metadata": {
                "uid": "uid-of-main-ingest-x",
                "name": "main-ingest-x",
                "namespace": "tracing",
                "resourceVersion": "1",
                "labels": {
                    "app.kubernetes.io/instance": "main",
                    "app.kubernetes.io/component": "ingest",
                },
            },
            "status": {"phase": "Running", "podIP": "127.0.0.1"},
        },
    )
    prober = Prober(state, wake=woken.extend, interval_s=1, port=port)
    try:
        async with aiohttp.ClientSession() as session:
            await prober.ask_all(session)
            await prober.ask_all(session)
    finally:
        await runner.cleanup()
    now = dt.datetime.now(dt.UTC)
    found = state.snapshot(instance(MINIMAL), status={}, config_maps={}, now=now)
    return found.checks, woken


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
async def test_an_answer_that_cannot_be_parsed_is_ignored() -> None:
    """Another program may use the address."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>")

    assert ({}, [KEY]) == await probed(answer)


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    """A pod could send the operator, which reaches every network, to any address."""
    followed = []

    async def elsewhere(request: web.Request) -> web.StreamResponse:
        followed.append(request.path_qs)
        return web.json_response({"checks": {"database": {"ok": True}}})

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.query_string:
            return await elsewhere(request)
        return web.Response(status=status, headers={"Location": "/readyz?elsewhere"})

    assert ({}, [KEY]) == await probed(answer)
    assert followed == []


def test_one_pod_that_reaches_the_database_is_enough() -> None:
    """The other pod has a problem then, which its readiness reports."""
    bad, good = Check(False, "no route"), Check(True, "")
    assert {"database": good} == combined([{"database": bad}, {"database": good}])
    assert {"database": bad} == combined([{"database": bad}])


@pytest.mark.parametrize("answer", [None, [], {}, {"checks": []}, "ok"])
def test_an_answer_without_checks_is_none(answer: Any) -> None:
    """For any other JSON."""
    assert read_checks(answer) is None

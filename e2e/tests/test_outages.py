"""What the collector accepted is not lost while ingest or the database is away."""

from __future__ import annotations

import os
import time

import backends
import release
from backends import Postgres
from instance import Instance
from kube import Kube, Object, wait_for

TRACES = 200
# How long the part stays away; a minute, but for those who try the test itself.
OUTAGE_S = float(os.environ.get("E2E_OUTAGE_S", "60"))


def test_no_accepted_trace_is_lost_while_ingest_is_away(main: Instance, kube: Kube) -> None:
    """Sent while no pod of ingest runs, found when one does, each once."""
    main.wait_ready()
    release.scale(kube, 0)  # it would bring ingest back at once
    try:
        kube.run("scale", f"deployment/{main.name}-ingest", "--replicas=0", "-n", main.namespace)
        wait_for("ingest away", lambda: not _ingest_pods(main), deadline_s=90)
        _send_and_hold(main, "during-ingest-outage")
    finally:
        release.scale(kube, 1)
    _assert_complete(main, "during-ingest-outage")


def test_no_accepted_trace_is_lost_while_the_database_is_away(
    main: Instance, kube: Kube, postgres: Postgres
) -> None:
    """During the outage ingest answers 503, and the collector sends again."""
    main.wait_ready()
    with backends.postgres_away(kube, postgres):
        _send_and_hold(main, "during-database-outage")
    _assert_complete(main, "during-database-outage")


def _send_and_hold(instance: Instance, service: str) -> None:
    over = time.monotonic() + OUTAGE_S
    instance.send_traces(service, TRACES)
    wait_for("the outage's end", lambda: time.monotonic() > over, deadline_s=OUTAGE_S + 60)


def _assert_complete(instance: Instance, service: str) -> None:
    instance.wait_ready()
    with instance.api() as api:
        wait_for("all traces", lambda: len(api.traces(service)) >= TRACES, deadline_s=120)
        assert TRACES == len(api.traces(service))
        assert {2} == {trace["span_count"] for trace in api.traces(service)}


def _ingest_pods(instance: Instance) -> list[Object]:
    return instance.kube.list("pods", instance.namespace, "app.kubernetes.io/component=ingest")

"""Secrets: a missing one is reported, a corrected one is used, a rotated one rolls the pods."""

from __future__ import annotations

import secrets
from dataclasses import replace

from backends import Postgres
from instance import Instance
from kube import condition, wait_for


def test_a_wrong_database_secret_is_said_and_mended(own: Instance, postgres: Postgres) -> None:
    """A condition with PostgreSQL's own words while it is wrong; Ready when it is right, without
    another touch."""
    own.wait_ready()
    before = _serving(own)
    right = own.kube.get("secret", "pg", own.namespace)
    assert right is not None
    wrong = replace(postgres, password=secrets.token_hex(8))
    own.kube.apply(own.secret("pg", url=wrong.url("nowhere")))

    def said() -> bool:
        (found,) = [
            each for each in own.get()["status"]["conditions"] if each["type"] == "SchemaMigrated"
        ]
        failing = {"MigrationFailing", "MigrationFailed"}
        return (
            found["status"] == "False"
            and found["reason"] in failing
            and "password authentication failed" in found["message"]
        )

    wait_for("a condition that says so", said, deadline_s=120)
    # The old pods go on: what was accepted before is still served.
    assert before == _serving(own)
    with own.api() as api:
        api.traces("any")
    own.kube.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "pg", "namespace": own.namespace},
            "data": right["data"],
        }
    )

    def mended() -> bool:
        resource = own.get()
        return {"True"} == {
            condition(resource, kind) for kind in ("Ready", "DatabaseReady", "SchemaMigrated")
        }

    wait_for("all conditions true", mended, deadline_s=120)


def test_a_rotated_secret_rolls_the_pods_that_use_it(own: Instance) -> None:
    """A new ingest token reaches the collector, and traces still arrive."""
    own.wait_ready()
    before = _uid(own)
    changed = replace(own, ingest_token="tf_" + secrets.token_urlsafe(32))
    own.kube.apply(own.secret("ingest-token", token=changed.ingest_token))
    wait_for("a new collector pod", lambda: _uid(own) not in {before, None}, deadline_s=120)
    own.wait_ready()
    own.send_traces("rotated", 3)
    with own.api() as api:
        wait_for("traces", lambda: len(api.traces("rotated")) == 3, deadline_s=60)


def _serving(instance: Instance) -> set[str]:
    selector = "app.kubernetes.io/component in (ingest,query)"
    found = {
        str(pod["metadata"]["uid"])
        for pod in instance.kube.list("pods", instance.namespace, selector)
    }
    assert found
    return found


def _uid(instance: Instance) -> str | None:
    pod = instance.kube.get("pod", f"{instance.name}-collector-0", instance.namespace)
    return None if pod is None else str(pod["metadata"]["uid"])

"""The operator killed in the middle of its work, again and again."""

from __future__ import annotations

import time

from tracefoundry_operator.kinds import INSTANCE

import release
from api_reader import BY_PLURAL, ApiReader, timed
from backends import S3, Postgres
from children import KINDS, specification
from cluster.access import Access
from figures import Figures
from instance import Instance
from kube import Object, condition

KILLS = 6
FIRST_KILL_S = 0.3
STEP_S = 0.05
"""The operator waits 0.3 s for more changes, and then needs about as long for its writes."""
CHANGED_BY_EACH = 6
"""Children that a change of the second test is carried out by."""
WRITE_S = 60.0
Write = tuple[str, str, str]
"""Kind, uid and specification: what differs after the operator has written."""


def test_an_operator_that_is_killed_while_it_makes_an_instance_converges(
    unmade: Instance, access: Access, postgres: Postgres, s3: S3, reader: ApiReader,
    figures: Figures,
) -> None:  # fmt: skip
    """Each process gets so far as to write something that was not there; one migration runs."""
    unmade.create(access, postgres, s3)
    seen: set[Write] = set()
    kills = 0

    def wrote() -> bool:
        return not _written(unmade, reader) <= seen or _ready(unmade, reader)

    while kills < KILLS:
        operator = release.running(unmade.kube, access)
        timed("a write", wrote, deadline_s=WRITE_S)
        if _ready(unmade, reader):
            break
        operator.kill()
        operator.forget()
        seen |= _written(unmade, reader)
        kills += 1
    assert 0 < kills
    unmade.wait_ready()
    figures.add("kills of the operator while it made an instance", kills, "")
    assert 1 == len(_jobs(unmade, reader))


def test_an_operator_that_is_killed_while_it_changes_an_instance_converges(
    own: Instance, access: Access, reader: ApiReader, figures: Figures
) -> None:
    """Killed a little later after each change, so that another step of the roll-out is the last."""
    own.wait_ready()
    jobs = _jobs(own, reader)
    cut = 0
    for kill in range(KILLS):
        operator = release.running(own.kube, access)
        release.wait_ready(own.kube)
        before = _written(own, reader)
        text = f"change-{kill}"
        reader.merge(INSTANCE, own.namespace, own.name, {"spec": _change(text, minute=kill)})
        # No condition marks this moment: the test kills the operator after any write.
        time.sleep(FIRST_KILL_S + kill * STEP_S)
        operator.kill()
        operator.forget()
        changed = len(_written(own, reader) - before)
        cut += 0 < changed < CHANGED_BY_EACH
    started = time.monotonic()

    def carried_out() -> bool:
        found = reader.find(BY_PLURAL["cronjobs"], own.namespace, f"{own.name}-retention")
        return found is not None and found["spec"]["schedule"] == f"{KILLS - 1} 5 * * *"

    timed("the last change", carried_out, deadline_s=WRITE_S)
    own.wait_ready()
    figures.add(f"kills that cut a change short, of {KILLS}", cut, "")
    figures.add("Ready after the last of them", time.monotonic() - started)
    assert jobs == _jobs(own, reader)


def _change(text: str, *, minute: int) -> Object:
    """A change of two workloads, the collector's configuration, a policy and the CronJob."""
    return {
        "retention": {"schedule": f"{minute} 5 * * *"},
        "collector": {"attributes": {"drop": [text]}},
        "query": {"annotations": {"example.org/change": text}},
        "ui": {"annotations": {"example.org/change": text}},
        "networkPolicy": {"otlpFromNamespaces": [text]},
    }


def _written(instance: Instance, reader: ApiReader) -> set[Write]:
    selector = f"app.kubernetes.io/instance={instance.name}"
    return {
        (kind, child["metadata"]["uid"], specification(child))
        for kind in (*KINDS, "jobs")
        for child in reader.list(BY_PLURAL[kind], instance.namespace, selector)
    }


def _jobs(instance: Instance, reader: ApiReader) -> set[str]:
    found = reader.list(BY_PLURAL["jobs"], instance.namespace)
    return {job["metadata"]["uid"] for job in found}


def _ready(instance: Instance, reader: ApiReader) -> bool:
    found = reader.find(INSTANCE, instance.namespace, instance.name)
    return found is not None and condition(found, "Ready") == "True"

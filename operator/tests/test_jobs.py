"""The rules that all Jobs follow: created once for given inputs, and never again when finished."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tests.instances import MINIMAL, rendering
from tests.test_reconcile import COMPLETE, NOW, RUNNING, child, failed, migration_pod, snapshot
from tracefoundry_operator import jobs, names
from tracefoundry_operator.actions import Create, Delete
from tracefoundry_operator.jobs import Phase, Run
from tracefoundry_operator.kinds import key_of
from tracefoundry_operator.manifests.jobs import input_hash, job
from tracefoundry_operator.manifests.rendering import Manifest
from tracefoundry_operator.names import Component
from tracefoundry_operator.records import JobState


def manifest(**inputs: Any) -> Manifest:
    """A Job with these inputs."""
    return job(
        rendering(MINIMAL),
        Component.MIGRATE,
        name=names.job_name("main", Component.MIGRATE, input_hash(inputs)),
        template={"spec": {}},
        backoff_limit=2,
        deadline_s=3600,
    )


def run(state: JobState | None, **options: Any) -> Run:
    """What to do about a Job in a state; None: it does not exist."""
    wanted = manifest(image="a")
    known = [] if state is None else [child(wanted, state=state)]
    return jobs.run(wanted, snapshot(known), **options)


def test_the_name_of_a_job_is_a_function_of_its_inputs() -> None:
    """A second pass, or a second operator, creates no second Job."""
    found = [key_of(manifest(**inputs)).name for inputs in ({"a": 1, "b": 2}, {"b": 2, "a": 1})]
    assert found[0] == found[1]
    assert found[0] != key_of(manifest(a=1, b=3)).name
    assert found[0].startswith("main-migrate-")


def test_a_job_is_created_once() -> None:
    """And left alone while it runs and when it is complete."""
    first = run(None)
    (action,) = first.actions
    assert isinstance(action, Create)
    assert (Phase.RUNNING, first.name) == (first.phase, action.key.name)
    assert (Phase.RUNNING, ()) == (run(RUNNING).phase, run(RUNNING).actions)
    assert (Phase.COMPLETE, ()) == (run(COMPLETE).phase, run(COMPLETE).actions)


@pytest.mark.parametrize(
    ("options", "phase"),
    [
        ({"blocked": True}, Phase.BLOCKED),
        ({"suspended": True}, Phase.SUSPENDED),
        ({"finished": {run(None).name}}, Phase.FINISHED),
    ],
)
def test_a_job_is_not_created(options: dict[str, Any], phase: Phase) -> None:
    """While something is missing or the resource is suspended, and when it has finished before."""
    found = run(None, **options)
    assert (phase, ()) == (found.phase, found.actions)


def test_a_job_that_finished_before_is_reported_as_it_is_while_it_exists() -> None:
    """Its result is lost only with the object."""
    assert Phase.COMPLETE is run(COMPLETE, finished={run(None).name}).phase


@pytest.mark.parametrize(
    ("minutes", "retry_after", "deleted"),
    [(9, dt.timedelta(minutes=10), 0), (11, dt.timedelta(minutes=10), 1), (600, None, 0)],
)
def test_a_failed_job_is_retried_only_after_a_given_time(
    minutes: int, retry_after: dt.timedelta | None, deleted: int
) -> None:
    """Without one it stays failed."""
    found = run(failed(minutes), retry_after=retry_after)
    assert (Phase.FAILED, deleted) == (found.phase, len(found.actions))
    assert all(isinstance(action, Delete) for action in found.actions)


def test_the_failure_of_a_job_is_that_of_its_newest_failed_pod() -> None:
    """Without any, the message of its condition; other Jobs' pods do not count."""
    wanted = manifest(image="a")
    name = key_of(wanted).name
    pods = [
        migration_pod(name, name="b", created_at="2026-11-21T11:00:00Z", message="no route"),
        migration_pod(name, name="a", created_at="2026-11-21T11:01:00Z", message="no password\n"),
        migration_pod("other", created_at="2026-11-21T11:02:00Z", message="no disk"),
    ]
    known = [child(wanted, state=failed(1))]
    with_pods, without = snapshot(known, pods=pods), snapshot(known)
    assert ("no password", "no password") == (
        jobs.pod_failure(name, with_pods),
        jobs.job_failure(name, with_pods),
    )
    assert (None, "no") == (jobs.pod_failure(name, without), jobs.job_failure(name, without))
    assert jobs.job_failure("unknown", without) is None
    assert without.now == NOW

"""Conditions and the rest of an instance's status."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest

from tests.instances import MINIMAL, instance
from tests.test_reconcile import (
    COMPLETE,
    RUNNING,
    child,
    complete,
    failed,
    job_of,
    migration_pod,
    plan,
    snapshot,
)
from tracefoundry_operator import events, status
from tracefoundry_operator.conditions import MESSAGE_LIMIT, Check, Checks, remembered
from tracefoundry_operator.kinds import ObjectKey
from tracefoundry_operator.pod_records import Pod
from tracefoundry_operator.records import (
    Child,
    JobState,
    WorkloadState,
)
from tracefoundry_operator.snapshot import Snapshot

NOW = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(minutes=5)


def workload(ready: int, *, desired: int = 2, updated: int = 2, **more: Any) -> WorkloadState:
    """Pods of a workload."""
    values: dict[str, Any] = {"generation": 1, "observed_generation": 1, "problem": None, **more}
    return WorkloadState(desired=desired, updated=updated, ready=ready, **values)


def running(
    state: WorkloadState, *, job: JobState = COMPLETE, spec: Any = MINIMAL
) -> dict[ObjectKey, Child]:
    """All children of an instance, with pods in this state."""
    found = complete(spec, job=job)
    for key, each in found.items():
        if key.kind in ("Deployment", "StatefulSet"):
            manifest = {
                "kind": key.kind,
                "metadata": {"name": key.name, "namespace": key.namespace},
            }
            found[key] = child(manifest, state=state, owned_digest=each.owned_digest)
    return found


def compute(
    seen: Snapshot,
    spec: Any = MINIMAL,
    *,
    checks: Checks | None = None,
    errors: Sequence[str] = (),
    previous: dict[str, Any] | None = None,
    now: dt.datetime = NOW,
) -> dict[str, Any]:
    """The status of an instance; without ``checks``, ingest pods were not asked yet."""
    found = dataclasses.replace(
        seen, instance=instance(spec), checks=checks, status=previous or {}, now=now
    )
    return status.compute(found, plan(spec, seen), errors=errors)


def conditions(found: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Status and reason by type."""
    return {each["type"]: (each["status"], each["reason"]) for each in found["conditions"]}


def test_an_instance_is_ready_when_all_pods_are() -> None:
    """And nothing is wrong then."""
    found = compute(snapshot(running(workload(2)).values()))
    expected = {
        "Ready": ("True", "AllPodsReady"),
        "Progressing": ("False", "RolledOut"),
        "Degraded": ("False", "AsExpected"),
        "DatabaseReady": ("True", "Migrated"),
        "SchemaMigrated": ("True", "Migrated"),
        "ObjectStoreReady": ("Unknown", "NoPodAnswered"),
    }
    assert expected == conditions(found)
    assert ("0.1.0", 1) == (found["version"], found["observedGeneration"])


@pytest.mark.parametrize(
    ("state", "ready", "progressing"),
    [
        (workload(1), "PodsNotReady", "RolledOut"),
        (workload(2, updated=1), "AllPodsReady", "RollingOut"),
        (workload(2, generation=2), "AllPodsReady", "RollingOut"),
    ],
)
def test_ready_is_about_pods_and_progressing_about_versions(
    state: WorkloadState, ready: str, progressing: str
) -> None:
    """A roll-out without a gap is ready all the time."""
    found = conditions(compute(snapshot(running(state).values())))
    assert (ready, progressing) == (found["Ready"][1], found["Progressing"][1])


def test_the_version_follows_only_when_everything_is_rolled_out() -> None:
    """Until then it is the one before."""
    found = compute(
        snapshot(running(workload(2, updated=1)).values()), previous={"version": "0.0.9"}
    )
    assert "0.0.9" == found["version"]


def test_times_move_only_with_the_status_of_a_condition() -> None:
    """So an unchanged status is equal, and nothing is written."""
    seen = snapshot(running(workload(2)).values())
    first = compute(seen)
    assert first == compute(seen, previous=first, now=LATER)

    third = compute(snapshot(running(workload(1)).values()), previous=first, now=LATER)
    moved = {
        each["type"]
        for each in third["conditions"]
        if each["lastTransitionTime"] == "2026-11-21T12:05:00Z"
    }
    assert {"Ready"} == moved


def test_a_failed_migration_is_reported_with_the_message_of_its_pod() -> None:
    """Ready stays True: the old pods serve."""
    seen = snapshot(running(workload(2), job=failed(1)).values())
    job = next(key.name for key in seen.children if key.kind == "Job")
    pod = Pod(
        namespace="tracing", name="p", uid="u", resource_version="1", instance_label="main",
        component="migrate", job=job, address=None, problem=None,
        message="the password is wrong\n",
    )  # fmt: skip
    found = compute(dataclasses.replace(seen, pods=(pod,), config_maps={}))
    messages = {each["type"]: each["message"] for each in found["conditions"]}
    assert f"Job {job!r} failed: the password is wrong" == messages["SchemaMigrated"]
    assert ("True", "False", "True") == (
        conditions(found)["Ready"][0],
        conditions(found)["DatabaseReady"][0],
        conditions(found)["Degraded"][0],
    )


def test_a_failing_migration_reports_why_after_its_first_attempt() -> None:
    """A wrong password can be corrected before the Job gives up."""
    children = running(workload(2), job=RUNNING)
    job = job_of(children).key.name
    pods = [
        migration_pod(job, name=name, created_at=created, message=message, started=True,
                      problem=None)
        for name, created, message in (
            ("b", "2026-11-21T11:00:00Z", "no route"),
            ("a", "2026-11-21T11:01:00Z", "the password is wrong\n"),
            ("c", "2026-11-21T11:02:00Z", None),
        )
    ]  # fmt: skip
    found = compute(snapshot(children.values(), pods=pods))
    sentence = f"Job {job!r} tries again; its last attempt failed: the password is wrong"
    messages = {each["type"]: each["message"] for each in found["conditions"]}
    assert {
        "Ready": ("True", "AllPodsReady"),
        "Progressing": ("True", "MigrationRunning"),
        "SchemaMigrated": ("False", "MigrationFailing"),
        "Degraded": ("True", "MigrationFailing"),
    }.items() <= conditions(found).items()
    assert (sentence, f"{sentence}.") == (messages["SchemaMigrated"], messages["Degraded"])


def test_pods_of_superseded_migrations_are_ignored() -> None:
    """The instance is healthy, whatever an earlier spec asked for."""
    children = running(workload(2))
    present = job_of(children).key.name
    old = compute(snapshot(children.values(), pods=[migration_pod("main-migrate-1")]))
    own = compute(snapshot(children.values(), pods=[migration_pod(present)]))
    assert ("False", "AsExpected") == conditions(old)["Degraded"]
    assert ("True", "PodsFailing") == conditions(own)["Degraded"]


def test_the_database_is_unknown_when_no_ingest_pod_answered() -> None:
    """The migration reached it long ago. A restart of the operator reports the same."""
    seen = snapshot(running(workload(2)).values())
    found = compute(seen, checks={})
    assert ("Unknown", "IngestSilent") == conditions(found)["DatabaseReady"]
    assert ("True", "AllPodsReady") == conditions(found)["Ready"]
    assert found == compute(seen, previous=found, now=LATER)


def test_answers_of_ingest_about_database_and_bucket_are_reported() -> None:
    """With its reason."""
    checks = {"database": Check(True, ""), "object_store": Check(False, "the bucket is gone")}
    found = compute(snapshot(running(workload(2)).values()), checks=checks)
    expected = {
        "DatabaseReady": ("True", "Reachable"),
        "ObjectStoreReady": ("False", "CheckFailed"),
        "Degraded": ("True", "CheckFailed"),
    }
    assert expected.items() <= conditions(found).items()
    assert "object store: the bucket is gone." in {each["message"] for each in found["conditions"]}


def test_a_new_process_keeps_the_answers_of_pods_until_it_has_asked() -> None:
    """Its start writes no status without them."""
    seen = snapshot(running(workload(2)).values())
    checks = {"database": Check(True, ""), "object_store": Check(False, "the bucket is gone")}
    before = compute(seen, checks=checks)
    assert before == compute(seen, previous=before, now=LATER)
    assert [True, False] == [check.ok for check in remembered(before).values()]
    assert {} == remembered({})


def test_pods_that_do_not_run_are_named_with_the_reason() -> None:
    """That of Kubernetes."""
    seen = snapshot(running(workload(0)).values())
    pod = Pod(
        namespace="tracing", name="main-query-x", uid="u", resource_version="1",
        instance_label="main", component="query", job=None, address=None,
        problem="ImagePullBackOff: no such tag", message=None,
    )  # fmt: skip
    found = compute(dataclasses.replace(seen, pods=(pod,), config_maps={}))
    (degraded,) = [each for each in found["conditions"] if each["type"] == "Degraded"]
    assert ("PodsFailing", "pod main-query-x: ImagePullBackOff: no such tag.") == (
        degraded["reason"],
        degraded["message"],
    )


def test_failed_applies_are_reported() -> None:
    """And the version does not count as rolled out."""
    found = compute(snapshot(running(workload(2)).values()), errors=["Service 'main-ui': refused"])
    assert ("True", "ApplyFailed") == conditions(found)["Degraded"]
    assert "version" not in found


def test_an_unmanaged_instance_still_reports_its_pods() -> None:
    """But not whether anything is wrong."""
    spec = {**MINIMAL, "managementState": "Unmanaged"}
    found = conditions(compute(snapshot(running(workload(2)).values()), spec))
    assert ("True", "Unknown") == (found["Ready"][0], found["Degraded"][0])


def test_a_long_message_is_cut_visibly() -> None:
    """A termination message can have 4 KiB."""
    found = compute(snapshot(running(workload(2)).values()), errors=["x" * 5000])
    (degraded,) = [each for each in found["conditions"] if each["type"] == "Degraded"]
    assert degraded["message"].endswith(" ...")
    assert len(degraded["message"]) == MESSAGE_LIMIT


def test_a_resource_that_cannot_be_read_reports_it_and_keeps_the_rest() -> None:
    """The pods keep running, and the rest of the status stays."""
    before = compute(snapshot(running(workload(2)).values()))
    found = status.invalid(7, "spec.x is wrong", before, now=LATER)
    assert ("False", "InvalidSpec") == conditions(found)["Ready"]
    assert ("True", "Migrated") == conditions(found)["SchemaMigrated"]
    assert (7, before["endpoints"]) == (found["observedGeneration"], found["endpoints"])


def transitions(previous: Any, present: Any) -> list[tuple[str, str]]:
    """Conditions that become events."""
    return [(each["type"], each["reason"]) for each in events.transitions(previous, present)]


def test_only_transitions_become_events() -> None:
    """Also another reason, as long as a condition is bad."""
    good = compute(snapshot(running(workload(2)).values()))["conditions"]
    bad = compute(snapshot(running(workload(1)).values()))["conditions"]
    other = [{**each, "reason": "Another"} for each in bad]
    assert [] == transitions(good, good)
    assert [("Ready", "PodsNotReady")] == transitions(good, bad)
    assert ("Ready", "Another") in transitions(bad, other)
    assert [] == transitions(good, [{**each, "message": "another"} for each in good])


def test_an_event_about_a_waiting_migration_is_no_warning() -> None:
    """It is what happens at every start."""
    seen = snapshot(running(workload(2), job=RUNNING).values())
    resource = {
        "apiVersion": "v1", "kind": "TraceFoundry",
        "metadata": {"name": "main", "namespace": "tracing", "uid": "u", "resourceVersion": "1"},
    }  # fmt: skip
    (schema,) = [each for each in compute(seen)["conditions"] if each["type"] == "SchemaMigrated"]
    assert "Normal" == events.event(resource, schema, NOW)["type"]
    failing = {**schema, "reason": "MigrationFailed"}
    assert "Warning" == events.event(resource, failing, NOW)["type"]

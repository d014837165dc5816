"""The plan of a pass, for each state of the cluster."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from tests.instances import FULL, MINIMAL, SECRETS, instance, rendering
from tracefoundry_operator import kinds, ownership, reconcile
from tracefoundry_operator.actions import Apply, Create, Delete, HandOver, Suspend
from tracefoundry_operator.jobs import Phase
from tracefoundry_operator.kinds import ObjectKey, key_of
from tracefoundry_operator.manifests import instance as manifests
from tracefoundry_operator.manifests.rendering import TEMPLATE_CHECKSUM, Manifest, Rendering
from tracefoundry_operator.pod_records import Pod
from tracefoundry_operator.reconcile import Plan
from tracefoundry_operator.records import (
    Child,
    ConfigMap,
    JobState,
    Secret,
    WorkloadState,
)
from tracefoundry_operator.settings import Settings
from tracefoundry_operator.snapshot import Applied, Snapshot

NOW = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)
SETTINGS = Settings(tag="0.1.0")
KNOWN = frozenset(kind.name for kind in (*kinds.OWNED, *kinds.MONITORING))
COMPLETE = JobState(complete=True, failed=False, message="", finished_at="2026-11-21T11:00:00Z")
RUNNING = JobState(complete=False, failed=False, message="", finished_at=None)
ALL_KEYS = frozenset(
    {"url", "dsn", "ca.crt", "authority.pem", "keys", "token", "bearer",
     "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
)  # fmt: skip


def failed(minutes_ago: int) -> JobState:
    """A Job that failed some time ago."""
    ended = (NOW - dt.timedelta(minutes=minutes_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return JobState(complete=False, failed=True, message="no", finished_at=ended)


def child(manifest: Manifest, *, state: Any = None, **changed: Any) -> Child:
    """The record of an object as it was rendered."""
    values: dict[str, Any] = {
        "key": key_of(manifest),
        "uid": f"uid-of-{key_of(manifest)}",
        "owner_uid": "uid-of-main",
        "owner_name": "main",
        "resource_version": "5",
        "owned_digest": ownership.rendered_digest(manifest),
        "owns_replicas": "replicas" in manifest.get("spec", {}),
        "deleting": False,
        "state": state,
        "template": manifest["metadata"].get("annotations", {}).get(TEMPLATE_CHECKSUM),
        "suspended": manifest.get("spec", {}).get("suspend", False),
        **changed,
    }
    return Child(**values)


def migration_pod(job: str, **changed: Any) -> Pod:
    """A pod of a migration Job, whose container has not started."""
    values: dict[str, Any] = {
        "namespace": "tracing",
        "name": f"{job}-x",
        "uid": f"uid-of-{job}-x",
        "resource_version": "1",
        "instance_label": "main",
        "component": "migrate",
        "job": job,
        "address": None,
        "problem": "ImagePullBackOff: not allowed",
        "message": None,
        "started": False,
        **changed,
    }
    return Pod(**values)


def snapshot(
    children: Iterable[Child] = (),
    *,
    secrets: Mapping[str, str] = SECRETS,
    pods: Iterable[Pod] = (),
) -> Snapshot:
    """A snapshot of an instance with these children, and all Secrets and ConfigMaps."""
    return Snapshot(
        instance=instance(MINIMAL),
        children={each.key: each for each in children},
        pods=tuple(pods),
        secrets={
            name: Secret(uid="s", resource_version=version, keys=ALL_KEYS)
            for name, version in secrets.items()
        },
        config_maps={
            "patterns": ConfigMap(resource_version="7", keys=frozenset({"patterns.yaml"}))
        },
        now=NOW,
    )


def make_rendering(spec: Mapping[str, Any]) -> Rendering:
    """The input of the renderers for an instance with this spec."""
    seen = dataclasses.replace(snapshot(), instance=instance(spec))
    return reconcile.make_rendering(seen, SETTINGS)


def complete(spec: Mapping[str, Any], *, job: JobState = COMPLETE) -> dict[ObjectKey, Child]:
    """All children of an instance, without drift."""
    stages = manifests.render(make_rendering(spec))
    found = [child(each) for each in (*stages.base, *stages.rollout)]
    found.append(child(stages.migration, state=job))
    return {each.key: each for each in found}


def plan(
    spec: Mapping[str, Any],
    seen: Snapshot,
    *,
    applied: Mapping[ObjectKey, Applied] | None = None,
    known: frozenset[str] = KNOWN,
) -> Plan:
    """The plan for an instance with this spec."""
    seen = dataclasses.replace(seen, instance=instance(spec), applied=applied or {})
    return reconcile.plan(seen, SETTINGS, known_kinds=known)


def changed_kinds(found: Plan) -> set[str]:
    """Kinds of the objects that a plan changes."""
    return {
        action.child.key.kind if isinstance(action, Delete) else action.manifest["kind"]
        for action in found.actions
    }


BASE = {"ServiceAccount", "NetworkPolicy", "Service"}
BEFORE = BASE | {"ConfigMap"}
"""Kinds of the objects that exist before the roll-out; the ConfigMap has the bounds of exports."""


def test_at_first_only_what_pods_need_and_the_migration_are_made() -> None:
    """The roll-out comes after the migration."""
    found = plan(MINIMAL, snapshot())
    assert BEFORE | {"Job"} == changed_kinds(found)
    assert isinstance(found.actions[-1], Create)
    assert Phase.RUNNING is found.migration


def test_a_complete_instance_needs_nothing() -> None:
    """The second pass changes nothing."""
    for spec in (MINIMAL, FULL):
        assert () == plan(spec, snapshot(complete(spec).values())).actions


def test_a_completed_migration_starts_the_roll_out() -> None:
    """And nothing that exists already is touched."""
    children = {key: each for key, each in complete(MINIMAL).items() if key.kind in {*BASE, "Job"}}
    expected = {"ConfigMap", "Deployment", "StatefulSet", "CronJob", "PodDisruptionBudget"}
    assert expected == changed_kinds(plan(MINIMAL, snapshot(children.values())))


@pytest.mark.parametrize("job", [RUNNING, failed(1)])
def test_nothing_that_runs_is_touched_while_the_migration_is_not_complete(job: JobState) -> None:
    """The old pods go on serving, even if the new version is different."""
    children = complete(MINIMAL, job=job)
    for key, each in children.items():
        if key.kind in ("Deployment", "StatefulSet", "ConfigMap") and key.name != "main-export":
            children[key] = child(
                {"kind": key.kind, "metadata": {"name": key.name, "namespace": key.namespace}},
                owned_digest="of the old version",
                uid=each.uid,
            )
    assert () == plan(MINIMAL, snapshot(children.values())).actions


def test_a_missing_secret_stops_migration_and_roll_out_and_is_named() -> None:
    """And what pods need is kept up to date."""
    there = {name: version for name, version in SECRETS.items() if name != "s3"}
    found = plan(MINIMAL, snapshot(secrets=there))
    assert ("Secret 's3' (objectStore.secretRef) does not exist",) == found.missing
    assert (Phase.BLOCKED, BEFORE) == (found.migration, changed_kinds(found))


def test_a_missing_secret_of_a_database_role_is_named() -> None:
    role = {"name": "tf_query", "secretRef": {"name": "none"}}
    spec = {**MINIMAL, "database": {"secretRef": {"name": "pg"}, "roles": {"query": role}}}
    found = plan(spec, snapshot())
    assert ("Secret 'none' (database.roles.query.secretRef) does not exist",) == found.missing


def test_a_secret_without_its_key_is_named_with_the_key() -> None:
    """A pod with it would only wait."""
    seen = snapshot()
    broken = {**seen.secrets, "pg": Secret(uid="s", resource_version="1", keys=frozenset({"uri"}))}
    found = plan(MINIMAL, dataclasses.replace(seen, secrets=broken, config_maps={}))
    assert ("Secret 'pg' (database.secretRef) has no value under the key 'url'",) == found.missing


def test_missing_patterns_are_named() -> None:
    """The same for a ConfigMap."""
    seen = dataclasses.replace(snapshot(), config_maps={})
    sentence = "ConfigMap 'patterns' (redaction.patternsConfigMapRef) does not exist"
    assert (sentence,) == plan(FULL, seen).missing


def test_patterns_without_their_key_are_named_with_the_key() -> None:
    """As for a Secret: a pod would only wait for the file."""
    there = {"patterns": ConfigMap(resource_version="7", keys=frozenset({"patterns.yml"}))}
    seen = dataclasses.replace(snapshot(), config_maps=there)
    sentence = (
        "ConfigMap 'patterns' (redaction.patternsConfigMapRef) has no value under the key"
        " 'patterns.yaml'"
    )
    assert (sentence,) == plan(FULL, seen).missing


def test_a_changed_secret_makes_a_new_job_and_leaves_the_pods_until_it_is_complete() -> None:
    """A new token is registered before it is used."""
    seen = snapshot(complete(MINIMAL).values(), secrets={**SECRETS, "ingest-token": "900"})
    found = plan(MINIMAL, seen)
    (action,) = found.actions
    assert isinstance(action, Create)
    assert "Job" == action.manifest["kind"]


def test_a_failed_migration_is_retried_after_a_while() -> None:
    """The old Job is deleted; the next pass creates it again."""
    early = plan(MINIMAL, snapshot(complete(MINIMAL, job=failed(9)).values()))
    late = plan(MINIMAL, snapshot(complete(MINIMAL, job=failed(11)).values()))
    (action,) = late.actions
    assert ((), Phase.FAILED) == (early.actions, early.migration)
    assert isinstance(action, Delete)
    assert "Job" == action.child.key.kind


def test_a_suspended_instance_gets_no_new_job() -> None:
    """The data path stays as it is."""
    found = plan({**MINIMAL, "suspend": True}, snapshot())
    assert (Phase.SUSPENDED, BEFORE) == (found.migration, changed_kinds(found))


def suspensions(found: Plan) -> list[Suspend]:
    """What a plan suspends."""
    return [action for action in found.actions if isinstance(action, Suspend)]


@pytest.mark.parametrize(
    ("migration", "job", "secrets"),
    [
        (Phase.RUNNING, RUNNING, SECRETS),
        (Phase.FAILED, failed(1), SECRETS),
        (Phase.BLOCKED, RUNNING, {name: "1" for name in SECRETS if name != "s3"}),
        (Phase.SUSPENDED, None, SECRETS),
        (Phase.COMPLETE, COMPLETE, SECRETS),
    ],
)
def test_suspending_stops_retention_whatever_the_roll_out_waits_for(
    migration: Phase, job: JobState | None, secrets: Mapping[str, str]
) -> None:
    """Only that field changes: the image stays that of the running version."""
    children = complete(MINIMAL, job=job or COMPLETE)
    suspended = {**MINIMAL, "suspend": True} | ({} if job is not None else {"version": "0.2.0"})
    found = plan(suspended, snapshot(children.values(), secrets=secrets))
    (action,) = suspensions(found)
    key = ObjectKey("CronJob", "tracing", "main-retention")
    metadata = {"name": key.name, "namespace": "tracing", "uid": children[key].uid}
    assert migration is found.migration
    assert {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": metadata,
        "spec": {"suspend": True},
    } == action.manifest

    children[key] = dataclasses.replace(children[key], suspended=True)
    again = plan(suspended, snapshot(children.values(), secrets=secrets))
    assert [] == suspensions(again)


def test_suspended_retention_is_resumed_with_the_roll_out() -> None:
    """The operator's own fields lack ``suspend`` then, so it applies all of them."""
    children = complete(MINIMAL)
    key = ObjectKey("CronJob", "tracing", "main-retention")
    children[key] = dataclasses.replace(children[key], suspended=True, owned_digest="less")
    (action,) = plan(MINIMAL, snapshot(children.values())).actions
    assert isinstance(action, Apply)
    assert (key, False) == (key_of(action.manifest), action.manifest["spec"]["suspend"])


TOLERANT = {**MINIMAL, "migration": {"tolerations": [{"key": "tracing", "operator": "Exists"}]}}


def deleted(found: Plan) -> list[str]:
    """Names of what a plan deletes."""
    return [action.child.key.name for action in found.actions if isinstance(action, Delete)]


def job_of(children: Mapping[ObjectKey, Child]) -> Child:
    """The migration Job."""
    (found,) = [each for each in children.values() if each.key.kind == "Job"]
    return found


def test_a_migration_that_cannot_start_is_created_again_when_the_spec_is_corrected() -> None:
    """A toleration is not part of the Job's name; without one it would wait for hours."""
    children = complete(MINIMAL, job=RUNNING)
    job = job_of(children)
    pods = [migration_pod(job.key.name)]
    assert [] == deleted(plan(MINIMAL, snapshot(children.values(), pods=pods)))
    corrected = plan(TOLERANT, snapshot(children.values(), pods=pods))
    assert (Phase.RUNNING, [job.key.name]) == (corrected.migration, deleted(corrected))

    children[job.key] = dataclasses.replace(job, deleting=True)
    assert () == plan(TOLERANT, snapshot(children.values(), pods=pods)).actions
    del children[job.key]
    (action,) = plan(TOLERANT, snapshot(children.values(), pods=pods)).actions
    assert isinstance(action, Create)
    assert job.key == key_of(action.manifest)


@pytest.mark.parametrize(
    ("state", "pods"),
    [
        (RUNNING, [{"started": True, "problem": None}]),
        (RUNNING, [{"started": True, "message": "no"}, {"name": "second"}]),
        (RUNNING, []),
        (dataclasses.replace(RUNNING, ended=1), [{}]),
        (COMPLETE, [{}]),
    ],
)
def test_a_migration_that_started_is_not_created_again(
    state: JobState, pods: list[dict[str, Any]]
) -> None:
    """Nor one without any information yet."""
    children = complete(MINIMAL, job=state)
    name = job_of(children).key.name
    seen = snapshot(children.values(), pods=[migration_pod(name, **each) for each in pods])
    assert [] == deleted(plan(TOLERANT, seen))


@pytest.mark.parametrize(
    ("seconds", "active", "expected"), [(30, 0, False), (90, 1, False), (90, 0, True)]
)
def test_a_migration_whose_pods_are_refused_is_created_again(
    seconds: int, active: int, expected: bool
) -> None:
    """A quota or a policy refuses them, so there is no pod with a reason."""
    since = (NOW - dt.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    state = dataclasses.replace(RUNNING, started_at=since, active=active)
    children = complete(MINIMAL, job=state)
    assert expected is bool(deleted(plan(TOLERANT, snapshot(children.values()))))


def test_a_suspended_migration_that_cannot_start_is_kept_until_it_can_be_created_again() -> None:
    """No Job is created while ``suspend`` is true."""
    children = complete(MINIMAL, job=RUNNING)
    seen = snapshot(children.values(), pods=[migration_pod(job_of(children).key.name)])
    assert [] == deleted(plan({**TOLERANT, "suspend": True}, seen))


@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("job", [RUNNING, COMPLETE])
def test_a_superseded_migration_is_deleted_unless_it_started(job: JobState, started: bool) -> None:
    """With a wrong image it would pull for hours; a running one must not be interrupted."""
    children = complete(MINIMAL, job=job)
    manifest = {"kind": "Job", "metadata": {"name": "main-migrate-1", "namespace": "tracing"}}
    children[key_of(manifest)] = child(manifest, state=RUNNING)
    seen = snapshot(children.values(), pods=[migration_pod("main-migrate-1", started=started)])
    assert ([] if started else ["main-migrate-1"]) == deleted(plan(MINIMAL, seen))


def test_an_unmanaged_instance_is_left_alone() -> None:
    """Even if children are missing."""
    found = plan({**MINIMAL, "managementState": "Unmanaged"}, snapshot())
    assert ((), None) == (found.actions, found.migration)


def test_a_changed_child_is_repaired() -> None:
    """And no other."""
    children = complete(MINIMAL)
    key = ObjectKey("Service", "tracing", "main-query")
    children[key] = child(
        {"kind": "Service", "metadata": {"name": key.name, "namespace": key.namespace}},
        owned_digest="somebody changed it",
    )
    (action,) = plan(MINIMAL, snapshot(children.values())).actions
    assert isinstance(action, Apply)
    assert (key, True) == (key_of(action.manifest), action.known)


def test_a_child_that_was_applied_in_this_version_is_not_applied_again() -> None:
    """The server may store values in another form than they were rendered."""
    children = complete(MINIMAL)
    key = ObjectKey("StatefulSet", "tracing", "main-collector")
    digest = children[key].owned_digest
    assert digest is not None
    children[key] = child(
        {"kind": key.kind, "metadata": {"name": key.name, "namespace": key.namespace}},
        owned_digest="as the server writes it",
    )
    seen = snapshot(children.values())
    assert {"StatefulSet"} == changed_kinds(plan(MINIMAL, seen))
    assert () == plan(MINIMAL, seen, applied={key: (digest, "5")}).actions


def test_a_child_that_is_being_deleted_is_waited_for() -> None:
    """A change now would be lost with it."""
    children = complete(MINIMAL)
    key = ObjectKey("Deployment", "tracing", "main-query")
    children[key] = child(
        {"kind": key.kind, "metadata": {"name": key.name, "namespace": key.namespace}},
        deleting=True,
    )
    assert () == plan(MINIMAL, snapshot(children.values())).actions


def test_pods_are_handed_over_to_an_autoscaler_before_their_number_is_dropped() -> None:
    """Otherwise the Deployment would be scaled to one pod at once."""
    children = complete(MINIMAL)
    key = ObjectKey("Deployment", "tracing", "main-ingest")
    state = WorkloadState(
        generation=1, observed_generation=1, desired=4, updated=4, ready=4, problem=None
    )
    manifest = next(
        each for each in manifests.render(rendering(MINIMAL)).rollout if key_of(each) == key
    )
    children[key] = child(manifest, state=state)
    found = plan({**MINIMAL, "ingest": {"autoscaling": {}}}, snapshot(children.values()))
    first, second = (
        action
        for action in found.actions
        if not isinstance(action, Delete) and key_of(action.manifest) == key
    )
    assert isinstance(first, HandOver)
    assert {"replicas": 4} == first.manifest["spec"]
    assert isinstance(second, Apply)


def test_a_child_that_is_no_longer_rendered_is_deleted() -> None:
    """The plan names the object that was seen, with its uid."""
    children = complete(FULL)
    found = plan({**FULL, "ui": {"replicas": 2}}, snapshot(children.values()))
    (action,) = [each for each in found.actions if isinstance(each, Delete)]
    assert ObjectKey("Ingress", "tracing", "main-ui") == action.child.key


def test_a_running_job_is_never_pruned_and_a_finished_one_is() -> None:
    """A migration must not be interrupted."""
    children = complete(MINIMAL)
    for name, state in (("main-migrate-1", RUNNING), ("main-migrate-2", COMPLETE)):
        manifest = {"kind": "Job", "metadata": {"name": name, "namespace": "tracing"}}
        children[key_of(manifest)] = child(manifest, state=state)
    deleted = [
        action.child.key.name
        for action in plan(MINIMAL, snapshot(children.values())).actions
        if isinstance(action, Delete)
    ]
    assert ["main-migrate-2"] == deleted


def test_finished_jobs_stay_until_the_new_migration_is_complete() -> None:
    """They show how the running version was migrated."""
    children = complete(MINIMAL, job=RUNNING)
    manifest = {"kind": "Job", "metadata": {"name": "main-migrate-2", "namespace": "tracing"}}
    children[key_of(manifest)] = child(manifest, state=COMPLETE)
    assert () == plan(MINIMAL, snapshot(children.values())).actions


def test_kinds_that_the_cluster_does_not_have_are_left_out_and_reported() -> None:
    """Not every cluster has the Prometheus operator."""
    known = KNOWN - {"ServiceMonitor", "PrometheusRule"}
    children = {key: each for key, each in complete(FULL).items() if key.kind in known}
    found = plan(FULL, snapshot(children.values()), known=known)
    assert ((), ("PrometheusRule", "ServiceMonitor")) == (found.actions, found.unavailable)

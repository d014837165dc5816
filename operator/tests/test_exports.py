"""The plan and the status of a TraceExport, from the request to the deletion of its Jobs."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.instances import FULL, MINIMAL, SECRETS, export, instance
from tests.test_reconcile import ALL_KEYS, SETTINGS, child
from tracefoundry_operator import export_plan, exports
from tracefoundry_operator.actions import Create, Delete, Expire, Outcome
from tracefoundry_operator.export_plan import ExportPlan
from tracefoundry_operator.kinds import key_of
from tracefoundry_operator.manifests import export_jobs
from tracefoundry_operator.manifests.rendering import Manifest
from tracefoundry_operator.metrics import export_phase
from tracefoundry_operator.pod_records import Pod
from tracefoundry_operator.records import (
    ConfigMap,
    JobState,
    Secret,
)
from tracefoundry_operator.snapshot import ExportSnapshot

NOW = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)
MIGRATED = {
    "observedGeneration": 1,
    "conditions": [{"type": "SchemaMigrated", "status": "True", "reason": "Migrated"}],
}
BUNDLE = {
    "uri": "s3://traces/exports/incident/x.zip",
    "sha256": "ab" * 32,
    "root": "cd" * 32,
    "bytes": 12345,
    "traces": 1,
    "spans": 7,
    "payloads": 3,
    "redactions": 2,
}
COUNTS = {"ok": True, "missing": 0, "expired": 0, "dangling": 0, "redacted": 2, "excluded": 1}
STARTED = "2026-11-21T11:58:00Z"
ENDED = "2026-11-21T11:59:50Z"
RUNNING = JobState(complete=False, failed=False, message="", finished_at=None, started_at=STARTED)
DONE = dataclasses.replace(RUNNING, complete=True, finished_at=ENDED)
FAILED = dataclasses.replace(
    RUNNING, failed=True, finished_at=ENDED, message="it failed too often",
    reason="BackoffLimitExceeded",
)  # fmt: skip


class World:
    """An export, its instance and its Jobs; a pass changes them as the operator would."""

    def __init__(self, spec: Mapping[str, Any] = MINIMAL, **asked: Any) -> None:
        found = {
            name: Secret(uid="s", resource_version=version, keys=ALL_KEYS | {"key.pem"})
            for name, version in SECRETS.items()
        }
        self.seen = ExportSnapshot(
            export=export(**asked),
            instance=instance(spec),
            instance_status=MIGRATED,
            status={},
            secrets=found,
            config_maps={
                "patterns": ConfigMap(resource_version="7", keys=frozenset({"patterns.yaml"}))
            },
            now=NOW,
        )
        self.created: list[str] = []
        self.events: list[str] = []

    def change(self, **changed: Any) -> None:
        """Change what is known."""
        self.seen = dataclasses.replace(self.seen, **changed)

    def ask(self, **spec: Any) -> None:
        """Change the spec; its uid stays."""
        self.change(export=export(**spec))

    def run(self) -> ExportPlan:
        """One pass."""
        plan = export_plan.plan(self.seen, SETTINGS)
        outcome = Outcome()
        for action in plan.actions:
            if isinstance(action, Create):
                self.created.append(action.key.name)
                outcome.children[action.key] = self.record(action.manifest, RUNNING)
            elif isinstance(action, Delete):
                self.created.append(f"deleted {action.key.name}")
        self.seen = self.seen.after(outcome)
        self.change(status=exports.compute(self.seen, plan))
        return plan

    def record(self, manifest: Manifest, state: JobState, **changed: Any) -> Any:
        """The record of a Job of the export."""
        owner = {"owner_kind": "TraceExport", "owner_name": "incident"}
        return child(manifest, state=state, **owner, **changed)

    def end(self, state: JobState, message: str | None = None) -> None:
        """The newest Job ends, and its pod leaves a message."""
        name = self.created[-1]
        key = next(key for key in self.seen.children if key.name == name)
        ended = dataclasses.replace(self.seen.children[key], state=state)
        self.change(children={**self.seen.children, key: ended})
        if message is not None:
            self.pod(**{"result" if state.complete else "message": message})

    def pod(self, **changed: Any) -> None:
        """A pod of the newest Job."""
        values: dict[str, Any] = {
            "namespace": "tracing",
            "name": "pod",
            "uid": "uid-of-pod",
            "resource_version": "1",
            "instance_label": "main",
            "component": "export",
            "job": self.created[-1],
            "address": None,
            "problem": None,
            "message": None,
            **changed,
        }
        self.change(pods=(*self.seen.pods, Pod(**values)))

    def forget_jobs(self) -> None:
        """Their time to live is over."""
        self.change(children={}, pods=())

    def condition(self, kind: str) -> tuple[str, str]:
        """Status and reason of a condition."""
        for each in self.seen.status["conditions"]:
            if each["type"] == kind:
                return each["status"], each["reason"]
        return "", ""

    def message(self, kind: str) -> str:
        """Message of a condition."""
        found: str = next(
            each["message"] for each in self.seen.status["conditions"] if each["type"] == kind
        )
        return found

    @property
    def phase(self) -> str:
        """The phase that the metrics show."""
        return export_phase(self.seen.status["conditions"])


def test_an_export_runs_once_and_its_result_is_kept() -> None:
    """From the request to the deletion of the Job, and passes after it."""
    world = World()
    world.run()
    assert ("True", "WithinBounds") == world.condition("Accepted")
    assert ("False", "ExportRunning") == world.condition("Complete")
    assert "running" == world.phase
    world.end(DONE, json.dumps(BUNDLE))
    world.run()
    status = world.seen.status
    assert ("True", "Exported") == world.condition("Complete")
    assert "1 traces with 7 spans are in s3://traces/exports/incident/x.zip." == world.message(
        "Complete"
    )
    assert ("False", "NotFailed") == world.condition("Failed")
    assert ("Unknown", "NotAsked") == world.condition("ReplayPassed")
    assert (BUNDLE, STARTED, ENDED, world.created) == (
        status["bundle"], status["startTime"], status["completionTime"], status["finishedJobs"],
    )  # fmt: skip
    assert "complete" == world.phase
    for _ in range(2):
        world.forget_jobs()
        world.run()
        assert (1, status) == (len(world.created), world.seen.status)


def test_a_second_pass_changes_nothing() -> None:
    """In each state."""
    world = World(dryReplay={"mode": "Verify"})
    for step in (lambda: None, lambda: world.end(DONE, json.dumps(BUNDLE))):
        step()
        world.run()
        before = (list(world.created), world.seen.status)
        assert () == world.run().actions
        assert before == (world.created, world.seen.status)


def test_the_check_follows_the_export() -> None:
    """And is made once, too."""
    world = World(dryReplay={"mode": "Verify"})
    world.run()
    assert ("Unknown", "NotComplete") == world.condition("ReplayPassed")
    world.end(DONE, json.dumps(BUNDLE))
    world.run()
    assert ("True", "Exported") == world.condition("Complete")
    assert ("Unknown", "ReplayRunning") == world.condition("ReplayPassed")
    assert world.created[0].startswith("incident-export-")
    assert world.created[1].startswith("incident-replay-")
    world.end(DONE, json.dumps(COUNTS))
    world.run()
    assert ("True", "Passed") == world.condition("ReplayPassed")
    assert (COUNTS, world.created) == (
        world.seen.status["dryReplay"],
        world.seen.status["finishedJobs"],
    )
    before = world.seen.status
    world.forget_jobs()
    world.run()
    assert (2, before) == (len(world.created), world.seen.status)


def test_a_bundle_without_all_its_content_does_not_pass() -> None:
    """The message counts what is missing."""
    world = World(dryReplay={"mode": "Verify"})
    world.run()
    world.end(DONE, json.dumps(BUNDLE))
    world.run()
    world.end(DONE, json.dumps({**COUNTS, "ok": False, "expired": 4}))
    world.run()
    assert ("False", "ContentMissing") == world.condition("ReplayPassed")
    assert "4 expired" in world.message("ReplayPassed")
    assert ("True", "replay_failed") == (world.condition("Complete")[0], world.phase)


def test_a_check_that_fails_leaves_the_bundle_complete() -> None:
    """The bundle is there, and the message says what happened."""
    world = World(dryReplay={"mode": "Verify"})
    world.run()
    world.end(DONE, json.dumps(BUNDLE))
    world.run()
    world.end(FAILED, "the bundle is not there any more")
    for _ in range(2):
        world.run()
        assert ("False", "ReplayFailed") == world.condition("ReplayPassed")
        assert "the bundle is not there any more" in world.message("ReplayPassed")
        assert ("True", "Exported") == world.condition("Complete")
        world.forget_jobs()
    assert 2 == len(world.created)


def test_a_failed_export_says_why_and_is_not_tried_again() -> None:
    """Also when its Job is gone."""
    world = World()
    world.run()
    world.pod(message="the bucket does not exist")
    world.run()
    assert ("False", "ExportFailing") == world.condition("Complete")
    assert "tries again; its last attempt failed: the bucket does not exist" in world.message(
        "Complete"
    )
    world.end(FAILED)
    for _ in range(2):
        world.run()
        assert ("True", "ExportFailed") == world.condition("Failed")
        assert ("False", "ExportFailed") == world.condition("Complete")
        assert world.message("Failed").endswith(
            "failed: the bucket does not exist. Make a new TraceExport to try again."
        )
        assert "failed" == world.phase
        world.forget_jobs()
    assert (1, "bundle" in world.seen.status) == (len(world.created), False)


def test_the_reason_of_a_failure_stays_when_the_pods_go_before_the_job() -> None:
    """The Job's own message says less."""
    world = World()
    world.run()
    world.end(FAILED, "the bucket does not exist")
    world.run()
    world.change(pods=())
    world.run()
    assert "the bucket does not exist" in world.message("Failed")


def test_an_export_that_takes_too_long_says_so() -> None:
    """Its pods are deleted by Kubernetes."""
    world = World(activeDeadlineSeconds=60)
    world.run()
    world.end(dataclasses.replace(FAILED, reason="DeadlineExceeded"))
    world.run()
    assert ("True", "DeadlineExceeded") == world.condition("Failed")
    assert "took longer than activeDeadlineSeconds (60 s)" in world.message("Failed")


def test_a_pod_that_does_not_start_is_reported() -> None:
    """A missing image, a full cluster."""
    world = World()
    world.run()
    world.pod(problem="ImagePullBackOff: not there", started=False)
    world.run()
    assert ("False", "PodsFailing") == world.condition("Complete")
    assert "ImagePullBackOff" in world.message("Complete")


def test_a_job_that_is_refused_by_the_cluster_is_reported() -> None:
    """By a quota, for example."""
    world = World()
    plan = export_plan.plan(world.seen, SETTINGS)
    found = exports.compute(world.seen, plan, errors=["Job 'x': exceeded quota"])
    assert "exceeded quota" in str(found["conditions"])
    assert "ApplyFailed" in str(found["conditions"])


@pytest.mark.parametrize(
    ("spec", "asked", "changed", "reason"),
    [
        (MINIMAL, {"suspend": True}, {}, "Suspended"),
        ({**MINIMAL, "suspend": True}, {}, {}, "InstanceSuspended"),
        ({**MINIMAL, "managementState": "Unmanaged"}, {}, {}, "InstanceUnmanaged"),
        (MINIMAL, {}, {"secrets": {}}, "ReferenceMissing"),
        (MINIMAL, {}, {"instance_status": {}}, "InstanceNotReady"),
        (MINIMAL, {}, {"instance_status": {**MIGRATED, "observedGeneration": 0}},
         "InstanceNotReady"),
    ],
)  # fmt: skip
def test_an_export_waits(
    spec: Mapping[str, Any], asked: Mapping[str, Any], changed: Mapping[str, Any], reason: str
) -> None:
    """Until its Job can succeed; then it starts."""
    world = World(spec, **asked)
    ready = world.seen
    world.change(**changed)
    world.run()
    assert ([], ("False", reason), "waiting") == (
        world.created, world.condition("Complete"), world.phase,
    )  # fmt: skip
    world.change(
        secrets=ready.secrets,
        instance_status=MIGRATED,
        instance=instance(MINIMAL),
        export=export(),
    )
    world.run()
    assert ("False", "ExportRunning") == world.condition("Complete")


def test_a_missing_signing_key_is_named() -> None:
    """It holds up exports, and not the instance."""
    world = World({**MINIMAL, "exports": {"signingKeySecretRef": {"name": "mine"}}})
    world.run()
    assert ("False", "ReferenceMissing") == world.condition("Complete")
    assert "Secret 'mine' (exports.signingKeySecretRef) does not exist." == world.message(
        "Complete"
    )


def test_a_running_export_is_left_to_finish_when_it_is_suspended() -> None:
    """As the schema says: no Job is started."""
    world = World()
    world.run()
    world.ask(suspend=True)
    assert () == world.run().actions
    world.end(DONE, json.dumps(BUNDLE))
    world.ask(suspend=True, dryReplay={"mode": "Verify"})
    world.run()
    assert ("Unknown", "Suspended") == world.condition("ReplayPassed")


def test_all_refusals_are_reported_at_once() -> None:
    """One attempt shows everything that must change."""
    world = World(redaction="off", payloads="Include")
    world.run()
    assert ("False", "RedactionTooWeak") == world.condition("Accepted")
    assert "redaction off is weaker than strict; payloads may not be included" in world.message(
        "Accepted"
    )
    assert (("False", "NotAccepted"), ("False", "NotFailed"), "refused") == (
        world.condition("Complete"), world.condition("Failed"), world.phase,
    )  # fmt: skip
    assert 3 == world.seen.status["conditions"][0]["observedGeneration"]


def test_a_missing_instance_is_reported() -> None:
    """By its name."""
    world = World()
    world.change(instance=None)
    world.run()
    assert ("False", "InstanceMissing") == world.condition("Accepted")
    assert "There is no TraceFoundry 'main' in this namespace." == world.message("Accepted")


def test_bounds_that_become_tighter_end_a_running_export() -> None:
    """It would go on reading what it may not read any more."""
    world = World({**MINIMAL, "exports": {"payloads": True}}, payloads="Include")
    world.run()
    world.change(instance=instance(MINIMAL))
    world.run()
    assert ("False", "PayloadsNotAllowed") == world.condition("Accepted")
    assert f"deleted {world.created[0]}" == world.created[1]
    world.change(instance=None)
    world.run()
    assert f"deleted {world.created[0]}" == world.created[2]


def test_what_was_exported_stays_exported() -> None:
    """Neither bounds nor the deletion of the instance matter to a finished export."""
    world = World({**MINIMAL, "exports": {"payloads": True}}, payloads="Include")
    world.run()
    world.end(DONE, json.dumps(BUNDLE))
    world.run()
    before = world.seen.status
    for there in (instance(MINIMAL), None):
        world.change(instance=there)
        assert () == world.run().actions
        world.forget_jobs()
        assert () == world.run().actions
        assert before == world.seen.status


def test_a_job_that_ended_before_its_pod_is_known_is_waited_for() -> None:
    """Two watches deliver them."""
    world = World()
    world.run()
    world.end(DONE)
    world.run()
    assert ("False", "ReadingResult") == world.condition("Complete")
    assert "finishedJobs" not in world.seen.status
    world.pod(result=json.dumps(BUNDLE))
    world.run()
    assert ("True", "Exported") == world.condition("Complete")


@pytest.mark.parametrize(
    "message", [None, "done", "[]", json.dumps({**BUNDLE, "bytes": "many"}), json.dumps({})]
)
def test_a_result_that_cannot_be_read_is_lost(message: str | None) -> None:
    """The pod was deleted, or is not one of ours."""
    world = World()
    world.run()
    world.end(DONE, message)
    world.change(now=NOW + dt.timedelta(minutes=2))
    world.run()
    assert ("True", "ResultLost") == world.condition("Failed")
    assert world.created == world.seen.status["finishedJobs"]


def test_a_time_to_live_is_set_when_the_result_is_in_the_status() -> None:
    """Before, the Job could be deleted with it."""
    world = World(ttlSecondsAfterFinished=7)
    world.run()
    assert () == export_plan.expirations(world.seen, world.seen.status)
    world.end(DONE, json.dumps(BUNDLE))
    assert () == export_plan.expirations(world.seen, world.seen.status)
    world.run()
    (action,) = export_plan.expirations(world.seen, world.seen.status)
    assert isinstance(action, Expire)
    (job,) = world.seen.children.values()
    assert ({"ttlSecondsAfterFinished": 7}, job.uid) == (
        action.manifest["spec"],
        action.manifest["metadata"]["uid"],
    )
    world.change(children={job.key: dataclasses.replace(job, expires=True)})
    assert () == export_plan.expirations(world.seen, world.seen.status)


def test_the_names_of_jobs_do_not_depend_on_what_an_upgrade_changes() -> None:
    """A finished export must not run again; a new resource of the same name must."""
    first = export_jobs.export_job_name(export())
    assert first == export_jobs.export_job_name(export(suspend=True))
    assert first != export_jobs.export_job_name(export(name="other"))
    for name in ("a" * 253, "a.b", "1-incident", "a" * 63):
        found = export_jobs.export_job_name(export(name=name))
        assert len(found) <= 63
        assert "." not in found
    assert export_jobs.export_job_name(export(name="a.b")).startswith("a-b-")


def test_the_document_of_the_job_is_complete() -> None:
    """The times of a query are fixed, so a second attempt selects the same."""
    there = instance({**MINIMAL, "objectStore": {**MINIMAL["objectStore"], "prefix": "team"}})
    digest = export_jobs.export_job_name(export()).rpartition("-")[2]
    found = export_jobs.document(export(query={"service": "shop"}), there.spec)
    assert {
        "name": "tracing/incident",
        "project": None,
        "query": {
            "service": "shop",
            "status": None,
            "start": "2026-11-20T10:00:00+00:00",
            "end": "2026-11-21T10:00:00+00:00",
            "limit": 1000,
        },
        "payloads": False,
        "redaction": "strict",
        "destination": {
            "bucket": "traces",
            "key": f"exports/incident/incident-{digest}.zip",
        },
        "own_bucket": True,
        "object_ttl": "30d",
    } == found
    elsewhere = export(
        traceIds=["a" * 32], project="shop", destination={"bucket": "shared", "prefix": "team/42"}
    )
    found = export_jobs.document(elsewhere, there.spec)
    assert (["a" * 32], "shop", False) == (
        found["trace_ids"],
        found["project"],
        found["own_bucket"],
    )
    assert {"bucket": "shared", "key": f"team/42/incident-{digest}.zip"} == found["destination"]


def test_the_pods_get_what_they_need_and_no_more() -> None:
    """The check has no database, no encryption keys and no signing key."""
    world = World(FULL)
    rendering = export_plan._rendering(instance(FULL), SETTINGS)
    made = export_jobs.export_job(rendering, world.seen.export)
    check = export_jobs.replay_job(rendering, world.seen.export, BUNDLE)
    names = [
        {each["name"] for each in job["spec"]["template"]["spec"]["containers"][0]["env"]}
        for job in (made, check)
    ]
    secret = {"TRACEFOUNDRY_DATABASE_URL", "TRACEFOUNDRY_EXPORT_SIGNING_KEY"}
    assert secret <= names[0]
    assert not {*secret, "TRACEFOUNDRY_ENCRYPTION_KEYS"} & names[1]
    assert {"AWS_SECRET_ACCESS_KEY", "TRACEFOUNDRY_REPLAY_JOB"} <= names[1]
    owner = made["metadata"]["ownerReferences"][0]
    assert ("TraceExport", "uid-of-incident") == (owner["kind"], owner["uid"])
    assert (2, 3600, False) == (
        made["spec"]["backoffLimit"],
        made["spec"]["activeDeadlineSeconds"],
        "ttlSecondsAfterFinished" in made["spec"],
    )
    assert key_of(made).name != key_of(check).name
    url = next(
        each["valueFrom"]["secretKeyRef"]["name"]
        for each in made["spec"]["template"]["spec"]["containers"][0]["env"]
        if each["name"] == "TRACEFOUNDRY_DATABASE_URL"
    )
    assert "pg-query" == url

"""The operator on a real API server: order, repair, restarts, and what it leaves alone.

The tests replace controllers and kubelets: they set Jobs to finished and pods to ready.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.api_server import ApiServer, wait
from tests.instances import MINIMAL
from tests.operator_process import OperatorProcess, chart
from tests.tracing_namespace import SECRETS, TracingNamespace
from tracefoundry_operator import kinds
from tracefoundry_operator.kinds import BY_NAME, ObjectKey

SPEC: dict[str, Any] = {
    **MINIMAL,
    "ingest": {"autoscaling": {}},
    "ui": {"ingress": {"host": "traces.example.org"}},
}
"""An instance with at least one child of each kind."""


def test_an_instance_becomes_ready_in_order(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """Migration first, then the roll-out, and Ready when the pods are."""
    tracing.put(SPEC)
    tracing.wait_for("SchemaMigrated", "False", "MigrationRunning")
    assert tracing.find(kinds.DEPLOYMENT, "main-ingest") is None

    tracing.end_migration()
    tracing.wait_for("Ready", "False", "PodsNotReady")
    tracing.wait_for("Progressing", "True", "RollingOut")
    tracing.run_pods()
    tracing.wait_for("Ready", "True", "AllPodsReady")
    tracing.wait_for("Progressing", "False", "RolledOut")

    status = tracing.status()
    assert {kind.name for kind in kinds.OWNED} == {key.kind for key in tracing.children()}
    assert ("0.1.0", 1) == (status["version"], status["observedGeneration"])
    assert {"desired": 2, "ready": 2} == status["components"]["query"]
    assert f"http://main-query.{tracing.name}.svc:8080" == status["endpoints"]["query"]


def test_the_resource_gets_no_finalizer_and_no_annotation(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """It can be deleted while the operator is away, and so can its namespace."""
    tracing.put(MINIMAL)
    tracing.settle()
    found = tracing.find(kinds.INSTANCE, "main")
    assert found is not None
    assert (False, False) == (
        "finalizers" in found["metadata"],
        "annotations" in found["metadata"],
    )


def test_a_second_pass_and_a_restart_change_nothing(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """No resourceVersion moves, and not even a request to change anything is made."""
    tracing.put(SPEC)
    tracing.settle()
    before = tracing.versions()
    operator.stop()
    operator.start(resync_s="1")
    wait(
        lambda: operator.total("tracefoundry_operator_reconcile_total", "TraceFoundry") >= 3,
        "three passes",
    )
    assert before == tracing.versions()
    assert 0 == operator.total("tracefoundry_operator_apply_total")


def test_no_pass_runs_where_nothing_happens(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """An endless loop would show as more passes than the events of a roll-out cause."""
    before = operator.total("tracefoundry_operator_reconcile_total", "TraceFoundry")
    tracing.put(SPEC)
    tracing.settle()
    after = operator.total("tracefoundry_operator_reconcile_total", "TraceFoundry")
    assert after - before <= 25


@pytest.mark.parametrize("kind", [kind.name for kind in kinds.OWNED])
def test_a_deleted_child_is_created_again(
    operator: OperatorProcess, tracing: TracingNamespace, kind: str
) -> None:
    """Each kind of child."""
    tracing.put(SPEC)
    tracing.settle()
    key = next(key for key in tracing.children() if key.kind == kind)
    uid = tracing.children()[key]["metadata"]["uid"]
    tracing.delete(BY_NAME[kind], key.name)

    def again() -> bool:
        found = tracing.find(BY_NAME[kind], key.name)
        return found is not None and found["metadata"]["uid"] != uid

    wait(again, f"{kind} {key.name} is made again")


EDITS: dict[str, tuple[str, dict[str, Any]]] = {
    "ServiceAccount": ("main-ui", {"automountServiceAccountToken": True}),
    "NetworkPolicy": ("main-ingest", {"spec": {"ingress": [{}]}}),
    "Service": ("main-query", {"spec": {"selector": {"app.kubernetes.io/component": "ui"}}}),
    "ConfigMap": ("main-collector", {"data": {"config.yaml": "{}"}}),
    "Deployment": ("main-query", {"spec": {"replicas": 9}}),
    "StatefulSet": ("main-collector", {"spec": {"replicas": 0}}),
    "CronJob": ("main-retention", {"spec": {"schedule": "0 0 1 1 *"}}),
    "PodDisruptionBudget": ("main-query", {"spec": {"maxUnavailable": 2}}),
    "HorizontalPodAutoscaler": ("main-ingest", {"spec": {"maxReplicas": 99}}),
    "Ingress": ("main-ui", {"spec": {"rules": [{"host": "elsewhere.example.org"}]}}),
}


@pytest.mark.parametrize("kind", EDITS)
def test_an_edited_child_is_repaired(
    operator: OperatorProcess, tracing: TracingNamespace, kind: str
) -> None:
    """Each kind of child that is applied; Jobs cannot be changed."""
    tracing.put(SPEC)
    tracing.settle()
    name, change = EDITS[kind]
    key = ObjectKey(kind, tracing.name, name)
    before = tracing.children()[key]
    wanted = {part: before.get(part) for part in change}
    edited = tracing.server.merge(BY_NAME[kind].path(tracing.name, name), change)
    assert wanted != {part: edited.get(part) for part in change}

    def repaired() -> bool:
        found = tracing.find(BY_NAME[kind], name)
        return found is not None and wanted == {part: found.get(part) for part in change}

    wait(repaired, f"{kind} is put right")


def test_a_child_whose_label_was_removed_is_repaired(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """Though the watch cannot see it any more."""
    tracing.put(MINIMAL)
    tracing.settle()
    label = "app.kubernetes.io/managed-by"
    path = kinds.DEPLOYMENT.path(tracing.name, "main-query")
    for text in (None, "somebody-else"):
        tracing.server.merge(path, {"metadata": {"labels": {label: text}}})

        def repaired() -> bool:
            found = tracing.server.find(path)
            assert found is not None
            return bool("tracefoundry-operator" == found["metadata"]["labels"].get(label))

        wait(repaired, "the label is back")


def test_drift_while_the_operator_was_away_is_repaired(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """An edit, a deletion and a change of the spec."""
    tracing.put(SPEC)
    tracing.settle()
    operator.stop()
    tracing.server.merge(
        kinds.DEPLOYMENT.path(tracing.name, "main-query"), {"spec": {"replicas": 9}}
    )
    tracing.delete(kinds.BASE[2], "main-ui")
    tracing.change({"retention": {"schedule": "3 * * * *"}})
    operator.start()

    def repaired() -> bool:
        query = tracing.find(kinds.DEPLOYMENT, "main-query")
        retention = tracing.find(BY_NAME["CronJob"], "main-retention")
        assert query is not None
        assert retention is not None
        return (2, "3 * * * *") == (
            query["spec"]["replicas"],
            retention["spec"]["schedule"],
        ) and tracing.find(kinds.BASE[2], "main-ui") is not None

    wait(repaired, "all three are put right")


def test_a_spec_that_changed_there_and_back_while_the_operator_was_away_changes_nothing(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """Only the generation in the status moves."""
    tracing.put(SPEC)
    tracing.settle()
    before = {name: each for name, each in tracing.versions().items() if name != "instance"}
    operator.stop()
    tracing.change({"query": {"replicas": 5}})
    generation = tracing.change({"query": {"replicas": 2}})["metadata"]["generation"]
    operator.start()
    wait(lambda: generation == tracing.status()["observedGeneration"], "the new generation")
    assert before == {name: each for name, each in tracing.versions().items() if name != "instance"}


def test_a_missing_secret_is_reported_and_recovered_from(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """Without a restart of anything."""
    tracing.delete(kinds.SECRET, "s3")
    tracing.put(MINIMAL)
    message = tracing.wait_for("Degraded", "True", "ReferenceMissing")
    assert "Secret 's3' (objectStore.secretRef) does not exist." == message

    tracing.put_secret("s3", SECRETS["s3"])
    tracing.wait_for("SchemaMigrated", "False", "MigrationRunning")
    tracing.settle()
    assert "False" == tracing.condition("Degraded")[0]


def test_a_rotated_secret_is_migrated_with_and_rolls_the_pods_that_use_it(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """New token: a new Job, which registers it, and then new collectors; ingest stays."""
    tracing.put(MINIMAL)
    tracing.settle()

    def templates() -> dict[str, Any]:
        return {
            key.name: each["spec"]["template"]["metadata"].get("annotations")
            for key, each in tracing.children().items()
            if key.kind in ("Deployment", "StatefulSet")
        }

    before = templates()
    tracing.put_secret("ingest-token", {"token": "another"})
    wait(tracing.unfinished_job, "a migration for the new token")
    assert before == templates()

    tracing.end_migration()
    wait(lambda: before != templates(), "the pods roll")
    changed = {name for name, each in templates().items() if before[name] != each}
    assert {"main-collector"} == changed


def test_a_failed_migration_is_reported_and_running_pods_stay(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """The old version goes on serving, and a version that works is rolled out afterwards."""
    tracing.put(MINIMAL)
    tracing.settle()
    before = {
        name: version
        for name, version in tracing.versions().items()
        if name.startswith(("Deployment", "StatefulSet", "ConfigMap/main-collector"))
    }
    tracing.change({"version": "0.2.0"})
    tracing.end_migration(failed=True)
    message = tracing.wait_for("SchemaMigrated", "False", "MigrationFailed")
    tracing.wait_for("Degraded", "True", "MigrationFailed")
    assert "it failed too often" in message
    assert ("True", "0.1.0") == (tracing.condition("Ready")[0], tracing.status()["version"])
    assert before == {
        name: version for name, version in tracing.versions().items() if name in before
    }

    tracing.change({"version": "0.2.1"})
    tracing.settle()
    assert "0.2.1" == tracing.status()["version"]


def test_suspend_stops_retention_and_unmanaged_stops_everything(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """And both can be reverted."""
    tracing.put(MINIMAL)
    tracing.settle()

    def suspended() -> bool:
        found = tracing.find(BY_NAME["CronJob"], "main-retention")
        assert found is not None
        return bool(found["spec"]["suspend"])

    tracing.change({"suspend": True})
    wait(suspended, "retention is suspended")
    tracing.change({"managementState": "Unmanaged", "suspend": False})
    tracing.wait_for("Progressing", "False", "Unmanaged")
    tracing.delete(BY_NAME["ServiceAccount"], "main-ui")
    tracing.change({"query": {"replicas": 4}})
    generation = tracing.change({"query": {"replicas": 5}})["metadata"]["generation"]
    wait(lambda: generation == tracing.status()["observedGeneration"], "the pass")
    assert suspended()
    assert tracing.find(BY_NAME["ServiceAccount"], "main-ui") is None

    tracing.change({"managementState": "Managed"})
    wait(lambda: tracing.find(BY_NAME["ServiceAccount"], "main-ui"), "the account is back")
    wait(lambda: not suspended(), "retention runs")


def test_suspending_together_with_a_new_version_stops_retention_of_the_old_one(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """Although nothing is rolled out; the roll-out resumes it when suspend is false again."""
    tracing.put(MINIMAL)
    tracing.settle()

    def retention() -> dict[str, Any]:
        found = tracing.find(BY_NAME["CronJob"], "main-retention")
        assert found is not None
        spec: dict[str, Any] = found["spec"]
        return spec

    before = retention()
    tracing.change({"suspend": True, "version": "0.2.0"})
    wait(lambda: retention()["suspend"], "retention is suspended")
    tracing.wait_for("SchemaMigrated", "False", "Suspended")
    assert {**before, "suspend": True} == retention()

    tracing.change({"suspend": False})
    tracing.end_migration()
    wait(lambda: not retention()["suspend"], "retention goes on")
    template = retention()["jobTemplate"]["spec"]["template"]
    assert template["spec"]["containers"][0]["image"].endswith(":0.2.0")


def test_a_migration_that_cannot_start_is_created_again_when_the_spec_is_corrected(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """A pull secret that was forgotten: the same Job, with another pod."""
    tracing.put(MINIMAL)
    wait(tracing.unfinished_job, "a migration")
    first = tracing.unfinished_job()
    assert first is not None
    tracing.make_pod(
        first,
        {
            "phase": "Pending",
            "containerStatuses": [
                {
                    "name": "migrate",
                    "image": "",
                    "imageID": "",
                    "ready": False,
                    "restartCount": 0,
                    "state": {"waiting": {"reason": "ImagePullBackOff", "message": "refused"}},
                }
            ],
        },
    )
    assert "refused" in tracing.wait_for("Degraded", "True", "PodsFailing")
    tracing.change({"imagePullSecrets": [{"name": "pull"}]})

    def again() -> bool:
        job = tracing.unfinished_job()
        return job is not None and job["metadata"]["uid"] != first["metadata"]["uid"]

    wait(again, "another Job")
    second = tracing.unfinished_job()
    assert second is not None
    assert first["metadata"]["name"] == second["metadata"]["name"]
    assert [{"name": "pull"}] == second["spec"]["template"]["spec"]["imagePullSecrets"]
    tracing.settle()


def test_an_autoscaled_deployment_keeps_its_pods_when_it_is_handed_over_and_back(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """It never falls to one pod in between."""
    tracing.put({**MINIMAL, "ingest": {"replicas": 4}})
    tracing.settle()

    def replicas() -> int:
        found = tracing.find(kinds.DEPLOYMENT, "main-ingest")
        assert found is not None
        count: int = found["spec"]["replicas"]
        return count

    def scaler() -> bool:
        return tracing.find(BY_NAME["HorizontalPodAutoscaler"], "main-ingest") is not None

    seen = set()

    def handed_over() -> bool:
        seen.add(replicas())
        return scaler()

    tracing.change({"ingest": {"autoscaling": {"minReplicas": 2}}})
    wait(handed_over, "an autoscaler")
    path = kinds.DEPLOYMENT.path(tracing.name, "main-ingest")
    tracing.server.merge(f"{path}/scale", {"spec": {"replicas": 7}})
    tracing.change({"retention": {"schedule": "1 1 * * *"}})
    wait(
        lambda: (
            tracing.status()["observedGeneration"] == 3
            and "1 1 * * *"
            == tracing.server.request(
                "GET", BY_NAME["CronJob"].path(tracing.name, "main-retention")
            )["spec"]["schedule"]
        ),
        "a pass after the scaling",
    )
    assert ({4}, 7) == (seen, replicas())

    tracing.change({"ingest": {"autoscaling": None}})
    wait(lambda: not scaler() and replicas() == 4, "the fixed number is back")


def test_deleting_an_instance_deletes_its_children_also_while_the_operator_is_away(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """By owner references; nothing of it is made again."""
    tracing.put(SPEC)
    tracing.settle()
    children = tracing.children()
    operator.stop()
    tracing.delete(kinds.INSTANCE, "main")
    operator.start()
    wait(
        lambda: not any(tracing.find(BY_NAME[key.kind], key.name) for key in children),
        "all children are gone",
    )


def test_an_instance_that_is_made_again_gets_children_of_its_own(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """Though the old ones are still being collected."""
    tracing.put(MINIMAL)
    tracing.settle()
    tracing.delete(kinds.INSTANCE, "main")
    uid = tracing.put(MINIMAL)["metadata"]["uid"]
    wait(lambda: tracing.unfinished_job(), "a migration of the new instance")
    tracing.settle()
    owners = {
        reference["uid"]
        for each in tracing.children().values()
        for reference in each["metadata"]["ownerReferences"]
    }
    assert {uid} == owners


def test_an_object_of_another_owner_is_left_alone_and_reported(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """Whether or not it contradicts what would be made. All else is made."""
    account, _, service = kinds.BASE[:3]
    tracing.server.request(
        "POST",
        account.path(tracing.name),
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "main-query"}},
    )
    tracing.server.request(
        "POST",
        service.path(tracing.name),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "main-ui"},
            "spec": {"selector": {"app": "mine"}, "ports": [{"name": "http", "port": 8080,
                                                             "targetPort": 80}]},
        },
    )  # fmt: skip
    tracing.put(MINIMAL)
    message = tracing.wait_for("Degraded", "True", "ApplyFailed")
    found = tracing.find(service, "main-ui")
    assert found is not None
    assert {"app": "mine"} == found["spec"]["selector"]
    assert "Service 'main-ui': there is one already that the operator did not make" in message
    assert "ServiceAccount 'main-query': there is one already" in message
    mine = tracing.find(account, "main-query")
    assert mine is not None
    assert "ownerReferences" not in mine["metadata"]
    wait(tracing.unfinished_job, "the migration")

    tracing.delete(service, "main-ui")
    tracing.delete(account, "main-query")

    def made() -> bool:
        found = [tracing.find(service, "main-ui"), tracing.find(account, "main-query")]
        return all(each and "ownerReferences" in each["metadata"] for each in found)

    wait(made, "those in their places are made")


def test_killing_the_operator_again_and_again_makes_no_second_job(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """It converges from wherever it was stopped."""
    tracing.put(SPEC)
    for kill in range(12):
        operator.kill()
        operator.start(ready=False)
        time.sleep(0.5 + kill * 0.06)  # another moment of its start each time
    wait(tracing.unfinished_job, "a migration")
    for kill in range(8):
        if kill == 2:
            tracing.end_migration()
        operator.kill()
        operator.start(ready=False)
        time.sleep(0.6 + kill * 0.1)
    wait(lambda: tracing.find(kinds.DEPLOYMENT, "main-ui"), "the roll-out")
    tracing.run_pods()
    tracing.wait_for("Ready", "True", "AllPodsReady")
    assert 1 == len(tracing.jobs())


def test_the_operator_survives_an_api_server_that_is_away(
    api_server: ApiServer, operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """The same process goes on when it is back."""
    tracing.put(MINIMAL)
    tracing.settle()
    pid = operator.pid
    api_server.kill("kube-apiserver")
    time.sleep(3)  # long enough for requests and watches to fail
    api_server.start_api_server()
    tracing.change({"query": {"replicas": 4}})

    def changed() -> bool:
        found = tracing.find(kinds.DEPLOYMENT, "main-query")
        return found is not None and found["spec"]["replicas"] == 4

    wait(changed, "the change is carried out")
    # A server that has just started refuses requests until it has read the roles.
    operator.judged_from = len(operator.log())
    assert pid == operator.pid
    assert operator.healthy()


def test_conditions_become_events_only_when_they_change(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """An event in each pass would hide all others."""
    tracing.put(MINIMAL)
    tracing.settle()

    def events() -> list[tuple[str, str]]:
        items = tracing.server.request("GET", kinds.EVENT.path(tracing.name))["items"]
        return sorted(
            (each["reason"], each["message"].partition(":")[0])
            for each in items
            if each["involvedObject"]["kind"] == "TraceFoundry"
        )

    wait(lambda: ("AllPodsReady", "Ready is True") in events(), "the event")
    before = events()
    tracing.change({"retention": {"schedule": "9 9 * * *"}})
    wait(lambda: tracing.status()["observedGeneration"] == 2, "another pass")
    assert before == events()


def test_an_export_is_checked_against_its_instance(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """And again when the instance changes."""
    tracing.server.request(
        "POST",
        kinds.EXPORT.path(tracing.name),
        {
            "apiVersion": "tracefoundry.dev/v1alpha1",
            "kind": "TraceExport",
            "metadata": {"name": "incident"},
            "spec": {
                "instanceRef": {"name": "main"},
                "traceIds": ["0af7651916cd43dd8448eb211c80319c"],
                "payloads": "Include",
            },
        },
    )

    def accepted() -> tuple[str, str]:
        found = tracing.find(kinds.EXPORT, "incident")
        assert found is not None
        for each in found.get("status", {}).get("conditions", ()):
            if each["type"] == "Accepted":
                return each["status"], each["reason"]
        return "", ""

    wait(lambda: accepted() == ("False", "InstanceMissing"), "the instance is missed")
    tracing.put(MINIMAL)
    wait(lambda: accepted() == ("False", "PayloadsNotAllowed"), "the bound is reported")
    tracing.change({"exports": {"payloads": True}})
    wait(lambda: accepted() == ("True", "WithinBounds"), "it is accepted")


def test_an_operator_for_some_namespaces_needs_no_rights_elsewhere(
    api_server: ApiServer, operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """With the Roles that the chart makes for them, and no ClusterRole."""
    operator.stop()
    other = TracingNamespace(api_server, f"{tracing.name}-other")
    other.make()
    manifests = chart(f"watchNamespaces={{{tracing.name}}}", "crds.enabled=false", release="some")
    applied = api_server.kubectl("apply", "--server-side", "-f", "-", stdin=manifests)
    assert 0 == applied.returncode, applied.stderr
    scoped = OperatorProcess(api_server, account="some-tracefoundry-operator")
    scoped.start(watch_namespaces=tracing.name, resync_s="1")
    try:
        for namespace in (other, tracing):
            namespace.put(MINIMAL)
        tracing.settle()
        wait(
            lambda: scoped.total("tracefoundry_operator_reconcile_total", "TraceFoundry") >= 8,
            "some passes",
        )
        assert {} == other.status()
        scoped.stop()
        assert "Forbidden" not in scoped.log()
    finally:
        scoped.kill()
        api_server.request("DELETE", f"/api/v1/namespaces/{other.name}")

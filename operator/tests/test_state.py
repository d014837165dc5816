"""The state: one writer of each fact, and snapshots that do not change."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest

from tests.instances import MINIMAL, export, instance
from tests.lists import body
from tracefoundry_operator.conditions import Check
from tracefoundry_operator.kinds import (
    DEPLOYMENT,
    EXPORT,
    INSTANCE,
    JOB,
    POD,
    SECRET,
    Kind,
    ObjectKey,
    key_of_body,
)
from tracefoundry_operator.names import InvalidName
from tracefoundry_operator.snapshot import Applied, Snapshot
from tracefoundry_operator.state import State

NOW = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)
MAIN = ObjectKey("TraceFoundry", "tracing", "main")
INCIDENT = ObjectKey("TraceExport", "tracing", "incident")
QUERY = ObjectKey("Deployment", "tracing", "main-query")


def deployment(version: str, *, owner_uid: str = "uid-of-main") -> dict[str, Any]:
    """A Deployment of the instance."""
    owner = {"kind": "TraceFoundry", "name": "main", "uid": owner_uid, "controller": True}
    found = body("main-query", version)
    found["metadata"].update(uid="d", ownerReferences=[owner])
    return found


def pod(version: str, *, address: str = "10.0.0.1", label: str = "main") -> dict[str, Any]:
    """An ingest pod."""
    found = body("main-ingest-x", version)
    found["metadata"]["labels"] = {
        "app.kubernetes.io/instance": label,
        "app.kubernetes.io/component": "ingest",
    }
    found["status"] = {"phase": "Running", "podIP": address}
    return found


def secret(name: str, version: str) -> dict[str, Any]:
    """A Secret with a database URL."""
    return {**body(name, version), "data": {"url": "eA=="}}


@pytest.fixture
def state() -> State:
    """A state with one instance and an export of it."""
    found = State()
    found.record_instance(instance(MINIMAL))
    found.record_export(INCIDENT, MAIN)
    return found


def snapshot(state: State, status: Mapping[str, Any] | None = None) -> Snapshot:
    """A snapshot of the instance."""
    return state.snapshot(instance(MINIMAL), status=status or {}, config_maps={}, now=NOW)


def test_nothing_but_methods_can_be_written() -> None:
    """A public field would have writers elsewhere."""
    assert [] == [name for name in State.__slots__ if not name.startswith("_")]
    with pytest.raises(AttributeError):
        State().more = {}  # type: ignore[attr-defined]


def test_a_snapshot_does_not_change_when_the_state_does(state: State) -> None:
    """Plan and status of one pass are made from the same facts."""
    state.observe(DEPLOYMENT, deployment("1"))
    state.observe(SECRET, secret("pg", "1"))
    before = snapshot(state)
    expected = (dict(before.children), before.pods, dict(before.secrets), dict(before.applied))

    state.observe(DEPLOYMENT, deployment("2"))
    state.observe(SECRET, secret("pg", "2"))
    state.observe(POD, pod("1"))
    state.record_apply(QUERY, Applied("digest", "2"))
    state.record_checks(MAIN, {"database": Check(True, "")})
    found = (dict(before.children), before.pods, dict(before.secrets), dict(before.applied))
    assert (expected, None) == (found, before.checks)
    after = snapshot(state)
    assert ("2", "2", 1, {QUERY: Applied("digest", "2")}) == (
        after.children[QUERY].resource_version,
        after.secrets["pg"].resource_version,
        len(after.pods),
        after.applied,
    )


def test_a_snapshot_cannot_be_written(state: State) -> None:
    """Neither its fields nor its mappings."""
    found = snapshot(state)
    with pytest.raises(AttributeError):
        found.pods = ()  # type: ignore[misc]
    with pytest.raises(TypeError):
        found.children[QUERY] = None  # type: ignore[index]


def test_a_changed_child_affects_its_instance_once(state: State) -> None:
    """The same version again, as after our own request, affects nothing."""
    assert {MAIN} == state.observe(DEPLOYMENT, deployment("1"))
    assert set() == state.observe(DEPLOYMENT, deployment("1"))
    state.record_answer("Deployment", deployment("2"))
    assert set() == state.observe(DEPLOYMENT, deployment("2"))
    assert {MAIN} == state.forget(QUERY)
    assert set() == state.forget(QUERY)


def test_a_child_that_changed_its_owner_is_a_child_of_the_new_one_only(state: State) -> None:
    """An instance that was created again under the same name."""
    state.observe(DEPLOYMENT, deployment("1", owner_uid="uid-of-earlier"))
    assert {} == snapshot(state).children
    state.observe(DEPLOYMENT, deployment("2"))
    assert [QUERY] == list(snapshot(state).children)


@pytest.mark.parametrize(
    ("kind", "found"),
    [(DEPLOYMENT, deployment("2")), (POD, pod("2")), (SECRET, secret("pg", "2"))],
)
def test_a_late_deletion_of_an_earlier_object_drops_no_record(
    state: State, kind: Kind, found: dict[str, Any]
) -> None:
    """One that was created again under the same name was seen first; then its own deletion."""
    key = key_of_body(kind, found)
    state.observe(kind, found)
    assert set() == state.forget(key, uid="uid-of-earlier")
    assert "2" == state.version(key)
    assert MAIN in state.forget(key, uid=found["metadata"]["uid"])
    assert None is state.version(key)


def test_a_deleted_child_is_applied_again_when_it_comes_back(state: State) -> None:
    """What was applied to the deleted object says nothing about another one."""
    state.observe(DEPLOYMENT, deployment("1"))
    state.record_apply(QUERY, Applied("digest", "1"))
    state.forget(QUERY)
    state.observe(DEPLOYMENT, deployment("1"))
    assert {} == snapshot(state).applied


def test_a_secret_affects_the_instances_that_refer_to_it(state: State) -> None:
    """And their exports, when it changes or is deleted; other Secrets affect nothing."""
    assert {MAIN, INCIDENT} == state.observe(SECRET, secret("pg", "1"))
    assert set() == state.observe(SECRET, secret("pg", "1"))
    assert set() == state.observe(SECRET, secret("other", "1"))
    assert ["pg"] == list(snapshot(state).secrets)
    assert {MAIN, INCIDENT} == state.forget(ObjectKey("Secret", "tracing", "pg"))


def test_the_key_that_signs_bundles_affects_exports(state: State) -> None:
    """No pod of the instance uses it."""
    exports = {"signingKeySecretRef": {"name": "signing"}}
    state.record_instance(instance({**MINIMAL, "exports": exports}))
    assert INCIDENT in state.observe(SECRET, secret("signing", "1"))
    assert {} == snapshot(state).secrets


def job(version: str) -> dict[str, Any]:
    """A Job of the export."""
    owner = {"kind": "TraceExport", "name": "incident", "uid": "uid-of-incident"}
    found = body("incident-export-1", version)
    found["metadata"].update(uid="j", ownerReferences=[{**owner, "controller": True}])
    return found


def job_pod(version: str, **terminated: Any) -> dict[str, Any]:
    """A pod of that Job."""
    found = pod(version)
    found["metadata"]["name"] = "incident-export-1-x"
    found["metadata"]["labels"].update(
        {"app.kubernetes.io/component": "export", "job-name": "incident-export-1"}
    )
    state = {"state": {"terminated": terminated}} if terminated else {}
    found["status"]["containerStatuses"] = [state]
    return found


def test_a_job_and_its_pods_affect_their_export_and_not_the_instance(state: State) -> None:
    """A pod that ends with a result, too."""
    assert set() == state.observe(POD, job_pod("1"))  # the Job is not known yet
    assert {INCIDENT} == state.observe(JOB, job("1"))
    assert {INCIDENT} == state.observe(POD, job_pod("2", exitCode=0, message='{"uri": ""}'))
    seen = state.export_snapshot(
        export(), instance(MINIMAL), status={}, instance_status={}, config_maps={}, now=NOW
    )
    assert (["incident-export-1"], ['{"uri": ""}']) == (
        [key.name for key in seen.children],
        [each.result for each in seen.pods],
    )
    assert ((), {}) == (snapshot(state).pods, dict(snapshot(state).children))
    assert {INCIDENT} == state.forget(ObjectKey("Pod", "tracing", "incident-export-1-x"))


def test_a_pod_affects_its_instance_only_when_a_status_would_change(state: State) -> None:
    """Kubelets update pods often."""
    assert {MAIN} == state.observe(POD, pod("1"))
    assert set() == state.observe(POD, pod("2"))
    assert {MAIN} == state.observe(POD, pod("3", address="10.0.0.2"))
    assert ("10.0.0.2",) == state.ingest_addresses(MAIN)
    assert set() == state.observe(POD, pod("4", label="other"))


def test_a_changed_instance_affects_its_exports_too(state: State) -> None:
    """It bounds them. Our own write of its status affects them too: they wait for it."""
    assert {MAIN, INCIDENT} == state.observe(INSTANCE, body("main", "1"))
    state.record_status(MAIN, "2")
    assert {INCIDENT} == state.observe(INSTANCE, body("main", "2"))
    assert {INCIDENT} == state.observe(EXPORT, body("incident", "1"))
    state.record_status(INCIDENT, "2")
    assert set() == state.observe(EXPORT, body("incident", "2"))
    state.forget_export(INCIDENT)
    assert {MAIN} == state.forget(MAIN)


def test_answers_of_pods_of_a_deleted_instance_are_not_kept(state: State) -> None:
    """A probe may end after the instance is gone."""
    checks = {"database": Check(True, "")}
    assert {MAIN} == state.record_checks(MAIN, checks)
    assert set() == state.record_checks(MAIN, checks)
    assert checks == snapshot(state).checks
    state.forget_instance(MAIN)
    assert set() == state.record_checks(MAIN, checks)
    assert (None, ()) == (snapshot(state).checks, state.instances())


def test_an_instance_with_an_unusable_name_is_not_recorded() -> None:
    """Its children could not be named."""
    state = State()
    with pytest.raises(InvalidName):
        state.record_instance(instance(MINIMAL, name="9"))
    assert () == state.instances()

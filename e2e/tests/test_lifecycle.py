"""Suspending an instance, leaving it unmanaged, and deleting it."""

from __future__ import annotations

import release
from children import children
from instance import Instance
from kube import wait_for


def test_a_suspended_instance_keeps_its_data_path(own: Instance) -> None:
    """Retention stops; spans are still taken and found."""
    own.wait_ready()
    own.patch(suspend=True)

    def stopped() -> bool:
        job = own.kube.get("cronjob", f"{own.name}-retention", own.namespace)
        return job is not None and job["spec"]["suspend"] is True

    wait_for("retention stopped", stopped, deadline_s=30)
    own.send_traces("while-suspended", 3)
    with own.api() as api:
        wait_for("traces", lambda: len(api.traces("while-suspended")) == 3, deadline_s=60)


def test_an_unmanaged_instance_is_left_alone_until_it_is_managed_again(own: Instance) -> None:
    """A manual change stays while the instance is unmanaged, and is repaired afterwards."""
    own.wait_ready()
    own.patch(managementState="Unmanaged")
    wait_for("being let go", lambda: own.reason("Progressing") == "Unmanaged", deadline_s=30)
    schedule = '--patch={"spec": {"schedule": "1 1 1 1 *"}}'
    name = f"{own.name}-retention"
    own.kube.run("patch", "cronjob", name, "-n", own.namespace, "--type=merge", schedule)
    # A whole pass over the instance, after the change, that leaves it.
    release.scale(own.kube, 0)
    release.scale(own.kube, 1)
    wait_for("a pass", lambda: release.passes(own.kube) > 0, deadline_s=60)
    assert "1 1 1 1 *" == _schedule(own)
    own.patch(managementState="Managed")
    wait_for("the schedule of before", lambda: _schedule(own) != "1 1 1 1 *", deadline_s=30)


def test_a_deleted_instance_leaves_nothing_but_its_data(own: Instance) -> None:
    """Children go with their owner, without the operator's help; the queue's volume stays."""
    own.wait_ready()
    assert children(own)
    release.scale(own.kube, 0)
    try:
        own.kube.run("delete", "tracefoundry", own.name, "-n", own.namespace, "--wait=true")
        kinds = "deployments,statefulsets,services,cronjobs,jobs,networkpolicies,pods"
        label = f"app.kubernetes.io/instance={own.name}"
        wait_for(
            "an end of the children",
            lambda: not own.kube.list(kinds, own.namespace, label),
            deadline_s=120,
        )
    finally:
        release.scale(own.kube, 1)
    claim = own.kube.get("persistentvolumeclaim", f"queue-{own.name}-collector-0", own.namespace)
    assert claim is not None


def _schedule(instance: Instance) -> str:
    job = instance.kube.get("cronjob", f"{instance.name}-retention", instance.namespace)
    assert job is not None
    return str(job["spec"]["schedule"])

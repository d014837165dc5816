"""Uninstalling in any order leaves nothing stuck. The last file: it takes the operator's rights.

pytest runs files by name, and requests refused while a release goes away are no fault.
"""

from __future__ import annotations

from collections.abc import Callable

import release
from children import children
from cluster.access import Access
from figures import Figures
from instance import Instance
from kube import Kube, wait_for

GONE_S = 120.0
CHILDREN = "deployments,statefulsets,services,cronjobs,jobs,networkpolicies,pods"


def test_the_operators_account_was_never_refused(access: Access, main: Instance) -> None:
    """The chart's rights are enough for all that happened in this run so far."""
    main.wait_ready()
    account = f"system:serviceaccount:{release.NAMESPACE}:"
    deployment = main.kube.get("deployment", release.OPERATOR, release.NAMESPACE)
    assert deployment is not None
    # Uninstalling takes the rights away a moment before the pod: what came before is another run's.
    since = deployment["metadata"]["creationTimestamp"]
    asked = access.requests(account, since)
    if asked is not None:
        assert asked
        assert [] == [event for event in asked if event.refused]
    assert " is forbidden: User " not in main.kube.logs(
        f"deployment/{release.OPERATOR}", release.NAMESPACE
    )


def test_resources_first_then_the_chart(own: Instance, figures: Figures) -> None:
    """The usual order."""
    own.wait_ready()
    _delete(own)
    figures.add("deleted, operator there: children gone", _wait_children_gone(own))
    _without_the_chart(own.kube, lambda: _assert_definitions_stay(own.kube))


def test_the_chart_first_then_resources(own: Instance, figures: Figures) -> None:
    """No finalizer waits for an operator that is not there any more."""
    own.wait_ready()

    def delete() -> None:
        assert children(own), "uninstalling the operator must leave what it made"
        _delete(own)
        figures.add("deleted, operator gone: children gone", _wait_children_gone(own))

    _without_the_chart(own.kube, delete)


def test_a_namespace_goes_with_all_that_is_in_it(own: Instance, figures: Figures) -> None:
    """While the operator runs; it must not create again what is being deleted."""
    own.wait_ready()
    own.kube.run("delete", "namespace", own.namespace, "--wait=false")
    took = wait_for(
        "an end of the namespace",
        lambda: own.kube.get("namespace", own.namespace) is None,
        deadline_s=GONE_S,
    )
    figures.add("namespace gone", took)


def _without_the_chart(kube: Kube, act: Callable[[], None]) -> None:
    """Uninstall the chart, do something, install it again: other tests go on with it."""
    helm = release.Helm(kube)
    helm.uninstall()
    try:
        wait_for(
            "an end of all that the chart made",
            lambda: kube.run("get", "all", "-n", release.NAMESPACE, "-o", "name") == "",
            deadline_s=GONE_S,
        )
        act()
    finally:
        helm.install()


def _assert_definitions_stay(kube: Kube) -> None:
    """With the resources in them: deleting a release is no reason to lose traces."""
    assert kube.get("crd", "tracefoundries.tracefoundry.dev") is not None
    assert kube.run("get", "tracefoundries", "--all-namespaces", "-o", "name")


def _delete(instance: Instance) -> None:
    instance.kube.run(
        "delete", "tracefoundry", instance.name, "-n", instance.namespace, "--timeout=30s"
    )


def _wait_children_gone(instance: Instance) -> float:
    label = f"app.kubernetes.io/instance={instance.name}"
    return wait_for(
        "an end of the children",
        lambda: not instance.kube.list(CHILDREN, instance.namespace, label),
        deadline_s=GONE_S,
    )

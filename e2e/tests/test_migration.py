"""A version whose migration fails: the old one goes on, and the next that works is taken."""

from __future__ import annotations

from children import children
from instance import Instance
from kube import Object, condition, wait_for

SERVING = ("collector", "ingest", "query", "ui")


def test_a_failed_migration_keeps_the_old_pods_serving(own: Instance, python_image: str) -> None:
    """The image of the new version has no such program; the conditions say what failed."""
    own.wait_ready()
    before = _pods(own)
    done = set(children(own, ("jobs",)))
    repository, _, tag = python_image.rpartition(":")
    own.patch(image={"repository": repository, "tag": tag})

    def new_job() -> bool:
        return bool(set(children(own, ("jobs",))) - done)

    wait_for("another migration", new_job, deadline_s=30)
    ((_, job),) = set(children(own, ("jobs",))) - done
    # Three attempts more would take a minute and a half.
    give_up = '--patch={"spec": {"backoffLimit": 0}}'
    own.kube.run("patch", "job", job, "-n", own.namespace, "--type=merge", give_up)
    wait_for(
        "a condition that says so",
        lambda: own.reason("SchemaMigrated") == "MigrationFailed",
        deadline_s=90,
    )
    resource = own.get()
    assert ("False", "True", "True") == tuple(
        condition(resource, kind) for kind in ("SchemaMigrated", "Degraded", "Ready")
    )
    assert job in _message(resource, "SchemaMigrated")
    assert before == _pods(own)
    own.send_traces("after-failed-migration", 3)
    with own.api() as api:
        wait_for("traces", lambda: len(api.traces("after-failed-migration")) == 3, deadline_s=60)

    own.patch(image=None, ingest={"annotations": {"example.org/release": "mended"}})

    def recovered() -> bool:
        now = own.get()
        said = tuple(condition(now, kind) for kind in ("SchemaMigrated", "Degraded", "Ready"))
        return said == ("True", "False", "True") and before["ingest"] != _pods(own)["ingest"]

    wait_for("all conditions as before", recovered, deadline_s=120)


def _pods(instance: Instance) -> dict[str, set[str]]:
    """Ids of the pods that serve, by component."""
    found: dict[str, set[str]] = {}
    label = "app.kubernetes.io/component"
    selector = f"app.kubernetes.io/instance={instance.name}, {label} in ({', '.join(SERVING)})"
    for pod in instance.kube.list("pods", instance.namespace, selector):
        component = pod["metadata"]["labels"][label]
        found.setdefault(component, set()).add(pod["metadata"]["uid"])
    return found


def _message(resource: Object, kind: str) -> str:
    return "".join(
        each["message"] for each in resource["status"]["conditions"] if each["type"] == kind
    )

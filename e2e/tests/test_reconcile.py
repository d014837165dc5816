"""A pass over what is right writes nothing; what somebody changed or deleted is mended."""

from __future__ import annotations

import json

import pytest

import release
from children import EDITS, KINDS, children, specification, versions
from instance import Instance
from kube import Kube, condition, wait_for

REPAIR_S = 10.0


def test_a_restarted_operator_writes_nothing(main: Instance, kube: Kube) -> None:
    """A whole pass by a process that knows nothing yet leaves every resourceVersion as it is."""
    main.wait_ready()
    _wait_settled(main)
    before = versions(main)
    kube.run("rollout", "restart", "deployment/tracefoundry-operator", "-n", release.NAMESPACE)
    kube.run(
        "rollout", "status", "deployment/tracefoundry-operator", "-n", release.NAMESPACE,
        "--timeout=90s",
    )  # fmt: skip
    wait_for("a pass", lambda: release.passes(kube) > 0, deadline_s=60)
    assert before == versions(main)
    assert 0 == release.writes(kube)


@pytest.mark.parametrize("kind", KINDS)
def test_a_deleted_child_is_made_again(main: Instance, kind: str) -> None:
    """Each kind; the new object says the same as the old."""
    main.wait_ready()
    old = {key: each for key, each in children(main).items() if key[0] == kind}
    assert old
    (_, name), before = sorted(old.items())[0]
    main.kube.run("delete", kind, name, "-n", main.namespace, "--wait=false")

    def made_again() -> bool:
        now = children(main, (kind,)).get((kind, name))
        return (
            now is not None
            and now["metadata"]["uid"] != before["metadata"]["uid"]
            and "deletionTimestamp" not in now["metadata"]
        )

    wait_for(f"{kind} {name} made again", made_again, deadline_s=REPAIR_S)
    if kind != "services":  # its address is chosen anew
        assert specification(before) == specification(children(main, (kind,))[kind, name])


@pytest.mark.parametrize("kind", KINDS)
def test_an_edited_child_is_mended(main: Instance, kind: str) -> None:
    """Each kind; a field that the operator sets comes back."""
    main.wait_ready()
    (_, name), before = sorted(children(main, (kind,)).items())[0]
    main.kube.run(
        "patch", kind, name, "-n", main.namespace, "--type=merge",
        f"--patch={json.dumps(EDITS[kind](before))}",
    )  # fmt: skip

    def mended() -> bool:
        now = children(main, (kind,)).get((kind, name))
        return now is not None and specification(now) == specification(before)

    wait_for(f"{kind} {name} mended", mended, deadline_s=REPAIR_S)


def test_a_changed_specification_is_rolled_out_after_the_operator_was_away(
    main: Instance, kube: Kube
) -> None:
    """Changed while nobody watches, it is carried out when the operator is back."""
    main.wait_ready()
    release.scale(kube, 0)
    kube.run(
        "patch", "tracefoundry", main.name, "-n", main.namespace, "--type=merge",
        '--patch={"spec": {"retention": {"schedule": "23 * * * *"}}}',
    )  # fmt: skip
    release.scale(kube, 1)

    def carried_out() -> bool:
        job = kube.get("cronjob", f"{main.name}-retention", main.namespace)
        return job is not None and job["spec"]["schedule"] == "23 * * * *"

    wait_for("the new schedule", carried_out, deadline_s=60)
    main.wait_ready()


def test_no_second_migration_job_was_made(main: Instance) -> None:
    """Restarts and repairs make no Job again whose inputs did not change."""
    main.wait_ready()
    assert 1 == sum("migrate" in name for _, name in children(main, ("jobs",)))


def _wait_settled(instance: Instance) -> None:
    """Until the status says all it will: pods of ingest are asked only every 15 s."""
    seen = [versions(instance)]

    def settled() -> bool:
        seen.append(versions(instance))
        resource = instance.get()
        known = {condition(resource, kind) for kind in ("DatabaseReady", "ObjectStoreReady")}
        return {"True"} == known and len(seen) > 8 and seen[-1] == seen[-8]

    wait_for("an end of changes", settled, deadline_s=90)

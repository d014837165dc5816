"""A pass over an unchanged instance writes nothing; a changed or deleted object is repaired."""

from __future__ import annotations

import datetime as dt
import time

import pytest

import release
from api_reader import BY_PLURAL, ApiReader, timed
from children import EDITS, KINDS, children, specification, versions
from cluster.access import Access
from figures import Figures
from instance import Instance
from kube import Kube, Object, condition, wait_for

REPAIR_S = 10.0
QUIET_S = 30.0
# A watch that ends is opened again, and each may do so once in the time.
REQUESTS_WHILE_QUIET = 30
PASSES_WHILE_QUIET = 4


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


def test_where_nothing_changes_nothing_is_asked(
    main: Instance, kube: Kube, access: Access, figures: Figures
) -> None:
    """No hot loop: half a minute without a write, with hardly a pass and hardly a request."""
    main.wait_ready()
    _wait_settled(main)
    before = versions(main)
    written, passed = release.writes(kube), release.passes(kube)
    since = dt.datetime.now(dt.UTC).isoformat()
    over = time.monotonic() + QUIET_S
    wait_for("the end of the quiet", lambda: time.monotonic() > over, deadline_s=QUIET_S + 30)
    asked = access.requests(f"system:serviceaccount:{release.NAMESPACE}:", since)
    passes = release.passes(kube) - passed
    assert before == versions(main)
    assert written == release.writes(kube)
    assert passes <= PASSES_WHILE_QUIET
    figures.add(f"passes in {QUIET_S:.0f} s of quiet", passes, "", at_most=PASSES_WHILE_QUIET)
    if asked is not None:
        assert [] == [event for event in asked if event.writes]
        assert len(asked) <= REQUESTS_WHILE_QUIET
        figures.add(
            f"requests in {QUIET_S:.0f} s of quiet", len(asked), "", at_most=REQUESTS_WHILE_QUIET
        )


@pytest.mark.parametrize("kind", [*KINDS, "jobs"])
def test_a_deleted_child_is_made_again(
    main: Instance, reader: ApiReader, figures: Figures, kind: str
) -> None:
    """Each kind; the new object equals the old one."""
    main.wait_ready()
    name, before = _first(main, kind)
    uid = before["metadata"]["uid"]
    reader.delete(BY_PLURAL[kind], main.namespace, name)

    def made_again() -> bool:
        now = reader.find(BY_PLURAL[kind], main.namespace, name)
        return now is not None and now["metadata"]["uid"] != uid

    took = timed(f"{kind} {name} made again", made_again, deadline_s=REPAIR_S)
    figures.add(f"repaired: {kind} deleted", took, at_most=1)
    if kind not in {"services", "jobs"}:  # an address and a selector are chosen anew
        assert specification(before) == specification(children(main, (kind,))[kind, name])


@pytest.mark.parametrize("kind", KINDS)
def test_an_edited_child_is_mended(
    main: Instance, reader: ApiReader, figures: Figures, kind: str
) -> None:
    """Each kind; a field that the operator sets comes back."""
    main.wait_ready()
    # What runs the version is not touched while a migration does: that of the test before, if any.
    wait_for("the migration", lambda: main.reason("SchemaMigrated") == "Migrated", deadline_s=60)
    name, before = _first(main, kind)
    generation = before["metadata"].get("generation")
    reader.merge(BY_PLURAL[kind], main.namespace, name, EDITS[kind](before))

    def mended() -> bool:
        now = reader.find(BY_PLURAL[kind], main.namespace, name)
        return now is not None and specification(now) == specification(before)

    took = timed(f"{kind} {name} mended", mended, deadline_s=REPAIR_S)
    figures.add(f"repaired: {kind} edited", took, at_most=1)
    _, after = _first(main, kind)
    assert generation is None or generation < after["metadata"]["generation"]
    assert before["metadata"]["resourceVersion"] != after["metadata"]["resourceVersion"]


def test_a_changed_specification_is_rolled_out_after_the_operator_was_away(
    main: Instance, kube: Kube
) -> None:
    """A change while the operator is down is carried out when it is back."""
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


def _first(instance: Instance, kind: str) -> tuple[str, Object]:
    (_, name), child = sorted(children(instance, (kind,)).items())[0]
    return name, child


def _wait_settled(instance: Instance) -> None:
    """Wait until the status no longer changes: pods of ingest are asked only every 15 s."""
    seen = [versions(instance)]

    def settled() -> bool:
        seen.append(versions(instance))
        resource = instance.get()
        known = {condition(resource, kind) for kind in ("DatabaseReady", "ObjectStoreReady")}
        return {"True"} == known and len(seen) > 8 and seen[-1] == seen[-8]

    wait_for("an end of changes", settled, deadline_s=90)

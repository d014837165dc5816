"""A run of the retention CronJob removes old data from the database and the bucket."""

from __future__ import annotations

import json
import secrets
from typing import Any

import content_traces
from backends import S3, Postgres, objects
from cluster.access import Access
from figures import Figures
from instance import Api, Instance
from kube import condition, wait_for

OLD, LATE, NEW = "old", "late", "new"
AGES_DAYS = {OLD: 6.0, LATE: 3.0, NEW: 0.0}
"""Beyond the retention of spans, beyond that of payloads only, and within both."""


def test_a_run_of_retention_drops_what_has_expired(
    unmade: Instance, access: Access, postgres: Postgres, s3: S3, figures: Figures
) -> None:
    """A Job made from the CronJob, after the specification was given shorter retentions."""
    own = unmade
    own.create(access, postgres, s3, retention={"spans": "10d", "payloads": "10d"})
    own.wait_ready()
    traces = {
        name: content_traces.send(own, secrets.token_hex(16), service=name, age_days=age)
        for name, age in AGES_DAYS.items()
    }
    content_traces.wait_found(own, *traces.values())
    with own.api() as api:
        refs = {name: _entry(api, trace)["ref"] for name, trace in traces.items()}
        assert {200} == {api.ask(f"/api/payloads/{ref}").status_code for ref in refs.values()}
    assert len(AGES_DAYS) == len(_stored(own, s3))

    own.patch(retention={"spans": "4d", "payloads": "1d"})
    own.wait_ready()
    report, took = _run(own)
    figures.add("a run of retention", took)

    with own.api() as api:
        # The row of the old one is gone with its day; the late one's payload has a tombstone.
        assert {OLD: 404, LATE: 200, NEW: 200} == {
            name: api.ask(f"/api/traces/{trace}").status_code for name, trace in traces.items()
        }
        assert {LATE: "expired", NEW: "present"} == {
            name: _entry(api, traces[name])["state"] for name in (LATE, NEW)
        }
        assert {LATE: 410, NEW: 200} == {
            name: api.ask(f"/api/payloads/{refs[name]}").status_code for name in (LATE, NEW)
        }
        assert api.ask(f"/api/payloads/{refs[OLD]}").status_code in {404, 410}
    assert 1 == len(_stored(own, s3))
    assert ("done", 0) == (report["state"], len(report["spans"]["in_use"]))


def _entry(api: Api, trace: str) -> dict[str, str]:
    (span,) = api.get(f"/api/traces/{trace}/spans")["spans"]
    (entry,) = span["payloads"]
    found: dict[str, str] = entry
    return found


def _stored(instance: Instance, s3: S3) -> list[str]:
    return objects(instance.kube, s3, f"{instance.namespace}-{instance.name}")


def _run(instance: Instance) -> tuple[dict[str, Any], float]:
    """Run retention now; its report, and the seconds it took."""
    kube, namespace = instance.kube, instance.namespace
    kube.run(
        "create", "job", "now", f"--from=cronjob/{instance.name}-retention", "-n", namespace
    )  # fmt: skip

    def ended() -> bool:
        job = kube.get("job", "now", namespace)
        assert job is not None, "somebody deleted the Job"
        assert condition(job, "Failed") != "True", kube.logs("job/now", namespace)
        return condition(job, "Complete") == "True"

    took = wait_for("the end of retention", ended, deadline_s=120)
    report: dict[str, Any] = json.loads(kube.logs("job/now", namespace))
    return report, took

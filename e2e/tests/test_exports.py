"""TraceExports: from the resource to a bundle that this machine verifies without the cluster, and
every failure with a condition that a person can act on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import content_traces
import order_agent
import release
from backends import S3, Postgres
from cluster import images
from cluster.access import Access
from exports import Exported, another_platform, command, json_of
from figures import Figures
from instance import Instance
from kube import Kube, Object, wait_for

TEXT = "what the user asked for in the incident " * 8
NO_TRACE = "0" * 31 + "1"
MISSING_BUCKET = "no-such-bucket-anywhere"
AGENT_IMAGE = f"{images.PREFIX}tracefoundry:{images.version()}"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pair of keys, made by our own command: ``key.pem`` and ``key.pem.pub``."""
    folder = tmp_path_factory.mktemp("keys")
    status, _ = command("bundle", "keygen", folder / "key.pem")
    assert 0 == status
    return folder


@pytest.fixture(scope="module")
def shop(
    operator: Kube, access: Access, postgres: Postgres, s3: S3, keys: Path
) -> Iterator[Instance]:
    """An instance that allows payloads, and signs."""
    namespace = f"e2e-exports-{hashlib.sha256(str(keys).encode()).hexdigest()[:6]}"
    operator.make_namespace(namespace)
    made = Instance(kube=operator, namespace=namespace, name="shop")
    operator.apply(made.secret("signing", **{"key.pem": (keys / "key.pem").read_text()}))
    made.create(
        access,
        postgres,
        s3,
        exports={
            "weakestRedaction": "standard",
            "payloads": True,
            "destinations": [{"bucket": MISSING_BUCKET}],
            "signingKeySecretRef": {"name": "signing"},
            "rerunImages": [AGENT_IMAGE],
            "resources": {"requests": {"cpu": "20m", "memory": "128Mi"}},
        },
    )
    made.wait_ready()
    yield made
    made.remove()


@pytest.fixture(scope="module")
def trace(shop: Instance) -> str:
    """A trace with content."""
    made = content_traces.send(shop, TEXT, service="shop")
    content_traces.wait_found(shop, made)
    return made


def test_a_bundle_is_verified_imported_and_replayed_without_the_cluster(
    shop: Instance, trace: str, s3: S3, keys: Path, tmp_path: Path, figures: Figures
) -> None:
    """Signed with the Secret's key, checked in the cluster, equal to what the status says; and
    imported into a platform with another database."""
    export = Exported.make(
        shop, "incident-42", traceIds=[trace], payloads="Include", redaction="standard",
        destination={"prefix": "incidents/42"}, dryReplay={"mode": "Verify"},
    )  # fmt: skip
    took = wait_for("the bundle", lambda: export.condition("Complete")[0] == "True", deadline_s=180)
    figures.add("a TraceExport to Complete", took)
    waited = shop.kube.run(
        "wait", "--for=condition=Complete", "tfx/incident-42", "-n", shop.namespace, "--timeout=5s"
    )
    assert "condition met" in waited
    export.wait_for("ReplayPassed", "True", "Passed")
    status = export.status
    bundle = status["bundle"]
    bucket = f"{shop.namespace}-{shop.name}"
    assert bundle["uri"].startswith(f"s3://{bucket}/exports/incidents/42/incident-42-")
    assert (1, 1, True) == (bundle["traces"], bundle["spans"], status["dryReplay"]["ok"])
    assert status["startTime"] <= status["completionTime"]

    file = export.download(s3, tmp_path)
    assert bundle["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert bundle["bytes"] == file.stat().st_size
    code, verdict = json_of("bundle", "verify", file, "--key", keys / "key.pem.pub")
    assert (0, True, "known_key", bundle["root"]) == (
        code, verdict["valid"], verdict["signature"], verdict["root"],
    )  # fmt: skip
    code, found = json_of("replay", file)
    assert (0, True, 1) == (code, found["ok"], found["traces"])
    with another_platform(tmp_path) as url:
        code, imported = json_of("import", file, "--url", url)
        assert (0, 1, 1) == (code, imported["traces"], imported["spans"])
        code, found = json_of("replay", trace, "--url", url)
        assert (0, True) == (code, found["ok"])
        stored = httpx.get(f"{url}/api/traces/{trace}").json()
        assert ("bundle_import", "offline") == (stored["source"], stored["environment"])

    assert not export.get()["metadata"].get("finalizers")
    line = shop.kube.run("get", "tfx", "-n", shop.namespace).splitlines()[1]
    assert ["incident-42", "shop", "True", "True", "True", "1"] == line.split()[:6]


def test_what_cannot_be_exported_says_why(shop: Instance, trace: str) -> None:
    """A wrong id, a bucket that does not exist, a request beyond the bounds."""
    wrong = Exported.make(shop, "wrong-id", traceIds=[NO_TRACE], backoffLimit=3)
    away = Exported.make(
        shop, "no-bucket", traceIds=[trace], destination={"bucket": MISSING_BUCKET}
    )
    beyond = Exported.make(shop, "beyond", traceIds=[trace], redaction="off")
    said = beyond.wait_for("Accepted", "False", "RedactionTooWeak")
    assert "redaction off is weaker than standard" in said
    assert [] == beyond.jobs()
    assert f"there is no trace {NO_TRACE}" in wrong.wait_for("Failed", "True", "ExportFailed")
    # Not tried again: another attempt would fail too.
    assert [1] == [each["status"].get("failed") for each in wrong.jobs()]
    said = away.wait_for("Failed", "True", "ExportFailed")
    assert f"bucket '{MISSING_BUCKET}'" in said
    assert "create it" in said


def test_an_export_waits_for_a_missing_secret(shop: Instance, trace: str, keys: Path) -> None:
    """The key that signs is deleted, and comes back."""
    secret = shop.secret("signing", **{"key.pem": (keys / "key.pem").read_text()})
    shop.kube.run("delete", "secret", "signing", "-n", shop.namespace)
    export = Exported.make(shop, "unsigned", traceIds=[trace])
    said = export.wait_for("Complete", "False", "ReferenceMissing")
    assert "Secret 'signing' (exports.signingKeySecretRef) does not exist" in said
    shop.kube.apply(secret)
    export.wait_for("Complete", "True", "Exported")


def test_an_operator_that_restarts_takes_the_result(shop: Instance, trace: str) -> None:
    """The Job ends while no operator runs; there is still only one."""
    export = Exported.make(shop, "restart", traceIds=[trace])
    wait_for("the Job", lambda: len(export.jobs()) == 1, deadline_s=60)
    release.scale(shop.kube, 0)
    try:
        wait_for(
            "the end of the Job",
            lambda: export.jobs()[0].get("status", {}).get("succeeded") == 1,
            deadline_s=120,
        )
        assert "True" != export.condition("Complete")[0]
    finally:
        release.scale(shop.kube, 1)
    export.wait_for("Complete", "True", "Exported")
    assert 1 == len(export.jobs())
    # The result is recorded, so the Job may expire now.
    wait_for(
        "the time to live",
        lambda: export.jobs()[0]["spec"].get("ttlSecondsAfterFinished") == 86400,
        deadline_s=60,
    )


@pytest.fixture(scope="module")
def recorded(shop: Instance) -> str:
    """A trace of an agent that can run again."""
    return order_agent.record(shop)


def run_again(shop: Instance, name: str, trace: str, order: str) -> Exported:
    """An export that runs the agent again with this argument."""
    return Exported.make(
        shop, name, traceIds=[trace], payloads="Include", redaction="standard",
        dryReplay={
            "mode": "Rerun", "image": AGENT_IMAGE, "command": order_agent.command(order),
        },
    )  # fmt: skip


def test_an_agent_runs_again_in_a_pod_without_egress(shop: Instance, recorded: str) -> None:
    """All its calls are answered from the bundle. A cluster that does not enforce the policy is
    found out and told: the pod tries to reach something."""
    export = run_again(shop, "again", recorded, order_agent.ORDER)
    policies: list[Object] = []

    def guarded() -> bool:
        policies[:] = [
            each
            for each in shop.kube.list("networkpolicies", shop.namespace)
            if each["metadata"]["name"].startswith("again-rerun-")
        ]
        return bool(policies)

    wait_for("the policy of the agent's pod", guarded, deadline_s=180)
    (policy,) = policies
    assert (["Ingress", "Egress"], None) == (
        policy["spec"]["policyTypes"], policy["spec"].get("egress"),
    )  # fmt: skip
    said = export.wait_for("ReplayPassed", "True", "Passed")
    found = export.status["dryReplay"]
    assert (True, 0, 1, 0, 0) == tuple(
        found[key] for key in ("ok", "exitStatus", "matched", "missed", "unused")
    )
    assert {"decorators", "sockets"} <= set(found["guards"])
    enforced = "network policy" in found["guards"]
    assert enforced is not ("this cluster does not enforce its NetworkPolicy" in said)
    assert 3 == len(export.jobs())


def test_an_agent_that_asks_for_something_else_does_not_pass(shop: Instance, recorded: str) -> None:
    """The call is named in the condition; what was different is in the log alone."""
    export = run_again(shop, "changed", recorded, "99999")
    said = export.wait_for("ReplayPassed", "False", "CallsMissed")
    assert f"diverged: tool '{order_agent.TOOL}' of agent 'order-agent'" in said
    assert "99999" not in said
    found = export.status["dryReplay"]
    assert (False, 0, 1, 1) == tuple(found[key] for key in ("ok", "matched", "missed", "diverged"))
    (job,) = [
        each["metadata"]["name"]
        for each in export.jobs()
        if each["metadata"]["name"].startswith("changed-rerun-")
    ]
    log = shop.kube.run("logs", f"job/{job}", "-c", "replay", "-n", shop.namespace)
    assert "99999" in log
    assert order_agent.ORDER in log

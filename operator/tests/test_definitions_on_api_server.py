"""The resource definitions on a real API server: defaults, validation and stored fields."""

from __future__ import annotations

import copy
import json
import urllib.error
from pathlib import Path
from typing import Any

import pytest

from tests.api_server import ApiServer
from tests.instances import FULL, MINIMAL
from tests.tracing_namespace import TracingNamespace
from tracefoundry_operator import kinds

EXPORT: dict[str, Any] = {
    "instanceRef": {"name": "main"},
    "traceIds": ["0af7651916cd43dd8448eb211c80319c"],
}


def refusal(tracing: TracingNamespace, kind: kinds.Kind, spec: Any, name: str = "main") -> str:
    """Why the server refuses a resource with this spec; empty if it accepts it."""
    made = tracing.server.kubectl(
        "create", "-f", "-",
        stdin=json.dumps({
            "apiVersion": kind.api_version,
            "kind": kind.name,
            "metadata": {"name": name, "namespace": tracing.name},
            "spec": spec,
        }),
    )  # fmt: skip
    return made.stderr


def changed(spec: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A spec with another value at a path like ``collector.replicas``."""
    found = copy.deepcopy(spec)
    *parents, last = path.split(".")
    place = found
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    return found


@pytest.mark.parametrize("spec", [MINIMAL, FULL], ids=["minimal", "full"])
def test_valid_instances_are_accepted(tracing: TracingNamespace, spec: dict[str, Any]) -> None:
    """With the required settings only, and with every setting."""
    assert "" == refusal(tracing, kinds.INSTANCE, spec)


def test_null_means_absent(tracing: TracingNamespace) -> None:
    """As people write it in examples."""
    spec = changed(MINIMAL, "collector.tailSampling", None)
    spec = changed(spec, "database.tls", {"caSecretRef": None})
    assert "" == refusal(tracing, kinds.INSTANCE, spec)
    found = tracing.find(kinds.INSTANCE, "main")
    assert found is not None
    assert "tailSampling" not in found["spec"]["collector"]


def test_defaults_are_set(tracing: TracingNamespace) -> None:
    """What a user leaves out is visible afterwards."""
    spec = tracing.put(MINIMAL)["spec"]
    expected = ("Managed", False, 2, "7d", "3d", "standard", "strict", False, "10Gi", "token")
    assert expected == (
        spec["managementState"],
        spec["suspend"],
        spec["ingest"]["replicas"],
        spec["retention"]["spans"],
        spec["retention"]["payloads"],
        spec["redaction"]["mode"],
        spec["exports"]["weakestRedaction"],
        spec["exports"]["payloads"],
        spec["collector"]["storage"]["size"],
        spec["auth"]["adminTokenSecretRef"]["key"],
    )


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("collector", {"replicas": 2, "tailSampling": {}}, "tailSampling needs replicas: 1"),
        ("ingest.autoscaling", {"minReplicas": 5, "maxReplicas": 4}, "may not be more than"),
        ("objectStore.prefix", "a/../b", 'a prefix may not contain ".."'),
        ("objectStore.prefix", "/a", "should match"),
        ("objectStore.endpoint", "s3.example.org", "should match"),
        ("objectStore.endpoint", "https://user:word@s3.example.org", "should match"),
        ("objectStore.bucket", "Bucket", "should match"),
        ("retention.spans", "7", "should match"),
        ("retention.payloadsMax", "7 days", "should match"),
        ("redaction.mode", "none", "Unsupported value"),
        ("redaction", {"mode": "off", "floor": "standard"}, "mode keeps more than floor allows"),
        ("redaction.floor", "strict", "mode keeps more than floor allows"),
        ("quotas.spansPerDay", 0, "greater than or equal to 1"),
        ("quotas.bytesPerSecond", "1Mi", "must be of type integer"),
        ("collector.replicas", 0, "greater than or equal to 1"),
        ("ingest.resources", {"limits": {"memory": "lots"}}, "should match"),
        ("image.tag", "0.2.0", "not both"),
    ],
)
def test_an_invalid_instance_is_refused_with_the_reason(
    tracing: TracingNamespace, path: str, value: Any, message: str
) -> None:
    """By schema and rules; there is no webhook."""
    spec = changed({**MINIMAL, "version": "0.1.0"}, path, value)
    assert message in refusal(tracing, kinds.INSTANCE, spec)


@pytest.mark.parametrize(
    "redaction",
    [
        {"floor": "off"},
        {"floor": "standard"},
        {"mode": "strict", "floor": "standard"},
        {"mode": "strict", "floor": "strict"},
    ],
)
def test_a_mode_at_least_as_strict_as_the_floor_is_accepted(
    tracing: TracingNamespace, redaction: dict[str, str]
) -> None:
    """The default mode is standard."""
    assert "" == refusal(tracing, kinds.INSTANCE, {**MINIMAL, "redaction": redaction})


@pytest.mark.parametrize("field", ["database", "objectStore", "auth"])
def test_what_has_no_default_is_required(tracing: TracingNamespace, field: str) -> None:
    """Database, bucket and tokens are the user's."""
    spec = {name: each for name, each in MINIMAL.items() if name != field}
    assert f"spec.{field}: Required value" in refusal(tracing, kinds.INSTANCE, spec)


@pytest.mark.parametrize("name", ["1main", "main.prod"])
def test_a_name_that_cannot_name_services_is_refused(tracing: TracingNamespace, name: str) -> None:
    """Before only a part of its objects is created."""
    found = refusal(tracing, kinds.INSTANCE, MINIMAL, name=name)
    assert "the name begins the names of Services" in found


def test_the_storage_of_a_collector_cannot_be_changed(tracing: TracingNamespace) -> None:
    """Claims of a StatefulSet are immutable; the message says what to do instead."""
    tracing.put(MINIMAL)
    with pytest.raises(urllib.error.HTTPError) as refused:
        tracing.change({"collector": {"storage": {"size": "20Gi"}}})
    assert "the storage of a collector cannot be changed" in refused.value.read().decode()


def test_an_export_is_accepted_and_only_suspend_can_be_changed(tracing: TracingNamespace) -> None:
    """All other fields, with and without defaults, are immutable."""
    assert "" == refusal(tracing, kinds.EXPORT, EXPORT, name="one")
    path = kinds.EXPORT.path(tracing.name, "one")
    assert tracing.server.merge(path, {"spec": {"suspend": True}})["spec"]["suspend"]
    for change in (
        {"payloads": "Include"},
        {"project": "other"},
        {"redaction": "off"},
        {"traceIds": ["1af7651916cd43dd8448eb211c80319c"]},
        {"traceIds": None, "query": {"service": "a"}},
        {"destination": {"prefix": "elsewhere"}},
        {"dryReplay": {"mode": "Verify"}},
        {"activeDeadlineSeconds": 5},
        {"objectTTL": "1d"},
        {"instanceRef": {"name": "other"}},
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            tracing.server.merge(path, {"spec": change})
        assert "cannot be changed, except suspend" in refused.value.read().decode()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"query": {"service": "a"}}, "set traceIds or query, one of them"),
        ({"traceIds": None}, "set traceIds or query, one of them"),
        ({"traceIds": []}, "should have at least 1 items"),
        ({"traceIds": ["0AF7651916CD43DD8448EB211C80319C"]}, "should match"),
        ({"dryReplay": {"mode": "Rerun"}}, "mode Rerun needs an image"),
        ({"dryReplay": {"mode": "Verify", "image": "a:1"}}, "an image is for mode Rerun alone"),
        ({"destination": {"prefix": "../up"}}, 'a prefix may not contain ".."'),
        (
            {
                "traceIds": None,
                "query": {"start": "2026-11-21T00:00:00Z", "end": "2026-11-20T00:00:00Z"},
            },
            "start must be before end",
        ),
    ],
)
def test_an_invalid_export_is_refused_with_the_reason(
    tracing: TracingNamespace, change: dict[str, Any], message: str
) -> None:
    """By schema and rules."""
    spec = {name: each for name, each in {**EXPORT, **change}.items() if each is not None}
    assert message in refusal(tracing, kinds.EXPORT, spec, name="one")


def test_a_status_cannot_be_written_with_the_resource(tracing: TracingNamespace) -> None:
    """It is a subresource: users do not overwrite it."""
    tracing.put(MINIMAL)
    path = kinds.INSTANCE.path(tracing.name, "main")
    assert "status" not in tracing.server.merge(path, {"status": {"version": "9"}})


def test_the_category_lists_both_kinds_and_short_names_work(tracing: TracingNamespace) -> None:
    """``kubectl get tracefoundry-all``, ``kubectl get tf``."""
    tracing.put(MINIMAL)
    refusal(tracing, kinds.EXPORT, EXPORT, name="one")
    kubectl = tracing.server.kubectl
    listed = kubectl("-n", tracing.name, "get", "tracefoundry-all", "-o", "name").stdout
    expected = ["traceexport.tracefoundry.dev/one", "tracefoundry.tracefoundry.dev/main"]
    assert expected == sorted(listed.split())
    for short, name in (("tf", "main"), ("tfx", "one")):
        assert name in kubectl("-n", tracing.name, "get", short).stdout


@pytest.mark.parametrize("path", ["tf.spec.collector.storage.size", "tfx.spec.objectTTL"])
def test_every_field_has_a_description(api_server: ApiServer, path: str) -> None:
    """``kubectl explain`` shows the descriptions."""
    assert "DESCRIPTION:" in api_server.kubectl("explain", path).stdout


def test_definitions_fit_into_a_client_side_apply() -> None:
    """Its annotation contains a copy of the object, with at most 262,144 bytes."""
    for source in sorted((Path(__file__).parents[2] / "crds").glob("*.yaml")):
        assert source.stat().st_size < 200_000

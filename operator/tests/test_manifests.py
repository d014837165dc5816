"""Rules that all rendered objects keep, and what single settings do to them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.instances import FULL, MINIMAL, SECRETS, export_jobs, rendering
from tracefoundry_operator.manifests import instance, jobs, migration
from tracefoundry_operator.manifests.environment import policy_environment
from tracefoundry_operator.manifests.quantities import amount
from tracefoundry_operator.manifests.rendering import Manifest, Rendering

SPECS = {"minimal": MINIMAL, "full": FULL}


def objects(found: Rendering) -> list[Manifest]:
    """All objects of an instance, and the Jobs of an export of it."""
    stages = instance.render(found)
    return [*stages.base, stages.migration, *stages.rollout, *export_jobs(found)]


def one(found: Rendering, kind: str, component: str) -> Manifest:
    """The object of this kind and component."""
    (result,) = [
        each
        for each in objects(found)
        if each["kind"] == kind
        and each["metadata"]["labels"]["app.kubernetes.io/component"] == component
    ]
    return result


def template(manifest: Manifest) -> Manifest | None:
    """The pod template of a workload."""
    spec = manifest.get("spec", {})
    if "jobTemplate" in spec:
        spec = spec["jobTemplate"]["spec"]
    found: Manifest | None = spec.get("template")
    return found


def templates(found: Rendering) -> list[Manifest]:
    """All pod templates."""
    return [each for each in map(template, objects(found)) if each is not None]


def containers(found: Rendering) -> list[Manifest]:
    """All containers of all pods, sidecars too."""
    return [
        container
        for pod in templates(found)
        for kind in ("initContainers", "containers")
        for container in pod["spec"].get(kind, ())
    ]


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """All values below one, with their paths."""
    yield path, value
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from leaves(child, f"{path}.{key}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from leaves(child, f"{path}[{index}]")


def input_hash(found: Rendering) -> str:
    """The hash in the name of the migration Job."""
    return jobs.input_hash(migration.inputs(found))


def environment(manifest: Manifest) -> dict[str, str]:
    """Plain environment variables of a workload's container."""
    found = template(manifest)
    assert found is not None
    return {
        each["name"]: each["value"]
        for each in found["spec"]["containers"][0]["env"]
        if "value" in each
    }


@pytest.mark.parametrize("case", SPECS)
def test_every_object_has_owner_namespace_and_labels(case: str) -> None:
    """Deleting the instance deletes them, and the operator's watch sees them."""
    for each in objects(rendering(SPECS[case])):
        metadata = each["metadata"]
        (owner,) = metadata["ownerReferences"]
        component = metadata["labels"]["app.kubernetes.io/component"]
        of_export = (each["kind"] == "Job" and component in ("export", "replay", "rerun")) or (
            each["kind"] == "NetworkPolicy" and component == "rerun"
        )
        expected = (
            ("TraceExport", "incident", "uid-of-incident", True)
            if of_export
            else ("TraceFoundry", "main", "uid-of-main", True)
        )
        assert expected == (owner["kind"], owner["name"], owner["uid"], owner["controller"])
        assert "tracing" == metadata["namespace"]
        assert "tracefoundry-operator" == metadata["labels"]["app.kubernetes.io/managed-by"]


@pytest.mark.parametrize("case", SPECS)
def test_no_two_objects_have_the_same_kind_and_name(case: str) -> None:
    """They would overwrite each other at every pass."""
    keys = [(each["kind"], each["metadata"]["name"]) for each in objects(rendering(SPECS[case]))]
    assert sorted(set(keys)) == sorted(keys)


@pytest.mark.parametrize("case", SPECS)
def test_no_list_is_empty_and_no_value_is_missing(case: str) -> None:
    """The API server drops some empty lists, so that every apply would look like a change."""
    found = [
        f"{each['kind']}{path}"
        for each in objects(rendering(SPECS[case]))
        for path, value in leaves(each)
        if value is None or value == []
    ]
    assert [] == found


@pytest.mark.parametrize("case", SPECS)
def test_environment_variables_are_strings_and_unique(case: str) -> None:
    """The API server answers 500 to numbers and doubles there."""
    for container in containers(rendering(SPECS[case])):
        variables = container["env"]
        names = [each["name"] for each in variables]
        assert sorted(set(names)) == sorted(names)
        assert all(isinstance(each.get("value", ""), str) for each in variables)


@pytest.mark.parametrize("case", SPECS)
def test_every_pod_meets_the_restricted_standard_and_more(case: str) -> None:
    """Pod Security Standard ``restricted``, a read-only root, no token unless it is needed. Only
    the agent of a re-run, whose image is the user's, may write outside of its volumes."""
    found = rendering(SPECS[case])
    for pod in templates(found):
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert {"type": "RuntimeDefault"} == spec["securityContext"]["seccompProfile"]
        kinds = {kind for volume in spec["volumes"] for kind in volume if kind != "name"}
        assert kinds <= {"emptyDir", "secret", "configMap"}
    for container in containers(found):
        context = container["securityContext"]
        assert (False, False, True, ["ALL"], {"type": "RuntimeDefault"}) == (
            context["allowPrivilegeEscalation"],
            context["privileged"],
            context["runAsNonRoot"],
            context["capabilities"]["drop"],
            context["seccompProfile"],
        )
        assert context.get("readOnlyRootFilesystem", False) is (container["name"] != "agent")
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert {"cpu", "memory"} <= container["resources"]["limits"].keys()
        assert "LOGNAME" in {each["name"] for each in container["env"]}
        assert "/tmp" in {each["mountPath"] for each in container["volumeMounts"]}  # noqa: S108


@pytest.mark.parametrize("case", SPECS)
def test_pods_that_serve_have_all_probes(case: str) -> None:
    """Jobs end by themselves; the others must be seen to work."""
    for pod in templates(rendering(SPECS[case])):
        if pod["spec"]["restartPolicy"] == "Always":
            probes = {"startupProbe", "readinessProbe", "livenessProbe"}
            assert probes <= pod["spec"]["containers"][0].keys()


@pytest.mark.parametrize("case", SPECS)
def test_only_the_collector_that_asks_kubernetes_has_a_token(case: str) -> None:
    """An attacker in the pod would have the rights of its token."""
    with_token = [
        pod["metadata"]["labels"]["app.kubernetes.io/component"]
        for pod in templates(rendering(SPECS[case]))
        if pod["spec"]["automountServiceAccountToken"]
    ]
    assert (["collector"] if case == "full" else []) == with_token


def test_secret_contents_are_referenced_and_never_stand_in_an_object() -> None:
    """The operator knows versions of Secrets only, and writes not even these in clear."""
    marked = {name: f"version-{name}-marked" for name in SECRETS}
    text = json.dumps(objects(rendering(FULL, secrets=marked)))
    assert "marked" not in text


@pytest.mark.parametrize(
    ("secret", "rolled"),
    [
        ("pg", set()),  # of the migration alone: the others have roles
        ("pg-ingest", {"ingest"}),
        ("pg-query", {"query"}),
        ("pg-retention", set()),
        ("s3", {"ingest", "query"}),
        ("keys", {"ingest", "query"}),
        ("pg-ca", {"ingest", "query"}),
        ("ingest-token", {"collector"}),
        ("senders", {"collector"}),
        ("admin-token", set()),
    ],
)
def test_a_changed_secret_rolls_the_pods_that_use_it_and_no_others(
    secret: str, rolled: set[str]
) -> None:
    """By a checksum in the pod template."""
    before = instance.render(rendering(FULL)).rollout
    after = instance.render(rendering(FULL, secrets={**SECRETS, secret: "999"})).rollout
    changed = {
        old["metadata"]["labels"]["app.kubernetes.io/component"]
        for old, new in zip(before, after, strict=True)
        if template(old) != template(new)
    }
    assert rolled == changed


def test_without_roles_all_components_use_the_url_of_the_migration() -> None:
    """And its change rolls them."""
    before = instance.render(rendering(MINIMAL)).rollout
    after = instance.render(rendering(MINIMAL, secrets={**SECRETS, "pg": "999"})).rollout
    changed = {
        old["metadata"]["name"] for old, new in zip(before, after, strict=True) if old != new
    }
    assert {"main-ingest", "main-query"} == changed


@pytest.mark.parametrize(
    ("kind", "component", "secret"),
    [
        ("Deployment", "ingest", "pg-ingest"),
        ("Deployment", "query", "pg"),
        ("CronJob", "retention", "pg-retention"),
        ("Job", "migrate", "pg"),
    ],
)
def test_a_component_connects_with_its_own_role(kind: str, component: str, secret: str) -> None:
    """One without a role uses that of the migration."""
    roles = {
        name: {"name": f"tf_{name}", "secretRef": {"name": f"pg-{name}"}}
        for name in ("ingest", "retention")
    }
    spec = {**MINIMAL, "database": {"secretRef": {"name": "pg"}, "roles": roles}}
    found = template(one(rendering(spec), kind, component))
    assert found is not None
    variables = {each["name"]: each for each in found["spec"]["containers"][0]["env"]}
    url = variables["TRACEFOUNDRY_DATABASE_URL"]["valueFrom"]["secretKeyRef"]
    assert {"name": secret, "key": "url"} == url
    wanted = "ingest=tf_ingest,retention=tf_retention" if component == "migrate" else None
    assert wanted == variables.get("TRACEFOUNDRY_DATABASE_ROLES", {}).get("value")


def test_a_role_that_is_added_makes_a_new_job() -> None:
    """It has to get its privileges before its component connects."""
    role = {"name": "tf_ingest", "secretRef": {"name": "pg-ingest"}}
    spec = {**MINIMAL, "database": {"secretRef": {"name": "pg"}, "roles": {"ingest": role}}}
    assert input_hash(rendering(MINIMAL)) != input_hash(rendering(spec))


def test_bounds_of_projects_reach_what_applies_them() -> None:
    """Ingest applies the floor, retention the ceilings, query refuses new settings."""
    spec = {
        **MINIMAL,
        "redaction": {"mode": "strict", "floor": "standard"},
        "retention": {"spansMax": "30d", "payloadsMax": "5d"},
    }
    wanted = {
        "TRACEFOUNDRY_REDACTION_FLOOR": "standard",
        "TRACEFOUNDRY_RETENTION_SPANS_MAX": "30d",
        "TRACEFOUNDRY_RETENTION_PAYLOADS_MAX": "5d",
    }
    found = policy_environment(rendering(spec).instance.spec)
    given = {one["name"]: one.get("value") for one in found}
    assert wanted.items() <= given.items()
    unbounded = policy_environment(rendering(MINIMAL).instance.spec)
    assert not wanted.keys() & {one["name"] for one in unbounded}


@pytest.mark.parametrize(
    ("kind", "component", "has_keys"),
    [
        ("Deployment", "ingest", True),
        ("Deployment", "query", True),
        ("CronJob", "retention", False),
        ("Job", "migrate", False),
    ],
)
def test_keys_of_payloads_go_to_what_reads_or_writes_them(
    kind: str, component: str, has_keys: bool
) -> None:
    """Retention deletes payloads unread."""
    found = template(one(rendering(FULL), kind, component))
    assert found is not None
    names = {each["name"] for each in found["spec"]["containers"][0]["env"]}
    assert has_keys == ("TRACEFOUNDRY_ENCRYPTION_KEYS" in names)


def egress(spec: Mapping[str, Any], component: str) -> list[Manifest]:
    """Rules for outgoing connections of a component."""
    policy = one(rendering(spec), "NetworkPolicy", component)["spec"]
    assert ["Ingress", "Egress"] == policy["policyTypes"]
    rules: list[Manifest] = policy["egress"]
    return rules


def ports(rule: Manifest) -> list[int]:
    """Ports of a rule."""
    return [each["port"] for each in rule["ports"]]


@pytest.mark.parametrize(
    ("component", "allowed"),
    [
        ("collector", [[53, 53], [4318]]),
        ("ingest", [[53, 53], [5432], [443]]),
        ("query", [[53, 53], [5432], [443]]),
        ("retention", [[53, 53], [5432], [443]]),
        ("migrate", [[53, 53], [5432]]),
        ("ui", [[53, 53], [8080]]),
    ],
)
def test_a_component_connects_to_what_it_needs_only(
    component: str, allowed: list[list[int]]
) -> None:
    """DNS, then database, object store or the next component."""
    assert allowed == [ports(rule) for rule in egress(MINIMAL, component)]


def test_a_bundle_is_handed_to_agents_only_where_images_may_run() -> None:
    """The pod of an agent has a policy of its own."""
    assert [53, 53, 443, 8090] == [
        port
        for rule in egress({**MINIMAL, "exports": {"rerunImages": ["agent:1"]}}, "replay")
        for port in ports(rule)
    ]


@pytest.mark.parametrize("enabled", [True, False])
def test_the_pod_of_an_agent_has_no_egress_whatever_the_instance_wants(enabled: bool) -> None:
    """Only the pod that checks the bundle of the same export may connect, to one port."""
    spec = {**MINIMAL, "networkPolicy": {"enabled": enabled}}
    policy = one(rendering(spec), "NetworkPolicy", "rerun")["spec"]
    assert (["Ingress", "Egress"], False) == (policy["policyTypes"], "egress" in policy)
    (rule,) = policy["ingress"]
    (sender,) = rule["from"]
    assert ([8090], {"podSelector"}) == (ports(rule), set(sender))
    selected = policy["podSelector"]["matchLabels"]
    checks = sender["podSelector"]["matchLabels"]
    for labels, component in ((selected, "rerun"), (checks, "replay")):
        pod = template(one(rendering(spec), "Job", component))
        assert pod is not None
        assert "uid-of-incident" == labels["tracefoundry.dev/export"]
        assert labels.items() <= pod["metadata"]["labels"].items()


def test_the_pod_of_an_agent_has_nothing_to_reach_anything_with() -> None:
    """No credentials, no names, no token; the recording's volume cannot be written by the agent."""
    pod = template(one(rendering(FULL), "Job", "rerun"))
    assert pod is not None
    spec = pod["spec"]
    assert {"emptyDir"} == {key for each in spec["volumes"] for key in each if key != "name"}
    assert (False, "None", ["127.0.0.1"]) == (
        spec["automountServiceAccountToken"], spec["dnsPolicy"],
        spec["dnsConfig"]["nameservers"],
    )  # fmt: skip
    (sidecar,), (agent,) = spec["initContainers"], spec["containers"]
    for container in (sidecar, agent):
        assert not [each for each in container["env"] if "valueFrom" in each]
    assert ("Always", 8091, 3600) == (
        sidecar["restartPolicy"],
        sidecar["startupProbe"]["tcpSocket"]["port"],
        sidecar["startupProbe"]["failureThreshold"],
    )
    assert {"name": "TRACEFOUNDRY_REPLAY", "value": "unix:/replay/socket"} in agent["env"]
    assert {"name": "replay", "mountPath": "/replay", "readOnly": True} in agent["volumeMounts"]
    shared = {each["name"] for each in sidecar["volumeMounts"]} & {
        each["name"] for each in agent["volumeMounts"]
    }
    assert {"replay"} == shared
    assert (["python", "agent.py"], "registry.example.org/team/agent:1", "File") == (
        agent["command"], agent["image"], agent["terminationMessagePolicy"],
    )  # fmt: skip
    asked = json.loads(
        next(each["value"] for each in sidecar["env"] if each["name"] == "TRACEFOUNDRY_RERUN_JOB")
    )
    assert {"sha256": "ab" * 32, "port": 8090, "ready_port": 8091, "socket": "/replay/socket"} == (
        asked
    )
    job = one(rendering(FULL), "Job", "rerun")
    assert (0, 3600) == (job["spec"]["backoffLimit"], job["spec"]["activeDeadlineSeconds"])


@pytest.mark.parametrize(
    ("endpoint", "port"),
    [
        ("http://s3.storage:9000", 9000),
        ("https://[fd00::1]:9443/", 9443),
        ("http://s3.storage", 80),
        ("https://s3.storage", 443),
    ],
)
def test_the_port_of_the_object_store_is_that_of_its_endpoint(endpoint: str, port: int) -> None:
    spec = {**MINIMAL, "objectStore": {**MINIMAL["objectStore"], "endpoint": endpoint}}
    assert [port] == ports(egress(spec, "ingest")[2])


def test_database_and_object_store_can_be_bound_to_networks_and_namespaces() -> None:
    policy = {
        "database": {"ports": [6432], "cidrs": ["10.1.0.0/16"], "namespaces": ["pg"]},
        "objectStore": {"namespaces": ["storage"]},
    }
    _, database, store = egress({**MINIMAL, "networkPolicy": policy}, "query")
    by_name = "kubernetes.io/metadata.name"
    assert [
        {"ipBlock": {"cidr": "10.1.0.0/16"}},
        {"namespaceSelector": {"matchLabels": {by_name: "pg"}}},
    ] == database["to"]
    assert [6432] == ports(database)
    assert [{"namespaceSelector": {"matchLabels": {by_name: "storage"}}}] == store["to"]


def test_quotas_reach_ingest_which_divides_those_for_a_second_among_its_pods() -> None:
    """Among the least number of pods where they are scaled; without quotas nothing is set."""
    quotas = {
        "spansPerSecond": 1_000,
        "bytesPerSecond": 1_048_576,
        "spansPerDay": 10_000_000,
        "contentBytesPerDay": 10**10,
    }
    found = policy_environment(rendering({**MINIMAL, "quotas": quotas}).instance.spec)
    assert {
        "TRACEFOUNDRY_QUOTA_SPANS_PER_SECOND": "1000",
        "TRACEFOUNDRY_QUOTA_BYTES_PER_SECOND": "1048576",
        "TRACEFOUNDRY_QUOTA_SPANS_PER_DAY": "10000000",
        "TRACEFOUNDRY_QUOTA_CONTENT_BYTES_PER_DAY": "10000000000",
    } == {one["name"]: one["value"] for one in found if "QUOTA" in one["name"]}
    unlimited = policy_environment(rendering(MINIMAL).instance.spec)
    assert [] == [one["name"] for one in unlimited if "QUOTA" in one["name"]]
    for scale, processes in (
        ({"replicas": 3}, "3"),
        ({"autoscaling": {"minReplicas": 4, "maxReplicas": 9}}, "4"),
    ):
        pods = template(one(rendering({**MINIMAL, "ingest": scale}), "Deployment", "ingest"))
        assert pods is not None
        (container,) = pods["spec"]["containers"]
        assert {"name": "TRACEFOUNDRY_QUOTA_PROCESSES", "value": processes} in container["env"]


def test_changed_patterns_roll_what_redacts() -> None:
    """A process reads its patterns once."""
    before = instance.render(rendering(FULL)).rollout
    after = instance.render(rendering(FULL, config_maps={"patterns": "8"})).rollout
    changed = {
        old["metadata"]["name"] for old, new in zip(before, after, strict=True) if old != new
    }
    assert {"main-ingest", "main-query"} == changed


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"version": "0.2.0"}, True),  # the label; the Job's image is what counts
        ({"migration": {"nodeSelector": {"disk": "local"}}}, True),
        ({"collector": {"replicas": 2}}, True),
        ({"database": {"secretRef": {"name": "other"}}}, False),
        ({"database": {"secretRef": {"name": "pg", "key": "dsn"}}}, False),
    ],
)
def test_a_migration_job_is_new_only_for_what_it_depends_on(
    change: dict[str, Any], same: bool
) -> None:
    """A finished migration does not run again for a change elsewhere."""
    before = input_hash(rendering(MINIMAL))
    assert same == (before == input_hash(rendering({**MINIMAL, **change})))


@pytest.mark.parametrize("secret", ["pg", "admin-token", "ingest-token"])
def test_a_changed_secret_of_the_migration_makes_a_new_job(secret: str) -> None:
    """So that new tokens are registered, and a new address of the database is tried."""
    before = input_hash(rendering(MINIMAL))
    after = input_hash(rendering(MINIMAL, secrets={**SECRETS, secret: "999"}))
    assert before != after


def test_an_autoscaled_deployment_leaves_replicas_to_the_autoscaler() -> None:
    """A rendered number would undo what the autoscaler did, at every pass."""
    found = rendering(FULL)
    assert "replicas" not in one(found, "Deployment", "ingest")["spec"]
    assert 3 == one(found, "HorizontalPodAutoscaler", "ingest")["spec"]["minReplicas"]
    assert 3 == one(found, "Deployment", "query")["spec"]["replicas"]


def test_one_pod_alone_has_no_disruption_budget() -> None:
    """It could never be moved to another node."""
    kinds = {
        (each["kind"], each["metadata"]["name"])
        for each in objects(rendering({**MINIMAL, "query": {"replicas": 1}}))
    }
    assert ("PodDisruptionBudget", "main-query") not in kinds
    assert ("PodDisruptionBudget", "main-ingest") in kinds


def test_suspending_stops_retention() -> None:
    """And nothing else of what is rendered."""
    running = instance.render(rendering(MINIMAL)).rollout
    suspended = instance.render(rendering({**MINIMAL, "suspend": True})).rollout
    changed = [new for old, new in zip(running, suspended, strict=True) if old != new]
    assert [("CronJob", True)] == [(each["kind"], each["spec"]["suspend"]) for each in changed]


def test_network_policies_can_be_turned_off() -> None:
    """For clusters that guard their networks otherwise. The agent of a re-run keeps its own."""
    found = rendering({**MINIMAL, "networkPolicy": {"enabled": False}})
    assert ["rerun"] == [
        each["metadata"]["labels"]["app.kubernetes.io/component"]
        for each in objects(found)
        if each["kind"] == "NetworkPolicy"
    ]


def test_by_default_only_the_own_namespace_may_send() -> None:
    """The collector asks for no token: its policy is the guard."""
    (otlp, _) = one(rendering(MINIMAL), "NetworkPolicy", "collector")["spec"]["ingress"]
    assert [{"podSelector": {}}] == otlp["from"]


def test_ingest_is_open_to_the_operator() -> None:
    """It asks the pods whether database and bucket answer."""
    rules = one(rendering(MINIMAL), "NetworkPolicy", "ingest")["spec"]["ingress"]
    names = [
        peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for rule in rules
        for peer in rule["from"]
        if "namespaceSelector" in peer
    ]
    assert ["tracefoundry-system"] == names


def test_policies_without_rules_deny_by_their_type_alone() -> None:
    """An empty list of rules would be a change at every apply."""
    spec = one(rendering(MINIMAL), "NetworkPolicy", "migrate")["spec"]
    assert (["Ingress", "Egress"], False) == (spec["policyTypes"], "ingress" in spec)


def test_annotations_of_the_operator_cannot_be_set_by_users() -> None:
    """A user's checksum would keep pods from rolling."""
    pod = template(one(rendering(FULL), "StatefulSet", "collector"))
    assert pod is not None
    assert "mine" not in pod["metadata"]["annotations"].values()
    assert "tracing" == pod["metadata"]["annotations"]["example.org/team"]


@pytest.mark.parametrize(
    ("limits", "workers"),
    [
        ({}, "2"),
        ({"cpu": "500m"}, "1"),
        ({"cpu": "8", "memory": "1Gi"}, "1"),
        ({"cpu": "8", "memory": "8Gi"}, "8"),
    ],
)
def test_workers_of_ingest_stay_within_the_limits(limits: dict[str, str], workers: str) -> None:
    """They would count the node's cores, and each uses the memory that it is given."""
    manifest = one(
        rendering({**MINIMAL, "ingest": {"resources": {"limits": limits}}}), "Deployment", "ingest"
    )
    found = environment(manifest)
    assert workers == found["TRACEFOUNDRY_INGEST_WORKERS"]
    pod = template(manifest)
    assert pod is not None
    limit = amount(pod["spec"]["containers"][0]["resources"]["limits"]["memory"])
    used = int(workers) * int(found["TRACEFOUNDRY_INGEST_WORKER_MEMORY"])
    assert used + 512 * 2**20 <= limit


def test_a_request_is_never_above_its_limit() -> None:
    """Whichever of the two a user sets, the other follows."""
    low = one(
        rendering({**MINIMAL, "query": {"resources": {"limits": {"memory": "128Mi"}}}}),
        "Deployment",
        "query",
    )
    high = one(
        rendering({**MINIMAL, "query": {"resources": {"requests": {"memory": "4Gi"}}}}),
        "Deployment",
        "query",
    )
    pods = [template(low), template(high)]
    found = [each["spec"]["containers"][0]["resources"] for each in pods if each is not None]
    assert ["128Mi", "4Gi"] == [each["requests"]["memory"] for each in found]
    assert ["128Mi", "4Gi"] == [each["limits"]["memory"] for each in found]


def test_the_volume_claim_carries_nothing_that_an_upgrade_changes() -> None:
    """Claim templates of a StatefulSet are immutable."""
    text = json.dumps(
        one(rendering(FULL), "StatefulSet", "collector")["spec"]["volumeClaimTemplates"]
    )
    assert "app.kubernetes.io/version" not in text


def test_names_of_a_long_instance_stay_within_their_limits() -> None:
    """A long name is shortened everywhere alike."""
    for each in objects(rendering(MINIMAL, name="a" * 60)):
        assert len(each["metadata"]["name"]) <= 63

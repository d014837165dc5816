"""Names, labels and addresses of an instance's children."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefoundry_operator.names import (
    CONTROLLED_LIMIT,
    LABEL_LIMIT,
    Component,
    Endpoints,
    InvalidName,
    child_name,
    endpoints,
    job_name,
    labels,
    selector_labels,
)

SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
LONG = "a" * 40 + "-" + "b" * 40
HASH = "0123456789abcdef"

instance_names = st.from_regex(r"[a-z]([-a-z0-9]{0,100}[a-z0-9])?", fullmatch=True)
components = st.sampled_from(Component)


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        (Component.COLLECTOR, "main-collector"),
        (Component.INGEST, "main-ingest"),
        (Component.QUERY, "main-query"),
        (Component.UI, "main-ui"),
        (Component.RETENTION, "main-retention"),
    ],
)
def test_a_child_is_named_by_instance_and_component(component: Component, expected: str) -> None:
    """The public names of the design, which Services and users rely on."""
    assert expected == child_name("main", component)


def test_a_long_instance_name_is_shortened_with_its_hash() -> None:
    """The shortened name is literal: changing the rule would orphan every existing child."""
    assert "a" * 40 + "-bbbb-f5e4207a78-ingest" == child_name(LONG, Component.INGEST)


def test_no_double_dash_stands_where_a_long_name_is_cut() -> None:
    """A cut just behind a dash drops the dash."""
    instance = "a" * 44 + "-" + "b" * 40
    assert re.fullmatch(r"a{44}-[0-9a-f]{10}-ingest", child_name(instance, Component.INGEST))


def test_a_name_of_exactly_the_limit_is_kept_whole() -> None:
    """The hash comes only where it is needed."""
    instance = "a" * (LABEL_LIMIT - len("-query"))
    assert f"{instance}-query" == child_name(instance, Component.QUERY)


@given(instance=instance_names, component=components)
def test_every_child_name_is_a_service_name_within_the_limit(
    instance: str, component: Component
) -> None:
    """Whatever the instance is called, Kubernetes accepts the names of its children."""
    name = child_name(instance, component)
    assert SERVICE_NAME.fullmatch(name)
    assert len(name) <= LABEL_LIMIT


@given(instance=instance_names)
def test_cron_jobs_and_stateful_sets_leave_room_for_their_controllers(instance: str) -> None:
    """CronJob and StatefulSet controllers append to the name; 52 characters are what they allow."""
    for component in (Component.COLLECTOR, Component.RETENTION):
        assert len(child_name(instance, component)) <= CONTROLLED_LIMIT


@given(
    first=st.tuples(instance_names, components),
    second=st.tuples(instance_names, components),
)
def test_different_children_have_different_names(
    first: tuple[str, Component], second: tuple[str, Component]
) -> None:
    """Two instances of a namespace never share an object."""
    assert (first == second) == (child_name(*first) == child_name(*second))


def test_long_instances_that_share_their_start_have_different_children() -> None:
    """The hash covers the whole name, also what was cut."""
    assert child_name(LONG + "x", Component.UI) != child_name(LONG + "y", Component.UI)


@pytest.mark.parametrize(
    "instance", ["", "1main", "-main", "main-", "Main", "main.prod", "main_a", "mäin", "main\n"]
)
def test_an_instance_name_that_cannot_begin_a_service_name_is_refused(instance: str) -> None:
    """The message names the instance and says what is allowed."""
    with pytest.raises(InvalidName, match="cannot name a Service: use lower-case letters"):
        child_name(instance, Component.QUERY)


def test_a_migration_job_is_named_by_its_inputs() -> None:
    """The same inputs give the same Job, other inputs another one."""
    assert "main-migrate-0123456789" == job_name("main", Component.MIGRATE, HASH)
    assert job_name("main", Component.MIGRATE, HASH) != job_name(
        "main", Component.MIGRATE, HASH[::-1]
    )


def test_a_migration_job_of_a_long_instance_keeps_its_input_hash() -> None:
    """Only the instance's name is shortened, never the hash of the inputs."""
    name = job_name(LONG, Component.MIGRATE, HASH)
    assert name.endswith("-migrate-0123456789")
    assert len(name) == LABEL_LIMIT


@pytest.mark.parametrize("input_hash", ["", "012345678", "0123456789ABCDEF", "not-a-hash"])
def test_an_input_hash_that_is_no_hex_digest_is_refused(input_hash: str) -> None:
    """A name from a wrong hash would make a Job on every pass."""
    with pytest.raises(InvalidName, match="at least 10 lower-case hex digits"):
        job_name("main", Component.MIGRATE, input_hash)


def test_labels_are_the_recommended_ones() -> None:
    """All six labels of Kubernetes' recommendation."""
    expected = {
        "app.kubernetes.io/name": "tracefoundry",
        "app.kubernetes.io/instance": "main",
        "app.kubernetes.io/component": "query",
        "app.kubernetes.io/version": "0.1.0",
        "app.kubernetes.io/part-of": "tracefoundry",
        "app.kubernetes.io/managed-by": "tracefoundry-operator",
    }
    assert expected == labels("main", Component.QUERY, "0.1.0")


def test_selectors_do_not_change_with_the_version() -> None:
    """Selectors are immutable; a version in them would make every upgrade fail."""
    expected = {
        "app.kubernetes.io/name": "tracefoundry",
        "app.kubernetes.io/instance": "main",
        "app.kubernetes.io/component": "query",
    }
    assert expected == selector_labels("main", Component.QUERY)


@given(instance=instance_names)
def test_the_instance_label_is_within_the_limit_of_label_values(instance: str) -> None:
    """A long instance is labelled by its shortened name."""
    assert len(selector_labels(instance, Component.UI)["app.kubernetes.io/instance"]) <= LABEL_LIMIT


@pytest.mark.parametrize("version", ["", "v" * 64, "_1", "1+build", "1.0-"])
def test_a_version_that_is_no_label_value_is_refused(version: str) -> None:
    """Image tags allow more than labels do."""
    with pytest.raises(InvalidName, match="is not usable as a label"):
        labels("main", Component.QUERY, version)


def test_endpoints_name_services_and_ports() -> None:
    """OTLP goes to the collector; ingest, query and UI have addresses of their own."""
    expected = Endpoints(
        otlp_grpc="http://main-collector.tracing.svc:4317",
        otlp_http="http://main-collector.tracing.svc:4318",
        ingest="http://main-ingest.tracing.svc:4318",
        query="http://main-query.tracing.svc:8080",
        ui="http://main-ui.tracing.svc:8080",
    )
    assert expected == endpoints("main", "tracing")


def test_endpoints_name_the_service_of_a_long_instance() -> None:
    """Addresses follow the shortened names."""
    expected = f"http://{child_name(LONG, Component.QUERY)}.tracing.svc:8080"
    assert expected == endpoints(LONG, "tracing").query


@pytest.mark.parametrize("namespace", ["", "a.b", "Tracing", "n" * 64])
def test_a_namespace_that_is_no_dns_label_is_refused(namespace: str) -> None:
    """It would make an address of another shape."""
    with pytest.raises(InvalidName, match="is not a DNS label"):
        endpoints("main", namespace)

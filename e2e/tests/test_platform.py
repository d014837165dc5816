"""The product as a team installs it: the chart, a resource, a trace that is found again."""

from __future__ import annotations

from instance import Instance
from kube import Kube, wait_for

TRACES = 20


def test_a_resource_becomes_ready(main: Instance) -> None:
    """From the resource to Ready, and the status says what was made."""
    main.wait_ready()
    status = main.get()["status"]
    assert {"collector", "ingest", "query", "ui"} <= set(status["components"])
    assert all(each["desired"] == each["ready"] for each in status["components"].values())
    assert {"otlpGrpc", "otlpHttp", "query", "ui"} <= set(status["endpoints"])


def test_a_trace_sent_through_the_collector_is_found(main: Instance) -> None:
    """A real exporter in a pod, the collector, ingest, the database, and the query API."""
    main.wait_ready()
    main.send_traces("checkout", TRACES)
    with main.api() as api:
        wait_for("all traces", lambda: len(api.traces("checkout")) == TRACES, deadline_s=60)
        trace = api.traces("checkout")[0]
        spans = api.get(f"/api/traces/{trace['trace_id']}/spans")["spans"]
    assert trace["span_count"] == len(spans)
    assert {"checkout"} == {span["service"] for span in spans}


def test_every_pod_was_admitted_as_restricted(main: Instance, kube: Kube) -> None:
    """The namespace enforces it, so being there is being admitted; none is left out."""
    main.wait_ready()
    labels = (kube.get("namespace", main.namespace) or {})["metadata"]["labels"]
    assert "restricted" == labels["pod-security.kubernetes.io/enforce"]
    components = {
        pod["metadata"]["labels"].get("app.kubernetes.io/component")
        for pod in kube.list("pods", main.namespace, "app.kubernetes.io/instance=" + main.name)
    }
    assert {"collector", "ingest", "query", "ui"} <= components

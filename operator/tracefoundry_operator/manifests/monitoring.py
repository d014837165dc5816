"""ServiceMonitors and a PrometheusRule, for clusters with the Prometheus operator.

The alerts report what loses or delays spans; each description says where to look.
"""

from __future__ import annotations

from tracefoundry_operator.manifests.rendering import Manifest, Rendering
from tracefoundry_operator.manifests.services import METRICS_PORT_NAMES
from tracefoundry_operator.names import Component

API_VERSION = "monitoring.coreos.com/v1"

SET_ASIDE = "tracefoundry_queue_files_set_aside"
"""Label of the collector's ``target_info``: the number of damaged queue files set aside so far."""

RETENTION_FAILING_AFTER_S = 2 * 24 * 3600


def render(rendering: Rendering) -> list[Manifest]:
    """The objects that the spec asks for."""
    monitoring = rendering.instance.spec.monitoring
    found = []
    if monitoring.service_monitor:
        found += [
            _service_monitor(rendering, component, port)
            for component, port in METRICS_PORT_NAMES.items()
        ]
    if monitoring.prometheus_rule:
        found.append(_rule(rendering))
    return found


def _service_monitor(rendering: Rendering, component: Component, port: str) -> Manifest:
    return rendering.object(
        API_VERSION,
        "ServiceMonitor",
        component,
        spec={
            "selector": {"matchLabels": rendering.selector(component)},
            "endpoints": [{"port": port, "path": "/metrics", "interval": "30s"}],
        },
    )


def _rule(rendering: Rendering) -> Manifest:
    def of(component: Component) -> str:
        return f'namespace="{rendering.instance.namespace}",service="{rendering.child(component)}"'

    collector = of(Component.COLLECTOR)
    ingest = of(Component.INGEST)
    return rendering.object(
        API_VERSION,
        "PrometheusRule",
        Component.COLLECTOR,
        spec={
            "groups": [
                {
                    "name": f"tracefoundry.{rendering.instance.namespace}.{rendering.name}",
                    "rules": [
                        _alert(
                            "TraceFoundryQueueFilling",
                            f"max by (pod) (otelcol_exporter_queue_size{{{collector}}}"
                            f" / otelcol_exporter_queue_capacity{{{collector}}}) > 0.7",
                            "10m",
                            "The queue of a collector is more than 70 % full",
                            "Ingest takes less than comes in: see its readiness, the database and"
                            " the number of its pods. When the queue is full, senders are refused.",
                        ),
                        _alert(
                            "TraceFoundrySpansRefused",
                            f"sum(rate(otelcol_receiver_refused_spans{{{collector}}}[5m])) > 0",
                            "10m",
                            "A collector refuses spans",
                            "Its queue or its memory is full. Senders keep what they can.",
                        ),
                        _alert(
                            "TraceFoundrySpansDropped",
                            f"sum(increase(otelcol_exporter_send_failed_spans{{{collector}}}[15m]))"
                            " > 0",
                            "0m",
                            "A collector dropped spans that ingest refused for good",
                            "The collector's log names the status: 401 means that the ingest token"
                            " is not the registered one.",
                        ),
                        # The count is a label and never decreases: the alert fires for an hour
                        # after each new file.
                        _alert(
                            "TraceFoundryQueueFileSetAside",
                            f'target_info{{{collector},{SET_ASIDE}!~"0?"}}'
                            f" unless on (pod, {SET_ASIDE}) target_info{{{collector}}} offset 1h",
                            "0m",
                            "A collector could not read its queue and began a new one",
                            "Spans in the old file were accepted and are not stored. The file lies"
                            " beside the queue on the collector's volume; its log names it.",
                        ),
                        _alert(
                            "TraceFoundryIngestAway",
                            f"absent(up{{{ingest}}} == 1)",
                            "5m",
                            "No pod of ingest answers",
                            "Spans wait in the collectors' queues: see the pods and the condition"
                            " Ready of the TraceFoundry.",
                        ),
                        _alert(
                            "TraceFoundryRetentionFailing",
                            _retention_fails(rendering),
                            "2h",
                            "Retention has not succeeded for two days",
                            "Nothing that is too old is deleted, and the database and the bucket"
                            " grow: see the log of the last Job of the CronJob"
                            f" {rendering.child(Component.RETENTION)}. Needs kube-state-metrics.",
                        ),
                        # A metric of the operator: its own label "namespace" would be replaced
                        # by that of the operator's pod.
                        _alert(
                            "TraceFoundryExportFailed",
                            "sum by (export_namespace, export_instance) (tracefoundry_operator_"
                            f'exports{{export_namespace="{rendering.instance.namespace}"'
                            f',export_instance="{rendering.name}"'
                            ',phase=~"failed|replay_failed"}) > 0',
                            "1m",
                            "A TraceExport has failed, or its bundle did not pass the check",
                            "The conditions Failed and ReplayPassed say why: kubectl get tfx -n"
                            f" {rendering.instance.namespace}. Delete the TraceExport when it is"
                            " dealt with. Needs the operator's ServiceMonitor.",
                        ),
                    ],
                }
            ]
        },
    )


def _retention_fails(rendering: Rendering) -> str:
    """No success for two days, although runs were due.

    If the last success is later than the last scheduled run, no run has been due since (a weekly
    schedule, or a time of ``suspend``). Without any success the age of the CronJob counts.
    """
    cron_job = (
        f'namespace="{rendering.instance.namespace}"'
        f',cronjob="{rendering.child(Component.RETENTION)}"'
    )

    def figure(name: str) -> str:
        return f"max by (namespace, cronjob) (kube_cronjob_{name}{{{cron_job}}})"

    succeeded = f"({figure('status_last_successful_time')} or {figure('created')})"
    return (
        f"time() - {succeeded} > {RETENTION_FAILING_AFTER_S}"
        f" and {figure('status_last_schedule_time')} > {succeeded}"
        f" and {figure('spec_suspend')} == 0"
    )


def _alert(name: str, expression: str, after: str, summary: str, description: str) -> Manifest:
    return {
        "alert": name,
        "expr": expression,
        "for": after,
        "labels": {"severity": "warning"},
        "annotations": {"summary": summary, "description": description},
    }

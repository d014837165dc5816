"""The configuration of the OpenTelemetry Collector.

Spans that the collector accepted must reach ingest. So the queue is on a volume, batching is part
of the queue (the batch processor and a queue in memory lose spans when the process is killed),
retries have no limit, and the memory limiter comes first. The collector redacts by attribute key
only; ingest applies the patterns. The tests run the collector's own check of this configuration.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracefoundry_operator import names
from tracefoundry_operator.api.instance import Collector, TailSampling
from tracefoundry_operator.manifests import collector_keys
from tracefoundry_operator.manifests.quantities import amount

HEALTH_PORT = 13133
METRICS_PORT = 8888

QUEUE_FOLDER = "/var/lib/tracefoundry-collector/queue"
SENDERS_FOLDER = "/etc/tracefoundry-senders"
SENDERS_FILE = "token"
"""A file and not a variable: it may have several tokens, one a line, while senders change theirs;
and ``$`` in a token stays as it is."""

INGEST_TOKEN_VARIABLE = "TRACEFOUNDRY_INGEST_TOKEN"  # noqa: S105 - the name of a variable

MAX_BODY_MIB = 64

QUEUE_SHARE = 0.4
"""The share of the volume for the queue of each signal. Compaction needs the rest: it writes a
second file before it removes the first."""

Config = dict[str, Any]


def render(collector: Collector, *, ingest_url: str, redact: bool) -> Config:
    """The whole configuration.

    Args:
        collector: settings of the user.
        ingest_url: receives the batches.
        redact: mask the values of keys that name secrets.
    """
    processors: Config = {
        "memory_limiter": {
            "check_interval": "200ms",
            "limit_percentage": 80,
            "spike_limit_percentage": 20,
        }
    }
    if collector.k8s_attributes:
        processors["k8s_attributes"] = _KUBERNETES_ATTRIBUTES
    if redact:
        processors["redaction/keys"] = {
            "allow_all_keys": True,
            "blocked_key_patterns": [
                collector_keys.literal(pattern) for pattern in collector_keys.SECRET_KEYS
            ],
            "summary": "info",
        }
    statements = collector_keys.statements(
        collector.attributes, kubernetes=collector.k8s_attributes
    )
    if statements:
        processors["transform/keys"] = {
            # Otherwise a statement that fails on one span would drop its batch.
            "error_mode": "ignore",
            "trace_statements": [
                {"context": context, "statements": statements}
                for context in ("resource", "scope", "span", "spanevent")
            ],
            "log_statements": [
                {"context": context, "statements": statements}
                for context in ("resource", "scope", "log")
            ],
        }
    shared = list(processors)
    traces = list(shared)
    if collector.tail_sampling is not None:
        processors["tail_sampling"] = _tail_sampling(collector.tail_sampling)
        traces.append("tail_sampling")
    extensions, receivers = _extensions(), _receivers()
    if collector.auth is not None:
        extensions[_SENDERS] = {"filename": f"{SENDERS_FOLDER}/{SENDERS_FILE}"}
        for protocol in receivers["otlp"]["protocols"].values():
            protocol["auth"] = {"authenticator": _SENDERS}
    return {
        "extensions": extensions,
        "receivers": receivers,
        "processors": processors,
        "exporters": {"otlp_http/ingest": _exporter(ingest_url, collector.storage.size)},
        "service": {
            "extensions": list(extensions),
            "telemetry": {
                "logs": {"encoding": "json"},
                "metrics": {
                    "level": "detailed",
                    "readers": [
                        {
                            "pull": {
                                "exporter": {
                                    "prometheus": {"host": _ALL_ADDRESSES, "port": METRICS_PORT}
                                }
                            }
                        }
                    ],
                },
            },
            "pipelines": {
                "traces": {
                    "receivers": ["otlp"],
                    "processors": traces,
                    "exporters": ["otlp_http/ingest"],
                },
                "logs": {
                    "receivers": ["otlp"],
                    "processors": shared,
                    "exporters": ["otlp_http/ingest"],
                },
            },
        },
    }


_SENDERS = "bearertokenauth/senders"

_ALL_ADDRESSES = "0.0.0.0"  # noqa: S104 - in a pod, behind a NetworkPolicy

_KUBERNETES_ATTRIBUTES: Config = {
    "auth_type": "serviceAccount",
    "passthrough": False,
    "extract": {
        "metadata": [
            "k8s.namespace.name",
            "k8s.pod.name",
            "k8s.pod.uid",
            "k8s.node.name",
            "k8s.deployment.name",
        ]
    },
    "pod_association": [
        {"sources": [{"from": "resource_attribute", "name": "k8s.pod.uid"}]},
        {"sources": [{"from": "resource_attribute", "name": "k8s.pod.ip"}]},
        {"sources": [{"from": "connection"}]},
    ],
}


def _extensions() -> Config:
    return {
        "health_check": {"endpoint": f"{_ALL_ADDRESSES}:{HEALTH_PORT}"},
        "file_storage/queue": {
            "directory": QUEUE_FOLDER,
            "create_directory": True,
            "fsync": True,
            "timeout": "10s",
            "compaction": {
                "directory": QUEUE_FOLDER,
                "on_start": True,
                "on_rebound": True,
                "cleanup_on_start": True,
                # With the default thresholds the file never shrinks while the collector runs.
                "rebound_needed_threshold_mib": 50,
                "rebound_trigger_threshold_mib": 10,
                "check_interval": "2s",
            },
        },
    }


def _receivers() -> Config:
    return {
        "otlp": {
            "protocols": {
                "grpc": {
                    "endpoint": f"{_ALL_ADDRESSES}:{names.OTLP_GRPC_PORT}",
                    "max_recv_msg_size_mib": MAX_BODY_MIB,
                },
                "http": {
                    "endpoint": f"{_ALL_ADDRESSES}:{names.OTLP_HTTP_PORT}",
                    "max_request_body_size": MAX_BODY_MIB * 1024 * 1024,
                },
            }
        }
    }


def _exporter(ingest_url: str, volume: str) -> Config:
    return {
        "traces_endpoint": f"{ingest_url}/v1/traces",
        "logs_endpoint": f"{ingest_url}/v1/logs",
        "compression": "zstd",
        # Also limits how long a shutdown waits for an ingest that hangs.
        "timeout": "10s",
        "headers": {"Authorization": f"Bearer ${{env:{INGEST_TOKEN_VARIABLE}}}"},
        "retry_on_failure": {
            "enabled": True,
            "initial_interval": "500ms",
            "max_interval": "30s",
            "max_elapsed_time": "0s",
        },
        "sending_queue": {
            "enabled": True,
            "storage": "file_storage/queue",
            "sizer": "bytes",
            "queue_size": int(amount(volume) * QUEUE_SHARE),
            "num_consumers": 4,
            # A full queue refuses at once, so that senders keep their data and retry.
            "block_on_overflow": False,
            "batch": {
                "sizer": "bytes",
                "min_size": 1024 * 1024,
                "max_size": 4 * 1024 * 1024,
                "flush_timeout": "200ms",
            },
        },
    }


def _tail_sampling(sampling: TailSampling) -> Config:
    return {
        "decision_wait": f"{sampling.decision_wait_seconds}s",
        "num_traces": sampling.max_traces,
        # Spans that arrive after the decision follow it.
        "decision_cache": {
            "sampled_cache_size": sampling.max_traces * 2,
            "non_sampled_cache_size": sampling.max_traces * 2,
        },
        "policies": list(_policies(sampling)),
    }


def _policies(sampling: TailSampling) -> Sequence[Config]:
    found: list[Config] = []
    if sampling.errors:
        found.append(
            {
                "name": "errors",
                "type": "status_code",
                "status_code": {"status_codes": ["ERROR"]},
            }
        )
    if sampling.latency_milliseconds:
        found.append(
            {
                "name": "latency",
                "type": "latency",
                "latency": {"threshold_ms": sampling.latency_milliseconds},
            }
        )
    if sampling.operations:
        found.append(
            {
                "name": "operations",
                "type": "ottl_condition",
                "ottl_condition": {
                    "error_mode": "ignore",
                    "span": [
                        f"name == {collector_keys.quoted(name)}" for name in sampling.operations
                    ],
                },
            }
        )
    if sampling.percentage or not found:
        found.append(
            {
                "name": "others",
                "type": "probabilistic",
                "probabilistic": {"sampling_percentage": sampling.percentage},
            }
        )
    return found

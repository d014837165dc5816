"""What ``quick_start`` was told, by arguments and by the environment, resolved once.

The order is the same everywhere: the argument, then the variable for traces, then the general
variable, then TraceFoundry's own, then the default.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote, urlsplit, urlunsplit

from tracefoundry_sdk.safety import logger

DEFAULT_ENDPOINT = "http://127.0.0.1:4318"
DEFAULT_TIMEOUT_S = 10.0
TRACES_PATH = "/v1/traces"
LOGS_PATH = "/v1/logs"

Compression = Literal["none", "gzip"]


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """Where and how spans are sent."""

    traces_url: str
    logs_url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = DEFAULT_TIMEOUT_S  # of one request
    compression: Compression = "none"
    certificate_file: str | None = None  # CA certificates; None for those of the system
    client_certificate_file: str | None = None
    client_key_file: str | None = None


def export_settings(
    *,
    endpoint: str | None = None,
    headers: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> ExportSettings:
    """Resolve endpoint, headers and the rest.

    ``endpoint`` and ``OTEL_EXPORTER_OTLP_ENDPOINT`` are base addresses, to which ``/v1/traces`` and
    ``/v1/logs`` are added; ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`` is used as it is, and logs go to
    its sibling.
    """
    env = os.environ if environ is None else environ
    traces_url, logs_url = _urls(endpoint, env)
    return ExportSettings(
        traces_url=traces_url,
        logs_url=logs_url,
        headers=_headers(headers, env),
        timeout_s=_timeout_s(env),
        compression="gzip" if _signal(env, "COMPRESSION").lower() == "gzip" else "none",
        certificate_file=_signal(env, "CERTIFICATE") or None,
        client_certificate_file=_signal(env, "CLIENT_CERTIFICATE") or None,
        client_key_file=_signal(env, "CLIENT_KEY") or None,
    )


def _signal(env: Mapping[str, str], name: str) -> str:
    """A variable of the exporter: the one for traces, else the one for all signals."""
    specific = env.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}", "").strip()
    return specific or env.get(f"OTEL_EXPORTER_OTLP_{name}", "").strip()


def _urls(endpoint: str | None, env: Mapping[str, str]) -> tuple[str, str]:
    if not endpoint and (traces_url := env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip()):
        return traces_url, _sibling(traces_url)
    base = (
        endpoint
        or env.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip()
        or env.get("TRACEFOUNDRY_URL", "").strip()
        or DEFAULT_ENDPOINT
    )
    if "://" not in base:
        base = f"http://{base}"
    base = base.rstrip("/").removesuffix(TRACES_PATH)
    return base + TRACES_PATH, base + LOGS_PATH


def _sibling(traces_url: str) -> str:
    parts = urlsplit(traces_url)
    path = parts.path.rstrip("/")
    path = path.removesuffix("/traces") + "/logs" if path.endswith("/traces") else LOGS_PATH
    return urlunsplit(parts._replace(path=path))


def _headers(given: Mapping[str, str] | None, env: Mapping[str, str]) -> dict[str, str]:
    """Headers by lower-case name; the token is sent unless an authorization was given."""
    headers = _header_list(env.get("OTEL_EXPORTER_OTLP_HEADERS", ""))
    headers |= _header_list(env.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS", ""))
    headers |= {name.lower(): value for name, value in (given or {}).items()}
    token = env.get("TRACEFOUNDRY_TOKEN", "").strip()
    if token:
        headers.setdefault("authorization", f"Bearer {token}")
    return headers


def _header_list(text: str) -> dict[str, str]:
    """The headers of a list ``name=value,name=value`` with percent-encoded values."""
    headers: dict[str, str] = {}
    for member in text.split(","):
        name, separator, value = member.partition("=")
        if separator and name.strip():
            headers[unquote(name.strip()).lower()] = unquote(value.strip())
        elif member.strip():
            # The member is not logged, because it may be a token.
            logger.warning("TraceFoundry: an entry of OTEL_EXPORTER_OTLP_HEADERS is no name=value")
    return headers


def _timeout_s(env: Mapping[str, str]) -> float:
    text = _signal(env, "TIMEOUT")
    try:
        seconds = float(text) if text else DEFAULT_TIMEOUT_S
    except ValueError:
        logger.warning("TraceFoundry: OTEL_EXPORTER_OTLP_TIMEOUT is no number of seconds; ignored")
        return DEFAULT_TIMEOUT_S
    return seconds if 0 < seconds < 3600 else DEFAULT_TIMEOUT_S

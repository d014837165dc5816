"""Settings from the environment, read once and checked at start."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tracefoundry.model.quotas import MOST, QUOTA_NAMES, Quotas
from tracefoundry.model.times import DAY_NS, UNIT_NS

MAX_RETENTION_NS = 3_660 * DAY_NS
DEFAULT_SPANS_NS = 7 * DAY_NS
DEFAULT_PAYLOADS_NS = 3 * DAY_NS
DEFAULT_AUDIT_NS = 90 * DAY_NS

REDACTION_MODES = ("strict", "standard", "off")
"""From the one that keeps least to the one that keeps all."""


class SettingsError(ValueError):
    """A setting has a value that cannot be used; the message names it and says what to do."""


def parse_duration_ns(text: str, name: str) -> int:
    """Nanoseconds of ``90s``, ``15m``, ``12h``, ``7d`` or ``2w``.

    Raises:
        SettingsError: another form, or zero.
    """
    match = re.fullmatch(r"\s*(\d{1,9})\s*([smhdw])\s*", text)
    if match is None or int(match[1]) == 0:
        raise SettingsError(
            f"{name}={text!r} is not a duration: use a whole number and s, m, h, d or w, like 7d"
        )
    return int(match[1]) * UNIT_NS[match[2]]


def parse_bytes(text: str, name: str) -> int:
    """Bytes of ``1000000``, ``512KiB``, ``128MiB`` or ``1GiB``.

    Raises:
        SettingsError: another form.
    """
    match = re.fullmatch(r"\s*(\d{1,15})\s*(KiB|MiB|GiB)?\s*", text)
    if match is None:
        raise SettingsError(f"{name}={text!r} is not a size: use bytes, or KiB, MiB or GiB")
    factor = {None: 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[match[2]]
    return int(match[1]) * factor


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of all processes. Their variables and defaults are in docs/operations.md.

    Attributes:
        database_url: ``TRACEFOUNDRY_DATABASE_URL``, None when unset.
        retention_spans_ns: ``TRACEFOUNDRY_RETENTION_SPANS``; also how old a span may be to be
            accepted.
        retention_payloads_ns: ``TRACEFOUNDRY_RETENTION_PAYLOADS``, how long content is kept; never
            longer than spans.
        retention_audit_ns: ``TRACEFOUNDRY_RETENTION_AUDIT``, how long audit entries are kept.
        retention_disk_percent: ``TRACEFOUNDRY_RETENTION_DISK_PERCENT``, 1 to 99: above it the
            oldest days are removed before their retention has passed; None: no such rule.
        database_capacity_bytes: ``TRACEFOUNDRY_DATABASE_CAPACITY``: the size of a PostgreSQL
            database that counts as 100 percent, because its disk cannot be measured from here;
            None: the database is not part of the rule.
        payload_url: ``TRACEFOUNDRY_PAYLOAD_URL``, None when unset.
        encryption_keys: ``TRACEFOUNDRY_ENCRYPTION_KEYS``, unparsed; empty when unset. It is a
            secret, so ``repr`` leaves it out.
        redaction: ``TRACEFOUNDRY_REDACTION``: strict, standard or off, for projects without
            their own mode.
        redaction_floor: ``TRACEFOUNDRY_REDACTION_FLOOR``, the weakest mode that a project may have;
            off by default, which is no bound.
        retention_spans_max_ns: ``TRACEFOUNDRY_RETENTION_SPANS_MAX``, the longest retention of spans
            that a project may have; 3660 days by default.
        retention_payloads_max_ns: ``TRACEFOUNDRY_RETENTION_PAYLOADS_MAX``, the same for payloads.
        quotas: ``TRACEFOUNDRY_QUOTA_SPANS_PER_SECOND``, ``..._BYTES_PER_SECOND``,
            ``..._SPANS_PER_DAY`` and ``..._CONTENT_BYTES_PER_DAY``, for projects without their own;
            no limit when unset.
        quota_processes: ``TRACEFOUNDRY_QUOTA_PROCESSES``, among how many listening processes the
            quotas for a second are divided.
        redaction_patterns: ``TRACEFOUNDRY_REDACTION_PATTERNS``, path of a pattern file; None when
            unset.
        cors_origins: ``TRACEFOUNDRY_CORS_ORIGINS``, comma-separated origins of browsers that may
            call the API and send OTLP.
        connections_per_address: ``TRACEFOUNDRY_CONNECTIONS_PER_ADDRESS``, most connections of one
            address to one port; more where a load balancer hides the addresses of clients.
        ingest_bytes_in_flight: ``TRACEFOUNDRY_INGEST_BYTES_IN_FLIGHT``, the budget of received
            and unanswered OTLP bytes; above it exports are refused as overloaded (429).
        ingest_workers: ``TRACEFOUNDRY_INGEST_WORKERS``, processes that decode and commit; by
            default one for each core (always one on SQLite).
        ingest_worker_memory: ``TRACEFOUNDRY_INGEST_WORKER_MEMORY``, bytes that one worker may
            use; a body that needs more to decode is refused with 413.
    """

    database_url: str | None = None
    retention_spans_ns: int = DEFAULT_SPANS_NS
    retention_payloads_ns: int = DEFAULT_PAYLOADS_NS
    retention_audit_ns: int = DEFAULT_AUDIT_NS
    retention_disk_percent: int | None = None
    database_capacity_bytes: int | None = None
    payload_url: str | None = None
    encryption_keys: str = field(default="", repr=False)
    redaction: str = "standard"
    redaction_floor: str = "off"
    retention_spans_max_ns: int = MAX_RETENTION_NS
    retention_payloads_max_ns: int = MAX_RETENTION_NS
    quotas: Quotas = field(default_factory=Quotas)
    quota_processes: int = 1
    redaction_patterns: str | None = None
    cors_origins: tuple[str, ...] = ()
    connections_per_address: int = 1_024
    ingest_bytes_in_flight: int = 128 * 1024 * 1024
    ingest_workers: int = 1
    ingest_worker_memory: int = 2 * 1024**3

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read and check the settings.

        Raises:
            SettingsError: a value cannot be used.
        """
        spans_max, payloads_max = (
            _retention(environment, name) or MAX_RETENTION_NS
            for name in ("TRACEFOUNDRY_RETENTION_SPANS_MAX", "TRACEFOUNDRY_RETENTION_PAYLOADS_MAX")
        )
        spans = _bounded_retention(environment, "TRACEFOUNDRY_RETENTION_SPANS", spans_max)
        payloads = _bounded_retention(environment, "TRACEFOUNDRY_RETENTION_PAYLOADS", payloads_max)
        floor = _redaction(environment, "TRACEFOUNDRY_REDACTION_FLOOR", "off")
        budget = parse_bytes(
            environment.get("TRACEFOUNDRY_INGEST_BYTES_IN_FLIGHT") or "128MiB",
            "TRACEFOUNDRY_INGEST_BYTES_IN_FLIGHT",
        )
        if budget < 1024 * 1024:
            raise SettingsError(
                "TRACEFOUNDRY_INGEST_BYTES_IN_FLIGHT is less than 1MiB: no sender could work"
            )
        worker_memory = parse_bytes(
            environment.get("TRACEFOUNDRY_INGEST_WORKER_MEMORY") or "2GiB",
            "TRACEFOUNDRY_INGEST_WORKER_MEMORY",
        )
        if worker_memory < 512 * 1024 * 1024:
            raise SettingsError(
                "TRACEFOUNDRY_INGEST_WORKER_MEMORY is less than 512MiB: a body of 64 MiB could"
                " not be decoded"
            )
        return cls(
            database_url=environment.get("TRACEFOUNDRY_DATABASE_URL") or None,
            retention_spans_ns=spans or min(DEFAULT_SPANS_NS, spans_max),
            retention_payloads_ns=_payload_retention(
                payloads, spans or min(DEFAULT_SPANS_NS, spans_max), payloads_max
            ),
            retention_spans_max_ns=spans_max,
            retention_payloads_max_ns=payloads_max,
            retention_audit_ns=(
                _retention(environment, "TRACEFOUNDRY_RETENTION_AUDIT") or DEFAULT_AUDIT_NS
            ),
            retention_disk_percent=_percent(environment, "TRACEFOUNDRY_RETENTION_DISK_PERCENT"),
            database_capacity_bytes=_capacity(environment, "TRACEFOUNDRY_DATABASE_CAPACITY"),
            payload_url=environment.get("TRACEFOUNDRY_PAYLOAD_URL") or None,
            encryption_keys=environment.get("TRACEFOUNDRY_ENCRYPTION_KEYS", ""),
            redaction=_redaction_default(environment, floor),
            redaction_floor=floor,
            quotas=Quotas(*(_quota(environment, name) for name in QUOTA_NAMES)),
            quota_processes=_number(environment, "TRACEFOUNDRY_QUOTA_PROCESSES", 1, 1_000),
            redaction_patterns=environment.get("TRACEFOUNDRY_REDACTION_PATTERNS") or None,
            cors_origins=_origins(environment.get("TRACEFOUNDRY_CORS_ORIGINS", "")),
            connections_per_address=_number(
                environment, "TRACEFOUNDRY_CONNECTIONS_PER_ADDRESS", 1_024, 4_096
            ),
            ingest_bytes_in_flight=budget,
            ingest_worker_memory=worker_memory,
            ingest_workers=_workers(environment.get("TRACEFOUNDRY_INGEST_WORKERS", "")),
        )


def _retention(environment: Mapping[str, str], name: str) -> int:
    """A retention in ns; 0 if the variable is not set."""
    text = environment.get(name)
    if not text:
        return 0
    retention = parse_duration_ns(text, name)
    if retention > MAX_RETENTION_NS:
        raise SettingsError(f"{name} is more than 3660d")
    return retention


def _bounded_retention(environment: Mapping[str, str], name: str, most_ns: int) -> int:
    """A retention that the platform's own ceiling must allow; 0 if it is not set."""
    retention = _retention(environment, name)
    if retention > most_ns:
        raise SettingsError(f"{name} is longer than {name}_MAX, which bounds it")
    return retention


def _payload_retention(payloads_ns: int, spans_ns: int, most_ns: int) -> int:
    """3 days unless set, and never longer than spans, as no span would refer to the payloads."""
    if payloads_ns > spans_ns:
        raise SettingsError(
            "TRACEFOUNDRY_RETENTION_PAYLOADS is longer than TRACEFOUNDRY_RETENTION_SPANS: a payload"
            " cannot outlive the span that refers to it"
        )
    return payloads_ns or min(DEFAULT_PAYLOADS_NS, spans_ns, most_ns)


def _percent(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name)
    if not text:
        return None
    if not re.fullmatch(r"[1-9]\d?", text):
        raise SettingsError(f"{name}={text!r} is not a whole number from 1 to 99")
    return int(text)


def _capacity(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name)
    if not text:
        return None
    size = parse_bytes(text, name)
    if size == 0:
        raise SettingsError(f"{name} is 0: leave it unset where there is no limit")
    return size


def _quota(environment: Mapping[str, str], quota: str) -> int | None:
    name = f"TRACEFOUNDRY_QUOTA_{quota.upper()}"
    text = environment.get(name)
    if not text:
        return None
    if "bytes" in quota:
        number = parse_bytes(text, name)
    else:
        number = int(text) if re.fullmatch(r"[0-9]{1,16}", text) else 0
    if not 1 <= number <= MOST:
        raise SettingsError(f"{name}={text!r} is not a whole number from 1 to {MOST}")
    return number


def _redaction(environment: Mapping[str, str], name: str, default: str) -> str:
    mode = environment.get(name) or default
    if mode in REDACTION_MODES:
        return mode
    raise SettingsError(f"{name}={mode!r} is not one of {', '.join(REDACTION_MODES)}")


def _redaction_default(environment: Mapping[str, str], floor: str) -> str:
    """The mode of projects without their own: standard, or the floor where that is stricter."""
    order = REDACTION_MODES.index
    mode = _redaction(environment, "TRACEFOUNDRY_REDACTION", min("standard", floor, key=order))
    if order(mode) > order(floor):
        raise SettingsError(
            f"TRACEFOUNDRY_REDACTION={mode!r} keeps more than TRACEFOUNDRY_REDACTION_FLOOR="
            f"{floor!r} allows"
        )
    return mode


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(item.strip().rstrip("/") for item in text.split(",") if item.strip())
    for origin in origins:
        if origin != "*" and not re.fullmatch(r"https?://[^/\s?#]+", origin):
            raise SettingsError(
                f"TRACEFOUNDRY_CORS_ORIGINS: {origin!r} is not an origin like"
                " https://traces.example.org"
            )
    return origins


def _number(environment: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = environment.get(name)
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise SettingsError(f"{name}={text!r} is not a number from 1 to {most}")
    return int(text)


def _workers(text: str) -> int:
    if not text:
        return max(1, min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else
                          os.cpu_count() or 1, 16))  # fmt: skip
    if not text.isdigit() or not 1 <= int(text) <= 64:
        raise SettingsError(f"TRACEFOUNDRY_INGEST_WORKERS={text!r} is not a number from 1 to 64")
    return int(text)

"""What an operator of TraceFoundry can set, read once from the environment and checked at start."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Limit of one OTLP/HTTP body, before and after decompression (OTLP 1.11)."""

WINDOW_AHEAD_NS = DAY_NS
"""How far in the future a span may start: clocks differ, but not by more than a day."""

_DURATION_UNITS_NS = {
    "s": SECOND_NS,
    "m": 60 * SECOND_NS,
    "h": 3_600 * SECOND_NS,
    "d": DAY_NS,
    "w": 7 * DAY_NS,
}
_MAX_RETENTION_NS = 3_660 * DAY_NS


class SettingsError(ValueError):
    """A setting that cannot be used; the message names it and says what to do."""


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
    return int(match[1]) * _DURATION_UNITS_NS[match[2]]


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
    """Everything that comes from the environment.

    Attributes:
        database_url: ``TRACEFOUNDRY_DATABASE_URL``, None when unset.
        retention_spans_ns: ``TRACEFOUNDRY_RETENTION_SPANS``; also how old a span may be to be
            accepted.
        cors_origins: ``TRACEFOUNDRY_CORS_ORIGINS``, comma-separated origins of browsers that may
            call the API and send OTLP.
        ingest_bytes_in_flight: ``TRACEFOUNDRY_INGEST_BYTES_IN_FLIGHT``, the budget of received
            and unanswered OTLP bytes; beyond it senders are told to come again.
        ingest_workers: ``TRACEFOUNDRY_INGEST_WORKERS``, processes that decode and commit; by
            default one for each core (one in all on SQLite).
        ingest_worker_memory: ``TRACEFOUNDRY_INGEST_WORKER_MEMORY``, bytes that one worker may
            use; a body that needs more to decode is refused with 413.
    """

    database_url: str | None = None
    retention_spans_ns: int = 7 * DAY_NS
    cors_origins: tuple[str, ...] = ()
    ingest_bytes_in_flight: int = 128 * 1024 * 1024
    ingest_workers: int = 1
    ingest_worker_memory: int = 2 * 1024**3

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read and check the settings.

        Raises:
            SettingsError: a value cannot be used.
        """
        _check_redaction(environment.get("TRACEFOUNDRY_REDACTION", ""))
        retention = parse_duration_ns(
            environment.get("TRACEFOUNDRY_RETENTION_SPANS") or "7d",
            "TRACEFOUNDRY_RETENTION_SPANS",
        )
        if retention > _MAX_RETENTION_NS:
            raise SettingsError("TRACEFOUNDRY_RETENTION_SPANS is more than 3660d")
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
            retention_spans_ns=retention,
            cors_origins=_origins(environment.get("TRACEFOUNDRY_CORS_ORIGINS", "")),
            ingest_bytes_in_flight=budget,
            ingest_worker_memory=worker_memory,
            ingest_workers=_workers(environment.get("TRACEFOUNDRY_INGEST_WORKERS", "")),
        )


def _check_redaction(mode: str) -> None:
    if mode in ("", "off"):
        return
    if mode in ("strict", "standard"):
        raise SettingsError(
            f"TRACEFOUNDRY_REDACTION={mode} is not available in this version: it cannot redact"
            " yet and will not pretend to. Unset it, or set it to off, to store spans as they come"
        )
    raise SettingsError(f"TRACEFOUNDRY_REDACTION={mode!r} is not one of strict, standard, off")


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(item.strip().rstrip("/") for item in text.split(",") if item.strip())
    for origin in origins:
        if origin != "*" and not re.fullmatch(r"https?://[^/\s?#]+", origin):
            raise SettingsError(
                f"TRACEFOUNDRY_CORS_ORIGINS: {origin!r} is not an origin like"
                " https://traces.example.org"
            )
    return origins


def _workers(text: str) -> int:
    if not text:
        return max(1, min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else
                          os.cpu_count() or 1, 16))  # fmt: skip
    if not text.isdigit() or not 1 <= int(text) <= 64:
        raise SettingsError(f"TRACEFOUNDRY_INGEST_WORKERS={text!r} is not a number from 1 to 64")
    return int(text)

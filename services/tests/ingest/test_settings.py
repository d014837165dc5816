"""Settings: every one of them, and what is said about values that cannot be used."""

from __future__ import annotations

import pytest

from tracefoundry.model.times import DAY_NS
from tracefoundry.settings import Settings, SettingsError

MIB = 1024 * 1024


def settings(**environment: str) -> Settings:
    """Settings of an environment; names without their prefix."""
    return Settings.from_environment(
        {f"TRACEFOUNDRY_{name}": value for name, value in environment.items()}
    )


def test_nothing_needs_to_be_set() -> None:
    """The defaults; empty values are unset ones."""
    for found in (
        settings(),
        settings(
            DATABASE_URL="",
            RETENTION_SPANS="",
            CORS_ORIGINS="",
            INGEST_BYTES_IN_FLIGHT="",
            INGEST_WORKERS="",
            REDACTION="",
        ),
    ):
        assert (None, 7 * DAY_NS, (), 128 * MIB) == (
            found.database_url,
            found.retention_spans_ns,
            found.cors_origins,
            found.ingest_bytes_in_flight,
        )
        assert 1 <= found.ingest_workers <= 16


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("DATABASE_URL", "sqlite:////a/b.db", "database_url", "sqlite:////a/b.db"),
        ("RETENTION_SPANS", "90s", "retention_spans_ns", 90 * 10**9),
        ("RETENTION_SPANS", "15m", "retention_spans_ns", 900 * 10**9),
        ("RETENTION_SPANS", " 12 h ", "retention_spans_ns", DAY_NS // 2),
        ("RETENTION_SPANS", "2w", "retention_spans_ns", 14 * DAY_NS),
        ("CORS_ORIGINS", "*", "cors_origins", ("*",)),
        (
            "CORS_ORIGINS",
            "https://a.example/, http://localhost:5173",
            "cors_origins",
            ("https://a.example", "http://localhost:5173"),
        ),
        ("INGEST_BYTES_IN_FLIGHT", "1048576", "ingest_bytes_in_flight", MIB),
        ("INGEST_BYTES_IN_FLIGHT", "2048KiB", "ingest_bytes_in_flight", 2 * MIB),
        ("INGEST_BYTES_IN_FLIGHT", "1 GiB", "ingest_bytes_in_flight", 1024 * MIB),
        ("INGEST_WORKERS", "3", "ingest_workers", 3),
        ("REDACTION", "off", "redaction", "off"),
        ("REDACTION", "strict", "redaction", "strict"),
        ("REDACTION", "", "redaction", "standard"),
        ("REDACTION_PATTERNS", "/etc/patterns.yaml", "redaction_patterns", "/etc/patterns.yaml"),
        ("PAYLOAD_URL", "s3://bucket/prefix", "payload_url", "s3://bucket/prefix"),
        ("RETENTION_PAYLOADS", "2d", "retention_payloads_ns", 2 * DAY_NS),
        ("RETENTION_SPANS", "1d", "retention_payloads_ns", DAY_NS),
        ("RETENTION_AUDIT", "30d", "retention_audit_ns", 30 * DAY_NS),
        ("RETENTION_DISK_PERCENT", "85", "retention_disk_percent", 85),
        ("DATABASE_CAPACITY", "1GiB", "database_capacity_bytes", 1024**3),
    ],
)
def test_a_setting_is_read(name: str, value: str, field: str, expected: object) -> None:
    """In every form that is documented."""
    assert expected == getattr(settings(**{name: value}), field)


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("RETENTION_SPANS", "7", "like 7d"),
        ("RETENTION_SPANS", "0d", "like 7d"),
        ("RETENTION_SPANS", "-1d", "like 7d"),
        ("RETENTION_SPANS", "1.5d", "like 7d"),
        ("RETENTION_SPANS", "4000d", "3660d"),
        ("INGEST_BYTES_IN_FLIGHT", "12MB", "MiB"),
        ("INGEST_BYTES_IN_FLIGHT", "lots", "MiB"),
        ("INGEST_BYTES_IN_FLIGHT", "1000", "1MiB"),
        ("CORS_ORIGINS", "traces.example.org", "https://"),
        ("CORS_ORIGINS", "https://a.example/path", "https://"),
        ("INGEST_WORKERS", "0", "1 to 64"),
        ("INGEST_WORKERS", "65", "1 to 64"),
        ("INGEST_WORKERS", "two", "1 to 64"),
        ("RETENTION_PAYLOADS", "8d", "cannot outlive the span"),
        ("RETENTION_AUDIT", "4000d", "more than 3660d"),
        ("RETENTION_DISK_PERCENT", "100", "from 1 to 99"),
        ("RETENTION_DISK_PERCENT", "0", "from 1 to 99"),
        ("DATABASE_CAPACITY", "0", "leave it unset"),
        ("DATABASE_CAPACITY", "much", "not a size"),
        ("REDACTION", "some", "strict, standard, off"),
    ],
)
def test_a_wrong_value_is_named_with_its_remedy(name: str, value: str, remedy: str) -> None:
    """The message names the setting and says what would be right."""
    with pytest.raises(SettingsError) as caught:
        settings(**{name: value})
    assert f"TRACEFOUNDRY_{name}" in str(caught.value)
    assert remedy in str(caught.value)

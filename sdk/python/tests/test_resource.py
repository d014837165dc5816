"""Resource attributes of an agent from its environment."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefoundry_sdk.resource import parse_resource_attributes, resource_attributes

SECRET = "hunter2"


def test_service_name_variable_wins_over_resource_attributes() -> None:
    """OTEL_SERVICE_NAME takes precedence over service.name in OTEL_RESOURCE_ATTRIBUTES."""
    environ = {
        "OTEL_SERVICE_NAME": "checkout",
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=other,team=a",
    }
    assert {"service.name": "checkout", "team": "a"} == resource_attributes(environ=environ)


def test_attributes_given_in_code_win_over_the_environment() -> None:
    """What the user provides in code has the higher priority."""
    environ = {"OTEL_SERVICE_NAME": "checkout", "OTEL_RESOURCE_ATTRIBUTES": "team=a"}
    expected = {"service.name": "mine", "team": "b"}
    assert expected == resource_attributes({"service.name": "mine", "team": "b"}, environ=environ)


@pytest.mark.parametrize("service", ["", "  "])
def test_an_empty_service_name_variable_counts_as_unset(service: str) -> None:
    """An empty variable is treated as if it were not there."""
    environ = {"OTEL_SERVICE_NAME": service, "OTEL_RESOURCE_ATTRIBUTES": "service.name=other"}
    assert {"service.name": "other"} == resource_attributes(environ=environ)


def test_a_nameless_service_is_called_unknown_with_its_executable() -> None:
    """The default that the specification prescribes."""
    expected = {"service.name": f"unknown_service:{Path(sys.executable).name}"}
    assert expected == resource_attributes(environ={})


def test_the_process_environment_is_read_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an explicit environment the process's own is used."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "from-process")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "k=v")
    assert {"service.name": "from-process", "k": "v"} == resource_attributes()


def test_the_old_environment_key_is_repeated_under_the_new_one() -> None:
    """Deployments that still set deployment.environment are found by the new key."""
    environ = {"OTEL_SERVICE_NAME": "s", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=prod"}
    expected = {
        "service.name": "s",
        "deployment.environment": "prod",
        "deployment.environment.name": "prod",
    }
    assert expected == resource_attributes(environ=environ)


def test_the_new_environment_key_is_never_overwritten_by_the_old_one() -> None:
    """Where both are set, each keeps its value."""
    text = "deployment.environment=old,deployment.environment.name=new"
    environ = {"OTEL_SERVICE_NAME": "s", "OTEL_RESOURCE_ATTRIBUTES": text}
    assert "new" == resource_attributes(environ=environ)["deployment.environment.name"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("k=v", {"k": "v"}),
        (" k = v , l = w ", {"k": "v", "l": "w"}),
        ("k=v,", {"k": "v"}),
        ("k=", {"k": ""}),
        ("k=a,k=b", {"k": "b"}),
        ("k=a%2Cb%3Dc", {"k": "a,b=c"}),
        ("k=a=b", {"k": "a=b"}),
        ("k=a+b", {"k": "a+b"}),
        ("caf%C3%A9=%E2%9C%93", {"café": "✓"}),
        ("k=%20x%20", {"k": " x "}),
        ("k=100%25", {"k": "100%"}),
    ],
)
def test_a_list_is_split_trimmed_and_percent_decoded(text: str, expected: dict[str, str]) -> None:
    """The rules of the specification, case by case."""
    assert expected == parse_resource_attributes(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a=b,novalue", "member 2 is no key=value"),
        ("=v", "member 1 has an empty key"),
        ("k=100%", "member 1 has a % that begins no two hex digits"),
        ("k=%zz", "member 1 has a % that begins no two hex digits"),
        ("k=%FF", "member 1 does not decode to UTF-8"),
    ],
)
def test_a_malformed_list_is_refused_with_the_position(text: str, reason: str) -> None:
    """The message says which member is wrong and why."""
    with pytest.raises(ValueError, match=reason):
        parse_resource_attributes(text)


def test_a_malformed_variable_is_dropped_whole(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing of the list is used, one warning is logged, and its content is not."""
    environ = {
        "OTEL_SERVICE_NAME": "s",
        "OTEL_RESOURCE_ATTRIBUTES": f"good=1,{SECRET}",
    }
    with caplog.at_level(logging.WARNING):
        attributes = resource_attributes(environ=environ)
    assert {"service.name": "s"} == attributes
    assert ["OTEL_RESOURCE_ATTRIBUTES is ignored: member 2 is no key=value"] == caplog.messages


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
        st.text(st.characters(exclude_categories=["Cs"])),
    )
)
def test_any_attributes_survive_percent_encoding(attributes: dict[str, str]) -> None:
    """Encoding a map as the specification asks and parsing it gives the map back."""
    text = ",".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in attributes.items())
    assert attributes == parse_resource_attributes(text)

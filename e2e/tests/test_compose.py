"""compose.yaml agrees with the programs, images and settings that it names."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from tracefoundry_operator.api.instance import Collector
from tracefoundry_operator.manifests import collector_config

from cluster import images, programs

ROOT = programs.ROOT
COMPOSE = ROOT / "compose.yaml"
FILE: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OWN = {name: each for name, each in SERVICES.items() if "build" in each}
COMMANDS = {
    name: each["command"]
    for name, each in OWN.items()
    if "entrypoint" not in each and "command" in each
}


def test_compose_takes_the_file() -> None:
    """By docker compose itself where it is installed; names are resolved in any case."""
    if _compose_is_installed():
        environment = dict(line.split("=", 1) for line in _environment_file().splitlines())
        result = subprocess.run(
            ["docker", "compose", "-f", str(COMPOSE), "config", "--quiet"],
            env=environment, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= set(SERVICES)
        # From a variable, docker compose gives none to a container with a read-only root.
        assert "secrets" not in service
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in FILE["volumes"] or (ROOT / source).exists()


def test_waiting_for_health_needs_a_health_check() -> None:
    """A dependency on the health of a service without a check would never be met."""
    measured = {name for name, service in SERVICES.items() if "healthcheck" in service}
    awaited = {
        name
        for service in SERVICES.values()
        if isinstance(service.get("depends_on"), dict)
        for name, how in service["depends_on"].items()
        if how["condition"] == "service_healthy"
    }
    assert awaited <= measured


def test_images_are_those_that_make_images_builds() -> None:
    """Same names, tags and Dockerfiles, so that either builds what the other runs."""
    built = {
        f"{images.PREFIX}{image.name}:{images.version()}": image.dockerfile
        for image in images.IMAGES
    }
    named = {each["image"]: each["build"]["dockerfile"] for each in OWN.values()}
    assert named.items() <= built.items()


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_and_options_exist(name: str) -> None:
    """The program knows the command, and each option that is given to it."""
    command, *words = COMMANDS[name]
    options = {word for word in words if word.startswith("--")}
    result = subprocess.run(
        [str(Path(sys.executable).with_name("tracefoundry")), command, "--help"],
        capture_output=True, text=True, check=False, timeout=60,
        env={"COLUMNS": "200", "PATH": "", "NO_COLOR": "1"},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert options <= set(re.findall(r"--[a-z][a-z-]*", result.stdout))


def test_migrate_makes_the_tokens_of_the_environment_known(tmp_path: Path) -> None:
    """Its script from the file, with the real program and a separate database."""
    made = dict(line.split("=", 1) for line in _environment_file().splitlines())
    folder = Path(sys.executable).parent
    environment = {
        "PATH": f"{folder}:/usr/bin:/bin",
        "TMPDIR": str(tmp_path),
        "TRACEFOUNDRY_DATABASE_URL": f"sqlite:///{tmp_path}/test.db",
        "ADMIN_TOKEN": made["TRACEFOUNDRY_ADMIN_TOKEN"],
        "INGEST_TOKEN": made["TRACEFOUNDRY_INGEST_TOKEN"],
    }
    (script,) = SERVICES["migrate"]["command"]
    for command in (
        [*SERVICES["migrate"]["entrypoint"], script.replace("$$", "$")],
        ["tracefoundry", "token", "list", "--json"],
    ):
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert result.returncode == 0, result.stderr
    tokens = {token["name"]: token["role"] for token in json.loads(result.stdout)["tokens"]}
    assert {"secret:admin": "admin", "secret:ingest": "ingest"} == tokens


def test_every_variable_is_read_by_a_program() -> None:
    """No setting is misspelt or forgotten by the program since."""
    named = {
        variable
        for each in OWN.values()
        for variable in each.get("environment", {})
        if variable.startswith("TRACEFOUNDRY_")
    }
    assert set() == named - _known_variables()


def test_the_environment_file_sets_every_variable_that_is_required() -> None:
    """What scripts/compose_env.py prints is enough to start."""
    required = set(re.findall(r"\$\{(\w+):\?", COMPOSE.read_text()))
    made = dict(line.split("=", 1) for line in _environment_file().splitlines())
    assert required <= set(made)
    assert all(made.values())


def test_the_collector_runs_the_operators_configuration() -> None:
    """One configuration for both deployments, measured once; validated with the operator's."""
    kept = yaml.safe_load((ROOT / "services" / "collector" / "config.yaml").read_text())
    made = collector_config.render(Collector(), ingest_url="http://ingest:4318", redact=True)
    assert made == kept


def test_own_containers_have_no_privileges() -> None:
    """Read-only root, no capability, none to be gained."""
    for service in OWN.values():
        assert service["read_only"] is True
        assert ["ALL"] == service["cap_drop"]
        assert ["no-new-privileges:true"] == service["security_opt"]


def test_ports_are_published_on_the_loopback_address_alone() -> None:
    """The collector takes spans without a token."""
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


@cache
def _known_variables() -> set[str]:
    known = {collector_config.INGEST_TOKEN_VARIABLE}
    for path in (ROOT / "services" / "tracefoundry").rglob("*.py"):
        known.update(re.findall(r"TRACEFOUNDRY_[A-Z0-9_]+", path.read_text()))
    return known


def _environment_file() -> str:
    result = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "compose_env.py")],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return result.stdout


def _compose_is_installed() -> bool:
    try:
        answer = subprocess.run(
            ["docker", "compose", "version"], capture_output=True, check=False, timeout=60
        )
    except FileNotFoundError:
        return False
    return answer.returncode == 0

"""A real API server for all tests that need one, and the operator on it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api_server import ApiServer
from tests.operator_process import OperatorProcess, install
from tests.tracing_namespace import TracingNamespace

HERE = Path(__file__).parent
NEED_PROGRAMS = {"test_charts.py", "test_collector_config.py"}
"""Modules that start helm or the collector, besides those on an API server."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs programs of the local cluster, which take minutes to build for the first
    time: ``make test`` leaves them out, ``make test-operator`` and ``make e2e`` run them."""
    for item in items:
        module = item.path.name if item.path.parent == HERE else ""
        if module.endswith("_on_api_server.py") or module in NEED_PROGRAMS:
            item.add_marker(pytest.mark.cluster_programs)


@pytest.fixture(scope="session")
def api_server() -> Iterator[ApiServer]:
    """One API server with the chart's definitions and rights."""
    server = ApiServer()
    try:
        server.start()
        install(server)
        yield server
    finally:
        server.stop()


@pytest.fixture
def tracing(api_server: ApiServer) -> Iterator[TracingNamespace]:
    """A namespace with the Secrets of an instance, deleted afterwards."""
    namespace = TracingNamespace(api_server, f"tracing-{secrets.token_hex(4)}")
    namespace.make()
    yield namespace
    api_server.request("DELETE", f"/api/v1/namespaces/{namespace.name}")


@pytest.fixture(scope="session")
def operator_process(api_server: ApiServer) -> Iterator[OperatorProcess]:
    """One operator for all tests; at the end it must stop without an error."""
    process = OperatorProcess(api_server)
    try:
        yield process
        process.stop()
    finally:
        process.kill()


@pytest.fixture
def operator(operator_process: OperatorProcess) -> Iterator[OperatorProcess]:
    """A running operator. It must never lack rights, nor raise an unexpected error."""
    operator_process.judged_from = len(operator_process.log())
    operator_process.ensure()
    yield operator_process
    written = operator_process.log()[operator_process.judged_from :]
    assert "Forbidden" not in written, written
    assert "Traceback" not in written, written

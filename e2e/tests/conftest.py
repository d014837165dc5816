"""One cluster for the whole run, its backends, and a report of its state when a test fails."""

from __future__ import annotations

import secrets
import time
from collections.abc import Generator, Iterator

import pytest

import backends
import figures as measurements
import release
from api_reader import ApiReader, reading
from cluster import access as cluster_access
from cluster import support_images
from cluster.access import Access
from figures import Figures
from instance import SMALL, Instance
from kube import Kube

_LOG_LINES = "60"
_KUBE = pytest.StashKey[Kube]()
"""For the report of a failure, which may be one of another fixture."""


def pytest_configure(config: pytest.Config) -> None:
    """Begin the record of what is measured."""
    config.stash[measurements.KEY] = Figures()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """End with what ran and what was measured."""
    measurements.write_tables(terminalreporter, config.stash[measurements.KEY])


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> Figures:
    """What was measured, for the table at the end."""
    return pytestconfig.stash[measurements.KEY]


@pytest.fixture(scope="session")
def access(figures: Figures) -> Iterator[Access]:
    """The cluster of KUBECONFIG, else one that is made for this run."""
    started = time.monotonic()
    opened = cluster_access.open_cluster()
    figures.add("cluster up", time.monotonic() - started, at_most=60)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def kube(access: Access, pytestconfig: pytest.Config) -> Kube:
    """kubectl as administrator."""
    made = Kube(access.kubeconfig, access.context)
    pytestconfig.stash[_KUBE] = made
    return made


@pytest.fixture(scope="session")
def reader(kube: Kube) -> Iterator[ApiReader]:
    """The API server without kubectl in between."""
    with reading(kube) as opened:
        yield opened


@pytest.fixture(scope="session")
def python_image(access: Access) -> str:
    """An image with Python in it, known to the node."""
    image = support_images.python()
    access.load(image.archive)
    return image.reference


@pytest.fixture
def namespace(kube: Kube) -> Iterator[str]:
    """A new namespace that admits none but restricted pods."""
    name = f"e2e-{secrets.token_hex(4)}"
    kube.make_namespace(name)
    yield name
    kube.run("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def postgres(kube: Kube, access: Access) -> Iterator[backends.Postgres]:
    """PostgreSQL 18 in a pod."""
    yield backends.start_postgres(kube, access)
    backends.remove(kube, "postgres")


@pytest.fixture(scope="session")
def s3(kube: Kube, access: Access) -> Iterator[backends.S3]:
    """An S3 server in a pod."""
    yield backends.start_s3(kube, access)
    backends.remove(kube, "s3")


@pytest.fixture(scope="session")
def operator(kube: Kube, access: Access, figures: Figures) -> Iterator[Kube]:
    """A cluster in which the operator runs, installed by its chart."""
    release.load_images(access)
    helm = release.Helm(kube)
    started = time.monotonic()
    helm.install()
    figures.add(INSTALL, time.monotonic() - started)
    yield kube
    helm.uninstall()


@pytest.fixture(scope="session")
def main(
    operator: Kube, access: Access, postgres: backends.Postgres, s3: backends.S3, figures: Figures
) -> Iterator[Instance]:
    """An instance that several tests look at and none changes for good.

    It has a child of each kind; all else is as by default.
    """
    namespace = f"e2e-main-{secrets.token_hex(3)}"
    operator.make_namespace(namespace)
    made = Instance(kube=operator, namespace=namespace, name="main")
    made.create(
        access, postgres, s3,
        query={"autoscaling": {"minReplicas": 2, "maxReplicas": 3}, **SMALL},
        ui={"replicas": 1, "ingress": {"host": "traces.example.org"}, **SMALL},
    )  # fmt: skip
    ready = made.wait_ready()
    figures.add("a resource to Ready", ready)
    installed = sum(each.value for each in figures.found if each.what == INSTALL)
    figures.add("helm install to Ready", installed + ready, at_most=90)
    yield made
    made.remove()


@pytest.fixture
def unmade(operator: Kube) -> Iterator[Instance]:
    """An instance of which there is nothing yet but its namespace."""
    namespace = f"e2e-own-{secrets.token_hex(3)}"
    operator.make_namespace(namespace)
    made = Instance(kube=operator, namespace=namespace, name="own")
    yield made
    made.remove()


@pytest.fixture
def own(unmade: Instance, access: Access, postgres: backends.Postgres, s3: backends.S3) -> Instance:
    """An instance that the test may spoil."""
    unmade.create(access, postgres, s3)
    return unmade


INSTALL = "helm install to a Ready operator"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add events, pods and logs of the test's cluster to the report of a failure."""
    report = yield
    kube = item.config.stash.get(_KUBE, None)
    if report.failed and kube is not None:
        report.sections.append(("cluster", _state(kube)))
    return report


def _state(kube: Kube) -> str:
    parts = [
        kube.run("get", "pods,jobs,pvc,tracefoundries", "-A", "-o", "wide", check=False),
        kube.run("get", "events", "-A", "--sort-by=.lastTimestamp", check=False)[-6000:],
        kube.run("get", "tracefoundries", "-A", "-o", "yaml", check=False)[-8000:],
        kube.run("logs", f"deployment/{release.OPERATOR}", "-n", release.NAMESPACE,
                 f"--tail={_LOG_LINES}", check=False),
    ]  # fmt: skip
    for line in kube.run("get", "pods", "-A", "--no-headers", check=False).splitlines():
        namespace, name, ready, status, *_ = line.split()
        first, _, second = ready.partition("/")
        if first == second or status == "Completed":
            continue
        parts.append(kube.run("describe", "pod", name, "-n", namespace, check=False)[-3000:])
        for previous in ("false", "true"):
            parts.append(
                kube.run("logs", name, "-n", namespace, "--all-containers", f"--tail={_LOG_LINES}",
                         f"--previous={previous}", check=False)
            )  # fmt: skip
    return "\n".join(part for part in parts if part.strip())

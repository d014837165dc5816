"""An S3 store that fails: every way becomes a passing error that says what to do."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator

import pytest

from payloads.fault_proxy import Fault, FaultProxy
from payloads.s3_server import S3Server
from tracefoundry.payloads.errors import ObjectStoreMisconfigured, ObjectStoreUnavailable
from tracefoundry.payloads.objects import ObjectStore
from tracefoundry.payloads.s3 import S3Store

DATA = b"content" * 100
NAME = f"default/2026-11-21/{hashlib.sha256(DATA).hexdigest()}"

CALLS: dict[str, Callable[[ObjectStore], object]] = {
    "put": lambda store: store.put(NAME, DATA),
    "get": lambda store: store.get(NAME),
    "delete": lambda store: store.delete([NAME]),
    "list": lambda store: list(store.list()),
    "delete_prefix": lambda store: store.delete_prefix("default/"),
    "check": lambda store: store.check(),
}


@pytest.fixture
def remote(bucket: str, fault_proxy: FaultProxy) -> Iterator[S3Store]:
    """A store behind the proxy, with time for answers on a busy machine."""
    store = S3Store(bucket, connect_timeout_s=60.0, read_timeout_s=60.0, deadline_s=120.0)
    yield store
    store.close()


@pytest.fixture
def impatient(bucket: str, fault_proxy: FaultProxy) -> Iterator[S3Store]:
    """The same, but it gives up soon: for a server that hangs."""
    store = S3Store(bucket, connect_timeout_s=60.0, read_timeout_s=0.3, deadline_s=5.0)
    yield store
    store.close()


@pytest.mark.parametrize("call", sorted(CALLS))
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("error", "it answered 500 InternalError"),
        ("denied", "access is denied: allow s3:GetObject"),
        ("no_bucket", "the bucket does not exist: create it"),
        ("hang", "it answers too slowly"),
        ("cut", "the connection failed"),
        ("leaky_error", "it answered 418$"),
    ],
)
def test_every_fault_is_passing_in_every_call(
    remote: S3Store,
    impatient: S3Store,
    fault_proxy: FaultProxy,
    call: str,
    fault: Fault,
    message: str,
) -> None:
    """The message has the remedy, and after the fault the same call works."""
    remote.put(NAME, DATA)
    fault_proxy.fault = fault
    with pytest.raises(ObjectStoreUnavailable, match=message):
        CALLS[call](impatient if fault == "hang" else remote)
    fault_proxy.fault = "none"
    CALLS[call](remote)


def test_an_answer_cut_in_its_body_is_passing(remote: S3Store, fault_proxy: FaultProxy) -> None:
    """Half an object is never taken for the object."""
    remote.put(NAME, DATA)
    fault_proxy.fault = "cut_body"
    with pytest.raises(ObjectStoreUnavailable, match="the connection failed"):
        remote.get(NAME)


def test_requests_are_tried_a_bounded_number_of_times(
    remote: S3Store, fault_proxy: FaultProxy
) -> None:
    """Twice, then the sender is asked to retry."""
    fault_proxy.fault = "error"
    with pytest.raises(ObjectStoreUnavailable):
        remote.put(NAME, DATA)
    assert 2 == len(fault_proxy.requests)


def test_one_call_is_bounded_whatever_the_server_does(bucket: str, fault_proxy: FaultProxy) -> None:
    """The deadline holds where the server could keep every single wait short."""
    store = S3Store(bucket, read_timeout_s=20.0, deadline_s=0.2)
    fault_proxy.fault = "hang"
    with pytest.raises(ObjectStoreUnavailable, match="too slowly"):
        store.put(NAME, DATA)
    store.close()


def test_puts_run_beside_each_other_but_not_without_bound(
    remote: S3Store, fault_proxy: FaultProxy
) -> None:
    """Eight at a time, however many there are."""
    contents = [b"%d" % i for i in range(60)]
    remote.put_many(
        [(f"default/2026-11-21/{hashlib.sha256(data).hexdigest()}", data) for data in contents]
    )
    assert (60, True) == (len(list(remote.list())), 1 < fault_proxy.most_at_once <= 8)


def test_one_failed_put_fails_all_and_a_repetition_completes_them(
    remote: S3Store, fault_proxy: FaultProxy
) -> None:
    """Success means that everything is durable."""
    objects = [(f"default/2026-11-21/{i:064x}", b"%d" % i) for i in range(20)]
    fault_proxy.fault = "error"
    with pytest.raises(ObjectStoreUnavailable):
        remote.put_many(objects)
    fault_proxy.fault = "none"
    remote.put_many(objects)
    assert [name for name, _ in objects] == [found.name for found in remote.list()]


def test_puts_carry_no_checksum_trailers(remote: S3Store, fault_proxy: FaultProxy) -> None:
    """Many S3-compatible servers refuse what newer clients add."""
    remote.put(NAME, DATA)
    headers = {name.lower() for name in fault_proxy.headers[0]}
    assert set() == {name for name in headers if "checksum" in name or "trailer" in name}


def test_the_bucket_is_in_the_path_of_other_endpoints(
    remote: S3Store, fault_proxy: FaultProxy
) -> None:
    """A server on an address or in a cluster has no name for each bucket."""
    remote.put(NAME, DATA)
    assert [("PUT", f"/{remote.bucket}/{NAME}")] == fault_proxy.requests


def test_a_missing_bucket_is_reported_by_the_real_server(s3_environment: S3Server) -> None:
    """Writing and reading alike; reading does not call it a missing object."""
    store = S3Store("no-such-bucket-here")
    for act in (lambda: store.put(NAME, DATA), lambda: store.get(NAME), store.check):
        with pytest.raises(ObjectStoreUnavailable, match="create it"):
            act()
    store.close()


@pytest.mark.parametrize(
    ("variable", "remedy"),
    [
        ("AWS_SECRET_ACCESS_KEY", "check AWS_SECRET_ACCESS_KEY"),
        ("AWS_ACCESS_KEY_ID", "check AWS_ACCESS_KEY_ID"),
    ],
)
def test_wrong_credentials_are_reported_and_not_shown(
    bucket: str, monkeypatch: pytest.MonkeyPatch, variable: str, remedy: str
) -> None:
    """The message names the variable, never its value."""
    wrong = secrets.token_hex(20)
    monkeypatch.setenv(variable, wrong)
    store = S3Store(bucket)
    with pytest.raises(ObjectStoreUnavailable, match=remedy) as caught:
        store.put(NAME, DATA)
    store.close()
    told = f"{caught.value}{caught.value.__cause__}"
    assert (False, True) == (wrong in told, caught.value.__suppress_context__)


def test_missing_credentials_are_reported(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names both variables."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    store = S3Store(bucket)
    with pytest.raises(ObjectStoreUnavailable, match="set AWS_ACCESS_KEY_ID and AWS_SECRET"):
        store.check()
    store.close()


def test_a_server_that_is_not_there_is_reported(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message shows the endpoint without what a URL may hide in it."""
    password = secrets.token_hex(8)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://user:{password}@127.0.0.1:1")
    store = S3Store(bucket)
    with pytest.raises(ObjectStoreUnavailable, match=r"at http://127\.0\.0\.1:1: nothing") as e:
        store.put(NAME, DATA)
    store.close()
    assert password not in str(e.value)


def test_an_endpoint_that_is_no_url_is_misconfigured(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told at start, as it can never work."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "no url")
    with pytest.raises(ObjectStoreMisconfigured, match="check AWS_REGION"):
        S3Store(bucket)


def test_objects_survive_a_restart_of_the_server(s3_environment: S3Server, bucket: str) -> None:
    """While it is down the error is passing; afterwards the same client reads on."""
    store = S3Store(bucket)
    store.put(NAME, DATA)
    s3_environment.stop()
    try:
        with pytest.raises(ObjectStoreUnavailable, match="nothing answers"):
            store.get(NAME)
    finally:
        s3_environment.start()
    assert DATA == store.get(NAME)
    store.close()


def test_more_objects_than_a_page_are_listed_and_deleted(
    s3_environment: S3Server, bucket: str
) -> None:
    """Listing goes on after 1,000 objects, while they are being deleted too."""
    store = S3Store(bucket, "deep/er")
    store.put_many([(f"default/2026-11-21/{i:064x}", b"x") for i in range(1005)])
    counts = [len(list(store.list("default/"))), store.delete_prefix("default/")]
    assert ([1005, 1005], []) == (counts, list(store.list()))
    store.close()

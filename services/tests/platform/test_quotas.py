"""Quotas of projects as senders and admins of a running platform meet them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from ingest.bodies import (
    body,
    json_request,
    json_span,
    log_body,
    new_span_id,
    new_trace_id,
    request,
    span,
)
from ingest.sending import assert_stored, error, partial, post
from platform_process import Platform, eventually, running

PROJECTS: dict[str, dict[str, int]] = {
    "free": {},
    "rate": {"quota_spans_per_second": 1},
    "grpc": {"quota_bytes_per_second": 100},
    "day": {"quota_spans_per_day": 10},
    "content": {"quota_content_bytes_per_day": 5_000},
    "raised": {"quota_spans_per_second": 1},
}


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform on SQLite whose projects have quotas from the start."""
    folder = tmp_path_factory.mktemp("quotas")
    with running("serve", "--data", str(folder / "data"), folder=folder) as platform:
        for name, quotas in PROJECTS.items():
            answer = platform.client.post(
                platform.api + "/api/projects", json={"name": name, **quotas}
            )
            assert 201 == answer.status_code, answer.text
        yield platform


def spans(count: int, trace_id: bytes | None = None) -> list[Any]:
    """So many spans of one trace."""
    trace = trace_id or new_trace_id()
    return [span(trace) for _ in range(count)]


def send(platform: Platform, project: str, count: int = 1) -> Any:
    """POST so many spans of a project."""
    return post(platform, body(spans(count)), x_tracefoundry_project=project)


def shown(platform: Platform, project: str) -> dict[str, Any]:
    """A project as the API shows it."""
    found: list[dict[str, Any]] = platform.get("/api/projects")["projects"]
    return next(each for each in found if each["name"] == project)


def figure(platform: Platform, sample: str) -> float:
    """A sample of /metrics; 0 if it is not there."""
    lines = platform.client.get(platform.api + "/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(sample + " "))


def test_a_project_over_its_rate_is_429_and_nothing_of_the_body_is_stored(
    limited: Platform,
) -> None:
    """One large body passes and is paid off; spans and logs, in both encodings."""
    assert_stored(send(limited, "rate", 60))
    trace = new_trace_id()
    for content in (
        body(spans(2, trace)),
        json_request([json_span(trace)]),
    ):
        answer = post(limited, content, x_tracefoundry_project="rate")
        status, code, message = error(answer)
        assert (429, 8) == (status, code)
        assert "project 'rate' is over its quota of 1 spans per second" in message
        assert 30 < int(answer.headers["retry-after"]) <= 60
    logs = log_body(trace, new_span_id())
    assert 429 == post(limited, logs, path="/v1/logs", x_tracefoundry_project="rate").status_code
    found = limited.client.get(
        f"{limited.api}/api/traces/{trace.hex()}", params={"project": "rate"}
    )
    assert 404 == found.status_code
    assert_stored(send(limited, "free"))
    refused = 'tracefoundry_quota_refused_total{project="rate",quota="spans_per_second"}'
    assert 4 <= figure(limited, refused)
    assert 1 <= figure(
        limited,
        'tracefoundry_ingest_requests_total{answer="over_quota",signal="logs",transport="http"}',
    )


def test_a_project_over_its_rate_is_resource_exhausted_with_retry_info(limited: Platform) -> None:
    """By gRPC, for bytes."""
    metadata = (("x-tracefoundry-project", "grpc"),)
    with grpc.insecure_channel(limited.grpc) as channel:
        stub: Any = TraceServiceStub(channel)  # type: ignore[no-untyped-call]
        stub.Export(request(spans(200)), metadata=metadata)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Export(request(spans(1)), metadata=metadata)
    refusal: Any = caught.value
    assert grpc.StatusCode.RESOURCE_EXHAUSTED is refusal.code()
    assert "bytes per second" in refusal.details()
    details = dict(refusal.trailing_metadata())["grpc-status-details-bin"]
    info = RetryInfo()
    assert Status.FromString(details).details[0].Unpack(info)
    assert info.retry_delay.seconds > 10


def test_only_the_project_over_quota_is_refused_in_a_body_of_several(limited: Platform) -> None:
    """One tenant behind a shared collector does not stop the others."""
    assert_stored(send(limited, "raised", 60))
    trace = new_trace_id()
    shared = request(spans(3, trace), {"tracefoundry.project": "free"})
    shared.MergeFrom(request(spans(2), {"tracefoundry.project": "raised"}))
    count, message = partial(post(limited, shared.SerializeToString()))
    assert 2 == count
    assert "over_quota" in message
    assert "'raised'" in message
    assert 3 == len(limited.get(f"/api/traces/{trace.hex()}/spans", project="free")["spans"])


def test_a_raised_quota_lets_a_project_go_on(limited: Platform) -> None:
    """Within seconds, whatever it had run up."""
    if 200 == send(limited, "raised", 60).status_code:
        assert 429 == send(limited, "raised").status_code
    limited.client.patch(
        limited.api + "/api/projects/raised", json={"quota_spans_per_second": 1_000}
    ).raise_for_status()
    eventually(lambda: 200 == send(limited, "raised").status_code, what="the new quota")


def test_a_day_is_counted_in_the_store_and_warned_of(limited: Platform) -> None:
    """A restart does not forget it; a resend of what is stored costs nothing."""
    resent = body(spans(8))
    assert_stored(post(limited, resent, x_tracefoundry_project="day"))
    warning = "project day has used 80 percent or more of its quota: spans per day"
    assert 1 == limited.stderr().count(warning)
    assert (8, ["spans_per_day"]) == (
        shown(limited, "day")["usage_today"]["spans"],
        shown(limited, "day")["usage_today"]["near_quotas"],
    )
    ratio = 'tracefoundry_quota_used_ratio{project="day",quota="spans_per_day"}'
    assert 0.8 == figure(limited, ratio)
    eventually(
        lambda: 200 == post(limited, resent, x_tracefoundry_project="day").status_code,
        what="room for a resend",
    )
    assert 8 == shown(limited, "day")["usage_today"]["spans"]
    eventually(lambda: 200 == send(limited, "day", 2).status_code, what="the rest of the quota")
    answer = send(limited, "day")
    assert (429, 8) == error(answer)[:2]
    assert 1 <= int(answer.headers["retry-after"]) <= 300
    limited.stop()
    limited.start()
    assert 429 == send(limited, "day").status_code
    assert 10 == shown(limited, "day")["usage_today"]["spans"]
    assert_stored(send(limited, "free"))


def test_new_content_of_a_day_is_limited(limited: Platform) -> None:
    """As soon as the store has been asked for it."""

    def send_content(letter: str) -> int:
        content = [span(new_trace_id(), attributes={"gen_ai.prompt": letter * 9_000})]
        return post(limited, body(content), x_tracefoundry_project="content").status_code

    assert 200 == send_content("a")
    eventually(lambda: 429 == send_content("a"), what="the end of the quota")
    assert 9_000 <= shown(limited, "content")["usage_today"]["content_bytes"] < 10_000

"""The commands that the Jobs of a TraceExport run, on a real database and a real S3 server."""

from __future__ import annotations

import io
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from payloads.s3_server import S3Server
from platform_process import Platform, eventually, run_command, running
from postgres_server import PostgresServer
from tracefoundry.bundle.keys import SigningKey
from tracefoundry.bundle.reading import Bundle
from tracefoundry.bundle.verification import verify
from tracefoundry.cli.app import main
from tracefoundry.payloads.bundle_objects import BundleObjects
from tracefoundry.payloads.errors import ObjectMissing
from tracefoundry.server.bundle_handover import Receiver
from tracefoundry.server.job_documents import MESSAGE_LIMIT_BYTES, write_report

PROMPT = "the prompt of the incident, word for word " * 4
BOUNDS = {"weakest_redaction": "standard", "payloads": True, "destinations": []}


@dataclass
class Jobs:
    """A platform with traces, and the Jobs of its exports."""

    platform: Platform
    bucket: str
    environment: dict[str, str]
    folder: Path

    def send(
        self, service: str = "shop", *, trace: str | None = None, project: str = "default"
    ) -> str:
        """Store a trace of one LLM call; its id."""
        trace = trace or secrets.token_hex(16)
        start_ns = time.time_ns() - 60 * 1_000_000_000
        span = {
            "traceId": trace,
            "spanId": secrets.token_hex(8),
            "name": "chat",
            "startTimeUnixNano": str(start_ns),
            "endTimeUnixNano": str(start_ns + 1_000),
            "attributes": [
                {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                {
                    "key": "gen_ai.input.messages",
                    "value": {
                        "stringValue": json.dumps(
                            [{"role": "user", "parts": [{"type": "text", "content": PROMPT}]}]
                        )
                    },
                },
            ],
        }
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
        body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
        url = f"{self.platform.otlp}/v1/traces"
        headers = {"x-tracefoundry-project": project}
        answer = self.platform.client.post(url, json=body, headers=headers)
        answer.raise_for_status()
        assert "partialSuccess" not in answer.json(), answer.text
        return trace

    def document(self, **changed: Any) -> dict[str, Any]:
        """What the operator asks for."""
        key = f"exports/incident/{secrets.token_hex(4)}.zip"
        return {
            "name": "tracing/incident",
            "payloads": True,
            "redaction": "standard",
            "destination": {"bucket": self.bucket, "key": key},
            "own_bucket": True,
            "object_ttl": "30d",
            **changed,
        }

    def export(
        self,
        document: Mapping[str, Any],
        bounds: Mapping[str, Any] = BOUNDS,
        **environment: str,
    ) -> tuple[int, str]:
        """Run the Job that writes the bundle: its exit status and termination message."""
        return self.run(
            "export-job",
            TRACEFOUNDRY_EXPORT_JOB=json.dumps(document),
            TRACEFOUNDRY_EXPORT_BOUNDS=json.dumps(bounds),
            **environment,
        )

    def run(self, command: str, **environment: str) -> tuple[int, str]:
        """Run a Job."""
        report = self.folder / secrets.token_hex(4)
        report.touch()
        settings = {
            **self.environment, "TRACEFOUNDRY_SCRATCH": str(self.folder), **environment,
        }  # fmt: skip
        with pytest.MonkeyPatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            status = main([command, "--report", str(report)])
        assert list(self.folder.glob("tmp*")) == []
        return status, report.read_text()

    def made(self, document: Mapping[str, Any], **options: Any) -> dict[str, Any]:
        """The report of an export that must succeed."""
        status, message = self.export(document, **options)
        assert 0 == status, message
        found: dict[str, Any] = json.loads(message)
        return found

    def download(self, uri: str) -> io.BytesIO:
        """A bundle."""
        file = io.BytesIO()
        BundleObjects().download(uri, file)
        file.seek(0)
        return file

    def replay(self, made: Mapping[str, Any], **changed: Any) -> tuple[int, str]:
        """Run the Job that checks a bundle."""
        asked = {"uri": made["uri"], "sha256": made["sha256"], "mode": "Verify", **changed}
        return self.run("replay-job", TRACEFOUNDRY_REPLAY_JOB=json.dumps(asked))


@pytest.fixture(scope="module")
def jobs(
    postgres_server: PostgresServer,
    s3_server: S3Server,
    new_bucket: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Jobs]:
    """A platform on PostgreSQL and S3."""
    folder = tmp_path_factory.mktemp("jobs")
    url = postgres_server.create_database("export_jobs")
    bucket = new_bucket()
    environment = {
        **s3_server.environment,
        "TRACEFOUNDRY_DATABASE_URL": url,
        "TRACEFOUNDRY_PAYLOAD_URL": f"s3://{bucket}/main",
    }
    scratch = folder / "scratch"
    scratch.mkdir()
    with running("serve", folder=folder, environment=environment) as platform:
        yield Jobs(platform, bucket, environment, scratch)
    postgres_server.drop_database("export_jobs")


@pytest.fixture(autouse=True)
def _client(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)


def test_a_trace_becomes_a_valid_bundle_that_passes_the_check(jobs: Jobs) -> None:
    """With the counts, the hash and the root that the report names, and an entry in the audit
    log."""
    trace = jobs.send()
    made = jobs.made(jobs.document(trace_ids=[trace]))
    file = jobs.download(made["uri"])
    verdict = verify(file)
    assert (True, made["root"], "unsigned") == (verdict.valid, verdict.root, verdict.signature)
    assert (1, 1, len(file.getvalue())) == (made["traces"], made["spans"], made["bytes"])
    assert made["payloads"] >= 1
    contents = b"".join(content for _, content in Bundle(file).payloads())
    assert PROMPT.encode() in contents
    status, message = jobs.replay(made)
    assert (0, {"ok": True, "missing": 0, "expired": 0, "dangling": 0, "redacted": 0,
                "excluded": 0}) == (status, json.loads(message))  # fmt: skip
    entries = jobs.platform.get("/api/audit", action="trace.export")["entries"]
    assert trace in [each["target"] for each in entries]


def test_the_default_bundle_has_no_content(jobs: Jobs) -> None:
    """Strict and without payloads; the check tells what is left out and passes."""
    document = jobs.document(trace_ids=[jobs.send()], payloads=False, redaction="strict")
    made = jobs.made(document)
    assert 0 == made["payloads"]
    assert made["redactions"] >= 1
    file = jobs.download(made["uri"])
    assert verify(file).valid
    assert PROMPT.encode() not in file.getvalue()
    status, message = jobs.replay(made)
    found = json.loads(message)
    assert (0, True) == (status, found["ok"])
    assert found["redacted"] + found["excluded"] >= 1


def test_a_second_attempt_writes_the_same_bundle(jobs: Jobs) -> None:
    """The pod may end between the upload and the report."""
    document = jobs.document(trace_ids=[jobs.send()])
    assert jobs.made(document) == jobs.made(document)


def test_a_query_selects_the_newest(jobs: Jobs) -> None:
    """Of a service, up to its limit."""
    for _ in range(3):
        jobs.send("busy")
    query = {
        "service": "busy", "start": "2020-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z",
        "limit": 2,
    }  # fmt: skip
    assert 2 == jobs.made(jobs.document(query=query))["traces"]
    status, message = jobs.export(jobs.document(query={**query, "service": "nobody"}))
    assert (2, True) == (status, "selects no trace" in message)


def test_an_id_of_several_projects_needs_the_project(jobs: Jobs) -> None:
    """The message names them; with ``project`` the one of that project is exported."""
    done = run_command("project", "create", "other", environment=jobs.environment)
    assert 0 == done.returncode, done.stderr
    trace = jobs.send()
    jobs.send(trace=trace, project="other")
    status, message = jobs.export(jobs.document(trace_ids=[trace]))
    assert (2, True) == (status, "default, other" in message), message
    made = jobs.made(jobs.document(trace_ids=[trace], project="other"))
    (facts,) = Bundle(jobs.download(made["uri"])).traces()
    assert "other" == facts.project


def test_a_bundle_is_signed_with_the_key_of_the_secret(jobs: Jobs, tmp_path: Path) -> None:
    """A file that is no key is refused for good."""
    key, file = SigningKey.generate(), tmp_path / "key.pem"
    file.write_bytes(key.pem())
    document = jobs.document(trace_ids=[jobs.send()])
    made = jobs.made(document, TRACEFOUNDRY_EXPORT_SIGNING_KEY=str(file))
    verdict = verify(jobs.download(made["uri"]), [key.public])
    assert (True, "known_key") == (verdict.valid, verdict.signature)
    file.write_text("no key")
    status, message = jobs.export(document, TRACEFOUNDRY_EXPORT_SIGNING_KEY=str(file))
    assert (2, True) == (status, "signingKeySecretRef cannot be used" in message)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"trace_ids": ["0" * 31 + "1"]}, f"there is no trace {'0' * 31}1"),
        ({"project": "nobody"}, "there is no project 'nobody'"),
        ({"redaction": "off"}, "redaction off is weaker than standard"),
        ({"own_bucket": False}, "is not among the destinations"),
        ({"object_ttl": "soon"}, "objectTTL='soon' is not a duration"),
        ({"trace_ids": ["x"]}, "has another form"),
    ],
)
def test_what_cannot_succeed_is_not_tried_again(
    jobs: Jobs, changed: Mapping[str, Any], message: str
) -> None:
    """Exit status 2, and a sentence that names the reason."""
    document = jobs.document(**{"trace_ids": [jobs.send()], **changed})
    status, found = jobs.export(document)
    assert (2, True) == (status, message in found), found


def test_a_bound_that_became_tighter_is_kept(jobs: Jobs) -> None:
    """The operator accepted the export before."""
    document = jobs.document(trace_ids=[jobs.send()])
    bounds = {"weakest_redaction": "strict", "payloads": False}
    status, message = jobs.export(document, bounds)
    assert 2 == status
    assert "redaction standard is weaker than strict; payloads may not be included" in message


def test_a_place_below_an_allowed_prefix_is_allowed(jobs: Jobs) -> None:
    """Whole parts of the path: ``teamwork`` is not below ``team``."""
    trace = jobs.send()
    bounds = {**BOUNDS, "destinations": [{"bucket": jobs.bucket, "prefix": "team"}]}
    for key, expected in (("team/42/a.zip", 0), ("teamwork/a.zip", 2)):
        destination = {"bucket": jobs.bucket, "key": key}
        document = jobs.document(trace_ids=[trace], own_bucket=False, destination=destination)
        assert expected == jobs.export(document, bounds)[0]


def test_a_bucket_that_is_away_is_tried_again(jobs: Jobs) -> None:
    """Exit status 1; the message says what to do and shows no secret."""
    document = jobs.document(trace_ids=[jobs.send()])
    missing = {**document, "destination": {"bucket": "no-such-bucket", "key": "a.zip"}}
    status, message = jobs.export(missing)
    assert (1, True) == (status, "bucket 'no-such-bucket'" in message and "create it" in message)
    status, message = jobs.export(
        document, TRACEFOUNDRY_DATABASE_URL="postgresql://tf:hidden@127.0.0.1:1/none"
    )
    assert (1, False) == (status, "hidden" in message)
    assert message


def test_a_bundle_that_does_not_fit_says_what_to_change(jobs: Jobs) -> None:
    """Before the pod is evicted."""
    document = jobs.document(trace_ids=[jobs.send()])
    status, message = jobs.export(document, TRACEFOUNDRY_SCRATCH_BYTES="100")
    assert (2, True) == (status, "raise spec.exports.scratchSize" in message)


def test_a_bundle_that_is_gone_or_changed_does_not_pass(jobs: Jobs) -> None:
    """It is no longer what was exported."""
    made = jobs.made(jobs.document(trace_ids=[jobs.send()]))
    BundleObjects().upload(made["uri"], io.BytesIO(b"something else"))
    status, message = jobs.replay(made)
    assert (2, True) == (status, "was changed after the export" in message)
    BundleObjects().delete(made["uri"])
    status, message = jobs.replay(made)
    assert (2, True) == (status, "is not there any more" in message)


def test_a_bundle_is_handed_over_to_the_pod_of_a_rerun(jobs: Jobs) -> None:
    """After the check; a pod that waits for another bundle does not get it, and that may be tried
    again."""
    made = jobs.made(jobs.document(trace_ids=[jobs.send()]))
    file = io.BytesIO()
    with Receiver(0, made["sha256"], file, limit_bytes=None) as there:
        pod = {"host": "127.0.0.1", "port": there.port}
        status, message = jobs.replay(made, mode="Rerun", rerun=pod)
        assert (0, True) == (status, json.loads(message)["ok"])
        assert jobs.download(made["uri"]).getvalue() == file.getvalue()
    with Receiver(0, "0" * 64, io.BytesIO(), limit_bytes=None) as other:
        pod = {"host": "127.0.0.1", "port": other.port}
        status, message = jobs.replay(made, mode="Rerun", rerun=pod)
    assert (1, True) == (status, "does not ask for this bundle" in message)


def test_retention_removes_the_bundle_after_its_time(jobs: Jobs) -> None:
    """The record that the Job made leads to it. The platform's own hourly run may come first."""
    made = jobs.made(jobs.document(trace_ids=[jobs.send()], object_ttl="1s"))

    def removed() -> bool:
        done = run_command("retention", "--json", environment=jobs.environment)
        assert 0 == done.returncode, done.stderr
        try:
            jobs.download(made["uri"])
        except ObjectMissing:
            return True
        return False

    eventually(removed, what="the end of the bundle")


def test_jobs_without_their_documents_fail_for_good(jobs: Jobs) -> None:
    """Somebody runs the command by hand."""
    for command in ("export-job", "replay-job", "rerun-job"):
        status, message = jobs.run(command)
        assert (2, True) == (status, "is not set" in message)


def test_a_long_message_is_cut(tmp_path: Path) -> None:
    """Kubernetes keeps 4 KiB; a report of a command that no Job runs goes nowhere."""
    file = tmp_path / "report"
    write_report(file, "never written")
    assert not file.exists()
    file.touch()
    write_report(file, "ü" * 4000)
    assert MESSAGE_LIMIT_BYTES == len(file.read_bytes())

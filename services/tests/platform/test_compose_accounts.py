"""The roles and S3 accounts of compose.yaml: its setup script and the environments of its services,
with the real programs, a real PostgreSQL and the S3 server that compose.yaml names."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
import yaml
from botocore.exceptions import ClientError

from ingest.bodies import body, new_trace_id, span
from ingest.sending import assert_stored, post
from payloads.s3_server import S3Server
from platform_process import clean_environment, eventually, run_command, running
from postgres_server import PostgresServer, wheel_binaries

ROOT = Path(__file__).parents[3]
SETUP = ROOT / "scripts" / "compose_setup.py"
MAKE_ENVIRONMENT = ROOT / "scripts" / "compose_env.py"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())[
    "services"
]
CONTENT = "what the user asked for, in full " * 20


def made_environment(*arguments: str) -> dict[str, str]:
    """What ``compose_env.py`` prints."""
    printed = subprocess.run(
        [sys.executable, MAKE_ENVIRONMENT, *arguments], capture_output=True, text=True, check=True
    ).stdout
    return dict(line.split("=", 1) for line in printed.splitlines() if line)


@dataclass
class Machine:
    """The servers of compose.yaml, and the content of .env."""

    postgres: PostgresServer
    s3: S3Server
    settings: dict[str, str]
    folder: Path

    def environment(self, service: str) -> dict[str, str]:
        """The environment of a service, with the addresses of these servers."""

        def value(match: re.Match[str]) -> str:
            name, _, default = match[1].partition(":-")
            return self.settings.get(name.partition(":?")[0], default)

        found = {
            name: re.sub(r"\$\{([^}]*)\}", value, text)
            .replace("postgres:5432", f"127.0.0.1:{self.postgres.port}")
            .replace("http://s3:7070", self.s3.endpoint)
            for name, text in SERVICES[service]["environment"].items()
        }
        # Nothing of the machine's own settings.
        outside = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        return {**found, **outside, "AWS_EC2_METADATA_DISABLED": "true"}

    def set_up(self) -> None:
        """Run the two services that prepare the servers, then the migration."""
        for service in ("database-roles", "bucket"):
            python, path, part = SERVICES[service]["entrypoint"]
            assert ("python3", SETUP.name) == (python, Path(path).name)
            done = subprocess.run(
                [sys.executable, SETUP, part],
                env=clean_environment(self.environment(service)),
                capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            assert 0 == done.returncode, done.stderr
        done = run_command("migrate", environment=self.environment("migrate"))
        assert 0 == done.returncode, done.stderr

    def client(self, service: str) -> Any:
        """An S3 client with the keys of a service."""
        variables = self.environment(service)
        return boto3.client(
            "s3",
            endpoint_url=variables["AWS_ENDPOINT_URL_S3"],
            region_name=variables["AWS_REGION"],
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        )


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine where an older version ran: tables and objects belong to the superusers."""
    postgres, s3 = PostgresServer(wheel_binaries()), S3Server(more_accounts=True)
    try:
        postgres.start()
        s3.start()
        settings = made_environment()
        settings["TRACEFOUNDRY_S3_ACCESS_KEY"] = s3.access_key
        settings["TRACEFOUNDRY_S3_SECRET_KEY"] = s3.secret_key
        made = Machine(postgres, s3, settings, tmp_path_factory.mktemp("compose"))
        done = run_command("migrate", "--database", postgres.create_database("tracefoundry"))
        assert 0 == done.returncode, done.stderr
        made.client("bucket").create_bucket(Bucket="traces")
        made.client("bucket").put_object(Bucket="traces", Key="main/other", Body=b"older")
        made.set_up()
        yield made
    finally:
        s3.remove()
        postgres.remove()


def test_the_platform_works_with_them(machine: Machine) -> None:
    """Content is stored, read, deleted and packed anew; retention runs."""
    kept, deleted = new_trace_id(), new_trace_id()
    ingest, query = machine.environment("ingest"), machine.environment("query")
    with (
        running("ingest", folder=machine.folder, environment=ingest) as sending,
        running("query", folder=machine.folder, environment=query) as reading,
    ):
        spans = [
            span(
                trace_id,
                attributes={"gen_ai.operation.name": "chat", "gen_ai.input.messages": text},
            )
            for trace_id, text in ((kept, CONTENT), (deleted, CONTENT[::-1]))
        ]
        assert_stored(post(sending, body(spans)))
        (found,) = reading.get(f"/api/traces/{kept.hex()}/spans")["spans"]
        gone = reading.client.delete(f"{reading.api}/api/traces/{deleted.hex()}")
        assert 200 == gone.status_code, gone.text
        assert gone.json()["objects"]
        ref = found["payloads"][0]["ref"]
        assert CONTENT.encode() == reading.client.get(f"{reading.api}/api/payloads/{ref}").content
        for platform, address in ((sending, sending.otlp), (reading, reading.api)):
            ready = platform.client.get(f"{address}/readyz")
            assert 200 == ready.status_code, ready.text
    done = run_command("retention", "--json", environment=machine.environment("retention"))
    assert 0 == done.returncode, done.stderr
    assert "payloads" in json.loads(done.stdout)


@pytest.mark.parametrize(
    ("service", "forbidden"),
    [
        ("ingest", ("get_object", "delete_object")),
        ("query", ()),
        ("retention", ("get_object", "put_object")),
    ],
)
def test_an_account_can_do_no_more_than_its_process(
    machine: Machine, service: str, forbidden: tuple[str, ...]
) -> None:
    """And none of them changes the bucket, its policy or other buckets."""
    client = machine.client(service)
    client.list_objects_v2(Bucket="traces", Prefix="main/")
    where = {"Bucket": "traces", "Key": "main/other"}
    for operation in forbidden:
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(client, operation)(**where)
    for operation, arguments in (
        ("put_bucket_policy", {"Bucket": "traces", "Policy": "{}"}),
        ("delete_bucket", {"Bucket": "traces"}),
        ("create_bucket", {"Bucket": f"of-{service}"}),
    ):
        with pytest.raises(ClientError, match=r"AccessDenied|NotImplemented|MethodNotAllowed"):
            getattr(client, operation)(**arguments)


def test_no_service_has_the_superusers_but_those_that_prepare(machine: Machine) -> None:
    """Nor the keys of payloads, unless it reads or writes them."""
    for service in ("migrate", "ingest", "query", "retention", "ui", "collector"):
        text = json.dumps(SERVICES[service].get("environment", {}))
        assert "${TRACEFOUNDRY_DATABASE_PASSWORD" not in text
        assert "${TRACEFOUNDRY_S3_SECRET_KEY" not in text
        assert (service in ("ingest", "query")) == ("ENCRYPTION_KEYS" in text)


def test_setting_up_again_changes_passwords_and_nothing_else(machine: Machine) -> None:
    machine.set_up()
    machine.settings["TRACEFOUNDRY_S3_QUERY_SECRET_KEY"] = "0123456789abcdef" + str(time.time_ns())
    machine.set_up()

    def content() -> bytes | None:
        """The S3 server reads its accounts anew after a moment."""
        try:
            answer = machine.client("query").get_object(Bucket="traces", Key="main/other")
        except ClientError:
            return None
        found: bytes = answer["Body"].read()
        return found

    assert b"older" == eventually(content, what="the new password")
    with psycopg.connect(machine.postgres.url("tracefoundry")) as superuser:
        owned = superuser.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')"
            " AND relnamespace = 'public'::regnamespace"
            " AND pg_get_userbyid(relowner) = 'postgres'"
        ).fetchall()
    assert [] == owned


def test_an_environment_file_gets_what_it_lacks(tmp_path: Path) -> None:
    """After an update; what is there stays, also where the last line has no end."""
    file = tmp_path / ".env"
    file.write_text("TRACEFOUNDRY_ADMIN_TOKEN=mine")
    added = made_environment(str(file))
    assert "TRACEFOUNDRY_ADMIN_TOKEN" not in added
    assert {"TRACEFOUNDRY_ADMIN_TOKEN", *added} == set(made_environment())
    with file.open("a") as output:
        subprocess.run([sys.executable, MAKE_ENVIRONMENT, file], stdout=output, check=True)
    assert {} == made_environment(str(file))

"""Each process with a database role of its own, created by the SQL of docs/operations.md: all of
them work, and what a role must not do PostgreSQL refuses."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from ingest.bodies import body, log_body, new_trace_id, request, span
from ingest.sending import assert_stored, post
from platform_process import Platform, eventually, run_command, running
from postgres_server import PostgresServer, system_binaries, wheel_binaries
from samples import make_span
from tracefoundry.model.payload import BlobRow, PayloadRows
from tracefoundry.model.times import DAY_NS, day_of
from tracefoundry.store.api import open_store
from tracefoundry.store.export_api import StoredBundle
from tracefoundry.store.postgres.partitions import PARTITIONED

DOCUMENT = Path(__file__).parents[3] / "docs" / "operations.md"
DATABASE = "tracefoundry"
ROLES = "ingest=tracefoundry_ingest,query=tracefoundry_query,retention=tracefoundry_retention"
LONG_WINDOW = {"TRACEFOUNDRY_RETENTION_SPANS": "40d"}
CONTENT = "what the user asked for, in full " * 20
ADMIN_TOKEN = "tf_" + secrets.token_urlsafe(32)


def documented_sql() -> list[str]:
    """The statements that docs/operations.md gives for the roles."""
    block = re.search(r"```sql\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert block is not None
    return [statement.strip() for statement in str(block[1]).split(";") if statement.strip()]


@dataclass
class Installation:
    """A database with the documented roles."""

    server: PostgresServer
    folder: Path

    def url(self, process: str) -> str:
        """The database's URL for a process."""
        base = self.server.url(DATABASE)
        return base.replace("postgres@", f"tracefoundry_{process}@")

    def options(self, process: str) -> tuple[str, ...]:
        """Options of a process."""
        payloads = (self.folder / "payloads").as_uri()
        return ("--database", self.url(process), "--payloads", payloads)

    def migrate(self) -> None:
        """Run ``migrate`` with its own role, naming the others."""
        token_file = self.folder / "admin"
        token_file.write_text(ADMIN_TOKEN)
        environment = {
            "TRACEFOUNDRY_DATABASE_ROLES": ROLES,
            "TRACEFOUNDRY_REGISTER_TOKENS": f"admin={token_file}",
        }
        done = run_command("migrate", "--database", self.url("migrate"), environment=environment)
        assert 0 == done.returncode, done.stderr


@pytest.fixture(scope="module", params=["system", "wheel"])
def installation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Roles and database as documented, on a server of its own, migrated."""
    binaries = system_binaries() if request.param == "system" else wheel_binaries()
    server = PostgresServer(binaries or wheel_binaries())
    try:
        server.start()
        with psycopg.connect(server.url(), autocommit=True) as superuser:
            for statement in documented_sql():
                superuser.execute(statement.encode())
        made = Installation(server, tmp_path_factory.mktemp("roles"))
        made.migrate()
        yield made
    finally:
        server.remove()


@pytest.fixture(scope="module")
def ingest(installation: Installation) -> Iterator[Platform]:
    """Ingest, with a longer window than the migration made days for."""
    options = installation.options("ingest")
    with running("ingest", *options, folder=installation.folder, environment=LONG_WINDOW) as one:
        yield one


@pytest.fixture(scope="module")
def query(installation: Installation) -> Iterator[Platform]:
    """The query API."""
    options = (*installation.options("query"), "--require-token")
    with running("query", *options, folder=installation.folder, environment=LONG_WINDOW) as one:
        one.client.headers["authorization"] = f"Bearer {ADMIN_TOKEN}"
        yield one


def chat(trace_id: bytes, *, days_ago: int = 0) -> bytes:
    """An export of one span with content."""
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": CONTENT}
    start = time.time_ns() - days_ago * DAY_NS - 60_000_000_000
    return body([span(trace_id, span_id=b"s" * 8, start_ns=start, attributes=attributes)])


def test_spans_are_stored_read_and_deleted(
    installation: Installation, ingest: Platform, query: Platform
) -> None:
    """Also a resend, and content that two traces share: packs are written anew."""
    kept, deleted = new_trace_id(), new_trace_id()
    for trace_id in (kept, deleted, kept):
        answer = post(ingest, chat(trace_id))
        assert 200 == answer.status_code, answer.content

    spans = query.get(f"/api/traces/{kept.hex()}/spans")["spans"]
    ref = spans[0]["payloads"][0]["ref"]
    answer = query.client.delete(f"{query.api}/api/traces/{deleted.hex()}")
    assert 200 == answer.status_code, answer.text
    assert 1 == answer.json()["spans"]

    assert CONTENT.encode() == query.client.get(f"{query.api}/api/payloads/{ref}").content
    assert 410 == query.client.get(f"{query.api}/api/traces/{deleted.hex()}").status_code
    resent = post(ingest, chat(deleted))
    assert b"trace deleted" in resent.content


@pytest.mark.parametrize("payloads", [True, False])
def test_traces_are_exported(ingest: Platform, query: Platform, payloads: bool) -> None:
    """With contents, and without: then the project's key is made by the query process."""
    trace_id = new_trace_id()
    assert 200 == post(ingest, chat(trace_id)).status_code
    answer = query.client.post(
        f"{query.api}/api/traces/{trace_id.hex()}/export", json={"payloads": payloads}
    )
    assert 200 == answer.status_code, answer.text
    assert answer.content.startswith(b"PK")
    assert 200 == query.client.get(f"{query.api}/readyz").status_code


def test_traces_are_deleted_in_bulk_with_their_logs(ingest: Platform, query: Platform) -> None:
    """Content of the logs goes too."""
    trace_id, span_id = new_trace_id(), b"l" * 8
    assert_stored(post(ingest, body([span(trace_id, span_id=span_id)])))
    event = log_body(trace_id, span_id)
    assert_stored(post(ingest, event, path="/v1/logs"))

    before = str(time.time_ns())
    answer = query.client.delete(f"{query.api}/api/traces", params={"before": before})
    assert 200 == answer.status_code, answer.text
    assert answer.json()["logs"] >= 1
    assert 410 == query.client.get(f"{query.api}/api/traces/{trace_id.hex()}").status_code


def test_retention_deletes_rows_of_a_project_that_keeps_less(
    installation: Installation, ingest: Platform, query: Platform
) -> None:
    settings = {"name": "short", "retention_spans": "2d", "retention_payloads": "1d"}
    made = query.client.post(f"{query.api}/api/projects", json=settings)
    assert made.status_code in (200, 201), made.text
    trace_id = new_trace_id()
    sent = request([span(trace_id, start_ns=time.time_ns() - 4 * DAY_NS)], {
        "service.name": "agent", "tracefoundry.project": "short",
    })  # fmt: skip

    def stored() -> bool:
        return b"short" not in post(ingest, sent.SerializeToString()).content

    eventually(stored, what="ingest knows the project")
    wider = {"TRACEFOUNDRY_RETENTION_SPANS": "30d"}
    done = run_command("retention", *installation.options("retention"), environment=wider)
    assert 0 == done.returncode, done.stderr
    gone = query.client.get(f"{query.api}/api/traces/{trace_id.hex()}?project=short")
    assert 404 == gone.status_code, gone.text


def test_refusals_are_audited_and_admins_administer(query: Platform) -> None:
    refused = query.client.get(f"{query.api}/api/traces", headers={"authorization": "Bearer x"})
    assert 401 == refused.status_code
    project = query.client.post(f"{query.api}/api/projects", json={"name": "shop"})
    assert project.status_code in (200, 201), project.text
    token = query.client.post(f"{query.api}/api/tokens", json={"name": "v", "role": "viewer"})
    assert token.status_code in (200, 201), token.text
    assert query.get("/api/audit")["entries"]


def test_ingest_makes_days_and_retention_drops_them(
    installation: Installation, ingest: Platform
) -> None:
    """Every day of the window has a partition that the migration did not make; one that is too
    old goes with its rows."""
    old = new_trace_id()
    assert_stored(post(ingest, chat(old, days_ago=30)))

    done = run_command("retention", *installation.options("retention"), "--json")
    assert 0 == done.returncode, done.stderr
    dropped = json.loads(done.stdout)["spans"]["partitions"]
    assert any(one["table"] == "spans" for one in dropped), done.stdout
    with psycopg.connect(installation.server.url(DATABASE)) as superuser:
        row = superuser.execute("SELECT count(*) FROM spans WHERE trace_id = %s", (old,)).fetchone()
    assert (0,) == row


def test_a_second_migration_changes_nothing_for_running_processes(
    installation: Installation, ingest: Platform, query: Platform
) -> None:
    installation.migrate()
    trace_id = new_trace_id()
    assert_stored(post(ingest, chat(trace_id)))
    assert trace_id.hex() == query.get(f"/api/traces/{trace_id.hex()}")["trace_id"]


def test_the_query_role_imports_traces_and_removes_them(installation: Installation) -> None:
    """Into tables of its own, with their day's partition, contents and resources; a span that comes
    twice needs no temporary table."""
    store = open_store(installation.url("query"))
    sent = make_span(7, start=-400 * DAY_NS)
    blob = BlobRow(1, day_of(time.time_ns()), b"r" * 32, b"o" * 32, 0, 1, 1, 0, None, (b"p" * 32,))
    payloads = PayloadRows(blobs=[blob])
    with store.imports.open(time.time_ns()) as run:
        run.admit([(1, sent.trace_id)])
        run.stage([run.prepare_span(1, sent)], [], payloads)
        run.stage([run.prepare_span(1, sent)], [])
        assert 1 == run.publish("bundle_import").spans
    with store.imports.open(time.time_ns()) as run:
        other = make_span(8)
        run.admit([(1, other.trace_id)])
        run.stage([run.prepare_span(1, other)], [])
    now_ns = time.time_ns()
    deleted = store.deletion.delete_trace(1, sent.trace_id, now_ns=now_ns, retention_ns=DAY_NS)
    assert 1 == deleted.spans
    store.close()


def test_retention_owns_all_days_and_migration_all_else(installation: Installation) -> None:
    installation.migrate()
    with psycopg.connect(installation.server.url(DATABASE)) as superuser:
        owners: dict[str, str] = dict(
            superuser.execute(
                "SELECT relname, pg_get_userbyid(relowner) FROM pg_class"
                " WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
            ).fetchall()
        )
    for table, owner in owners.items():
        has_days = any(table == one or table.startswith(f"{one}_2") for one in PARTITIONED)
        assert f"tracefoundry_{'retention' if has_days else 'migrate'}" == owner, table


@pytest.mark.parametrize(
    ("process", "statement"),
    [
        ("ingest", "DROP TABLE spans"),
        ("ingest", "ALTER TABLE traces ADD COLUMN x int"),
        ("ingest", "TRUNCATE spans"),
        ("ingest", "UPDATE spans SET name = ''"),
        ("ingest", "CREATE TABLE x (y int)"),
        ("ingest", "UPDATE tokens SET role = 'admin'"),
        ("ingest", "INSERT INTO tokens (name) VALUES ('x')"),
        ("ingest", "UPDATE projects SET redaction = 'off'"),
        ("ingest", "SELECT actor FROM audit_log"),
        ("ingest", "DELETE FROM audit_log"),
        ("ingest", "SELECT object_key FROM exports"),
        ("ingest", "SET ROLE tracefoundry_migrate"),
        ("query", "INSERT INTO spans (project_id) VALUES (1)"),
        ("query", "UPDATE spans SET name = ''"),
        ("query", "DROP TABLE spans"),
        ("query", "TRUNCATE traces"),
        ("query", "DELETE FROM exports"),
        ("query", "DELETE FROM audit_log"),
        ("query", "UPDATE audit_log SET actor = ''"),
        ("query", "CREATE TABLE x (y int)"),
        ("query", "SET ROLE tracefoundry_retention"),
        ("retention", "SELECT token_hash FROM tokens"),
        ("retention", "UPDATE tokens SET role = 'admin'"),
        ("retention", "UPDATE projects SET redaction = 'off'"),
        ("retention", "SELECT actor FROM audit_log"),
        ("retention", "INSERT INTO traces (project_id) VALUES (1)"),
        ("retention", "DROP TABLE tokens"),
        ("retention", "DROP TABLE traces"),
        ("retention", "SET ROLE tracefoundry_migrate"),
    ],
)
def test_a_role_can_do_no_more_than_its_process(
    installation: Installation, process: str, statement: str
) -> None:
    with (
        psycopg.connect(installation.url(process)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


def test_exports_are_recorded_by_query_and_removed_by_retention(
    installation: Installation,
) -> None:
    """The Job of a TraceExport has the role of query."""
    bundle = StoredBundle(
        uri="s3://traces/exports/a.zip",
        project_id=1,
        size_bytes=12,
        sha256=b"s" * 32,
        created_at_ns=1,
        expires_at_ns=2,
    )
    with closing(open_store(installation.url("query"))) as store:
        store.exports.record(bundle)
        store.exports.record(bundle)
    with closing(open_store(installation.url("retention"))) as store:
        assert [bundle] == store.exports.expired(now_ns=2, after="", limit=10)
        store.exports.forget([bundle.uri])
        assert [] == store.exports.expired(now_ns=2, after="", limit=10)


def test_the_role_of_another_process_is_one_clear_line(installation: Installation) -> None:
    done = run_command("retention", *installation.options("query"))
    assert 1 == done.returncode
    assert "the database role lacks a privilege" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_function_makes_days_of_our_tables_only(installation: Installation) -> None:
    with (
        psycopg.connect(installation.url("ingest")) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="not a table with day partitions"),
    ):
        connection.execute("SELECT tracefoundry_make_partition('tokens', 1)")


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ("ingest=nobody_here", "no role 'nobody_here' (for ingest)"),
        ("ingest=tracefoundry_migrate", "is the one that migrates"),
        ("ingest=tracefoundry_query,query=tracefoundry_query", "two processes have the same"),
        ("ui=tracefoundry_query", "is not PROCESS=ROLE"),
        ("ingest", "is not PROCESS=ROLE"),
    ],
)
def test_a_wrong_list_of_roles_is_one_clear_line(
    installation: Installation, roles: str, message: str
) -> None:
    environment = {"TRACEFOUNDRY_DATABASE_ROLES": roles}
    done = run_command(
        "migrate", "--database", installation.url("migrate"), environment=environment
    )
    assert 1 == done.returncode
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_sqlite_file_has_no_roles(tmp_path: Path) -> None:
    environment = {"TRACEFOUNDRY_DATABASE_ROLES": ROLES}
    done = run_command("migrate", "--data", str(tmp_path / "data"), environment=environment)
    assert 1 == done.returncode
    assert "has no roles" in done.stderr

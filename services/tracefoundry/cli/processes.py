"""The commands that start a process: serve, ingest, query, ui; and migrate before them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tracefoundry.cli import options

if TYPE_CHECKING:
    from tracefoundry.server.listening import Listening

Host = Annotated[str, typer.Option("--host", help="Address for all ports of this process.")]
ApiPort = Annotated[int, typer.Option("--port", help="API port; 0 picks one.", min=0, max=65535)]
OtlpPort = Annotated[int, typer.Option(help="OTLP/HTTP port; 0 picks one.", min=0, max=65535)]
GrpcPort = Annotated[int, typer.Option(help="OTLP/gRPC port; 0 picks one.", min=0, max=65535)]
Insecure = Annotated[
    bool,
    typer.Option("--insecure-no-auth", help="Listen on a non-loopback address without login."),
]
RequireToken = Annotated[
    bool,
    typer.Option(
        "--require-token",
        help="Ask for tokens on loopback too; on other addresses they are always asked for.",
    ),
]
QueryUrl = Annotated[
    str,
    typer.Option(
        "--query-url",
        envvar="TRACEFOUNDRY_QUERY_URL",
        metavar="URL",
        help="Address of the query service.",
    ),
]

LOOPBACK = "127.0.0.1"


def serve(
    data: options.Data = None,
    database: options.Database = None,
    payloads: options.Payloads = None,
    host: Host = LOOPBACK,
    port: ApiPort = 8080,
    otlp_port: OtlpPort = 4318,
    grpc_port: GrpcPort = 4317,
    require_token: RequireToken = False,
    insecure_no_auth: Insecure = False,
) -> None:
    """Run everything in one process: API and OTLP, on SQLite or PostgreSQL."""
    from tracefoundry.server.process import run

    listening = _listening(
        host,
        require_token=require_token,
        insecure_no_auth=insecure_no_auth,
        api_port=port,
        otlp_port=otlp_port,
        grpc_port=grpc_port,
    )
    run(listening, data=data, database=database, payloads=payloads, migrate=True)


def ingest(
    data: options.Data = None,
    database: options.Database = None,
    payloads: options.Payloads = None,
    host: Host = LOOPBACK,
    otlp_port: OtlpPort = 4318,
    grpc_port: GrpcPort = 4317,
    require_token: RequireToken = False,
    insecure_no_auth: Insecure = False,
) -> None:
    """Run OTLP ingest alone; the database must have been migrated."""
    from tracefoundry.server.process import run

    listening = _listening(
        host,
        require_token=require_token,
        insecure_no_auth=insecure_no_auth,
        otlp_port=otlp_port,
        grpc_port=grpc_port,
    )
    run(listening, data=data, database=database, payloads=payloads)


def query(
    data: options.Data = None,
    database: options.Database = None,
    payloads: options.Payloads = None,
    host: Host = LOOPBACK,
    port: ApiPort = 8080,
    require_token: RequireToken = False,
    insecure_no_auth: Insecure = False,
) -> None:
    """Run the query API alone; the database must have been migrated."""
    from tracefoundry.server.process import run

    listening = _listening(
        host,
        require_token=require_token,
        insecure_no_auth=insecure_no_auth,
        api_port=port,
    )
    run(listening, data=data, database=database, payloads=payloads)


def _listening(
    host: str,
    *,
    require_token: bool,
    insecure_no_auth: bool,
    api_port: int | None = None,
    otlp_port: int | None = None,
    grpc_port: int | None = None,
) -> Listening:
    from tracefoundry.server.listening import Listening, asks_tokens

    ask = asks_tokens(host, require_token=require_token, insecure_no_auth=insecure_no_auth)
    return Listening(
        host=host, ask_tokens=ask, api_port=api_port, otlp_port=otlp_port, grpc_port=grpc_port
    )


def ui(
    query_url: QueryUrl,
    host: Host = LOOPBACK,
    port: Annotated[int, typer.Option(help="Port; 0 picks one.", min=0, max=65535)] = 8080,
) -> None:
    """Serve the pages, and the API of a query service on the same address."""
    from tracefoundry.server.ui import run_ui

    run_ui(query_url, host, port)


def migrate(data: options.Data = None, database: options.Database = None) -> None:
    """Bring the database to the schema of this version.

    Then gives the database roles of TRACEFOUNDRY_DATABASE_ROLES what their processes need, and
    registers the tokens of TRACEFOUNDRY_REGISTER_TOKENS, a list ROLE=FILE,ROLE=FILE.
    """
    from tracefoundry.server.configuration import database_url, read_settings
    from tracefoundry.server.database_roles import give_privileges, read_roles
    from tracefoundry.server.stores import prepare_database
    from tracefoundry.server.tokens import read_token_files, register_tokens

    settings = read_settings()
    texts = read_token_files()
    roles = read_roles()
    url = database_url(settings, database, data)
    revision = prepare_database(url, settings)
    typer.echo(f"the database is at schema {revision}")
    give_privileges(url, roles)
    for change in register_tokens(url, settings, texts):
        typer.echo(change)

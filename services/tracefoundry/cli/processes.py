"""The commands that run the platform: serve, ingest, query, migrate."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from tracefoundry.cli.errors import CliError

if TYPE_CHECKING:
    from tracefoundry.settings import Settings

DATABASE_FILE = "tracefoundry.db"

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of the SQLite database (default: your user data folder)."),
]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        help="postgresql://USER:PASSWORD@HOST:PORT/NAME or sqlite:///PATH"
        " (default: TRACEFOUNDRY_DATABASE_URL, else SQLite in --data).",
    ),
]
PayloadsOption = Annotated[
    str | None, typer.Option("--payloads", help="Payload store; not used by this version.")
]
HostOption = Annotated[str, typer.Option("--host", help="Address for all ports of this process.")]
InsecureOption = Annotated[
    bool,
    typer.Option("--insecure-no-auth", help="Listen on a non-loopback address without login."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    panel = "Run the platform"
    app.command(rich_help_panel=panel)(serve)
    app.command(rich_help_panel=panel)(ingest)
    app.command(rich_help_panel=panel)(query)
    app.command(rich_help_panel=panel)(migrate)


def serve(
    data: DataOption = None,
    database: DatabaseOption = None,
    payloads: PayloadsOption = None,
    host: HostOption = "127.0.0.1",
    port: Annotated[int, typer.Option(help="API port; 0 picks one.", min=0, max=65535)] = 8080,
    otlp_port: Annotated[int, typer.Option(help="OTLP/HTTP port.", min=0, max=65535)] = 4318,
    grpc_port: Annotated[int, typer.Option(help="OTLP/gRPC port.", min=0, max=65535)] = 4317,
    require_token: Annotated[
        bool, typer.Option("--require-token", help="Ask for tokens on loopback too.")
    ] = False,
    insecure_no_auth: InsecureOption = False,
) -> None:
    """Run everything in one process: API and OTLP, on SQLite or PostgreSQL."""
    from tracefoundry.cli import serving

    serving.check_access(host, insecure_no_auth=insecure_no_auth, require_token=require_token)
    settings = _settings(payloads)
    url = database_url(settings, database, data)
    serving.prepare_database(url, settings)
    serving.run(
        url,
        settings,
        serving.Listening(host=host, api_port=port, otlp_port=otlp_port, grpc_port=grpc_port),
        api=True,
        otlp=True,
    )


def ingest(
    data: DataOption = None,
    database: DatabaseOption = None,
    payloads: PayloadsOption = None,
    host: HostOption = "127.0.0.1",
    otlp_port: Annotated[int, typer.Option(help="OTLP/HTTP port.", min=0, max=65535)] = 4318,
    grpc_port: Annotated[int, typer.Option(help="OTLP/gRPC port.", min=0, max=65535)] = 4317,
    insecure_no_auth: InsecureOption = False,
) -> None:
    """Run OTLP ingest alone; the database must have been migrated."""
    from tracefoundry.cli import serving

    serving.check_access(host, insecure_no_auth=insecure_no_auth, require_token=False)
    settings = _settings(payloads)
    serving.run(
        database_url(settings, database, data),
        settings,
        serving.Listening(host=host, otlp_port=otlp_port, grpc_port=grpc_port),
        api=False,
        otlp=True,
    )


def query(
    data: DataOption = None,
    database: DatabaseOption = None,
    payloads: PayloadsOption = None,
    host: HostOption = "127.0.0.1",
    port: Annotated[int, typer.Option(help="API port; 0 picks one.", min=0, max=65535)] = 8080,
    insecure_no_auth: InsecureOption = False,
) -> None:
    """Run the query API alone; the database must have been migrated."""
    from tracefoundry.cli import serving

    serving.check_access(host, insecure_no_auth=insecure_no_auth, require_token=False)
    settings = _settings(payloads)
    serving.run(
        database_url(settings, database, data),
        settings,
        serving.Listening(host=host, api_port=port),
        api=True,
        otlp=False,
    )


def migrate(data: DataOption = None, database: DatabaseOption = None) -> None:
    """Bring the database to the schema of this version."""
    from tracefoundry.cli import serving

    settings = _settings(None)
    revision = serving.prepare_database(database_url(settings, database, data), settings)
    typer.echo(f"the database is at schema {revision}")


def _settings(payloads: str | None) -> Settings:
    from tracefoundry.settings import Settings, SettingsError

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("tracefoundry").setLevel(logging.INFO)
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        raise CliError(str(error)) from error
    if payloads is not None:
        typer.echo(
            "note: this version has no payload store; content stays in the attributes", err=True
        )
    return settings


def database_url(settings: Settings, database: str | None, data: Path | None) -> str:
    """The database: ``--database``, else ``--data``, else the environment, else the user folder.

    Raises:
        CliError: both options were given, or the folder cannot be made.
    """
    if database is not None and data is not None:
        raise CliError("--database and --data were both given", "Choose one")
    if database is not None:
        return database
    if data is None and settings.database_url is not None:
        return settings.database_url
    if data is None:
        from platformdirs import user_data_path

        data = user_data_path("tracefoundry")
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CliError(
            f"cannot make the data folder {str(data)!r}: {error.strerror}", "Choose another --data"
        ) from error
    return "sqlite:///" + quote(str(data.resolve() / DATABASE_FILE))

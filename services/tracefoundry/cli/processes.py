"""The commands that run the platform: serve, ingest, query, migrate."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote, unquote

import typer

from tracefoundry.cli.doors import asks_tokens
from tracefoundry.cli.errors import CliError

if TYPE_CHECKING:
    from tracefoundry.settings import Settings

DATABASE_FILE = "tracefoundry.db"
PAYLOAD_FOLDER = "payloads"

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
    str | None,
    typer.Option(
        "--payloads",
        help="file:///DIR or s3://BUCKET/PREFIX (default: TRACEFOUNDRY_PAYLOAD_URL, else the folder"
        " payloads beside the SQLite database).",
    ),
]
HostOption = Annotated[str, typer.Option("--host", help="Address for all ports of this process.")]
InsecureOption = Annotated[
    bool,
    typer.Option("--insecure-no-auth", help="Listen on a non-loopback address without login."),
]
RequireOption = Annotated[
    bool,
    typer.Option(
        "--require-token",
        help="Ask for tokens on loopback too; on other addresses they are always asked for.",
    ),
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
    require_token: RequireOption = False,
    insecure_no_auth: InsecureOption = False,
) -> None:
    """Run everything in one process: API and OTLP, on SQLite or PostgreSQL."""
    from tracefoundry.cli import serving

    ask = asks_tokens(host, insecure_no_auth=insecure_no_auth, require_token=require_token)
    settings = read_settings()
    url = database_url(settings, database, data)
    serving.check_database(url)
    kept = payload_url(settings, payloads, url)
    stores = serving.check_stores(url, kept, settings)
    serving.prepare_database(url, settings)
    serving.run(
        stores,
        settings,
        serving.Listening(
            host=host,
            ask_tokens=ask,
            api_port=port,
            otlp_port=otlp_port,
            grpc_port=grpc_port,
        ),
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
    require_token: RequireOption = False,
    insecure_no_auth: InsecureOption = False,
) -> None:
    """Run OTLP ingest alone; the database must have been migrated."""
    from tracefoundry.cli import serving

    ask = asks_tokens(host, insecure_no_auth=insecure_no_auth, require_token=require_token)
    settings = read_settings()
    url = database_url(settings, database, data)
    serving.check_database(url)
    serving.run(
        serving.check_stores(url, payload_url(settings, payloads, url), settings),
        settings,
        serving.Listening(host=host, ask_tokens=ask, otlp_port=otlp_port, grpc_port=grpc_port),
        api=False,
        otlp=True,
    )


def query(
    data: DataOption = None,
    database: DatabaseOption = None,
    payloads: PayloadsOption = None,
    host: HostOption = "127.0.0.1",
    port: Annotated[int, typer.Option(help="API port; 0 picks one.", min=0, max=65535)] = 8080,
    require_token: RequireOption = False,
    insecure_no_auth: InsecureOption = False,
) -> None:
    """Run the query API alone; the database must have been migrated."""
    from tracefoundry.cli import serving

    ask = asks_tokens(host, insecure_no_auth=insecure_no_auth, require_token=require_token)
    settings = read_settings()
    url = database_url(settings, database, data)
    serving.check_database(url)
    serving.run(
        serving.check_stores(url, payload_url(settings, payloads, url), settings),
        settings,
        serving.Listening(host=host, ask_tokens=ask, api_port=port),
        api=True,
        otlp=False,
    )


def migrate(data: DataOption = None, database: DatabaseOption = None) -> None:
    """Bring the database to the schema of this version.

    Then registers the tokens of TRACEFOUNDRY_REGISTER_TOKENS, a list ROLE=FILE,ROLE=FILE.
    """
    from tracefoundry.cli import serving
    from tracefoundry.cli.registering import read_token_files, register_tokens

    settings = read_settings()
    texts = read_token_files()
    url = database_url(settings, database, data)
    revision = serving.prepare_database(url, settings)
    typer.echo(f"the database is at schema {revision}")
    for change in register_tokens(url, texts):
        typer.echo(change)


def read_settings() -> Settings:
    """The settings of the environment, and logging as the processes want it.

    Raises:
        CliError: a value cannot be used.
    """
    from tracefoundry.settings import Settings, SettingsError

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("tracefoundry").setLevel(logging.INFO)
    try:
        return Settings.from_environment()
    except SettingsError as error:
        raise CliError(str(error)) from error


def payload_url(settings: Settings, payloads: str | None, database: str) -> str:
    """The payload store: ``--payloads``, else the environment, else a folder.

    The folder is beside the SQLite file, or in the user's data folder. Beside a PostgreSQL
    database, which several machines may share, a folder of one of them is rarely what is meant:
    that is said.
    """
    chosen = payloads or settings.payload_url
    if chosen is not None:
        return chosen
    prefix = "sqlite:///"
    if database.startswith(prefix):
        return Path(unquote(database[len(prefix) :])).resolve().with_name(PAYLOAD_FOLDER).as_uri()
    from platformdirs import user_data_path

    folder = user_data_path("tracefoundry").resolve() / PAYLOAD_FOLDER
    logging.getLogger("tracefoundry").warning(
        "payloads are kept in %s of this machine; set TRACEFOUNDRY_PAYLOAD_URL where other machines"
        " must find them, or where this disk may go",
        folder,
    )
    return folder.as_uri()


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

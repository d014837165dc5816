"""What a process is started with: its settings, and where its database and payloads are."""

from __future__ import annotations

import logging
from pathlib import Path
from urllib.parse import quote, unquote

from tracefoundry.server.errors import CommandError
from tracefoundry.settings import Settings, SettingsError

DATABASE_FILE = "tracefoundry.db"
PAYLOAD_FOLDER = "payloads"

_log = logging.getLogger("tracefoundry")


def read_settings() -> Settings:
    """The settings of the environment; also sets logging up.

    Raises:
        CommandError: a value cannot be used.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    _log.setLevel(logging.INFO)
    try:
        return Settings.from_environment()
    except SettingsError as error:
        raise CommandError(str(error)) from error


def database_url(settings: Settings, database: str | None, data: Path | None) -> str:
    """The database: ``--database``, else ``--data``, else the environment, else the user folder.

    Raises:
        CommandError: both options were given, or the folder cannot be made.
    """
    if database is not None and data is not None:
        raise CommandError("--database and --data were both given", "Choose one")
    if database is not None:
        return database
    if data is None and settings.database_url is not None:
        return settings.database_url
    folder = _user_folder() if data is None else data
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(
            f"cannot make the data folder {str(folder)!r}: {error.strerror}",
            "Choose another --data",
        ) from error
    return "sqlite:///" + quote(str(folder.resolve() / DATABASE_FILE))


def payload_url(settings: Settings, payloads: str | None, database: str) -> str:
    """The payload store: ``--payloads``, else the environment, else a folder.

    The folder is beside the SQLite file, or in the user's data folder. Several machines may share
    a PostgreSQL database, and a folder on one of them is then rarely what is meant, so that case
    is logged.
    """
    chosen = payloads or settings.payload_url
    if chosen is not None:
        return chosen
    prefix = "sqlite:///"
    if database.startswith(prefix):
        return Path(unquote(database[len(prefix) :])).resolve().with_name(PAYLOAD_FOLDER).as_uri()
    folder = _user_folder().resolve() / PAYLOAD_FOLDER
    _log.warning(
        "payloads are kept in %s of this machine; set TRACEFOUNDRY_PAYLOAD_URL where other machines"
        " must find them, or where this disk is not permanent",
        folder,
    )
    return folder.as_uri()


def _user_folder() -> Path:
    from platformdirs import user_data_path

    return user_data_path("tracefoundry")

"""Database URLs: which store one names, and whether it can ever work. Nothing here connects.

``postgresql://`` is passed to libpq as it is, which takes several hosts and options. A SQLite URL
names a file: ``sqlite:///relative`` or ``sqlite:////absolute``, percent-encoded where need be.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from tracefoundry.store.api import StoreMisconfigured

ACCEPTED_URLS = "postgresql://USER:PASSWORD@HOST:PORT/NAME or sqlite:///PATH"

_POSTGRES = ("postgresql://", "postgres://")
_SQLITE = "sqlite:"


def is_sqlite(url: str) -> bool:
    """Whether a URL is meant for SQLite; it may still be of a wrong form.

    Raises:
        StoreMisconfigured: the URL names neither of the two databases.
    """
    if url.startswith(_SQLITE):
        return True
    if url.startswith(_POSTGRES):
        return False
    raise StoreMisconfigured(f"database URL {shown_url(url)!r} is not of the form {ACCEPTED_URLS}")


def sqlite_path(url: str) -> Path:
    """The absolute path of the file that a SQLite URL names.

    Raises:
        StoreMisconfigured: it names no file, or one in a folder that does not exist.
    """
    name = unquote(url.removeprefix("sqlite:///"))
    if not url.startswith("sqlite:///") or not name or ":memory:" in name or "?" in url:
        raise StoreMisconfigured(
            f"database URL {shown_url(url)!r} names no file: it is not of the form sqlite:///PATH"
            " (four slashes for an absolute path)"
        )
    path = Path(name).absolute()
    if not path.parent.is_dir():
        raise StoreMisconfigured(f"the folder of the SQLite file {str(path)!r} does not exist")
    return path


def check_postgres_url(url: str) -> None:
    """Check the form of a PostgreSQL URL.

    libpq takes ``postgresql://user:pa@ss@host/db`` for the host ``ss@host`` and says so in its
    error: a part of the password would stand in logs and answers.

    Raises:
        StoreMisconfigured: it can never work. The message holds nothing of it.
    """
    import psycopg

    form = f"the database URL is not of the form {ACCEPTED_URLS}"
    try:
        parts = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        # The driver's message quotes the password.
        raise StoreMisconfigured(form) from None
    if "@" in str(parts.get("host") or ""):
        raise StoreMisconfigured(
            f"{form}: special characters in a password are percent-encoded (@ is %40)"
        )
    ports = str(parts.get("port") or "").split(",")
    if not all(port.isdigit() and 0 < int(port) < 65536 for port in ports if port):
        raise StoreMisconfigured(f"{form}: the port is no number from 1 to 65535")


def shown_url(url: str) -> str:
    """A database URL for messages and logs: no password, no query."""
    plain = url.split("?", 1)[0]
    scheme, separator, rest = plain.partition("://")
    if not separator:
        return plain.rpartition("@")[2][:40]
    credentials, at, place = rest.rpartition("@")
    user = re.split("[:/]", credentials, maxsplit=1)[0]
    password = ":***" if ":" in credentials else ""
    return f"{scheme}://{user}{password}{at}{place}"

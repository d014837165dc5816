"""PostgreSQL URLs that can never work, told before anything tries to connect.

libpq takes ``postgresql://user:pa@ss@host/db`` for the host ``ss@host`` and says so in its error:
a part of the password would stand in logs and answers, and the process would wait for that host.
"""

from __future__ import annotations

import psycopg

from tracefoundry.store.contract import StoreMisconfigured

_FORM = (
    "the database URL is not of the form postgresql://USER:PASSWORD@HOST:PORT/NAME or"
    " sqlite:///PATH"
)


def check_url(url: str) -> None:
    """Check the form of a URL.

    Raises:
        StoreMisconfigured: it can never work. The message holds nothing of it.
    """
    try:
        parts = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        # The driver's message quotes the password.
        raise StoreMisconfigured(_FORM) from None
    if "@" in str(parts.get("host") or ""):
        raise StoreMisconfigured(
            f"{_FORM}: special characters in a password are percent-encoded (@ is %40)"
        )
    ports = str(parts.get("port") or "").split(",")
    if not all(port.isdigit() and 0 < int(port) < 65536 for port in ports if port):
        raise StoreMisconfigured(f"{_FORM}: the port is no number from 1 to 65535")

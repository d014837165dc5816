#!/usr/bin/env python3
"""Prints an .env file for compose.yaml, with passwords, keys and tokens made up for it.

    compose_env.py            all of them
    compose_env.py .env       those that the file .env does not have, to be appended to it

Only the standard library is used, because it runs before anything is installed.
"""

from __future__ import annotations

import base64
import os
import secrets
import stat
import sys
from pathlib import Path


def main() -> None:
    """Write the file to standard output."""
    _close_to_others()
    present = Path(sys.argv[1]).read_text(encoding="utf-8") if len(sys.argv) > 1 else ""
    names = {line.partition("=")[0].strip() for line in present.splitlines()}
    if present and not present.endswith("\n"):
        sys.stdout.write("\n")
    for name, value in _values().items():
        if name not in names:
            sys.stdout.write(f"{name}={value}\n")


def _values() -> dict[str, str]:
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    values = {"TRACEFOUNDRY_DATABASE_PASSWORD": secrets.token_hex(16)}
    for process in ("MIGRATE", "INGEST", "QUERY", "RETENTION"):
        values[f"TRACEFOUNDRY_DATABASE_{process}_PASSWORD"] = secrets.token_hex(16)
    for process in ("", "INGEST_", "QUERY_", "RETENTION_"):
        values[f"TRACEFOUNDRY_S3_{process}ACCESS_KEY"] = "tf" + secrets.token_hex(8)
        values[f"TRACEFOUNDRY_S3_{process}SECRET_KEY"] = secrets.token_hex(20)
    return {
        **values,
        "TRACEFOUNDRY_ADMIN_TOKEN": _token(),
        "TRACEFOUNDRY_INGEST_TOKEN": _token(),
        # Payloads are encrypted with the first key of the list. Losing it loses them.
        "TRACEFOUNDRY_ENCRYPTION_KEYS": f"k1:{key}",
    }


def _close_to_others() -> None:
    """Where the output goes into a file, let nobody but its owner read it."""
    output = sys.stdout.fileno()
    if stat.S_ISREG(os.fstat(output).st_mode):
        os.fchmod(output, 0o600)


def _token() -> str:
    return "tf_" + secrets.token_urlsafe(32)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Prints an .env file for compose.yaml, with passwords, keys and tokens made up for it.

Only the standard library is used, because it runs before anything is installed.
"""

from __future__ import annotations

import base64
import os
import secrets
import stat
import sys


def main() -> None:
    """Write the file to standard output."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    values = {
        "TRACEFOUNDRY_DATABASE_PASSWORD": secrets.token_hex(16),
        "TRACEFOUNDRY_S3_ACCESS_KEY": "tf" + secrets.token_hex(8),
        "TRACEFOUNDRY_S3_SECRET_KEY": secrets.token_hex(20),
        "TRACEFOUNDRY_ADMIN_TOKEN": _token(),
        "TRACEFOUNDRY_INGEST_TOKEN": _token(),
        # Payloads are encrypted with the first key of the list. Losing it loses them.
        "TRACEFOUNDRY_ENCRYPTION_KEYS": f"k1:{key}",
    }
    _close_to_others()
    for name, value in values.items():
        sys.stdout.write(f"{name}={value}\n")


def _close_to_others() -> None:
    """Where the output goes into a file, let nobody but its owner read it."""
    output = sys.stdout.fileno()
    if stat.S_ISREG(os.fstat(output).st_mode):
        os.fchmod(output, 0o600)


def _token() -> str:
    return "tf_" + secrets.token_urlsafe(32)


if __name__ == "__main__":
    main()

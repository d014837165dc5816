"""``serve`` with limits of a test: ``limited_process.py DATA LIMITS_AS_JSON [tokens] [hasty]``.

``hasty`` answers failed logins at once. The limits are not settings, because nobody who runs the
product needs to change them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tracefoundry.auth import failed_attempts
from tracefoundry.server.connections import ConnectionLimits
from tracefoundry.server.listening import Listening
from tracefoundry.server.process import run


def main() -> None:
    """Serve on free ports until a signal."""
    data, limits, *options = sys.argv[1:]
    if "hasty" in options:
        failed_attempts.DELAY_S = 0.0
    listening = Listening(
        host="127.0.0.1",
        ask_tokens="tokens" in options,
        api_port=0,
        otlp_port=0,
        grpc_port=0,
        limits=ConnectionLimits(**json.loads(limits)),
    )
    run(listening, data=Path(data), database=None, payloads=None, migrate=True)


if __name__ == "__main__":
    main()

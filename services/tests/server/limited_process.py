"""``serve`` with limits of a test: ``limited_process.py DATA_FOLDER LIMITS_AS_JSON [TOKENS]``.

The limits are not settings, because nobody who runs the product needs to change them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tracefoundry.server.connections import ConnectionLimits
from tracefoundry.server.listening import Listening
from tracefoundry.server.process import run


def main() -> None:
    """Serve on free ports until a signal."""
    data, limits, *tokens = sys.argv[1:]
    listening = Listening(
        host="127.0.0.1",
        ask_tokens=bool(tokens),
        api_port=0,
        otlp_port=0,
        grpc_port=0,
        limits=ConnectionLimits(**json.loads(limits)),
    )
    run(listening, data=Path(data), database=None, payloads=None, migrate=True)


if __name__ == "__main__":
    main()

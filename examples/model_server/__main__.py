"""``python -m model_server [--port N] [--script FILE]``: serve until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path

from model_server.replies import Script, read_script
from model_server.server import ModelServer


def main() -> None:
    """Serve a script."""
    parser = argparse.ArgumentParser(prog="model_server", description=__doc__)
    parser.add_argument("--port", type=int, default=8765, help="0 picks one (default 8765)")
    parser.add_argument("--script", type=Path, help="JSON file with a list of replies")
    chosen = parser.parse_args()
    replies = read_script(json.loads(chosen.script.read_text())) if chosen.script else []
    with ModelServer(Script(replies), port=chosen.port) as server:
        sys.stdout.write(f"ready {server.url}\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


if __name__ == "__main__":
    main()

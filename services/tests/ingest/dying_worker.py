"""A worker process that dies as its bodies say, and answers all others with success.

``HOLD...`` is never answered, unless it ends with an exclamation mark.
"""

from __future__ import annotations

import os
import signal
import socket
import sys

import msgspec

from tracefoundry.ingest.messages import FRAME, IngestRequest, Outcome, frame

SIGNALS = {b"SEGV": signal.SIGSEGV, b"ABRT": signal.SIGABRT, b"KILL": signal.SIGKILL}


def main() -> None:
    """Entry point, with the arguments of the real worker."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    reader = connection.makefile("rb")

    def read_frame() -> tuple[bytes, bytes]:
        lengths = reader.read(FRAME.size)
        if len(lengths) < FRAME.size:
            sys.exit(0)
        head, body = FRAME.unpack(lengths)
        return reader.read(head), reader.read(body)

    read_frame()
    while True:
        head, body = read_frame()
        if body in SIGNALS:
            os.kill(os.getpid(), SIGNALS[body])
        if body == b"EXIT":
            os._exit(70)
        if body.startswith(b"HOLD") and not body.endswith(b"!"):
            continue
        request = msgspec.msgpack.decode(head, type=IngestRequest)
        connection.sendall(frame(Outcome(request.id, "ok"))[0])


if __name__ == "__main__":
    main()

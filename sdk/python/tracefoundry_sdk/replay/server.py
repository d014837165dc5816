"""Hands out the calls of a recording to the processes of one replay, over a Unix socket.

One server for all processes of an agent, so that each recorded call is given out once whichever of
them asks. A Unix socket, because it works in a network namespace without interfaces. It stands in a
folder that only this user can enter, unless a place for it is given. A connection carries one
request and one answer, each a line of JSON.
"""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from tracefoundry_sdk.json_text import dumps
from tracefoundry_sdk.replay.matching import Call, Matcher, Miss
from tracefoundry_sdk.replay.recording import MAX_LINE_BYTES, Recording
from tracefoundry_sdk.replay.report import Report, summary

SCHEME = "unix:"
MAX_CONNECTIONS = 64
_REQUEST_TIMEOUT_S = 30.0


class ReplayServer:
    """``with ReplayServer(recording, allow=["search"]) as server``; then ``server.report()``.

    ``address`` is the value of ``TRACEFOUNDRY_REPLAY`` for the agent's processes. ``allow`` names
    tools, models or data sources whose calls go out. ``socket_path`` is where the socket is made,
    for an agent in another container; the default is a new folder.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        allow: Iterable[str] = (),
        socket_path: str | Path | None = None,
    ) -> None:
        self._matcher = Matcher(recording.calls)
        self._allow = frozenset(allow)
        self._report = Report()
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._folder: Path | None = None
        if socket_path is None:
            self._folder = Path(tempfile.mkdtemp(prefix="tf-replay-"))  # mode 0700
            self._path = self._folder / "socket"
        else:
            self._path = Path(socket_path)
            self._path.unlink(missing_ok=True)  # of a server that was killed
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self._path))
        self._listener.listen(MAX_CONNECTIONS)
        self._thread = threading.Thread(target=self._accept, name="tf-replay", daemon=True)

    @property
    def address(self) -> str:
        """The value of ``TRACEFOUNDRY_REPLAY``."""
        return f"{SCHEME}{self._path}"

    def report(self) -> dict[str, Any]:
        """What has happened so far."""
        with self._lock:
            return self._report.as_json(self._matcher.unused())

    def add_guards(self, *names: str) -> None:
        """Guards that stand around the agent's processes, such as a network namespace."""
        with self._lock:
            self._report.guards(list(names))

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more; the report stays."""
        with suppress(OSError):  # wakes the thread that accepts
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._thread.is_alive():
            self._thread.join(_REQUEST_TIMEOUT_S)
        if self._folder is None:
            self._path.unlink(missing_ok=True)
        else:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> ReplayServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed by stop()
                return
            self._slots.acquire()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rwb") as stream:
                connection.settimeout(_REQUEST_TIMEOUT_S)
                line = stream.readline(MAX_LINE_BYTES + 1)
                stream.write(dumps(self._answer(line)).encode() + b"\n")
                stream.flush()
        except OSError:
            pass  # the process has gone; what it asked for stays in the report
        finally:
            self._slots.release()

    def _answer(self, line: bytes) -> dict[str, Any]:
        if len(line) > MAX_LINE_BYTES:
            return {"outcome": "refused", "message": f"a call of more than {MAX_LINE_BYTES} bytes"}
        try:
            request = json.loads(line)
            operation = request.pop("operation")
            if operation == "guards":
                self.add_guards(*request["names"])
                return {"outcome": "ok"}
            message = request.pop("message", "")
            call = Call(**request)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            return {"outcome": "refused", "message": f"no request of a replay: {error}"}
        with self._lock:
            if operation == "blocked":
                self._report.blocked(call, str(message))
                return {"outcome": "ok"}
            return self._take(call)

    def _take(self, call: Call) -> dict[str, Any]:
        if call.name in self._allow:
            self._report.allowed(call)
            return {"outcome": "allowed"}
        found = self._matcher.take(call)
        if isinstance(found, Miss):
            self._report.missed(call, found)
            nearest = None if found.nearest is None else summary(found.nearest)
            return {
                "outcome": "missed", "message": found.message, "nearest": nearest,
                "diff": found.diff,
            }  # fmt: skip
        self._report.matched(call, found)
        return {"outcome": "matched", "record": asdict(found.record)}

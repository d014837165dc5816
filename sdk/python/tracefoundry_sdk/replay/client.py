"""Asks the replay's server, from any thread or process of the agent.

Each request has a connection of its own: a few tens of microseconds on a Unix socket, nothing that
a fork could share by mistake, and short enough to be done on the thread of an event loop.
"""

from __future__ import annotations

import json
import socket
from dataclasses import asdict
from typing import Any

from tracefoundry_sdk.json_text import dumps
from tracefoundry_sdk.replay.errors import ReplayMiss
from tracefoundry_sdk.replay.matching import Call
from tracefoundry_sdk.replay.recording import MAX_LINE_BYTES

_SCHEME = "unix:"
_TIMEOUT_S = 60.0


class ReplayClient:
    """The server of one replay; ``address`` is the value of ``TRACEFOUNDRY_REPLAY``."""

    def __init__(self, address: str) -> None:
        if not address.startswith(_SCHEME):
            raise ReplayMiss(
                f"TRACEFOUNDRY_REPLAY={address!r} is no address of a replay (unix:PATH); it is set "
                "by `tracefoundry replay FILE --rerun -- COMMAND`"
            )
        self._path = address.removeprefix(_SCHEME)

    def take(self, call: Call) -> dict[str, Any] | None:
        """The recorded call that answers, as in a recording file; None if the call is allowed.

        Raises:
            ReplayMiss: the recording cannot answer it.
        """
        answer = self._ask({"operation": "take", **asdict(call)})
        if answer["outcome"] == "allowed":
            return None
        if answer["outcome"] != "matched":
            raise ReplayMiss(
                f"replay: {answer.get('message')}",
                nearest=answer.get("nearest"),
                diff=answer.get("diff"),
            )
        record: dict[str, Any] = answer["record"]
        return record

    def blocked(self, kind: str, name: str, message: str) -> None:
        """Tell that a guard has stopped something."""
        call = asdict(Call(kind=kind, name=name))
        self._ask({"operation": "blocked", "message": message, **call})

    def guards(self, names: list[str]) -> None:
        """Tell which guards are active in this process."""
        self._ask({"operation": "guards", "names": names})

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(_TIMEOUT_S)
                connection.connect(self._path)
                with connection.makefile("rwb") as stream:
                    stream.write(dumps(request).encode() + b"\n")
                    stream.flush()
                    line = stream.readline(2 * MAX_LINE_BYTES)
            answer: dict[str, Any] = json.loads(line)
        except (OSError, ValueError) as error:
            # Not an answer from the recording, so the call must not go out either.
            raise ReplayMiss(
                f"replay: the server at {self._path} gave no answer: {error}"
            ) from error
        return answer

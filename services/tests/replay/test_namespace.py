"""The network namespace of a re-run, with real processes."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracefoundry.replay.launcher import COMMAND_NOT_FOUND
from tracefoundry.replay.namespace import namespace_prefix

CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5).close()
except OSError as error:
    print(type(error).__name__, error.errno)
else:
    print("connected")
"""
OWN_SERVER = """
import socket
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname(), timeout=5).sendall(b"x")
print(server.accept()[0].recv(1))
"""
UNIX = """
import socket, sys
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
print(client.recv(5))
"""


@pytest.fixture(scope="module")
def prefix() -> list[str]:
    found = namespace_prefix()
    assert found is not None, "this machine lets nobody make a network namespace"
    return found


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def run(prefix: list[str], script: str, *arguments: str) -> str:
    done = subprocess.run(
        [*prefix, sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.strip()


def test_a_server_of_this_machine_cannot_be_reached(
    prefix: list[str], server: socket.socket
) -> None:
    address = ("127.0.0.1", str(server.getsockname()[1]))
    assert run([], CONNECT, *address) == "connected"
    assert run(prefix, CONNECT, *address) == "ConnectionRefusedError 111"


def test_an_address_outside_cannot_be_reached(prefix: list[str]) -> None:
    assert run(prefix, CONNECT, "192.0.2.1", "443") == "OSError 101"


def test_a_server_of_its_own_on_loopback_can_be_reached(prefix: list[str]) -> None:
    assert run(prefix, OWN_SERVER) == "b'x'"


def test_a_unix_socket_can_be_reached(prefix: list[str], tmp_path: Path) -> None:
    path = str(tmp_path / "replay.sock")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()

        def answer() -> None:
            with listening.accept()[0] as caller:
                caller.sendall(b"hello")

        answering = threading.Thread(target=answer)
        answering.start()
        assert run(prefix, UNIX, path) == "b'hello'"
        answering.join(timeout=10)


def test_the_command_keeps_no_capability_to_change_the_namespace(prefix: list[str]) -> None:
    script = "print(open('/proc/self/status').read().split('CapAmb:')[1].split()[0])"
    assert int(run(prefix, script), 16) == 0


def test_the_status_of_the_command_is_passed_on_and_a_missing_one_is_named(
    prefix: list[str],
) -> None:
    ended = subprocess.run([*prefix, sys.executable, "-c", "exit(7)"], timeout=120, check=False)
    assert ended.returncode == 7
    missing = subprocess.run(
        [*prefix, "no-such-program"], capture_output=True, text=True, timeout=120, check=False
    )
    assert missing.returncode == COMMAND_NOT_FOUND
    assert missing.stderr == ("error: 'no-such-program' cannot be run: No such file or directory\n")

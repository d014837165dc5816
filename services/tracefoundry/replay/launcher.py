"""Starts a command inside a new network namespace: ``python launcher.py COMMAND...``.

It runs as the first program of the namespace, from ``unshare``. The loopback interface of a new
namespace is down; agents that talk to a server of their own on 127.0.0.1 need it, so it is set up.
Then the capabilities of the namespace are given up, and the command takes this process's place.
Nothing but the standard library is imported.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import sys

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
COMMAND_NOT_FOUND = 127


def main(command: list[str]) -> int:
    """Set the loopback interface up and become the command; returns only if that fails."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))
    ctypes.CDLL(None).prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    try:
        os.execvp(command[0], command)  # noqa: S606 - the command that the user asked to run
    except OSError as error:
        sys.stderr.write(f"error: {command[0]!r} cannot be run: {error.strerror}\n")
        return COMMAND_NOT_FOUND


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

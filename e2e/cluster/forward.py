"""Forwards connections from a loopback port outside the namespaces to an address inside.

The listening socket is opened outside and handed over; this program runs inside. A socket stays in
the network namespace in which it was made, so one process bridges both without any interface.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys

_CHUNK_BYTES = 1 << 16


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
        # A half-close is passed on, because the other direction may still send.
        if writer.can_write_eof():
            writer.write_eof()


async def _serve(listener: socket.socket, host: str, port: int) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))
        finally:
            inner_writer.close()
            writer.close()

    server = await asyncio.start_server(connected, sock=listener)
    async with server:
        await server.serve_forever()


def main() -> None:
    """``forward.py FILE_DESCRIPTOR HOST PORT``."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    asyncio.run(_serve(listener, sys.argv[2], int(sys.argv[3])))


if __name__ == "__main__":
    main()

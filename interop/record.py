"""Writes the request bodies of libraries for ``make test``: ``make record-interop``.

Each agent runs against the scripted model and an OTLP endpoint that keeps what it is sent. What
depends on the machine and the moment is replaced before it is written: resource attributes, paths,
ports, ids and times. The facts in ``expected.json`` are written by hand: compare what a failing
test shows with what the agent did.
"""

from __future__ import annotations

import argparse
import gzip
import re
import socket
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from libraries import LIBRARIES, SCRIPT, run_agent
from model_server.server import ModelServer, serving
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from sdk_process import Collector, collector

from ingest.interop_facts import FOLDER
from ingest.interop_recordings import MESSAGES, Request, map_ids, move_times

FIRST_NS = 1_780_000_000 * 10**9
"""Start of the first span in every recording."""
MODEL_SERVER = "127.0.0.1:8000"
KEPT_IN_RESOURCES = ("service.name", "telemetry.")
DROPPED_ATTRIBUTES = re.compile(r"process\.|thread\.|host\.|os\.|code\.|service\.instance\.id")
PATH = re.compile(r"(?<![\w.:/])/(?:root|home|tmp|work|Users|usr|opt|var|private)/[^\s\"':,)\\]*")


def main() -> None:
    """Record the libraries that are named, else all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("libraries", nargs="*", help=f"of {', '.join(LIBRARIES)}")
    for library in parser.parse_args().libraries or LIBRARIES:
        print(library, "...", flush=True)
        _record(library)


def _record(library: str) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(SCRIPT) as models,
        collector() as endpoint,
    ):
        run_agent(library, models, endpoint.url, Path(folder))
        requests = _requests(endpoint)
        if requests:
            scrub(library, requests, models)
    host = socket.gethostname().encode()
    if not requests or any(host in request.export.SerializeToString() for request in requests):
        raise SystemExit(f"{library} sent nothing, or the name of this machine: not recorded")
    target = FOLDER / library
    target.mkdir(parents=True, exist_ok=True)
    for old in target.glob("*.pb.gz"):
        old.unlink()
    for number, request in enumerate(requests, start=1):
        content = gzip.compress(request.export.SerializeToString(deterministic=True), mtime=0)
        (target / f"{number:02}-{request.signal}.pb.gz").write_bytes(content)


def _requests(endpoint: Collector) -> list[Request]:
    found = []
    for path, headers, body in endpoint.requests:
        signal = path.rpartition("/")[2]
        if signal in MESSAGES:
            plain = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
            found.append(Request(signal, MESSAGES[signal].FromString(plain)))
    return found


def scrub(library: str, requests: list[Request], models: ModelServer) -> None:
    """Replace what depends on the machine and the moment, in place."""
    move_times(requests, first_ns=FIRST_NS)
    known: dict[str, str] = {}

    def new_id(old: bytes) -> bytes:
        seed = f"{library} {len(known)}"
        made = known.setdefault(old.hex(), sha256(seed.encode()).digest()[: len(old)].hex())
        return bytes.fromhex(made)

    map_ids(requests, new_id)
    port = models.server_address[1]
    server = re.compile(rf"(?:127\.0\.0\.1|localhost):{port}\b")
    ids = re.compile("|".join(map(re.escape, known)))

    def replaced(text: str) -> str:
        text = ids.sub(lambda found: known[found[0]], server.sub(MODEL_SERVER, text))
        return PATH.sub("/app", text)

    for request in requests:
        _walk(request.export, replaced, port)


def _walk(message: Message, replaced: Callable[[str], str], port: int) -> None:
    """Change the strings of a message and of all messages in it."""
    if isinstance(message, Resource):
        kept = [one for one in message.attributes if one.key.startswith(KEPT_IN_RESOURCES)]
        del message.attributes[:]
        message.attributes.extend(kept)
    elif isinstance(message, AnyValue) and message.int_value == port:
        message.int_value = int(MODEL_SERVER.rpartition(":")[2])
    if "attributes" in message.DESCRIPTOR.fields_by_name:
        _drop_attributes(message)
    for field, value in message.ListFields():
        values: Any = value if field.is_repeated else [value]
        if field.message_type is not None:
            for each in values:
                _walk(each, replaced, port)
        elif field.cpp_type == field.CPPTYPE_STRING and field.type == field.TYPE_STRING:
            if field.is_repeated:
                value[:] = [replaced(each) for each in value]
            else:
                setattr(message, field.name, replaced(value))


def _drop_attributes(message: Any) -> None:
    kept = [one for one in message.attributes if not DROPPED_ATTRIBUTES.match(one.key)]
    if len(kept) < len(message.attributes):
        del message.attributes[:]
        message.attributes.extend(kept)


if __name__ == "__main__":
    main()

"""Request bodies that real libraries sent, moved to the present.

The files ``NN-traces.pb.gz`` and ``NN-logs.pb.gz`` of a library are its requests in their order,
one export each (protobuf, gzip). ``make record-interop`` writes them.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ingest.interop_facts import FOLDER

Export = ExportTraceServiceRequest | ExportLogsServiceRequest
MESSAGES: dict[str, type[Export]] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request: what it carried, ``traces`` or ``logs``."""

    signal: str
    export: Export


def libraries() -> list[str]:
    """Names of the libraries whose bodies are here."""
    return sorted(folder.name for folder in FOLDER.iterdir() if folder.is_dir())


def recorded(library: str) -> list[Request]:
    """The requests of a library, as they are in the files."""
    found = []
    for file in sorted((FOLDER / library).glob("*.pb.gz")):
        signal = file.name.removesuffix(".pb.gz").partition("-")[2]
        export = MESSAGES[signal].FromString(gzip.decompress(file.read_bytes()))
        found.append(Request(signal, export))
    return found


def move_times(requests: list[Request], *, first_ns: int) -> None:
    """Move all times by the same amount, so that the first span starts at ``first_ns``."""
    by_ns = first_ns - min(
        span.start_time_unix_nano for request in requests for span in spans_of(request)
    )
    for request in requests:
        for span in spans_of(request):
            span.start_time_unix_nano += by_ns
            span.end_time_unix_nano += by_ns
            for event in span.events:
                event.time_unix_nano += by_ns
        for record in logs_of(request):
            for name in ("time_unix_nano", "observed_time_unix_nano"):
                if getattr(record, name):  # 0 is "unknown"
                    setattr(record, name, getattr(record, name) + by_ns)


def spans_of(request: Request) -> Iterator[Span]:
    """The spans of a request of traces."""
    if isinstance(request.export, ExportTraceServiceRequest):
        for resource_spans in request.export.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                yield from scope_spans.spans


def logs_of(request: Request) -> Iterator[LogRecord]:
    """The records of a request of logs."""
    if isinstance(request.export, ExportLogsServiceRequest):
        for resource_logs in request.export.resource_logs:
            for scope_logs in resource_logs.scope_logs:
                yield from scope_logs.log_records


def map_ids(requests: list[Request], new: Callable[[bytes], bytes]) -> None:
    """Replace every trace and span id, those of parents and links too."""
    for request in requests:
        for span in spans_of(request):
            _replace(span, ("trace_id", "span_id", "parent_span_id"), new)
            for link in span.links:
                _replace(link, ("trace_id", "span_id"), new)
        for record in logs_of(request):
            _replace(record, ("trace_id", "span_id"), new)


def _replace(message: object, fields: tuple[str, ...], new: Callable[[bytes], bytes]) -> None:
    for field in fields:
        if getattr(message, field):
            setattr(message, field, new(getattr(message, field)))

"""OTLP JSON files: an export request a line (the collector's file exporter), or one document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from tracefoundry.interchange.chunks import Chunk
from tracefoundry.interchange.detect import OTLP_SIGNALS
from tracefoundry.interchange.errors import UnreadableFile
from tracefoundry.interchange.records import Record, parse
from tracefoundry.interchange.report import LossReport
from tracefoundry.otlp import json as otlp_json
from tracefoundry.otlp.decoded import Decoded, TooLarge, Undecodable

_FIRST_KEY: Final = re.compile(rb'\{\s*"(%s)"' % "|".join(OTLP_SIGNALS).encode())
_ANY_KEY: Final = re.compile(rb'"resource_?[sSlLmMpP]')
"""The start of each of these keys; a text that holds one only costs time."""


def read(records: Iterable[Record], report: LossReport) -> Iterator[Chunk]:
    """The spans and GenAI logs of each export request.

    Raises:
        UnreadableFile: a record that is no export request.
    """
    for record in records:
        signals = _signals(record)
        for signal in signals - {"spans", "logs"}:
            report.add(f"OTLP {signal} are not imported", record.place)
        spans = _decode(record, "spans", report) if "spans" in signals else Decoded()
        logs = _decode(record, "logs", report) if "logs" in signals else Decoded()
        yield Chunk(spans.spans, logs.logs)


def _signals(record: Record) -> set[str]:
    """The signals in a record. It is parsed only if it may hold more than one."""
    first = _FIRST_KEY.match(record.raw)
    if first is not None and len(_ANY_KEY.findall(record.raw)) == 1:
        return {OTLP_SIGNALS[first.group(1).decode()]}
    value = parse(record.raw, record.place)
    if type(value) is not dict:
        raise UnreadableFile(record.place, "is no object", "write one export request a line")
    signals = {OTLP_SIGNALS[key] for key in value if key in OTLP_SIGNALS}
    if not signals and value:
        raise UnreadableFile(
            record.place,
            "is no OTLP export request (no resourceSpans or resourceLogs)",
            "take out the line, or export the file again",
        )
    return signals


def _decode(record: Record, signal: str, report: LossReport) -> Decoded:
    decode = otlp_json.decode_traces if signal == "spans" else otlp_json.decode_logs
    try:
        decoded = decode(record.raw)
    except (Undecodable, TooLarge) as error:
        raise UnreadableFile(record.place, str(error), "export the file again") from None
    told: set[str] = set()
    for rejected in decoded.rejected:
        if rejected.reason not in told:
            told.add(rejected.reason)
            report.add(
                f"OTLP records refused: {rejected.reason}",
                f"{record.place}, {rejected.detail}",
                decoded.rejected_count[rejected.reason],
            )
    if decoded.other_logs:
        report.add("logs that are no GenAI events", record.place, decoded.other_logs)
    return decoded

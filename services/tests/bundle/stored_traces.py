"""Traces in a store with their contents in a payload store, as ingest leaves them."""

from __future__ import annotations

import copy
import io
from collections.abc import Mapping, Sequence
from typing import Any

from stores import writer_of
from tracefoundry.bundle.export_contents import ContentReader
from tracefoundry.bundle.export_traces import ExportOptions, ProjectExport, export_traces
from tracefoundry.bundle.members import Manifest
from tracefoundry.model.genai import registry
from tracefoundry.model.payload import Content
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.model.times import day_of
from tracefoundry.payloads.codec import BlobCodec
from tracefoundry.payloads.keys import KeyRing
from tracefoundry.payloads.objects import ObjectStore
from tracefoundry.payloads.offload import Offloader
from tracefoundry.payloads.storing import PayloadWriter
from tracefoundry.query.payload_reading import PayloadReader
from tracefoundry.redaction.policy import Mode, Policy
from tracefoundry.store.api import Store

STANDARD = Policy.of(Mode.STANDARD)
STRICT = Policy.of(Mode.STRICT)
OFF = Policy.of(Mode.OFF)
REF_KEY = bytes(range(32))


def keep(
    store: Store,
    objects: ObjectStore,
    spans: Sequence[Span],
    logs: Sequence[LogRecord] = (),
    *,
    project: tuple[int, str] = (1, "default"),
    policy: Policy = STANDARD,
) -> None:
    """Offload and commit copies of records, as stored under a policy. Nothing is redacted."""
    writer = writer_of(store)
    offloader = Offloader()
    contents: dict[tuple[int, str, int], list[Content]] = {}
    prepared: dict[str, list[Any]] = {"spans": [], "logs": []}
    for span in copy.deepcopy(list(spans)):
        span.policy_version = policy.version
        span.genai = registry.derive(span.attributes, span.events, span.scope.name)
        offloader.offload_span(span)
        contents.setdefault((*project, day_of(span.start_time_ns)), []).extend(span.contents)
        prepared["spans"].append(writer.prepare_span(project[0], span))
    for log in copy.deepcopy(list(logs)):
        log.policy_version = policy.version
        offloader.offload_log(log)
        contents.setdefault((*project, day_of(log.time_ns)), []).extend(log.contents)
        prepared["logs"].append(writer.prepare_log(project[0], log))
    payloads = PayloadWriter(objects, BlobCodec(), previews=True)
    rows = payloads.store(
        {key: values for key, values in contents.items() if values}, writer.stored_payloads
    )
    result = writer.commit(prepared["spans"], prepared["logs"], rows)
    assert (result.refused_spans, result.refused_logs) == ([], [])
    writer.close()


def exported(
    store: Store,
    objects: ObjectStore,
    trace_ids: Sequence[bytes],
    *,
    payloads: bool = True,
    policy: Policy = STANDARD,
    projects: Mapping[int, str] | None = None,
    **options: Any,
) -> tuple[bytes, Manifest]:
    """A bundle of these traces, and its manifest."""
    names = projects or {1: "default"}
    out = io.BytesIO()
    with store.reader.snapshot() as snapshot:
        traces = [one for tid in trace_ids for one in snapshot.find_traces(sorted(names), tid)]
        reader = ContentReader(
            snapshot, objects, KeyRing(), PayloadReader(store.reader, objects, KeyRing()).read_from
        )
        manifest = export_traces(
            snapshot,
            reader,
            traces,
            ExportOptions(
                payloads=payloads,
                projects={
                    number: ProjectExport(
                        name=name, policy=policy, ref_key=None if payloads else REF_KEY
                    )
                    for number, name in names.items()
                },
                **options,
            ),
            out,
        )
    return out.getvalue(), manifest

"""Encoders of the rows that both databases are given as tuples of values to bind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracefoundry.model.payload import BlobRow
from tracefoundry.model.span import Resource, Scope
from tracefoundry.model.summary import TraceSummary
from tracefoundry.store.sql import columns
from tracefoundry.store.sql.encoding import TupleFormat, make_encoder

Row = tuple[Any, ...]

resource_row: Callable[[int, bytes, Resource, int], Row] = make_encoder(
    columns.RESOURCES, TupleFormat()
)
"""From project id, resource id, resource and today."""
scope_row: Callable[[int, bytes, Scope, int], Row] = make_encoder(columns.SCOPES, TupleFormat())
"""From project id, scope id, scope and today."""
trace_row: Callable[[int, bytes, TraceSummary, int], Row] = make_encoder(
    columns.TRACES, TupleFormat()
)
"""From project id, trace id, summary and the time of now."""
blob_row: Callable[[BlobRow], Row] = make_encoder(columns.PAYLOAD_BLOBS, TupleFormat())
"""From the description of a blob."""

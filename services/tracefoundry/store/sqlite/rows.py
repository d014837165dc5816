"""Row tuples of spans and logs, in the order of ``Table.written``."""

from __future__ import annotations

from tracefoundry.store.preparation import LogRow, SpanRow
from tracefoundry.store.sql.columns import SPAN_LOGS, SPANS
from tracefoundry.store.sql.encoding import TupleFormat, make_encoder

span_row: SpanRow = make_encoder(SPANS, TupleFormat())
log_row: LogRow = make_encoder(SPAN_LOGS, TupleFormat())

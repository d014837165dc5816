"""What a store answers with: typed records in the model's terms, never rows of a database.

Times are integers in nanoseconds since the Unix epoch, identifiers are raw bytes, days count from
the epoch in UTC. JSON columns that an answer passes on as they are stand as :data:`JsonText`: the
stored text, in tagged JSON form (:mod:`tracefoundry.model.attributes`), not parsed. A value that is
unknown or empty is None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final, Literal, NamedTuple, cast

import msgspec

from tracefoundry.model.genai.view import GenAI, GenAIKind
from tracefoundry.model.limits import PREVIEW_CHARACTERS
from tracefoundry.model.summary import TraceSummary
from tracefoundry.model.times import day_of

JsonText = str
"""JSON as it is stored. It is spliced into an answer without parsing it."""

Sort = Literal["newest", "slowest", "expensive"]
GroupBy = Literal["service", "model", "tool", "agent"]
AuditOutcome = Literal["allowed", "denied"]

ANY_TIME_NS = 2**63 - 1
"""The largest time that the databases can hold: an open end."""

PAGE_BYTES = 32 * 1024 * 1024
"""A page of whole spans ends before the span that would take it past this size; its first span may
be larger alone."""
LOGS_LIMIT = 100_000
"""Most log records on one page of whole spans."""
PREVIEW_BYTES = 4 * PREVIEW_CHARACTERS
"""What the preview of a payload may add to a page, in characters of up to four bytes."""
TEXT_CHARACTERS = 64 * 1024
"""Most characters of a span's name, status message and other plain text on a page; of more, the
first ones."""
SKELETON_NAME_CHARACTERS = 2_048
"""Most characters of a name that a skeleton shows. A store gives one more of a longer name, which
tells that it is cut."""
LINK_BYTES = 8 * 1024 * 1024
"""Most bytes of links of a trace that are read at once, but for the last span's."""
SAME_ID_LIMIT = 100
"""Most spans with one id that are read at once."""
COUNTS_LIMIT = 100_000
"""Largest trace, in spans, for which it is worked out whose usage counts."""
GROUP_LIMIT = 1_000
"""Most groups of statistics; the ones with the most spans."""
EXPORT_KEY_BYTES = 32
"""Length of the key of a project's refs in exports without payloads."""
COPIES_LIMIT = 1_000
"""Most copies of one payload that are looked at, the newest ones."""


# Projects, tokens, audit


class ProjectRecord(msgspec.Struct, frozen=True):
    """A project and what it sets for itself; None follows the platform's settings."""

    project_id: int
    name: str
    created_at_ns: int
    redaction: str | None = None
    """``strict``, ``standard`` or ``off``."""
    retention_spans_ns: int | None = None
    retention_payloads_ns: int | None = None
    quota_spans_per_second: int | None = None
    quota_bytes_per_second: int | None = None
    quota_spans_per_day: int | None = None
    quota_content_bytes_per_day: int | None = None
    personal_data: str | None = None
    """``on`` or ``off``."""


class ProjectUsage(NamedTuple):
    """What a project stored on one day (UTC) of arrival."""

    spans: int
    """Spans and log records."""
    content_bytes: int
    """Content that was not stored before, before compression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRecord:
    """A token as it is stored.

    Attributes:
        project_id: the only project that it holds for; None for all.
        project: that project's name.
        expires_at_ns: from when on it is not accepted any more; None for never.
    """

    token_id: int
    token_hash: bytes = field(repr=False)
    name: str
    role: str
    project_id: int | None
    project: str | None
    created_at_ns: int
    expires_at_ns: int | None
    revoked_at_ns: int | None

    def state(self, now_ns: int) -> Literal["live", "expired", "revoked"]:
        """Whether it is accepted, and why not."""
        if self.revoked_at_ns is not None:
            return "revoked"
        if self.expires_at_ns is not None and self.expires_at_ns <= now_ns:
            return "expired"
        return "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One thing that was done or refused.

    Attributes:
        at_ns: when; of a counted entry when it was refused first.
        action: what, such as ``payload.read``.
        outcome: ``allowed`` or ``denied``.
        actor: name of the token; None where nobody was recognised.
        role: the actor's.
        project: name of the project it was about; None for several, or where none was named.
        target: what it was done to: a trace id, a ref, a token's name.
        address: from where.
        status: HTTP status (or its equal in gRPC) of a refusal.
        count: how often; above 1 only with a ``counted_key``.
        counted_key: entries with the same one are one row, whose counts are added up.
        detail: a few words more.
    """

    at_ns: int
    action: str
    outcome: AuditOutcome
    actor: str | None = None
    role: str | None = None
    project: str | None = None
    target: str | None = None
    address: str | None = None
    status: int | None = None
    count: int = 1
    counted_key: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class AuditPosition:
    """Where a page of audit entries ends: the next one begins below it."""

    at_ns: int
    entry_id: int


# Traces


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSelection:
    """Filters of a trace list. None means no filter; bounds are inclusive unless said otherwise.

    A bound on duration, tokens or cost leaves out traces where the value is unknown.
    """

    start_ns: int
    """Earliest start of a trace."""
    end_ns: int
    """Exclusive latest start of a trace."""
    service: str | None = None
    """Any of the trace's services is exactly this."""
    environment: str | None = None
    status: int | None = None
    """OTLP status code of the trace."""
    running_since_ns: int | None = None
    """It has an unfinished run that started after this."""
    model: str | None = None
    """Any of the trace's request or response models is exactly this."""
    tool: str | None = None
    """The name of any of the trace's tools holds this text, in this case."""
    min_duration_ns: int | None = None
    max_duration_ns: int | None = None
    min_tokens: int | None = None
    """Input plus output tokens; one of the two being unknown counts as 0."""
    max_tokens: int | None = None
    min_cost_usd: float | None = None
    max_cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class SpanPosition:
    """Place of a span in its trace: spans are ordered by start, then id."""

    start_time_ns: int
    span_id: bytes


@dataclass(frozen=True, slots=True)
class TracePosition:
    """Place of a trace in a sorted list: the page after it begins behind this trace.

    ``value`` is what the list is sorted by first: start (ns), duration (ns) or cost (US dollars,
    -1 for unknown). A text search that ran out of time inside this trace sets ``inside``: it goes
    on in this trace behind that span.
    """

    value: int | float
    start_time_ns: int
    trace_id: bytes
    project_id: int
    inside: SpanPosition | None = None


def payload_day(time_ns: int, import_day: int | None) -> int:
    """The day under which payloads of a span or log are stored: that of its own time, or of the
    import of its trace."""
    return day_of(time_ns) if import_day is None else import_day


class StoredTrace(msgspec.Struct, frozen=True, gc=False):
    """A trace: its key, its summary, and the state of that summary.

    Attributes:
        source: ``otlp``, ``bundle_import`` or ``file_import``.
        import_day: the day of the import; None for a trace that came over OTLP.
        original_environment: the environment that an imported trace had in its file.
        totals_pending: the summary of a very large trace waits for its next recompute.
        missing_expired: spans of it have expired; the summary is frozen as it was before.
    """

    project_id: int
    trace_id: bytes
    source: str
    import_day: int | None
    summary: TraceSummary
    totals_pending: bool
    missing_expired: bool
    original_environment: str | None = None

    def payload_day(self, time_ns: int) -> int:
        """The day under which the payloads of its span or log of this time are stored."""
        return payload_day(time_ns, self.import_day)

    def position(self, sort: Sort) -> TracePosition:
        """Its place in a list that is sorted so."""
        summary = self.summary
        value: int | float = summary.start_time_ns
        if sort == "slowest":
            value = summary.end_time_ns - summary.start_time_ns
        elif sort == "expensive":
            value = -1.0 if summary.cost_usd is None else summary.cost_usd
        return TracePosition(value, summary.start_time_ns, self.trace_id, self.project_id)


@dataclass(frozen=True, slots=True)
class TracePage:
    """Traces in the order asked for.

    Attributes:
        following: where the next page begins; None at the end.
        complete: False where a text search stopped because its time was over.
    """

    traces: list[StoredTrace]
    following: TracePosition | None
    complete: bool = True


# Spans and logs


class SpanSkeleton(NamedTuple):
    """What a tree with bars needs of a span. A plain tuple: a trace may have 100,000 of them."""

    span_id: bytes
    parent_span_id: bytes | None
    start_time_ns: int
    end_time_ns: int
    name: str
    kind: int
    status_code: int
    genai_kind: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None


class StoredSpan(msgspec.Struct, frozen=True, gc=False):
    """A whole span. Its resource and scope stand beside it in the :class:`SpanPage`, by id.

    Attributes:
        extra: JSON object of ``trace_state``, the ``dropped_*_count`` and ``mended_strings``.
        payloads: JSON list of what left the row (:class:`tracefoundry.model.payload.PayloadEntry`).
        redactions: JSON list of ``{"rule", "count"}``.
        genai: JSON object of the fields of the GenAI view that have no field here.
    """

    span_id: bytes
    start_time_ns: int
    end_time_ns: int
    parent_span_id: bytes | None
    kind: int
    status_code: int
    flags: int
    policy_version: int
    resource_id: bytes
    scope_id: bytes
    name: str
    status_message: str | None
    attributes: JsonText
    events: JsonText | None
    links: JsonText | None
    extra: JsonText | None
    payloads: JsonText | None
    redactions: JsonText | None
    genai_kind: str | None
    request_model: str | None
    response_model: str | None
    response_id: str | None
    agent: str | None
    tool: str | None
    conversation_id: str | None
    user_id: str | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: float | None
    cost_source: str | None
    genai: JsonText | None

    def view(self) -> GenAI | None:
        """The GenAI view; None where the span has none."""
        if self.genai_kind is None or self.genai is None:
            return None
        rest = msgspec.json.decode(self.genai)
        del rest["version"]  # of the dialect's reader
        fields = dict(zip(VIEW_FIELDS, _view_fields_of(self), strict=True))
        return GenAI(kind=cast("GenAIKind", self.genai_kind), **fields, **rest)


# The field ``kind`` of a stored span is not that of its view, which is ``genai_kind``.
VIEW_FIELDS = tuple(set(GenAI.__struct_fields__) & set(StoredSpan.__struct_fields__) - {"kind"})
"""Fields that the GenAI view and a stored span have in common."""
_view_fields_of = attrgetter(*VIEW_FIELDS)


class StoredLog(msgspec.Struct, frozen=True, gc=False):
    """A GenAI event that came as a log record and is joined to its span.

    Attributes:
        extra: JSON object of ``observed_time_ns``, ``flags``, ``dropped_attributes_count`` and
            ``mended_strings``.
    """

    span_id: bytes
    time_ns: int
    content_hash: bytes
    policy_version: int
    resource_id: bytes
    scope_id: bytes
    severity_number: int
    name: str
    severity_text: str | None
    attributes: JsonText
    body: JsonText | None
    extra: JsonText | None
    payloads: JsonText | None
    redactions: JsonText | None
    genai: JsonText | None

    def view(self) -> GenAI | None:
        """What the event says about its span; None if nothing."""
        return None if self.genai is None else EVENT_VIEW.decode(self.genai)


EVENT_VIEW: Final = msgspec.json.Decoder(GenAI)
"""Reads the ``genai`` column of a log record."""


class StoredResource(msgspec.Struct, frozen=True, gc=False):
    """Who sent spans.

    ``extra``: ``schema_url``, ``dropped_attributes_count``, ``mended_strings``.
    """

    resource_id: bytes
    service: str | None
    environment: str | None
    attributes: JsonText
    extra: JsonText | None


class StoredScope(msgspec.Struct, frozen=True, gc=False):
    """An instrumentation scope; ``extra`` as of a resource."""

    scope_id: bytes
    name: str
    version: str
    attributes: JsonText
    extra: JsonText | None


SpanPart = Literal["attributes", "events", "links", "payloads"]
"""A column of a span that can be too large for one answer."""
SPAN_PARTS: Final[tuple[SpanPart, ...]] = ("attributes", "events", "links", "payloads")

SpanMark = Literal["text_cut", "fields_left_out"]
"""What a page does not show of a span and cannot be paged through: the rest of a plain text, or a
whole field or attribute that is larger than a slice."""

SpanKey = tuple[int, bytes]
"""(start, span id) of a span in its trace."""


@dataclass(frozen=True, slots=True)
class SkeletonPage:
    """Skeletons by start, then span id.

    ``following``: where the next page begins; None at the end.
    """

    spans: list[SpanSkeleton]
    following: SpanPosition | None


@dataclass(frozen=True, slots=True)
class SpanPage:
    """Whole spans by start, then span id, with what they refer to.

    Attributes:
        following: where the next page begins; None at the end.
        resources: by resource id. One can be missing only after damage.
        scopes: by scope id; the same.
        logs: by span id, in the order of their time.
        logs_truncated: the first span alone has more logs, by number or size, than one answer may
            hold; its latest ones are left out.
        rests: what is not here of spans that are too large, by span: the place where each part
            goes on (:meth:`tracefoundry.store.api.Snapshot.span_part`).
        marks: what else is not here of spans, by span.
        cut: ids of resources and scopes, and content hashes of logs, of which not everything is
            here.
    """

    spans: list[StoredSpan]
    following: SpanPosition | None
    resources: dict[bytes, StoredResource]
    scopes: dict[bytes, StoredScope]
    logs: dict[bytes, list[StoredLog]]
    logs_truncated: bool
    rests: dict[SpanKey, dict[SpanPart, int]] = field(default_factory=dict)
    marks: dict[SpanKey, set[SpanMark]] = field(default_factory=dict)
    cut: set[bytes] = field(default_factory=set)


class SpanLinks(NamedTuple):
    """The links of one span, as JSON."""

    span_id: bytes
    links: JsonText


@dataclass(frozen=True, slots=True)
class LinkPage:
    """Links of the spans of a trace. ``more``: there are others."""

    spans: list[SpanLinks]
    more: bool


# Statistics


@dataclass(frozen=True, slots=True)
class StatisticsGroup:
    """One group. ``key`` is None for spans of resources that name no service."""

    key: str | None
    traces: int
    spans: int
    errors: int
    p50_ns: int
    p95_ns: int
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """Groups by falling number of spans. ``truncated``: the smallest groups are left out."""

    groups: list[StatisticsGroup]
    truncated: bool


# Payloads


@dataclass(frozen=True, slots=True)
class BlobPlace:
    """Where a blob's stored bytes are; ``object`` is the SHA-256 that names the object."""

    object: bytes
    offset: int
    stored_bytes: int
    depth: int


@dataclass(frozen=True, slots=True)
class BlobCopy:
    """A stored copy of a payload: one a project and day."""

    project_id: int
    day: int
    plain_bytes: int


@dataclass(slots=True)
class PayloadStates:
    """What is true now of the payloads of some spans of one project."""

    previews: dict[tuple[bytes, int], str | None] = field(default_factory=dict)
    """By (ref, day), those that are stored, with their preview."""
    anywhere: set[bytes] = field(default_factory=set)
    """Refs that are stored on any day."""
    expired_at_ns: dict[int, int] = field(default_factory=dict)
    """Days whose payloads are gone, and since when."""
    deleted: set[bytes] = field(default_factory=set)
    """Refs that are not stored on their day and went with a deleted trace."""


@dataclass(frozen=True, slots=True)
class PayloadFate:
    """What became of a payload that is stored no more. ``missing``: nothing says why it is not
    there, and ``at_ns`` is None."""

    state: Literal["expired", "deleted", "missing"]
    at_ns: int | None
    reason: str | None


# Deletion


@dataclass(slots=True)
class Deleted:
    """How many rows a deletion of traces removed."""

    traces: int = 0
    spans: int = 0
    logs: int = 0

    def add(self, other: Deleted) -> None:
        """Add the counts of another batch."""
        self.traces += other.traces
        self.spans += other.spans
        self.logs += other.logs

"""Text search over traces, in the order of the list, bounded in time and resumable.

There is no text index in this version: candidates come from the list (filters applied), in steps
of bounded size, and their spans are read. The database throws out what cannot match by ``LIKE``
over the name and the JSON text of the attributes; what is left is decided exactly here, because
JSON text also holds keys and numbers. A step ends between two traces, or inside a very large
trace, so a search that runs out of time says where it goes on.

Case is ignored as Python's :mod:`re` ignores it (one character against one character, all of
Unicode). The ``LIKE`` only sees characters that have no case, or ASCII ones, which every database
locale folds; three look-alikes of ASCII letters (the Kelvin sign, the long s and the dotless or
dotted i) are therefore found only beside other text that matches.
"""

from __future__ import annotations

import re
import time
from base64 import b64decode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from tracefoundry.model.attributes import tag_of
from tracefoundry.store.reader.lists import list_traces, position_of
from tracefoundry.store.reader.row import Row
from tracefoundry.store.reader.selection import (
    Sort,
    SpanPosition,
    TracePosition,
    TraceSelection,
)
from tracefoundry.store.reader.spans import STREAMED
from tracefoundry.store.tables import spans

CANDIDATES = 64
"""Traces listed at once."""
STEP_SPANS = 2_000
"""Most spans read between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Traces found. ``following`` is where the search goes on, None when everything was seen;
    ``complete`` is false when it stopped because its time was over."""

    rows: list[Row]
    following: TracePosition | None
    complete: bool


class TextQuery:
    """A text to find in span names and string attribute values."""

    def __init__(self, text: str) -> None:
        self._folded = text.lower() if text.isascii() else None
        self._pattern = re.compile(re.escape(text), re.IGNORECASE)
        self._name_like = _like(text)
        # In JSON text a quote or a line break stands escaped.
        self._json_like = _like(orjson.dumps(text)[1:-1].decode("utf-8"))

    def may_match(self, name: Any, attributes: Any) -> sa.ColumnElement[bool]:
        """SQL that holds for every row that :meth:`matches`, and for some others."""
        return sa.or_(
            name.ilike(self._name_like, escape="!"),
            attributes.ilike(self._json_like, escape="!"),
            attributes.like('%"$text"%'),
        )

    def matches(self, name: str, attributes_json: str) -> bool:
        """The name, or a string value at any depth, holds the text."""
        if self._found(name):
            return True
        pending: list[Any] = list(orjson.loads(attributes_json).values())
        while pending:
            value = pending.pop()
            if type(value) is str:
                if self._found(value):
                    return True
            elif type(value) is list:
                pending.extend(value)
            elif type(value) is dict:
                tag = tag_of(value)
                if tag == "$text":
                    broken = b64decode(value[tag])
                    if self._found(broken.decode("utf-8", errors="replace")):
                        return True
                elif tag == "$object":
                    pending.extend(value[tag].values())
                elif tag is None:
                    pending.extend(value.values())
        return False

    def _found(self, text: str) -> bool:
        if self._folded is not None and text.isascii():
            return self._folded in text.lower()
        return self._pattern.search(text) is not None


def search_traces(
    connection: sa.Connection,
    projects: Sequence[int],
    selection: TraceSelection,
    sort: Sort,
    after: TracePosition | None,
    limit: int,
    text: str,
    budget_seconds: float,
) -> SearchResult:
    """At most ``limit`` traces behind ``after`` in which a span matches ``text``.

    At least one step is made however small the budget is, so repeated calls reach the end.
    """
    query = TextQuery(text)
    deadline = time.monotonic() + budget_seconds
    found: list[Row] = []
    position = after
    while True:
        candidates = list_traces(connection, projects, selection, sort, position, CANDIDATES)
        for step in _steps(candidates):
            inside = _resume(position, step[0])
            if step[0]._mapping["span_count"] > STEP_SPANS:
                hit, inside = _search_large(connection, step[0], query, inside, deadline)
                if inside is not None:
                    place = position_of(step[0])
                    stopped = TracePosition(
                        place.value, place.start_time_ns, place.trace_id, place.project_id, inside
                    )
                    return SearchResult(found, stopped, complete=False)
                hits = {step[0]._mapping["trace_id"]} if hit else set()
            else:
                hits = _search_small(connection, step, query)
            for row in step:
                if row._mapping["trace_id"] in hits:
                    found.append(row)
                    if len(found) == limit:
                        last = row is candidates[-1] and len(candidates) < CANDIDATES
                        return SearchResult(found, None if last else position_of(row), True)
            position = position_of(step[-1])
            last = step[-1] is candidates[-1] and len(candidates) < CANDIDATES
            if not last and time.monotonic() >= deadline:
                return SearchResult(found, position, complete=False)
        if len(candidates) < CANDIDATES:
            return SearchResult(found, None, complete=True)


def _like(text: str) -> str:
    """A LIKE pattern (escape ``!``) for the longest run that every locale compares alike."""
    runs = re.split("[\0-\x1f\x7f]", "".join(c if _plain(c) else "\0" for c in text))
    longest = max(runs, key=len)
    escaped = longest.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{escaped}%"


def _plain(character: str) -> bool:
    if character.isascii():
        return True
    return character.lower() == character == character.upper() == character.casefold()


def _steps(candidates: Sequence[Row]) -> Iterable[list[Row]]:
    """Runs of candidates of one project that together are small; a large one is alone."""
    step: list[Row] = []
    size = 0
    for row in candidates:
        count: Any = row._mapping["span_count"]
        same_project = not step or (step[0]._mapping["project_id"] == row._mapping["project_id"])
        if step and (size + count > STEP_SPANS or not same_project):
            yield step
            step, size = [], 0
        step.append(row)
        size += count
    if step:
        yield step


def _resume(position: TracePosition | None, row: Row) -> SpanPosition | None:
    """Where to go on inside this trace, if the search stopped in it."""
    if position is None or position.inside is None:
        return None
    fields = row._mapping
    same = (fields["project_id"], fields["trace_id"]) == (position.project_id, position.trace_id)
    return position.inside if same else None


def _search_small(connection: sa.Connection, step: Sequence[Row], query: TextQuery) -> set[object]:
    """Trace ids of this run in which a span matches."""
    rows = [row._mapping for row in step]
    attributes = sa.cast(spans.c.attributes, sa.Text)
    statement = sa.select(spans.c.trace_id, spans.c.name, attributes).where(
        spans.c.project_id == rows[0]["project_id"],
        spans.c.trace_id.in_([row["trace_id"] for row in rows]),
        spans.c.start_time_ns.between(
            min(row["start_time_ns"] for row in rows), max(row["last_start_ns"] for row in rows)
        ),
        query.may_match(spans.c.name, attributes),
    )
    hits: set[object] = set()
    with connection.execute(statement, execution_options=STREAMED) as result:
        for trace_id, name, attributes_json in result:
            if trace_id not in hits and query.matches(name, attributes_json):
                hits.add(trace_id)
    return hits


def _search_large(
    connection: sa.Connection,
    row: Row,
    query: TextQuery,
    after: SpanPosition | None,
    deadline: float,
) -> tuple[bool, SpanPosition | None]:
    """Whether a span of this trace matches; with a place to go on where time ran out before."""
    fields = row._mapping
    key = sa.tuple_(spans.c.start_time_ns, spans.c.span_id)
    whole = (
        spans.c.project_id == fields["project_id"],
        spans.c.trace_id == fields["trace_id"],
        spans.c.start_time_ns.between(fields["start_time_ns"], fields["last_start_ns"]),
    )
    attributes = sa.cast(spans.c.attributes, sa.Text)
    while True:
        here = list(whole)
        if after is not None:
            here.append(key > _place(after))
        last = connection.execute(
            sa.select(spans.c.start_time_ns, spans.c.span_id)
            .where(*here)
            .order_by(spans.c.start_time_ns, spans.c.span_id)
            .offset(STEP_SPANS - 1)
            .limit(1)
        ).first()
        bound = SpanPosition(*last) if last is not None else None
        if bound is not None:
            here.append(key <= _place(bound))
        statement = sa.select(spans.c.name, attributes).where(
            *here, query.may_match(spans.c.name, attributes)
        )
        with connection.execute(statement, execution_options=STREAMED) as result:
            if any(query.matches(name, attributes_json) for name, attributes_json in result):
                return True, None
        if bound is None:
            return False, None
        after = bound
        if time.monotonic() >= deadline:
            return False, after


def _place(position: SpanPosition) -> sa.Tuple:
    return sa.tuple_(
        sa.literal(position.start_time_ns, sa.BigInteger),
        sa.literal(position.span_id, sa.LargeBinary),
    )

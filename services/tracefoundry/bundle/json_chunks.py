"""``spans.otlp.NNNNNN.json``: the spans once more as OTLP/JSON, for other tools and for people.

Import never reads them. Strings that are not valid UTF-8, which JSON cannot hold, have U+FFFD here.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from tracefoundry.bundle.chunks import Emit
from tracefoundry.bundle.members import CHUNK_BYTES, numbered
from tracefoundry.model.span import Resource, Scope, Span
from tracefoundry.otlp import encode_json

_START: Final = b'{"resourceSpans":['
_END: Final = b"]}"
_CLOSE: Final = b"]}"


class JsonSpanChunks:
    """JSON chunks; consecutive spans of one resource and scope share their envelope."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._number = 0
        self._parts: list[bytes] = []
        self._size = len(_START) + len(_END)
        self._resource: Resource | None = None
        self._scope: Scope | None = None

    def add(self, span: Span) -> None:
        """Add a span in the form of :mod:`.payload_refs`."""
        text = _json(encode_json.span_form(span))
        opening = self._opening(span)
        closing = len(_CLOSE) * 2
        if self._parts and self._size + len(opening) + len(text) + closing > CHUNK_BYTES:
            self.close()
            opening = self._opening(span)
        self._resource, self._scope = span.resource, span.scope
        self._parts += (opening, text)
        self._size += len(opening) + len(text)

    def close(self) -> None:
        """Emit what has gathered."""
        if self._parts:
            content = b"".join((_START, *self._parts, _CLOSE, _CLOSE, _END))
            self._emit(numbered("spans_json", self._number), content)
            self._number += 1
        self._parts, self._size = [], len(_START) + len(_END)
        self._resource = self._scope = None

    def _opening(self, span: Span) -> bytes:
        """What stands between the span before and this one."""
        if self._resource is None or self._resource != span.resource:
            before = b"" if self._resource is None else _CLOSE + _CLOSE + b","
            resource = _json(encode_json.resource_form(span.resource))[:-1]
            return before + resource + b',"scopeSpans":[' + _scope_opening(span.scope)
        if self._scope != span.scope:
            return _CLOSE + b"," + _scope_opening(span.scope)
        return b","


def _scope_opening(scope: Scope) -> bytes:
    return _json(encode_json.scope_form(scope))[:-1] + b',"spans":['


def _json(form: Any) -> bytes:
    return orjson.dumps(form).decode("utf-8", "replace").encode()

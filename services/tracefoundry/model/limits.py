"""Limits that several packages keep to, each stated once.

A limit that only one module applies stands in that module.
"""

from __future__ import annotations

from typing import Final

from tracefoundry.model.times import DAY_NS

MAX_INLINE_BYTES: Final = 4096
"""Longest attribute value that may be metadata. A longer one is content, whatever its key: it
leaves the row for the payload store, and reading it needs the permission for content. Strings are
counted in UTF-8, arrays and objects as compact JSON."""

PREVIEW_CHARACTERS: Final = 256
"""Length of the preview of a payload."""

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""Longest OTLP/HTTP body, before and after decompression (OTLP 1.11), and so the largest payload:
what ingest accepts can be stored."""

WINDOW_AHEAD_NS: Final = DAY_NS
"""How far in the future a span may start: clocks differ, but not by more than a day."""

PROJECT_NAME_CHARACTERS: Final = 63
PROJECT_NAME_PATTERN: Final = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
"""Regular expression of a whole project name: 1 to 63 lower-case letters, digits and inner hyphens.
Names are parts of object names and of URLs."""

"""How much of an agent's content leaves the process, decided in one place.

``full`` sends messages, tool data and documents (the server redacts them), ``metadata`` sends their
sizes and roles, ``off`` sends nothing of them. A redaction hook sees every text before it leaves;
where it fails, the text is withheld. Content that the agent itself writes into attributes and
events goes through the hook too, so there is no second way out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tracefoundry_sdk import conventions as c
from tracefoundry_sdk.json_text import dumps, text_of, utf8_safe
from tracefoundry_sdk.safety import logger, warn_rarely

WITHHELD = "[withheld: the redaction hook failed]"
"""Stands for a text whose redaction hook raised or did not return a text."""

_INT64 = 1 << 63
Redact = Callable[[Any, str], Any]


class CaptureMode(StrEnum):
    """How much content is sent."""

    OFF = "off"
    METADATA = "metadata"
    FULL = "full"


_OTEL_MODES = {
    "true": CaptureMode.FULL,
    "span_only": CaptureMode.FULL,
    "span_and_event": CaptureMode.FULL,
    "false": CaptureMode.OFF,
    "no_content": CaptureMode.OFF,
    "event_only": CaptureMode.OFF,  # this SDK has no content events
}


def capture_mode(given: str | None = None, environ: Mapping[str, str] | None = None) -> CaptureMode:
    """The mode of an argument, else of ``TRACEFOUNDRY_CAPTURE``, else of OpenTelemetry's variable.

    A word that is none of the modes counts as ``off``, with an error in the log: a typing mistake
    must not send what somebody wanted kept.
    """
    env = os.environ if environ is None else environ
    for word, modes, source in (
        (given, {}, "capture="),
        (env.get("TRACEFOUNDRY_CAPTURE"), {}, "TRACEFOUNDRY_CAPTURE"),
        (
            env.get("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"),
            _OTEL_MODES,
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
        ),
    ):
        text = (word or "").strip().lower()
        if not text:
            continue
        known = modes or {mode.value: mode for mode in CaptureMode}
        if text not in known:
            logger.error("TraceFoundry: %s is none of %s: sent as off", source, ", ".join(known))
        return known.get(text, CaptureMode.OFF)
    return CaptureMode.FULL


@dataclass(frozen=True, slots=True)
class Content:
    """Content of one attribute, as a snapshot that is not yet text."""

    key: str
    value: Any  # what `json_text.snapshot` gives
    roles: tuple[str, ...] = ()  # of messages


@dataclass(frozen=True, slots=True)
class Capture:
    """The policy of one ``quick_start``."""

    mode: CaptureMode = CaptureMode.FULL
    redact: Redact | None = None

    @property
    def full(self) -> bool:
        """Content is sent."""
        return self.mode is CaptureMode.FULL

    @property
    def wanted(self) -> bool:
        """Content is looked at: it, or its size, is sent."""
        return self.mode is not CaptureMode.OFF

    def attributes_of(self, content: Content) -> dict[str, Any]:
        """What is sent for this content: its text, its size and roles, or nothing."""
        if self.mode is CaptureMode.OFF:
            return {}
        text = _as_text(content.value)
        if self.mode is CaptureMode.FULL:
            return {content.key: self.redacted(text, content.key)}
        slot = content.key.removeprefix("gen_ai.").replace(".", "_")
        attributes: dict[str, Any] = {f"{c.CONTENT_PREFIX}{slot}.bytes": len(text.encode())}
        if content.roles:
            attributes[f"{c.CONTENT_PREFIX}{slot}.roles"] = list(content.roles)
        return attributes

    def redacted(self, text: str, key: str) -> str:
        """The text that may leave the process, as the hook gives it."""
        if self.redact is None:
            return text
        try:
            found = self.redact(text, key)
        except Exception:  # noqa: BLE001 - a hook of the agent's may raise anything; withhold then
            warn_rarely("TraceFoundry: the redaction hook raised; the value is withheld")
            return WITHHELD
        if type(found) is not str:
            warn_rarely("TraceFoundry: the redaction hook returned no text; the value is withheld")
            return WITHHELD
        return utf8_safe(found)

    def plain(self, key: str, value: Any) -> Any:
        """An attribute value that the agent chose itself, after the hook."""
        if isinstance(value, bool | float) or (
            isinstance(value, int) and -_INT64 <= value < _INT64
        ):
            return value
        if isinstance(value, str):
            return self.redacted(utf8_safe(value), key)
        if isinstance(value, list | tuple) and value and _same_atoms(value):
            if isinstance(value[0], str):
                return [self.redacted(utf8_safe(item), key) for item in value]
            return list(value)
        return self.redacted(text_of(value), key)


def _as_text(value: Any) -> str:
    return utf8_safe(value) if isinstance(value, str) else dumps(value)


def _same_atoms(values: list[Any] | tuple[Any, ...]) -> bool:
    kind = type(values[0])
    return kind in (str, bool, int, float) and all(type(value) is kind for value in values)

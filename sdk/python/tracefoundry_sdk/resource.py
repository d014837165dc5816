"""The resource attributes of an agent, from its ``OTEL_*`` environment.

An agent is deployed by people who do not write its code, so its name and environment come from
outside. The rules are OpenTelemetry's, and are kept here in one pure function, so that every way
into this SDK describes the same process in the same words.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

SERVICE_NAME = "service.name"
ENVIRONMENT = "deployment.environment.name"
OLD_ENVIRONMENT = "deployment.environment"
"""What semantic conventions before 1.27 call :data:`ENVIRONMENT`; many deployments still do."""

_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_logger = logging.getLogger(__name__)


def resource_attributes(
    given: Mapping[str, str] | None = None, *, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Resource attributes of this process.

    From weakest to strongest: ``OTEL_RESOURCE_ATTRIBUTES``, ``OTEL_SERVICE_NAME`` (for
    ``service.name``), and what the program gives itself. Where none names the service it is
    ``unknown_service:<executable>``. An environment under its old key
    ``deployment.environment`` alone is repeated under the new one.

    A malformed ``OTEL_RESOURCE_ATTRIBUTES`` is dropped whole with a warning in the log, as the
    specification asks: telemetry must not stop an agent, and half of a list would mislead.

    Args:
        given: attributes set in code.
        environ: the environment to read; by default the process's own.

    Source: OpenTelemetry specification, "Resource SDK" (specifying resource information via an
    environment variable) and "SDK environment variables" (an empty variable counts as unset).
    """
    env = os.environ if environ is None else environ
    try:
        attributes = parse_resource_attributes(env.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    except ValueError as error:
        # The value is not logged, because it may be confidential.
        _logger.warning("OTEL_RESOURCE_ATTRIBUTES is ignored: %s", error)
        attributes = {}
    if service := env.get("OTEL_SERVICE_NAME", "").strip():
        attributes[SERVICE_NAME] = service
    attributes.update(given or {})
    if not attributes.get(SERVICE_NAME):
        attributes[SERVICE_NAME] = _unknown_service()
    if ENVIRONMENT not in attributes and OLD_ENVIRONMENT in attributes:
        attributes[ENVIRONMENT] = attributes[OLD_ENVIRONMENT]
    return attributes


def parse_resource_attributes(text: str) -> dict[str, str]:
    """The attributes of a list ``key1=value1,key2=value2``.

    Space around keys and values is dropped, then both are percent-decoded as UTF-8. Of equal
    keys the last wins; empty members (a trailing comma) are passed over. An ``=`` in a value
    should be encoded but is kept, because no other reading of it is possible.

    Raises:
        ValueError: a member has no ``=`` or no key, or its percent-encoding is broken. The
            message gives the member's position, counted from 1, and never its content.
    """
    attributes: dict[str, str] = {}
    for position, member in enumerate(text.split(","), start=1):
        if not member.strip():
            continue
        key, separator, value = member.partition("=")
        if not separator:
            raise ValueError(f"member {position} is no key=value")
        decoded_key = _decode(key.strip(), position)
        if not decoded_key:
            raise ValueError(f"member {position} has an empty key")
        attributes[decoded_key] = _decode(value.strip(), position)
    return attributes


def _decode(text: str, position: int) -> str:
    if _STRAY_PERCENT.search(text):
        raise ValueError(f"member {position} has a % that begins no two hex digits (write it %25)")
    try:
        return unquote(text, encoding="utf-8", errors="strict")
    except UnicodeDecodeError:
        raise ValueError(f"member {position} does not decode to UTF-8") from None


def _unknown_service() -> str:
    executable = Path(sys.executable).name if sys.executable else ""
    return f"unknown_service:{executable}" if executable else "unknown_service"

"""Filters of the collector by attribute key: secrets, and the user's lists of keys.

Keys of the lists are literal. They become regular expressions of the collector's statement language
in a configuration file, so they need the escapes of all three.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tracefoundry_operator.api.instance import AttributeFilter

ALWAYS_KEPT = (
    r"gen_ai\.",
    r"service\.",
    r"tracefoundry\.",
    r"deployment\.environment(\.name)?$",
    # For log records without the field EventName; ingest refuses records that have neither.
    r"event\.name$",
)
"""Prefixes of keys, and whole keys, that an allowlist always keeps: traces have their name, project
and environment from them, and ingest recognises GenAI events by them."""

KUBERNETES_KEPT = r"k8s\."
"""Also kept when Kubernetes attributes are enabled: they are added before the filter."""

SECRET_KEYS = (
    r"(?i)(^|[._-])(password|passwd|passphrase|secret|client_secret|api[_-]?key|apikey)$",
    r"(?i)(^|[._-])(authorization|proxy-authorization|cookie|set-cookie)$",
    r"(?i)(^|[._-])(access|refresh|auth|id|session|bearer)[_-]?token$",
    r"(?i)(^|[._-])(private[_-]?key|signing[_-]?key|credentials)$",
)
"""Keys whose values are masked before they enter the queue, unless redaction is off."""


def statements(attributes: AttributeFilter, *, kubernetes: bool) -> list[str]:
    """Statements of the transform processor that keep and remove keys, for every context."""
    found = []
    if attributes.allow:
        kept = [*ALWAYS_KEPT, *(f"{_exactly(key)}$" for key in attributes.allow)]
        if kubernetes:
            kept.append(KUBERNETES_KEPT)
        pattern = f"^({'|'.join(kept)})"
        found.append(f"keep_matching_keys(attributes, {quoted(pattern)})")
    if attributes.drop:
        pattern = f"^({_alternatives(attributes.drop)})$"
        found.append(f"delete_matching_keys(attributes, {quoted(pattern)})")
    return found


def _alternatives(keys: Iterable[str]) -> str:
    return "|".join(_exactly(key) for key in keys)


def _exactly(key: str) -> str:
    """A regular expression that matches only this text; special characters by code point."""
    return re.sub(r"[^A-Za-z0-9_]", lambda match: f"\\x{{{ord(match[0]):x}}}", key)


def quoted(text: str) -> str:
    """A string literal of the statement language, for a file where ``$`` starts a reference."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{literal(escaped)}"'


def literal(text: str) -> str:
    """Text for a configuration file, where ``$`` starts a reference."""
    return text.replace("$", "$$")

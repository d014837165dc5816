"""Redacts the values of attribute maps in tagged JSON form, key by key, and fails closed.

The types of values stay: what is bytes stays bytes, what is an array stays one. Only a value that
goes as a whole (its key is denied, or the engine failed on it) becomes a string that says so.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Protocol

from tracefoundry.model.attributes import (
    broken_text,
    obj,
    raw_bytes,
    tag_of,
    text,
    type_name,
    untag,
)
from tracefoundry.model.span import Attributes
from tracefoundry.redaction.assigned_values import Structure, is_secret
from tracefoundry.redaction.denied_keys import DENIED_KEY, SCHEMA_VALUES, KeyNames, is_schema
from tracefoundry.redaction.policy import STRICT_VALUE_BYTES, AllowedKeys
from tracefoundry.redaction.repeated_secrets import RepeatedSecrets
from tracefoundry.redaction.report import (
    ENGINE_ERROR,
    MARKER,
    NOT_ALLOWED,
    WITHHELD,
    Withheld,
    marker,
)
from tracefoundry.redaction.secret_names import NameKind
from tracefoundry.redaction.user_passwords import ASSIGNED_SECRET

_DENIED_MARKER = marker(DENIED_KEY)
_ASSIGNED_MARKER = marker(ASSIGNED_SECRET)


class Tally:
    """What was done so far to one span, log, resource or scope."""

    __slots__ = ("counts", "place", "repeated", "withheld")

    def __init__(self, place: str) -> None:
        self.counts: Counter[str] = Counter()
        self.withheld: list[Withheld] = []
        self.place = place
        self.repeated = RepeatedSecrets()


class TextFilter(Protocol):
    """What takes something out of a text."""

    def redact(
        self, text: bytes, counts: Counter[str], repeated: RepeatedSecrets | None = None
    ) -> bytes: ...


class ValueRedactor:
    """One policy, applied to attribute maps, values and names."""

    def __init__(self, texts: TextFilter, names: KeyNames, allowed: AllowedKeys | None) -> None:
        """``allowed`` is the allowlist of strict mode, None in standard mode."""
        self._texts = texts
        self._names = names
        self._allowed = allowed

    def attributes(
        self, attributes: Attributes, tally: Tally, event: str | None = None
    ) -> Attributes:
        """The attributes as the policy leaves them. Keys stay in order.

        ``event`` is the name of the span event or log record that they belong to.
        """
        kept: Attributes = {}
        numbers: dict[str, int] = {}
        for key, value in attributes.items():
            new_key = _unused(self.label(key, tally), kept, numbers)
            if self._allowed is not None and not _strict_keeps(self._allowed, key, event, value):
                tally.counts[NOT_ALLOWED] += 1
                tally.withheld.append(Withheld(tally.place, new_key, type_name(value), "redacted"))
                continue
            kept[new_key] = self.guarded(key, value, tally, new_key)
        return kept

    def guarded(self, key: str, value: Any, tally: Tally, shown_key: str | None = None) -> Any:
        """A top-level value, or ``[withheld]`` where the engine fails on it."""
        counts = Counter(tally.counts)
        try:
            return self._keyed(key, value, tally)
        except Exception:  # noqa: BLE001 - fail closed: whatever went wrong, the value must not pass
            tally.counts = counts
            tally.counts[ENGINE_ERROR] += 1
            tally.withheld.append(
                Withheld(tally.place, shown_key or key, type_name(value), "withheld")
            )
            return WITHHELD

    def _keyed(self, key: str, value: Any, tally: Tally) -> Any:
        kind = self._names.kind(key)
        if kind is not NameKind.DENIED:
            if kind is not NameKind.NO_SECRET and is_secret_of(key, kind, value, self._names):
                tally.counts[ASSIGNED_SECRET] += 1
                tally.repeated.remember(value.encode("utf-8"), ASSIGNED_SECRET)
                return _ASSIGNED_MARKER
            return self._value(value, tally)
        if type(value) is dict and is_schema(value):
            return {
                name: self._denied(item, tally)
                if name in SCHEMA_VALUES
                else self._value(item, tally)
                for name, item in value.items()
            }
        return self._denied(value, tally)

    def _denied(self, value: Any, tally: Tally) -> Any:
        # Empty values and flags stay: an empty password is worth seeing, and is not a secret.
        if value is None or value is True or value is False or value in ("", [], {}):
            return value
        if type(value) is str and MARKER.fullmatch(value.encode("utf-8", "replace")):
            return value
        tally.counts[DENIED_KEY] += 1
        for item in value if type(value) is list else (value,):
            if type(item) is str:
                tally.repeated.remember(item.encode("utf-8", "replace"), DENIED_KEY)
        return _DENIED_MARKER

    def _value(self, value: Any, tally: Tally) -> Any:
        kind = type(value)
        if kind is str:
            return self._text(value, tally)
        if kind is list:
            return [self._value(item, tally) for item in value]
        if kind is not dict:
            return value
        tag = tag_of(value)
        if tag == "$double":
            return value
        if tag in ("$bytes", "$text"):
            return self._tagged_bytes(tag, value, tally)
        redacted: Attributes = {}
        numbers: dict[str, int] = {}
        for key, item in (value["$object"] if tag else value).items():
            new_key = _unused(self._text(key, tally), redacted, numbers)
            redacted[new_key] = self._keyed(key, item, tally)
        return obj(redacted)

    def _tagged_bytes(self, tag: str, value: dict[str, Any], tally: Tally) -> Any:
        content = untag(value)
        if not isinstance(content, bytes):
            raise TypeError(f"{tag} does not hold bytes")
        redacted = self._texts.redact(content, tally.counts, tally.repeated)
        if redacted is content:
            return value
        if tag == "$bytes":
            return raw_bytes(redacted)
        try:
            return text(redacted.decode("utf-8"))
        except UnicodeDecodeError:
            return broken_text(redacted)

    def _text(self, value: str, tally: Tally) -> str:
        content = value.encode("utf-8")
        redacted = self._texts.redact(content, tally.counts, tally.repeated)
        return value if redacted is content else redacted.decode("utf-8")

    def label(self, value: str, tally: Tally) -> str:
        """A name or key, or ``[withheld]`` where the engine fails on it."""
        if not value:
            return value
        counts = Counter(tally.counts)
        try:
            return self._text(value, tally)
        except Exception:  # noqa: BLE001 - fail closed, as for values
            tally.counts = counts
            tally.counts[ENGINE_ERROR] += 1
            return WITHHELD


def is_secret_of(key: str, kind: NameKind, value: Any, names: KeyNames) -> bool:
    """Whether the value of a key that is not denied is a secret for its looks."""
    if type(value) is not str:
        return False
    try:
        content = value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return is_secret(content, key, kind, Structure.QUOTED, names)


def _unused(key: str, taken: Attributes, numbers: dict[str, int]) -> str:
    """The key, numbered where redaction made two keys equal: neither value may get lost."""
    if key not in taken:
        return key
    # Numbers are remembered, or a map of 100,000 secrets as keys would take quadratic time.
    number = numbers.get(key, 1) + 1
    while f"{key} {number}" in taken:
        number += 1
    numbers[key] = number
    return f"{key} {number}"


def _strict_keeps(allowed: AllowedKeys, key: str, event: str | None, value: Any) -> bool:
    if not allowed.allows(key, event):
        return False
    if type(value) is str:
        return len(value) <= STRICT_VALUE_BYTES
    return type(value) is not dict or tag_of(value) == "$double"

"""Redaction of spans, logs and resources: every text and key in them, in place.

Nearly all spans are clean, so there is a fast path to that answer. A protobuf body is prefiltered
whole (:meth:`Redactor.body_is_clean`); then only keys are looked at, of which a process sees few
different ones. In other cases all texts of a span are joined and prefiltered. Only a span that
fails this is redacted value by value. A value on which the engine fails is withheld, never passed
on.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from tracefoundry.model.attributes import tag_of, type_name
from tracefoundry.model.span import Attributes, LogRecord, Resource, Scope, Span
from tracefoundry.redaction.denied_keys import KeyNames
from tracefoundry.redaction.policy import AllowedKeys, Mode, Policy
from tracefoundry.redaction.report import (
    NOT_ALLOWED,
    NOTHING,
    Report,
    Withheld,
    merged,
    report_of,
)
from tracefoundry.redaction.secret_names import NameKind
from tracefoundry.redaction.texts import TextRedactor
from tracefoundry.redaction.values import Tally, ValueRedactor, is_secret_of

_PLAIN_TYPES = frozenset({str, int, float, bool, type(None)})


class Redactor:
    """A policy at work. It remembers keys and the last envelope: use one in each thread.

    Native integers and doubles are kept (except under a denied key): ids, times and counts are
    numbers, and only a check digit would tell a card number from them. In text, and so in
    JSON text, card numbers are found.

    Attributes:
        policy: what it applies.
        version: the policy's version, for the rows.
        totals: rule to count over all that was redacted; a resource or scope counts once an
            envelope.
    """

    _KNOWN_KEYS = 20_000
    _KNOWN_KEY_CHARACTERS = 256

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.version = policy.version
        self.totals: Counter[str] = Counter()
        self._off = policy.mode is Mode.OFF
        self._strict = policy.mode is Mode.STRICT
        self._names = KeyNames(policy.deny_keys, policy.allow_keys)
        texts = TextRedactor(policy, self._names)
        allowed = AllowedKeys(policy.allow_keys) if self._strict else None
        self._values = ValueRedactor(texts, self._names, allowed)
        self._is_clean = texts.prefilter.is_clean
        self._known_keys: set[str] = set()
        self._resource: Resource | None = None
        self._resource_report = NOTHING
        self._scope: Scope | None = None
        self._scope_report = NOTHING

    def body_is_clean(self, body: bytes) -> bool:
        """Whether nothing in a protobuf body needs a closer look, but for its keys.

        Where it says so, hand ``text_is_clean=True`` to :meth:`redact_span` for all its spans.
        Never use it on a JSON body, whose own escapes hide text. In strict mode the answer is
        False, because what is kept does not depend on text alone.
        """
        return self._off or (not self._strict and self._is_clean(body))

    def redact_span(self, span: Span, *, text_is_clean: bool = False) -> Report:
        """Redact a span in place, its resource and scope with it (once an envelope).

        ``genai`` is not looked at: derive it afterwards.
        """
        if self._off:
            return NOTHING
        resource, scope = span.resource, span.scope
        if resource is not self._resource:
            self.redact_resource(resource, text_is_clean=text_is_clean)
        if scope is not self._scope:
            self._redact_scope(scope, text_is_clean)
        own = NOTHING
        if self._strict or not self._span_is_clean(span, text_is_clean):
            own = self._redact_span(span)
        if own is NOTHING and self._resource_report is NOTHING and self._scope_report is NOTHING:
            return NOTHING
        return merged(own, self._resource_report, self._scope_report)

    def redact_log(self, log: LogRecord, *, text_is_clean: bool = False) -> Report:
        """Redact a log record in place, its resource and scope with it."""
        if self._off:
            return NOTHING
        if log.resource is not self._resource:
            self.redact_resource(log.resource, text_is_clean=text_is_clean)
        if log.scope is not self._scope:
            self._redact_scope(log.scope, text_is_clean)
        texts = [] if text_is_clean else [log.name, log.severity_text]
        if self._strict or not (
            self._attributes_are_clean(log.attributes, texts, text_is_clean)
            and self._values_are_clean([log.body], texts, text_is_clean)
            and self._joined_is_clean(texts)
        ):
            own = self._redact_log(log)
        else:
            own = NOTHING
        return merged(own, self._resource_report, self._scope_report)

    def redact_resource(self, resource: Resource, *, text_is_clean: bool = False) -> Report:
        """Redact a resource in place; the one that was redacted last is not done again."""
        if self._off or resource is self._resource:
            return NOTHING if self._off else self._resource_report
        self._resource_report = NOTHING
        texts = [] if text_is_clean else [resource.schema_url]
        if self._strict or not (
            self._attributes_are_clean(resource.attributes, texts, text_is_clean)
            and self._joined_is_clean(texts)
        ):
            tally = Tally("resource")
            resource.attributes = self._values.attributes(resource.attributes, tally)
            resource.schema_url = self._values.label(resource.schema_url, tally)
            self._resource_report = self._counted(tally)
        self._resource = resource
        return self._resource_report

    def redact_text(self, value: str) -> tuple[str, Report]:
        """A text without secrets, and what was taken out. Content under a key of its own should
        come through :meth:`redact_span`, where the key is judged too."""
        if self._off:
            return value, NOTHING
        tally = Tally("text")
        redacted = self._values.label(value, tally)
        return redacted, self._counted(tally)

    # Fast path: nothing to redact.

    def _span_is_clean(self, span: Span, text_is_clean: bool) -> bool:
        attributes = span.attributes
        if text_is_clean:
            if (
                not span.events
                and not span.links
                and self._known_keys.issuperset(attributes)
                and _PLAIN_TYPES.issuperset(map(type, attributes.values()))
            ):
                return True
            texts: list[str] = []
        else:
            texts = [span.name, span.status_message, span.trace_state]
        if not self._attributes_are_clean(attributes, texts, text_is_clean):
            return False
        for event in span.events:
            texts.append(event.name)
            if not self._attributes_are_clean(event.attributes, texts, text_is_clean):
                return False
        for link in span.links:
            texts.append(link.trace_state)
            if not self._attributes_are_clean(link.attributes, texts, text_is_clean):
                return False
        return text_is_clean or self._joined_is_clean(texts)

    def _joined_is_clean(self, texts: list[str]) -> bool:
        try:
            return self._is_clean("\n".join(texts).encode("utf-8"))
        except UnicodeEncodeError:
            return False

    def _attributes_are_clean(
        self, attributes: Attributes, texts: list[str], text_is_clean: bool
    ) -> bool:
        """Whether no key is denied or a secret; collects the texts to be screened."""
        if not self._known_keys.issuperset(attributes) and not self._learn(attributes):
            return False
        values = attributes.values()
        if _PLAIN_TYPES.issuperset(map(type, values)):
            if not text_is_clean:
                texts += [value for value in values if type(value) is str]
            return True
        return self._values_are_clean(values, texts, text_is_clean)

    def _values_are_clean(self, values: Any, texts: list[str], text_is_clean: bool) -> bool:
        for value in values:
            kind = type(value)
            if kind is str:
                if not text_is_clean:
                    texts.append(value)
            elif kind is list:
                if not self._values_are_clean(value, texts, text_is_clean):
                    return False
            elif kind is dict:
                tag = tag_of(value)
                if tag == "$double":
                    continue
                if tag in ("$bytes", "$text"):
                    if not text_is_clean:
                        return False
                    continue
                inner = value["$object"] if tag else value
                if not self._attributes_are_clean(inner, texts, text_is_clean):
                    return False
        return True

    def _learn(self, attributes: Attributes) -> bool:
        """Remember the keys that are no secrets and whose values never are; False where one is a
        secret or has one."""
        for key, value in attributes.items():
            if key in self._known_keys:
                continue
            kind = self._names.kind(key)
            if kind is NameKind.DENIED or (
                kind is not NameKind.NO_SECRET and is_secret_of(key, kind, value, self._names)
            ):
                return False
            try:
                if not self._is_clean(key.encode("utf-8")):
                    return False
            except UnicodeEncodeError:
                return False
            if kind is not NameKind.NO_SECRET or len(key) > self._KNOWN_KEY_CHARACTERS:
                continue
            if len(self._known_keys) >= self._KNOWN_KEYS:
                self._known_keys.clear()
            self._known_keys.add(key)
        return True

    # Slow path: redact value by value.

    def _redact_span(self, span: Span) -> Report:
        tally = Tally("span")
        self._redact_places(span, tally, self._values)
        if tally.repeated:
            tally.place = "span"
            self._redact_places(span, tally, self._again(tally))
        return self._counted(tally)

    def _again(self, tally: Tally) -> ValueRedactor:
        """Takes out what was taken out once, wherever else it stands."""
        return ValueRedactor(tally.repeated, self._names, None)

    def _redact_places(self, span: Span, tally: Tally, values: ValueRedactor) -> None:
        span.name = values.label(span.name, tally)
        span.status_message = values.label(span.status_message, tally)
        span.trace_state = values.label(span.trace_state, tally)
        span.attributes = values.attributes(span.attributes, tally)
        for index, event in enumerate(span.events):
            tally.place = f"events/{index}"
            event.attributes = values.attributes(event.attributes, tally, event.name)
            event.name = values.label(event.name, tally)
        for index, link in enumerate(span.links):
            tally.place = f"links/{index}"
            link.trace_state = values.label(link.trace_state, tally)
            link.attributes = values.attributes(link.attributes, tally)

    def _redact_log(self, log: LogRecord) -> Report:
        tally = Tally("log")
        self._redact_places_of_log(log, tally, self._values)
        if self._strict:
            if log.body is not None:
                tally.counts[NOT_ALLOWED] += 1
                tally.withheld.append(Withheld("log", "body", type_name(log.body), "redacted"))
            log.body = None
        else:
            log.body = self._values.guarded("body", log.body, tally)
        if tally.repeated:
            again = self._again(tally)
            self._redact_places_of_log(log, tally, again)
            log.body = again.guarded("body", log.body, tally)
        return self._counted(tally)

    def _redact_places_of_log(self, log: LogRecord, tally: Tally, values: ValueRedactor) -> None:
        log.attributes = values.attributes(log.attributes, tally, log.name)
        log.name = values.label(log.name, tally)
        log.severity_text = values.label(log.severity_text, tally)

    def _redact_scope(self, scope: Scope, text_is_clean: bool) -> None:
        self._scope_report = NOTHING
        texts = [] if text_is_clean else [scope.name, scope.version, scope.schema_url]
        if self._strict or not (
            self._attributes_are_clean(scope.attributes, texts, text_is_clean)
            and self._joined_is_clean(texts)
        ):
            tally = Tally("scope")
            scope.name = self._values.label(scope.name, tally)
            scope.version = self._values.label(scope.version, tally)
            scope.schema_url = self._values.label(scope.schema_url, tally)
            scope.attributes = self._values.attributes(scope.attributes, tally)
            self._scope_report = self._counted(tally)
        self._scope = scope

    def _counted(self, tally: Tally) -> Report:
        self.totals.update(tally.counts)
        return report_of(tally.counts, tally.withheld)

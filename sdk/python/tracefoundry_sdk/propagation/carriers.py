"""The trace context in carriers: headers of requests and messages, as W3C Trace Context has it.

The format is that of OpenTelemetry's global propagator: W3C, unless ``OTEL_PROPAGATORS`` says
otherwise. A carrier that cannot be read gives an empty context, as if it had no header.
``opentelemetry.propagate`` is imported where it is used: it raises where that variable is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter, Setter

from tracefoundry_sdk.safety import never_raises
from tracefoundry_sdk.spans.base import context_of_call, with_remote_parent

Pairs = Iterable[tuple[str | bytes, Any]]
"""Headers as pairs: those of ASGI and Kafka, whose values are bytes."""

Texts = dict[str, list[str]]


class _TextsGetter(Getter[Texts]):
    """Looks names up whatever their case: HTTP servers change it."""

    def get(self, carrier: Texts, key: str) -> list[str] | None:
        return carrier.get(key.lower())

    def keys(self, carrier: Texts) -> list[str]:
        return list(carrier)


class _HeadersSetter(Setter[Any]):
    """Sets a header in a mapping, or replaces it in a list of pairs with values of bytes."""

    def set(self, carrier: Any, key: str, value: str) -> None:
        if isinstance(carrier, list):
            carrier[:] = [pair for pair in carrier if _text(pair[0]) != key]
            carrier.append((key, value.encode()))
        else:
            carrier[key] = value


_GETTER = _TextsGetter()
_SETTER = _HeadersSetter()


@never_raises(None)
def inject(carrier: MutableMapping[str, str] | list[tuple[str, bytes]]) -> None:
    """Write the current trace context into the carrier.

    Args:
        carrier: a mapping of headers, or a list of pairs as producers of Kafka take it.
    """
    from opentelemetry import propagate

    propagate.inject(carrier, context=context_of_call(), setter=_SETTER)


def extract(carrier: Mapping[str, Any] | Pairs | None) -> Context:
    """The context that a carrier brings; for ``opentelemetry.context.attach``.

    Args:
        carrier: headers as a mapping or as pairs; names in any case, values of text or bytes.
    """
    return extract_into(Context(), texts(carrier))


def extract_into(base: Context, carrier: Texts) -> Context:
    """The context ``base`` with the trace and the baggage of the carrier, if it has them."""
    return _extracted(base, carrier) or base


@never_raises(None)
def _extracted(base: Context, carrier: Texts) -> Context:
    from opentelemetry import propagate

    return with_remote_parent(propagate.extract(carrier, context=base, getter=_GETTER))


@never_raises({})
def texts(carrier: Mapping[str, Any] | Pairs | None) -> Texts:
    """The headers of a carrier that are text, by their name in lower case."""
    if carrier is None:
        return {}
    found: Texts = {}
    for name, value in carrier.items() if isinstance(carrier, Mapping) else carrier:
        key = _text(name)
        values = value if isinstance(value, list | tuple) else [value]
        decoded = [text for text in map(_text, values) if text is not None]
        if key is not None and decoded:
            found.setdefault(key.lower(), []).extend(decoded)
    return found


def _text(value: Any) -> str | None:
    """Text or bytes as text; None for anything else, such as bytes that are no UTF-8."""
    if isinstance(value, bytes | bytearray):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return None
    return value if isinstance(value, str) else None

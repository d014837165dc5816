"""Which keys name a secret, whatever the value looks like, and their values in JSON text.

Keys come as ``api_key``, ``apiKey``, ``X-API-Key``, ``http.request.header.authorization``: they are
compared as lower-case words joined by ``_``. What only counts or describes must not match, or a
trace loses its token counts: ``gen_ai.usage.input_tokens``, ``llm.token_count.prompt``,
``next_page_token``, ``token_type``, ``cookie_enabled``.

In JSON text the values under denied keys are found without a parser: an SDK may have cut the text
off, it may hold several documents, or be prose with JSON in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator

from tracefoundry.redaction.re2_patterns import Pattern, compiled
from tracefoundry.redaction.report import MARKER
from tracefoundry.redaction.secret_names import NameKind, kind_of_words

DENIED_KEY = "denied_key"
"""Rule name of values that were taken out because of their key."""

_CAMEL = re.compile(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])")
_SEPARATORS = re.compile(r"[^a-z0-9]+")

_DENIED = re.compile(
    r"passw(?:or)?d|passphrase|passcode"
    r"|secrets?(?:_|$)|secret_?key"
    r"|api_?keys?(?:_|$)"
    r"|(?:access|private|signing|encryption|decryption|ssh|pgp|gpg|account|master|auth|session"
    r"|service|storage)_?keys?(?:_|$)"
    r"|(?:^|_)(?:proxy_)?authorization(?:_header)?(?:_\d+)?$"
    r"|(?:^|_)(?:set_)?cookies?(?:_|$)"
    r"|(?:^|_)credentials?(?:_|$)"
    r"|(?:^|_)(?:bearer|jwt|csrf|xsrf|cvv|cvc|ssn)(?:_|$)"
    r"|(?:^|_)(?:social_security|card_number|credit_card)(?:_|$)"
    r"|(?:^|_)(?:requirepass|masterauth|secure_?string)$|(?:client|tls|ssl|server)_key_data$"
    r"|token(?:_value)?$"
)
_DESCRIBES = re.compile(
    r"_(?:count|counts|type|types|enabled|required|length|len|limit|expiry|expires|expires_at"
    r"|expires_in|expiration|policy|version|ref|arn|usage|name|names|hint|location)$"
    r"|(?:^|_)(?:next|previous|prev|page|paging|continuation|pagination|sync|resume|cursor|pad|eos"
    r"|bos|sep|cls|mask|unk|stop|special|start|end|begin|first|last|next_page|max|min|per|each"
    r"|cancellation|new|input|output|time_per|time_per_output|to_first|time_to_first|cost_per"
    r"|logprob|draft)"
    r"_token$"
)

WORDS = (
    r"passwo?r?d|passphrase|passcode|secret"
    r"|(?:api|access|private|signing|encryption|decryption|ssh|pgp|gpg|account|master|auth|session"
    r"|service|storage)[^A-Za-z0-9\"]{0,8}key|authorization|cookie|credential|bearer|jwt|csrf|xsrf"
    r"|cvv|cvc|ssn|social[^A-Za-z0-9\"]{0,8}security|card[^A-Za-z0-9\"]{0,8}number"
    r"|credit[^A-Za-z0-9\"]{0,8}card"
)
"""RE2, ignoring case: a denied key of the built-in list contains one of these, or ends in
:data:`WORDS_AT_END`. Words may be joined by up to 8 other characters."""

WORDS_AT_END = r"token(?:[^A-Za-z0-9\"]{0,8}value)?"

LOG_PROBABILITY = re.compile(rb'"\s*,\s*"(?:logprob|bytes|prob)"')
"""What follows ``"token": "word`` in a model's answer with log probabilities: there a token is a
part of a word."""


def words_of(key: str) -> str:
    """The key's words, lower case, joined by ``_``."""
    return _SEPARATORS.sub("_", _CAMEL.sub(r"\1\3_\2\4", key).lower()).strip("_")


def words_of_user(keys: Iterable[str]) -> list[str]:
    """RE2 for the user's denied keys, ignoring case, with any separators between words."""
    return [r"[^A-Za-z0-9\"]{0,8}".join(words_of(key).split("_")) for key in keys]


class KeyNames:
    """The denied keys of one policy: the built-in ones and the user's.

    A key that the user allows is exempt from the built-in list, not from the user's own denials.
    A user's entry is found anywhere in a key at word boundaries: ``customer.name`` also denies
    ``order.customerName.first``.
    """

    _CACHE_KEYS = 20_000
    _CACHE_KEY_CHARACTERS = 256

    def __init__(self, deny: Iterable[str], allow: Iterable[str]) -> None:
        self._deny = tuple(f"_{words_of(key)}_" for key in deny)
        self._allow = frozenset(allow)
        self._verdicts: dict[str, NameKind] = {}

    def denied(self, key: str) -> bool:
        """Whether the value of this key is taken out whole."""
        return self.kind(key) is NameKind.DENIED

    def kind(self, key: str) -> NameKind:
        """What the key says about its value."""
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = self._judge(key)
            if len(key) <= self._CACHE_KEY_CHARACTERS:
                if len(self._verdicts) >= self._CACHE_KEYS:
                    self._verdicts.clear()
                self._verdicts[key] = verdict
        return verdict

    def _judge(self, key: str) -> NameKind:
        words = words_of(key)
        padded = f"_{words}_"
        if any(entry in padded for entry in self._deny):
            return NameKind.DENIED
        if key in self._allow or _DESCRIBES.search(words) is not None:
            return NameKind.NO_SECRET
        if _DENIED.search(words) is not None:
            return NameKind.DENIED
        return kind_of_words(words)


_CASE = re.compile(rb"\bcase\Z")


def is_compared(before: bytes) -> bool:
    """Whether the name behind this text is compared with something: ``if key == "password":``."""
    end = before[-24:].rstrip()
    return end.endswith((b"==", b"!=")) or (end.endswith(b"case") and _CASE.search(end) is not None)


SCHEMA_VALUES = frozenset(["default", "const", "value", "example", "examples", "enum"])
"""Members of a JSON schema that hold values of what it describes."""
_SCHEMA_KEYS = SCHEMA_VALUES | {
    "type", "description", "title", "format", "pattern", "minLength", "maxLength",
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "items",
    "prefixItems", "minItems", "maxItems", "uniqueItems", "properties", "required",
    "additionalProperties", "minProperties", "maxProperties", "anyOf", "oneOf", "allOf",
    "not", "$ref", "$defs", "nullable", "readOnly", "writeOnly", "deprecated",
    "contentEncoding", "contentMediaType", "sensitive",
    # of the service models of AWS
    "shape", "documentation", "members", "location", "locationName", "idempotencyToken", "box",
    "min", "max",
}  # fmt: skip
_SCHEMA_MARKS = frozenset(
    ["type", "shape", "description", "$ref", "anyOf", "oneOf", "allOf", "enum"]
)
_SCHEMA_BYTES = 16_384


def is_schema(keys: Collection[str]) -> bool:
    """Whether an object with these keys describes a value, as in the definition of a tool, and is
    no value itself."""
    return not _SCHEMA_MARKS.isdisjoint(keys) and _SCHEMA_KEYS.issuperset(keys)


_STRING = re.compile(rb'"(?:[^"\\]|\\.)*("?)', re.DOTALL)
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
_PREFIXED_STRING = re.compile(rb"([bBfFrRuU]{1,2}\"|[bBfFrRuU]{0,2}')((?:[^\"'\\\r\n]|\\.)*)[\"']?")
"""A string of Python, in a text that is code and not JSON."""
_BARE_VALUE = re.compile(rb'[^\s,\[\]{}"\\]+')
_NO_SECRETS = frozenset([b"null", b"true", b"false", b"None", b"True", b"False", b"undefined"])
_CODE = re.compile(rb"[A-Za-z_]\w*(?:(?:\.|->|::)[A-Za-z_]\w*)+\(?.*|[A-Za-z_]\w*\(.*", re.ASCII)
"""A name with points, or a call."""
_KEY_OF_OBJECT = re.compile(rb'"([^"\\]*)"\s*:')
_SCHEMA_VALUE = re.compile(rb'"(?:%s)"\s*:\s*' % "|".join(sorted(SCHEMA_VALUES)).encode())

Replacement = tuple[int, int, bool]
"""A range to take out, and whether the marker in its place needs quotes."""


class DeniedJsonValues:
    """Finds values under denied keys in JSON text, wherever in a text the JSON stands.

    A key is a string literal before a colon. Its value is the literal, the number or the balanced
    brackets that follow, to the end of the text where they are cut off. In code that looks like
    JSON, what computes a value is left alone, and of a JSON schema only the values in it go.
    """

    def __init__(self, names: KeyNames, deny_keys: Iterable[str]) -> None:
        words = "|".join([WORDS, WORDS_AT_END, *words_of_user(deny_keys)])
        self._denied: Callable[[str], bool] = names.denied
        self._key: Pattern = compiled(f'"([^"\\\\]*(?i:{words})[A-Za-z0-9_.-]*)"\\s*:\\s*')

    def ranges(self, text: bytes) -> Iterator[Replacement]:
        """The ranges to take out."""
        done = 0
        for key in self._key.finditer(text):
            start = key.end()
            if start < done or not self._denied(key.group(1).decode("utf-8", "replace")):
                continue
            if is_compared(text[max(0, key.start() - 24) : key.start()]):
                continue
            done = start
            if text[start : start + 1] == b"{":
                done = _closing_bracket(text, start)
                if done - start <= _SCHEMA_BYTES and is_schema(_keys_of_object(text, start, done)):
                    yield from _values_in_schema(text, start, done)
                    continue
            value = _value(text, key.end(1) + 1, start, key.group(1))
            if value is not None:
                done = value[1]
                yield value


def _value(text: bytes, gap: int, start: int, key: bytes) -> Replacement | None:
    """The value at ``start``, the key's closing quote being before ``gap``; None where nothing is
    to be taken out."""
    first = text[start : start + 1]
    if first == b'"':
        literal = _STRING.match(text, start)
        if literal is None:
            return None
        begin, end = start + 1, literal.end() - len(literal[1])
        if key == b"token" and LOG_PROBABILITY.match(text, end):
            return None
        value = text[begin:end]
        return (begin, end, False) if value and MARKER.fullmatch(value) is None else None
    if first in (b"[", b"{"):
        end = _closing_bracket(text, start)
        return (start, end, True) if text[start:end] not in (b"[]", b"{}") else None
    if b"\n" in text[gap:start]:
        # The next statement of a program; JSON text that breaks the line here has a quote there.
        return None
    prefixed = _PREFIXED_STRING.match(text, start)
    if prefixed is not None:
        begin, end = prefixed.span(2)
        computed = b"f" in prefixed[1].lower() and b"{" in prefixed[2]
        done = computed or begin == end or MARKER.fullmatch(prefixed[2]) is not None
        return None if done else (begin, end, False)
    bare = _BARE_VALUE.match(text, start)
    if bare is None or bare[0] in _NO_SECRETS or bare[0].lower() in key.lower():
        return None
    return (start, bare.end(), True) if _CODE.fullmatch(bare[0]) is None else None


def _keys_of_object(text: bytes, start: int, end: int) -> list[str]:
    """The keys of the object itself, not of those inside it."""
    keys: list[str] = []
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text, start, end):
        if token[0] in (b"[", b"{"):
            depth += 1
        elif token[0] in (b"]", b"}"):
            depth -= 1
        elif depth == 1 and (key := _KEY_OF_OBJECT.match(text, token.start(), end)) is not None:
            keys.append(key[1].decode("utf-8", "replace"))
    return keys


def _values_in_schema(text: bytes, start: int, end: int) -> Iterator[Replacement]:
    """Of a schema under a denied key only the values that it holds, at any depth."""
    done = start
    for key in _SCHEMA_VALUE.finditer(text, start, end):
        if key.end() < done:
            continue
        value = _value(text, key.end(), key.end(), b"")
        # An object below is the schema of something that has one of these names.
        if value is not None and text[key.end() : key.end() + 1] != b"{":
            done = value[1]
            yield value


def _closing_bracket(text: bytes, start: int) -> int:
    """The end of the brackets that open at ``start``; the end of the text when they are not closed.

    Square and curly brackets count alike: what is not balanced is not JSON anyway.
    """
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text, start):
        if token[0] in (b"[", b"{"):
            depth += 1
        elif token[0] in (b"]", b"}"):
            depth -= 1
            if depth == 0:
                return token.end()
    return len(text)

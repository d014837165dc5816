"""Which attribute and JSON keys name a secret, whatever the value looks like.

Keys come as ``api_key``, ``apiKey``, ``X-API-Key``, ``http.request.header.authorization``: they are
compared as lower-case words joined by ``_``. What only counts or describes must not match, or a
trace loses its token counts: ``gen_ai.usage.input_tokens``, ``llm.token_count.prompt``,
``next_page_token``, ``token_type``, ``cookie_enabled``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

DENIED_KEY = "denied_key"
"""Rule name of values that were taken out because of their key."""

_CAMEL = re.compile(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])")
_GAP = re.compile(r"[^a-z0-9]+")

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
    r"|token(?:_value)?$"
)
_DESCRIBES = re.compile(
    r"_(?:count|counts|type|types|enabled|required|length|len|limit|expiry|expires|expires_at"
    r"|expires_in|expiration|policy|version|ref|arn|usage|name|names|hint|location)$"
    r"|(?:^|_)(?:next|previous|prev|page|paging|continuation|pagination|sync|resume|cursor|pad|eos"
    r"|bos|sep|cls|mask|unk|stop|special|start|end|begin|first|last|next_page|max|min|per|each"
    r"|cancellation|new|time_per|time_per_output|to_first|time_to_first|cost_per|logprob|draft)"
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
``token``. Words may be joined by up to 8 other characters."""

LOGPROB = re.compile(rb'"\s*,\s*"(?:logprob|bytes|prob)"')
"""What follows a word of a model's answer in JSON text: such words are called tokens too."""

WORDS_AT_END = r"token(?:[^A-Za-z0-9\"]{0,8}value)?"


def words_of(key: str) -> str:
    """The key's words, lower case, joined by ``_``."""
    return _GAP.sub("_", _CAMEL.sub(r"\1\3_\2\4", key).lower()).strip("_")


class KeyNames:
    """The denylist of one policy: the built-in keys and the user's.

    A key that the user allows is exempt from the built-in list, not from the user's own denials.
    A user's entry is found anywhere in a key at word boundaries: ``customer.name`` also denies
    ``order.customerName.first``.
    """

    _CACHE_KEYS = 20_000
    _CACHE_KEY_CHARACTERS = 256

    def __init__(self, deny: Iterable[str], allow: Iterable[str]) -> None:
        self._deny = tuple(f"_{words_of(key)}_" for key in deny)
        self._allow = frozenset(allow)
        self._verdicts: dict[str, bool] = {}

    def denied(self, key: str) -> bool:
        """Whether the value of this key is taken out whole."""
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = self._judge(key)
            if len(key) <= self._CACHE_KEY_CHARACTERS:
                if len(self._verdicts) >= self._CACHE_KEYS:
                    self._verdicts.clear()
                self._verdicts[key] = verdict
        return verdict

    def _judge(self, key: str) -> bool:
        words = words_of(key)
        padded = f"_{words}_"
        if any(entry in padded for entry in self._deny):
            return True
        if key in self._allow or _DENIED.search(words) is None:
            return False
        return _DESCRIBES.search(words) is None


def user_words(keys: Iterable[str]) -> list[str]:
    """RE2 for the user's denied keys, ignoring case, with any separators between words."""
    patterns = []
    for key in keys:
        words = words_of(key).split("_")
        patterns.append(r"[^A-Za-z0-9\"]{0,8}".join(words))
    return patterns

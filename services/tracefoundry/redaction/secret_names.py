"""Names that may be those of secrets, and say so only together with a random value.

``GITHUB_PAT``, ``datadogAppKey`` and ``db_auth`` are such names, ``key`` alone is one, and so are
``cache_key`` and ``partition_key``, whose values are random often enough, but are hashes. Names
whose values are taken out whatever they look like are the business of :mod:`.denied_keys`.
"""

from __future__ import annotations

import re
from enum import Enum

RANDOM_WORDS = r"key|token|secret|pass|pwd|pat|auth|cred|session"
"""RE2, ignoring case: what such a name contains."""

_WORD = re.compile(
    r"(?:^|_)(?:[a-z0-9]*(?:key|token|secret|pass|passwd|pwd|auth|session|creds?)s?|pat"
    r"|authentication|credentials?)(?:_|\d*$)"
)
_NO_SECRET = re.compile(
    # what identifies, counts or describes
    r"_(?:ids?|uuid|guid|hash|digest|checksum|fingerprint|thumbprint|sha\d*|md5|etag|name|names"
    r"|type|kind|url|uri|path|file|dir|prefix|suffix|format|version|size|length|len|count|index"
    r"|at|time|date|ttl|expiry|expires|status|state|error|code|usage|limit|tokens|scope|scopes"
    r"|region|zone|arn|host|user|username|email|issuer|algorithm|alg|mode|provider|class)$"
    r"|(?:^|_)(?:public|pub|publishable|foreign|primary|composite|sort|partition|shard|row|hash"
    r"|range|monkey|donkey|turkey|hotkey|hockey|compass|bypass|trespass|surpass|author|authors"
    r"|tokens|idempotency|dedup|dedupe|deduplication|translation|i18n|message|lookup"
    r"|next|previous|prev|page|paging|continuation|pagination|cursor|sync|resume|etag)(?:_|$)"
)
_MAY_BE_HASH = re.compile(
    r"(?:^|_)(?:cache|object|storage|s3|blob|file|image|artifact|asset|build|content|lock|store"
    r"|commit|git|tree|group|routing|event|job|task|run|span|trace|request|item|entry|record"
    r"|document|doc|chunk|node|session|auth)_|^keys?$|^pass$|^pat$|^auth$|^session$|^token$"
)


class NameKind(Enum):
    """What a name says about its value."""

    NO_SECRET = 0
    RANDOM_IS_SECRET = 1
    """A random value is a secret, unless it is a hexadecimal number, which may be a hash."""
    RANDOM_OR_HEX_IS_SECRET = 2
    PASSWORD = 3
    """``DB_PASS``, ``pwd``: whatever is no word, path or number."""
    DENIED = 4
    """Every value is a secret."""


_PASSWORD = re.compile(r"(?:^|_)(?:[a-z0-9]*[a-z])?(?:pass|pwd)\d*$")
_NO_PASSWORD = re.compile(
    r"(?:by|com|tres|sur|multi|single|one|two|first|second|render|mini)_?pass\d*$"
)


def kind_of_words(words: str) -> NameKind:
    """The kind of a name that is not denied, given its words (:func:`.denied_keys.words_of`)."""
    if _PASSWORD.search(words) is not None and _NO_PASSWORD.search(words) is None:
        return NameKind.PASSWORD
    if _WORD.search(words) is None or _NO_SECRET.search(words) is not None:
        return NameKind.NO_SECRET
    if _MAY_BE_HASH.search(words) is not None:
        return NameKind.RANDOM_IS_SECRET
    return NameKind.RANDOM_OR_HEX_IS_SECRET

"""Values that JSON text holds under a denied key, wherever in a text the JSON stands.

No parser is used: the text may be cut off by an SDK, may hold several documents, or may be prose
with JSON in it. A key is a string literal before a colon; its value is the literal, the number or
the balanced brackets that follow, to the end of the text where they are cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from tracefoundry.redaction import key_names
from tracefoundry.redaction.automata import Pattern, compiled
from tracefoundry.redaction.rules import MARKER

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*("?)', re.DOTALL)
_NESTED = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
_BARE = re.compile(rb'[^\s,\[\]{}"\\]+')
_HARMLESS = frozenset([b"null", b"true", b"false", b"None", b"True", b"False", b"undefined"])


class KeyedValues:
    """Finds them by the key names of one policy."""

    def __init__(self, names: key_names.KeyNames, deny_keys: Iterable[str]) -> None:
        words = "|".join(
            [key_names.WORDS, key_names.WORDS_AT_END, *key_names.user_words(deny_keys)]
        )
        self._denied: Callable[[str], bool] = names.denied
        self._key: Pattern = compiled(f'"([^"\\\\]*(?i:{words})[A-Za-z0-9_.-]*)"\\s*:\\s*')

    def ranges(self, text: bytes) -> Iterator[tuple[int, int, bool]]:
        """Ranges to take out, and whether quotes must be put around what takes their place."""
        done = 0
        for found in self._key.finditer(text):
            start = found.end()
            if start < done or not self._denied(found.group(1).decode("utf-8", "replace")):
                continue
            first = text[start : start + 1]
            if first == b'"':
                literal = _STRING.match(text, start)
                if literal is None:
                    continue
                begin, done = start + 1, literal.end() - len(literal[1])
                value = text[begin:done]
                if found.group(1) == b"token" and key_names.LOGPROB.match(text, done):
                    continue
                if value and MARKER.fullmatch(value) is None:
                    yield begin, done, False
            elif first in (b"[", b"{"):
                done = _closing(text, start)
                if text[start:done] not in (b"[]", b"{}"):
                    yield start, done, True
            else:
                bare = _BARE.match(text, start)
                if bare is not None and bare[0] not in _HARMLESS:
                    done = bare.end()
                    yield start, done, True


def _closing(text: bytes, start: int) -> int:
    """Where the brackets that open at ``start`` are closed; the end of the text when they are not.

    Kinds of brackets are not told apart: what is not balanced is no JSON anyway.
    """
    depth = 0
    for token in _NESTED.finditer(text, start):
        if token[0] in (b"[", b"{"):
            depth += 1
        elif token[0] in (b"]", b"}"):
            depth -= 1
            if depth == 0:
                return token.end()
    return len(text)

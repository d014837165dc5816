"""Free text on GenAI spans: content under keys that no table names.

The table of content (:mod:`.content`) cannot know the keys that libraries add. So on a span that a
dialect claims, and in a GenAI event, the rule is the other way round: what is not known metadata
(:mod:`.metadata_keys`) is content if it looks like text for a reader:

* longer than :data:`LONGEST_WORD` characters,
* a JSON array or object, as such or in a string,
* any text, if the last part of its key says so (``guardrail.input``, ``tool.call.arguments``).

Numbers, booleans and short words stay.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from tracefoundry.model.attributes import tag_of
from tracefoundry.model.genai.key_memo import KeyMemo
from tracefoundry.model.genai.metadata_keys import BY_DIALECT, GENERAL, PARAMETERS
from tracefoundry.model.genai.values import parse_json

LONGEST_WORD: Final = 64
"""Longest string, in characters, that is a name, an id or a setting under an unknown key."""

_LISTED = {key for keys in (GENERAL, *BY_DIALECT.values()) for key in keys.split()}
_LISTED_KEYS = frozenset(key for key in _LISTED if not key.endswith("*"))
_LISTED_PREFIXES = tuple(key[:-1] for key in _LISTED if key.endswith("*"))
_PARAMETERS = frozenset(PARAMETERS.split())

_WORDS_OF_TEXT: Final = """
    answer answers args argument arguments body chunk chunks command commands completion completions
    content contents definitions document documents html image images input inputs instruction
    instructions markdown message messages output outputs parameters params passage passages payload
    prompt prompts query question questions ranking reasoning response responses result results
    snippet speech stderr stdout summaries summary text texts thinking thought thoughts transcript
    transcription transcripts utterance
    """
"""Last words of keys that hold text."""
_TEXT_WORDS = frozenset(_WORDS_OF_TEXT.split())
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_NO_TEXT_BEFORE = frozenset(("error", "status", "exception"))

_KeyClass = Literal["listed", "parameters", "text", "unknown"]


def _classify(key: str) -> _KeyClass:
    if key in _LISTED_KEYS:
        return "listed"
    if key in _PARAMETERS:
        return "parameters"
    words = [word.lower() for word in _WORDS.findall(key[-LONGEST_WORD:])]
    if words and words[-1] in _TEXT_WORDS and not _NO_TEXT_BEFORE.intersection(words[-2:-1]):
        return "text"
    return "listed" if key.startswith(_LISTED_PREFIXES) else "unknown"


_classes: KeyMemo[_KeyClass] = KeyMemo(_classify)


def is_free_text(key: str, value: Any) -> bool:
    """Whether an attribute of a GenAI span or event is content although no table names its key."""
    key_class = _classes[key]
    if key_class == "listed" or type(value) in (int, bool, float) or value is None:
        return False
    if key_class == "parameters":
        return not _is_settings(value)
    if key_class == "text" and type(value) is str:
        return bool(value)
    return _reads_as_text(value)


def is_listed(key: str) -> bool:
    """Whether a key is metadata whatever its value is."""
    return _classes[key] == "listed"


def _reads_as_text(value: Any) -> bool:
    if type(value) is str:
        return len(value) > LONGEST_WORD or _looks_like_json(value)
    return type(value) in (list, dict) and bool(value) and tag_of(value) != "$double"


def _looks_like_json(value: str) -> bool:
    """Whether a string is an object or array in JSON or in Python's notation.

    What redaction puts in the place of a value, ``[redacted]``, is none.
    """
    stripped = value.strip()
    start, end = stripped[:1], stripped[-1:]
    if start == "{":
        return end == "}"
    return start == "[" and end == "]" and not stripped[1:].lstrip()[:1].isalpha()


def _is_settings(value: Any) -> bool:
    """Whether a value is an object of numbers, booleans and short words, or a short word itself."""
    if type(value) is str and _looks_like_json(value):
        value = parse_json(value)
        if value is None:
            return False
    if type(value) is dict:
        return not any(map(_reads_as_text, value.values()))
    return not _reads_as_text(value)

"""One model under many names: gateways, clouds and dates around the name that its maker gave it.

``bedrock/us.anthropic.claude-sonnet-4-20250514-v1:0`` and ``claude-sonnet-4@20250514`` are the
model ``claude-sonnet-4``. The parts are those of LiteLLM and OpenRouter (``<provider>/<name>``), of
Vertex AI (``publishers/google/models/<name>``, ``<name>@<date>``), of Amazon Bedrock
(``<region>.<vendor>.<name>-v<n>:<n>``) and of Ollama (``:latest``).
"""

from __future__ import annotations

import re
from functools import lru_cache

CACHED_NAMES = 2_048
"""Most names remembered; they come from senders."""
MAX_NAME_CHARS = 200
"""Longer names are no model's."""
MAX_PATH_PARTS = 4
"""Most parts of a name between slashes that are looked at, from the end."""

_BEDROCK = re.compile(
    r"(?:(?:us|us-gov|eu|apac|jp|au|ca|sa|global)\.)?"
    r"(anthropic|amazon|meta|mistral|cohere|ai21|deepseek|openai|qwen|google|nvidia|minimax"
    r"|moonshot|moonshotai|writer|stability|luma|twelvelabs|zai)\.(?=.)"
)
_BEDROCK_VERSION = re.compile(r"-v\d+(?::\d+(?::\w+)?)?$")
_COMPACT_DATE = re.compile(r"-(20\d{2})([01]\d)([0-3]\d)$")
_DATE = re.compile(r"[-@](?:20\d{2}-?[01]\d-?[0-3]\d|[01]\d[0-3]\d)$|-latest$|:latest$|-00\d$")


@lru_cache(CACHED_NAMES)
def names_of(model: str) -> tuple[str, ...]:
    """The names to look a model up by, in lower case: as it came, then with ever less around it."""
    whole = model.strip().lower()
    parts = whole.split("/")[-MAX_PATH_PARTS:]
    tails = ["/".join(parts[place:]) for place in range(len(parts))]
    name = _without_vendor(parts[-1])
    dashed = _COMPACT_DATE.sub(r"-\1-\2-\3", name)
    found = dict.fromkeys((whole, *tails, name, dashed, name.partition("@")[0], plain_name(model)))
    return tuple(name for name in found if name)


def vendors_of(model: str) -> tuple[str, ...]:
    """The providers that a name itself names: its parts before the last slash, then Bedrock's."""
    *heads, name = model.strip().lower().split("/")[-MAX_PATH_PARTS:]
    vendor = _BEDROCK.match(name)
    found = dict.fromkeys(heads if vendor is None else (*heads, "aws", vendor[1]))
    return tuple(head for head in found if head)


@lru_cache(CACHED_NAMES)
def plain_name(model: str) -> str:
    """The name that the maker gave a model, without provider, version and date."""
    name = _without_vendor(model.strip().lower().rpartition("/")[2])
    name = _DATE.sub("", _BEDROCK_VERSION.sub("", name)) or name
    return name.replace(".", "-") if name.startswith("claude") else name


def same_model(one: str, other: str) -> bool:
    """Whether two names are of one model."""
    if one == other:
        return True
    if max(len(one), len(other)) > MAX_NAME_CHARS:
        return False
    return plain_name(one) == plain_name(other)


def _without_vendor(name: str) -> str:
    vendor = _BEDROCK.match(name)
    return name if vendor is None else name[vendor.end() :]

"""How many kinds of provider values are found, measured on values that are made at run time.

``make recall`` (bench/recall.py) prints the figures that docs/content.md shows. A kind counts as
found when all its values are: nothing longer than :data:`LEFT_CHARACTERS` of a value's random part
is left.
"""

from __future__ import annotations

import random
import re
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from redaction.rule_examples import filled
from redaction.secret_contexts import CONTEXTS
from tracefoundry.redaction.engine import Redactor

VALUES = Path(__file__).with_name("provider_values.toml")
VARIANTS = 20
LEFT_CHARACTERS = 12
WITHOUT_SHAPE = frozenset({"cohere", "mistral", "linode", "zendesk"})
"""Kinds of random characters alone: no shape shows what they are, so they are found by their name
or not at all. They do not count."""

_RANDOM = re.compile(r"\{\{\w+:\d+\}\}")


class Kind(msgspec.Struct, frozen=True):
    """One kind of value: the group and name of its row, and how many of its values are found."""

    group: str
    name: str
    found: int
    values: int

    @property
    def all_found(self) -> bool:
        return self.found == self.values


def measured(redactor: Redactor, variants: int = VARIANTS) -> Iterator[Kind]:
    """Every kind of the list, bare and in a sentence."""
    for group, kinds in tomllib.loads(VALUES.read_text(encoding="utf-8")).items():
        for name, template in kinds.items():
            if name not in WITHOUT_SHAPE:
                found = sum(
                    _is_found(redactor, template, variant, around)
                    for variant in range(1, variants + 1)
                    for around in ("{}", "see {} there")
                )
                yield Kind(group, name, found, 2 * variants)


def _is_found(redactor: Redactor, template: str, variant: int, around: str) -> bool:
    value = filled(template, variant=variant)
    redacted, _ = redactor.redact_text(around.replace("{}", value))
    return not any(
        value[start : start + LEFT_CHARACTERS] in redacted for start in _random_starts(template)
    )


def _random_starts(template: str) -> Iterator[int]:
    """Where windows of :data:`LEFT_CHARACTERS` random characters start in a value."""
    made = 0
    position = 0
    for part in _RANDOM.finditer(template):
        made += part.start() - position
        count = int(part[0][2:-2].partition(":")[2])
        yield from range(made, made + count - LEFT_CHARACTERS + 1)
        made += count
        position = part.end()


OTHER_NAMES = "other names"
_ALPHABETS = (
    string.ascii_letters + string.digits,
    "0123456789abcdef",
    string.ascii_letters + string.digits + "+/",
    string.ascii_letters + string.digits + "-_",
    string.ascii_lowercase + string.digits,
)


def context_values(group: str, seed: int = 1) -> list[str]:
    """Values as generators make them, and, where the name tells enough, as people do."""
    source = random.Random(seed)
    values = [
        "".join(source.choices(letters, k=length))
        for letters in _ALPHABETS
        for length in (20, 32, 40, 64)
    ]
    if group != OTHER_NAMES:
        for word in ("winter", "Dragon", "falcon", "Maple"):
            values += [
                f"{word}{source.randrange(1000, 9999)}!",
                f"{word}-{source.randrange(99)}x#Q",
            ]
    return values


def measured_contexts(redactor: Redactor) -> Iterator[Kind]:
    """Every context, alone and between other lines."""
    for group, contexts in CONTEXTS.items():
        values = context_values(group)
        for context in contexts:
            found = sum(
                value not in redactor.redact_text(around.format(context.format(v=value)))[0]
                for value in values
                for around in ("{}", "first line\n{}\nlast line")
            )
            yield Kind(group, context, found, 2 * len(values))

"""Examples of the rule table with their placeholders filled in.

``{{alnum:36}}`` stands for 36 characters; they are made here, so that no scanner finds a key in the
table. The same template gives the same text in every run.
"""

from __future__ import annotations

import random
import re
import string

_ALPHABETS = {
    "alnum": string.ascii_letters + string.digits,
    "base58": "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
    "base64": string.ascii_letters + string.digits + "+/",
    "digit": string.digits,
    "hex": "0123456789abcdef",
    "lower": string.ascii_lowercase + string.digits,
    "token": string.ascii_letters + string.digits + "_-",
    "upper": string.ascii_uppercase + string.digits,
}
_PLACEHOLDER = re.compile(r"\{\{(\w+):(\d+)\}\}")


def filled(template: str, *, variant: int = 0) -> str:
    """The example that a template stands for; each variant has other characters."""
    generator = random.Random(f"{template}{variant}" if variant else template)

    def characters(placeholder: re.Match[str]) -> str:
        alphabet = _ALPHABETS[placeholder[1]]
        return "".join(generator.choices(alphabet, k=int(placeholder[2])))

    return _PLACEHOLDER.sub(characters, template)

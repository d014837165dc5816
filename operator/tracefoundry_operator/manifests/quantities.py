"""Kubernetes' quantities of CPU and memory as numbers, and requests that never exceed limits."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from tracefoundry_operator.api.references import Resources

MIB = 1024 * 1024

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)([a-zA-Z]*)")
_FACTORS = {
    "m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50,
}  # fmt: skip

Amounts = Mapping[str, str]


class InvalidQuantity(ValueError):
    """Text that is not a quantity; the schema normally refuses it before."""


def amount(quantity: str) -> float:
    """Cores or bytes of ``250m``, ``2``, ``512Mi``.

    Raises:
        InvalidQuantity: another form.
    """
    match = _QUANTITY.fullmatch(quantity)
    if match is None or match[2] not in _FACTORS:
        raise InvalidQuantity(f"{quantity!r} is not a quantity like 250m, 2 or 512Mi")
    return float(match[1]) * _FACTORS[match[2]]


def resources(
    wanted: Resources, *, requests: Amounts, limits: Amounts
) -> dict[str, dict[str, str]]:
    """``resources`` of a container: the defaults, replaced by what the user sets.

    The API server refuses requests above limits. So a default request is lowered to the user's
    limit, and a default limit is raised to the user's request.
    """
    asked = {name: str(value) for name, value in (wanted.requests or {}).items()}
    capped = {name: str(value) for name, value in (wanted.limits or {}).items()}
    merged = {"requests": {**requests, **asked}, "limits": {**limits, **capped}}
    for name, limit in merged["limits"].items():
        request = merged["requests"].get(name)
        if request is None or amount(request) <= amount(limit):
            continue
        if name not in asked:
            merged["requests"][name] = limit
        elif name not in capped:
            merged["limits"][name] = request
    return merged


def cores(container_resources: Mapping[str, Mapping[str, str]]) -> int:
    """The CPU limit in whole cores, at least 1 and at most 16."""
    return max(1, min(16, math.ceil(amount(container_resources["limits"]["cpu"]))))


def memory_bytes(container_resources: Mapping[str, Mapping[str, str]]) -> int:
    """The memory limit in bytes."""
    return int(amount(container_resources["limits"]["memory"]))

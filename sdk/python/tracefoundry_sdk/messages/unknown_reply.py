"""Says that a reply was not understood, so that a trace without tokens does not stay unnoticed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import islice
from typing import Any

from tracefoundry_sdk.safety import RareWarning

WARNING_INTERVAL_S = 3_600.0
MAX_NAMES = 8
MAX_NAME_LENGTH = 40

_warn = RareWarning(WARNING_INTERVAL_S)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_warn.after_fork)


def warn_of_unknown_reply(reply: Any) -> None:
    """Warn, at most once an hour, with the names of the reply's members and none of its values."""
    _warn(
        "TraceFoundry: a model's reply (%s) is of no known shape, so its tokens are not recorded. "
        "Set them with call.usage(), and the answer with call.output; give a stream to "
        "call.stream()",
        _description(reply),
    )


def _description(reply: Any) -> str:
    named: Any = reply if isinstance(reply, Mapping) else getattr(reply, "__dict__", {})
    names = [str(name)[:MAX_NAME_LENGTH] for name in islice(named, MAX_NAMES)]
    listed = ", ".join(names) + (", ..." if len(named) > MAX_NAMES else "")
    return f"{type(reply).__name__}, members: {listed or 'none'}"

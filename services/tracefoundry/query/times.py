"""Times as answers show them where they are for people: RFC 3339 in UTC."""

from __future__ import annotations

import datetime

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def rfc3339(time_ns: int) -> str:
    """A time in nanoseconds since the epoch as RFC 3339, to the microsecond where it has one."""
    moment = _EPOCH + datetime.timedelta(microseconds=time_ns // 1000)
    return moment.isoformat().replace("+00:00", "Z")

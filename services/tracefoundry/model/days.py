"""UTC days since the epoch: the unit in which data is partitioned, stored together and dropped."""

from __future__ import annotations

import datetime

DAY_NS = 86_400 * 1_000_000_000

_EPOCH = datetime.date(1970, 1, 1)


def day_of(time_ns: int) -> int:
    """Days since the Unix epoch, UTC."""
    return time_ns // DAY_NS


def date_of(day: int) -> datetime.date:
    """The date of a day since the epoch."""
    return _EPOCH + datetime.timedelta(days=day)


def day_of_date(date: datetime.date) -> int:
    """Days since the epoch of a date."""
    return (date - _EPOCH).days

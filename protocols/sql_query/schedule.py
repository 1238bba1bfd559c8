"""When the query runs next. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from gateway.domain.duration import MINUTE, SECOND, from_us, to_us

FIRST_RETRY: Final = 5 * SECOND
LONGEST_RETRY: Final = 5 * MINUTE


def due_around(now: int, at: Sequence[str], zone: ZoneInfo) -> tuple[int, int]:
    """(newest moment at or before `now`, first one after it) that `at`, times of the day in `zone`, names; µs. A time
    that a change of the clock leaves out is that much later; of one that comes twice the first counts."""
    today = from_us(now).astimezone(zone).date()
    moments = []
    for days in (-1, 0, 1):
        day = today + timedelta(days=days)
        for text in at:
            hour, minute = map(int, text.split(":"))
            moments.append(to_us(datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)))
    return max(one for one in moments if one <= now), min(one for one in moments if one > now)


def retry_pause(failures: int, interval: int) -> int:
    """µs to wait after so many failures in a row: twice as long each time, never longer than the next run is away."""
    pause = min(FIRST_RETRY << min(failures - 1, 10), LONGEST_RETRY)
    return min(pause, interval) if interval else pause

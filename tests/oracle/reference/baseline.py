"""`ewma` and `zscore` (RULES.md section 4, docs/rules.md): what is usual, forgotten by half-lives of observed time."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from oracle.reference.windows import Row
from oracle.scene import HOUR, SignalDef

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def baseline(signal: SignalDef, rows: Sequence[Row], reach: int, start: int, zone: str) -> list[float | None]:
    """What it is worth after each of these rows, times from `start` µs since 1970; `reach` 0 = no silence is too long.

    A reading weighs 1 - 2^(-d / half_life), d the time since the one before. "A longer silence than 3 x `every` does
    not age what is known"; with a season each hour of the local week has a baseline of its own, and d is at most 1 h.
    A score is that against the baseline before; without one, or beside one that never moved, it is unknown.
    """
    season = "season" in signal.more
    usual: dict[int, tuple[float, float]] = {}
    first = last = worth = None
    out: list[float | None] = []
    for at, reading in rows:
        if reading is not None and not isinstance(reading, str):
            value, slot = float(reading), hour_of_week(start + at, zone) if season else 0
            d = min([0 if last is None else at - last, *([reach] if reach else []), *([HOUR] if season else [])])
            kept = 2.0 ** (-d / signal.more["half_life"])
            mean, variance = usual.get(slot, (value, 0.0))
            off = value - mean
            score = off / math.sqrt(variance) if variance > 0 else None if off or slot not in usual else 0.0
            if slot in usual:
                variance = kept * (variance + (1 - kept) * off * off)
                mean += (1 - kept) * off
            usual[slot] = mean, variance
            worth, last = (score if signal.operator == "zscore" else mean), at
            first = at if first is None else first
        warm = first is not None and last is not None and last - first >= signal.more.get("warmup", 0)
        out.append(worth if warm else None)
    return out


def hour_of_week(us: int, zone: str) -> int:
    """0 = Monday, 00:00 to 01:00 of the wall clock."""
    local = (EPOCH + timedelta(microseconds=us)).astimezone(ZoneInfo(zone))
    return local.weekday() * 24 + local.hour

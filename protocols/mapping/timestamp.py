"""Event times: texts and numbers of a message -> µs since 1970 UTC."""

from array import array
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from gateway.domain.duration import to_us
from gateway.domain.errors import DecodeError
from gateway.domain.reading import I64
from protocols.mapping.number import parse_number
from protocols.mapping.point_config import EPOCH_UNITS, TimeMap

FIRST = to_us(datetime(1, 1, 1, tzinfo=UTC))
LAST = to_us(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
_PARTS = ("year", "month", "day", "hour", "minute", "second")


class TimestampReader:
    """The `time` of a route, compiled. Times must lie in the years 1-9999; if they are likely is not judged here."""

    def __init__(self, config: TimeMap) -> None:
        self._unit = config.unit
        self._factor = EPOCH_UNITS.get(config.unit, 0)
        self._zone: tzinfo = UTC if config.zone in {None, "UTC"} else ZoneInfo(config.zone or "UTC")

    def one(self, raw: Any) -> int:
        """Raises DecodeError `bad_time`."""
        try:
            at = self._epoch(raw) if self._factor else to_us(self._calendar(raw))
        except (ValueError, OverflowError, TypeError) as error:
            raise DecodeError("bad_time", f"{str(raw)[:80]!r}: {error}") from None
        if not FIRST <= at <= LAST:
            raise DecodeError("bad_time", f"{str(raw)[:80]!r} is outside the years 1-9999")
        return at

    def _epoch(self, raw: Any) -> int:
        if type(raw) is str:
            raw = parse_number(raw)
        if type(raw) is int:
            return raw * self._factor if self._factor > 0 else raw // -self._factor
        if type(raw) is float:
            return round(raw * self._factor if self._factor > 0 else raw / -self._factor)
        raise ValueError("not a number")

    def _calendar(self, raw: Any) -> datetime:
        if self._unit == "parts":
            found = {str(key).lower(): value for key, value in raw.items()} if type(raw) is dict else {}
            year, *rest = (found.get(name, 0) for name in _PARTS)
            if not all(type(part) is int for part in (year, *rest)):
                raise ValueError("not an object of Year, Month, Day, Hour, Minute, Second")
            moment = datetime(year + 2000 if year < 100 else year, *rest)  # noqa: DTZ001 - the zone comes below
        else:
            text = str(raw) if type(raw) is int else raw
            if type(text) is not str:
                raise ValueError("not a text")
            moment = datetime.fromisoformat(text) if self._unit == "iso" else datetime.strptime(text, self._unit)  # noqa: DTZ007
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=self._zone)

    def many(self, raws: Sequence[Any]) -> I64 | None:
        """All at once, exactly as `one` would; None when some value needs it."""
        if not self._factor:
            return None
        kinds = set(map(type, raws))
        if kinds == {int}:
            try:
                whole = np.frombuffer(array("q", raws), np.int64)
            except OverflowError:
                return None
            if self._factor < 0:
                return whole // -self._factor
            if int(whole.min()) < FIRST // self._factor + 1 or int(whole.max()) > LAST // self._factor:
                return None
            return whole * self._factor
        if kinds == {float}:
            exact = np.frombuffer(array("d", raws), np.float64)
            with np.errstate(over="ignore"):
                moved = np.rint(exact * self._factor if self._factor > 0 else exact / -self._factor)
            if float(moved.min()) < FIRST // 2 or float(moved.max()) > LAST // 2:
                return None  # near the ends of time a float is coarse: the scalar way decides
            return moved.astype(np.int64)
        return None

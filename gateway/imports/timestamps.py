"""Written times as µs since 1970 UTC. Pure except for the zone data."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.imports.parse_number import parse_number

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall-clock arithmetic
_MICROSECOND = timedelta(microseconds=1)
_PLAIN = "%Y-%m-%d %H:%M:%S"


class BadTime(ValueError):
    """Time that cannot be read. `key` is a text of the catalogue."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(key)


def reader_of(form: str, zone: ZoneInfo | None) -> Callable[[str, int | None], int]:
    """Function (text, time of the device's row before or None) -> µs. It raises BadTime.

    A wall-clock time that occurs twice (end of summer time) is the second one when the row before is not older than the
    first; a skipped one (begin of summer time) is refused.
    """
    if form in {"s", "ms"}:
        factor = 1_000_000 if form == "s" else 1_000

        def count(text: str, before: int | None) -> int:  # noqa: ARG001
            try:
                return round(parse_number(text) * factor)
            except (ValueError, OverflowError):
                raise BadTime("import.row.time_number") from None

        return count

    def wall(text: str, before: int | None) -> int:
        try:
            moment = _parsed(text, form)
        except (ValueError, OverflowError):
            raise BadTime("import.row.time") from None
        if moment.tzinfo is not None:
            return _micros(moment.astimezone(UTC).replace(tzinfo=None))
        if zone is None:
            raise BadTime("import.row.no_zone")
        return _in_zone(moment, zone, before)

    return wall


def _parsed(text: str, form: str) -> datetime:
    text = text.strip()
    if form == "iso" or (form == _PLAIN and len(text) == 19 and text[10] == " "):
        return datetime.fromisoformat(text)
    return datetime.strptime(text, form)  # noqa: DTZ007 - the zone comes next


def _micros(naive: datetime) -> int:
    return (naive - EPOCH) // _MICROSECOND


def _in_zone(moment: datetime, zone: ZoneInfo, before: int | None) -> int:
    first, second = moment.replace(tzinfo=zone), moment.replace(tzinfo=zone, fold=1)
    one, two = first.utcoffset(), second.utcoffset()
    assert one is not None, "a zone has an offset"
    assert two is not None, "a zone has an offset"
    at = _micros(moment - one)
    if one == two:
        return at
    if one < two:  # the clock was put forward past this time
        raise BadTime("import.row.time_gap")
    return _micros(moment - two) if before is not None and before >= at else at

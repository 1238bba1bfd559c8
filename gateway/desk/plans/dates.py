"""Dates of a plan: pure. Local wall-clock time decides; instants are µs since 1970 UTC.

An hour that a change of clocks leaves out is taken as the one after it, an hour that comes twice as its first.
"""

from collections.abc import Iterator
from datetime import date, datetime
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from dateutil.rrule import rrule, rrulestr

from gateway.desk.plans.plan import Basis, PlanDates
from gateway.domain.duration import from_us, to_us

MOST_DATES = 400  # that are looked at in one go: a year of days
_STEP = {"DAILY": "days", "WEEKLY": "weeks", "MONTHLY": "months", "YEARLY": "years"}


class NotARule(ValueError):
    """The text is no RFC 5545 rule that plans can have; `args[0]` is a key of the catalogue."""


@lru_cache(maxsize=4096)
def _rule(text: str, start: datetime) -> rrule:
    return rrulestr(text, dtstart=start)


def checked_rule(text: str, start: date, basis: Basis) -> None:
    """Raises NotARule."""
    parts = _parts(text)
    if parts.get("FREQ") not in _STEP or "DTSTART" in text.upper():
        raise NotARule("plans.rrule.freq")
    try:
        rule = rrulestr(text, dtstart=datetime.combine(start, datetime.min.time()))
    except (ValueError, KeyError, TypeError):
        raise NotARule("plans.rrule") from None
    if not isinstance(rule, rrule):
        raise NotARule("plans.rrule")
    if basis is Basis.COMPLETED and set(parts) - {"FREQ", "INTERVAL"}:
        raise NotARule("plans.rrule.completed")
    chosen = {"BYMONTHDAY", "BYDAY", "BYYEARDAY", "BYWEEKNO", "BYEASTER"} & set(parts)
    if basis is Basis.SCHEDULED and not chosen and parts["FREQ"] in {"MONTHLY", "YEARLY"} and start.day > 28:
        raise NotARule("plans.rrule.short_month")
    if next(iter(rule), None) is None:
        raise NotARule("plans.rrule.none")


def start_of(dates: PlanDates, attribute: str) -> date | None:
    """The day from which a thing's dates count; `attribute` is the value of the attribute that `start` names. None =
    it is missing, or no date."""
    if isinstance(dates.start, date):
        return dates.start
    try:
        return date.fromisoformat(attribute.strip()[:10])
    except ValueError:
        return None


def dates_after(dates: PlanDates, start: date, zone: ZoneInfo, after: int) -> Iterator[int]:
    """The planned dates later than `after`, in order."""
    first = datetime.combine(start, dates.at)
    local = from_us(after).astimezone(zone).replace(tzinfo=None)
    if dates.basis is Basis.COMPLETED:
        yield from _steps_after(dates, first, zone, after)
        return
    for found in _rule(dates.rule, first).xafter(local - relativedelta(hours=3)):
        if (at := _instant(found, zone)) > after:
            yield at


@lru_cache(maxsize=4096)
def next_date(dates: PlanDates, start: date, zone: ZoneInfo, after: int) -> int | None:
    """The first planned date later than `after`; None = the rule has ended."""
    return next(dates_after(dates, start, zone, after), None)


def date_after_work(dates: PlanDates, zone: ZoneInfo, done: int) -> int:
    """The next date of basis `completed`, for work that was done at `done`."""
    day = from_us(done).astimezone(zone).date()
    return _instant(datetime.combine(day, dates.at) + _step(dates.rule, 1), zone)


@lru_cache(maxsize=4096)
def due_by_now(
    dates: PlanDates, start: date, zone: ZoneInfo, due: int, now: int, lead: int
) -> tuple[tuple[int, ...], int | None]:
    """(dates from `due` on whose orders open by `now`, at most MOST_DATES; the one after them, None = the end)."""
    found, following = [due], None
    for at in islice(dates_after(dates, start, zone, due), MOST_DATES):
        if at - lead > now or len(found) == MOST_DATES:
            following = at
            break
        found.append(at)
    return tuple(found), following


def _steps_after(dates: PlanDates, first: datetime, zone: ZoneInfo, after: int) -> Iterator[int]:
    """Whole steps from the start on: the first date of a thing whose work was never done, and the forecast."""
    local = from_us(after).astimezone(zone).replace(tzinfo=None)
    step = _step(dates.rule, 1)
    days = max((first + step - first).days, 1)
    k = max((local - first).days // (days + days // 20 + 1) - 1, 0)
    while True:
        if (at := _instant(first + _step(dates.rule, k), zone)) > after:
            yield at
        k += 1


def _step(rule: str, times: int) -> relativedelta:
    parts = _parts(rule)
    return relativedelta(**{_STEP[parts["FREQ"]]: int(parts.get("INTERVAL", 1)) * times})


def _parts(rule: str) -> dict[str, str]:
    return dict(part.partition("=")[::2] for part in rule.upper().split(";"))


def _instant(local: datetime, zone: ZoneInfo) -> int:
    return to_us(local.replace(tzinfo=zone))

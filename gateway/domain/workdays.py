"""Workdays and holidays of a country, as data. `active` of rules uses them; deadlines may count by them."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

WEEKEND = (5, 6)
_AUTUMN = 10  # the month from which the next year should be in the file


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """`years` covered by the calendar; `holidays` days off and `workdays` worked at a weekend to make up for them,
    sorted.

    `provisional`: years whose official list was not out when the file was written. In a year that is not covered the
    days of the week decide, and no day is a holiday. `weekend`: 0 = Monday.
    """

    name: str
    years: tuple[int, ...] = ()
    holidays: tuple[date, ...] = ()
    workdays: tuple[date, ...] = ()
    provisional: tuple[int, ...] = ()
    weekend: tuple[int, ...] = WEEKEND

    def covers(self, year: int) -> bool:
        """True if the calendar has the holidays of this year."""
        return year in self.years

    def is_holiday(self, day: date) -> bool:
        """True if the day is listed as a day off. A weekend alone is not a holiday."""
        return _holds(self.holidays, day)

    def is_workday(self, day: date) -> bool:
        """Monday to Friday without the holidays, and the weekend days that make up for them."""
        if _holds(self.workdays, day):
            return True
        return day.weekday() not in self.weekend and not self.is_holiday(day)

    def open_years(self, today: date | None) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Years to complete: (not covered, covered without the official list), of this year, and from October also of
        the next.

        With no `today` all years whose official list is missing.
        """
        if today is None:
            return (), self.provisional
        soon = (today.year, today.year + 1) if today.month >= _AUTUMN else (today.year,)
        return tuple(y for y in soon if not self.covers(y)), tuple(y for y in soon if y in self.provisional)


NO_CALENDAR = WorkCalendar("none")


def _holds(days: Sequence[date], day: date) -> bool:
    index = bisect_left(days, day)
    return index < len(days) and days[index] == day

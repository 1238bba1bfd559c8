"""The stages of a date that may come again and again, by the calendar of a zone (RULES section 5, `due`)."""

from datetime import date, timedelta

from gateway.domain.duration import DAY, MINUTE, from_us
from rules.conditions.due_date.condition import Due
from rules.engine.state.active_hours import instant
from rules.engine.state.calendar import fitting, later, zone_of

FIRST, LAST = date(1900, 1, 1), date(2999, 12, 31)


def readable(text: str) -> int:
    """A date as an ordinal; 0 when it is none, or none that a plan can use.

    >>> readable("2026-03-01"), readable("soon"), readable("9999-12-31")
    (739676, 0, 0)
    """
    try:
        found = date.fromisoformat(text.strip())
    except ValueError:
        return 0
    return found.toordinal() if FIRST <= found <= LAST else 0


class Dates:
    """A plan: turn 0 is the date it counts from (an ordinal), turn k the date k spans later."""

    def __init__(self, condition: Due) -> None:
        self.repeat, self.at = condition.repeat, condition.at
        self.stages = tuple(sorted(condition.stages, key=lambda stage: stage[1]))

    def day(self, anchor: int, turn: int) -> date:
        """The date of a turn."""
        first = date.fromordinal(anchor)
        return first if self.repeat is None else later(first, self.repeat, turn)

    def begins(self, zone: str, anchor: int, turn: int, stage: int) -> int:
        """Begin of a stage of a turn, µs: whole days by the calendar, the rest by the clock."""
        days, rest = divmod(self.stages[stage][1], DAY)
        day = self.day(anchor, turn) + timedelta(days=days)
        return instant(zone, day, self.at) + rest // MINUTE * MINUTE

    def following(self, turn: int, stage: int) -> tuple[int, int] | None:
        """The next stage to report after `stage` stages of a turn; None = there are no more."""
        if stage < len(self.stages):
            return turn, stage
        return None if self.repeat is None else (turn + 1, 0)

    def begun(self, zone: str, anchor: int, moment: int) -> int:
        """The newest turn whose first stage has begun at `moment` µs; -1 = none has."""
        turn = self._near(zone, anchor, moment) if self.repeat is not None else 0
        while turn >= 0 and self.begins(zone, anchor, turn, 0) > moment:
            turn -= 1
        while self.repeat is not None and self.begins(zone, anchor, turn + 1, 0) <= moment:
            turn += 1
        return turn

    def _near(self, zone: str, anchor: int, moment: int) -> int:
        """About that turn: one span more or less."""
        assert self.repeat is not None, "called only for dates that come again"
        day = from_us(moment).astimezone(zone_of(zone)).date() - timedelta(days=self.stages[0][1] // DAY)
        return max(0, fitting(date.fromordinal(anchor), day, self.repeat))

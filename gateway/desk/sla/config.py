"""`desk.hours` and `desk.sla` of the settings."""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.domain.duration import parse_duration
from gateway.domain.sla import ClockKind
from gateway.domain.working_time import Minutes
from gateway.section import Section, wrong

ALWAYS = "always"
_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})", re.ASCII)
_WORKDAYS = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(?:workdays?|(?:个 ?)?工作日)")
_SHARE = re.compile(r"([0-9]{1,3}) ?%")
_MINUTES = 1440
MOST_WORKDAYS = 1000


def _span(value: Any) -> Minutes:
    """`08:30-12:00` -> (510, 720); `22:00-06:00` -> (1320, 1800), until the next day."""
    match = _SPAN.fullmatch(value.strip()) if isinstance(value, str) else None
    begin, end = (int(match[k]) * 60 + int(match[k + 1]) for k in (1, 3)) if match else (0, 0)
    if match is None or int(match[2]) > 59 or int(match[4]) > 59 or begin >= _MINUTES or end > _MINUTES or begin == end:
        raise wrong("sla.span", written=value)
    return begin, end if end > begin else end + _MINUTES


def _spans(value: Any) -> Any:
    """One span is short for a list of one."""
    return (value,) if isinstance(value, str) else value


Spans = Annotated[tuple[Annotated[Minutes, BeforeValidator(_span)], ...], BeforeValidator(_spans), Field(max_length=12)]
"""`[08:30-12:00, 13:30-18:00]`; `[]` = no work."""


def workdays_of(text: str) -> float | None:
    """`5 workdays`, `5个工作日` -> 5.0; None for anything else."""
    match = _WORKDAYS.fullmatch(text)
    return float(match[1]) if match else None


def share_of(text: str) -> int | None:
    """`80%` -> 80; None for anything else."""
    match = _SHARE.fullmatch(text)
    return int(match[1]) if match else None


def _is_length(text: str) -> bool:
    if (days := workdays_of(text)) is not None:
        return 0 < days <= MOST_WORKDAYS
    try:
        return parse_duration(text) > 0
    except ValueError:
        return False


def _target(value: str) -> str:
    if not _is_length(value):
        raise wrong("sla.target", written=value)
    return value


def _at(value: str) -> str:
    share = share_of(value)
    if share == 0 or (share is None and not _is_length(value)):
        raise wrong("sla.at", written=value)
    return value


Target = Annotated[str, AfterValidator(_target)]
"""`30m`, `4h`, or `5 workdays`: working time, as written."""


class HoursConfig(Section):
    """Working hours: intervals of the days that have them."""

    workday: Spans | None = None
    """Monday to Friday, and the weekend days that are worked instead of others."""
    weekend: Spans | None = None
    """Saturday and Sunday."""
    holiday: Spans | None = None
    """Days off of the calendar. Left out: no work, or the hours of `daily`."""
    mon: Spans | None = None
    """Of this day of the week, instead of `workday` (so also `tue` to `fri`)."""
    tue: Spans | None = None
    wed: Spans | None = None
    thu: Spans | None = None
    fri: Spans | None = None
    sat: Spans | None = None
    """Of this day of the week, instead of `weekend` (so also `sun`)."""
    sun: Spans | None = None
    daily: Spans | None = None
    """Of every day that nothing else is written for."""
    dates: dict[date, Spans] = Field(default={})
    """Of single dates: `2027-02-04: [08:30-12:00]`. Comes before all others."""
    calendar: Annotated[str, Field(max_length=60)] = ""
    """Holidays and days worked instead. Left out: the calendar of the installation."""
    timezone: Annotated[str, Field(max_length=60)] = ""
    """Left out: that of the installation."""

    def by_word(self) -> dict[str, tuple[Minutes, ...]]:
        """Intervals by the word for the days."""
        words = [name for name in type(self).model_fields if name not in ("dates", "calendar", "timezone")]
        return {word: spans for word in words if (spans := getattr(self, word)) is not None}


class SlaNoticeConfig(Section):
    """Who gets a notice at a milestone, and by which template."""

    audience: Annotated[str, Field(min_length=1, max_length=60)]
    template: Annotated[str, Field(min_length=1, max_length=60)]


class MilestoneConfig(Section):
    """A point on the way of a clock: an event, and perhaps a notice."""

    at: Annotated[str, AfterValidator(_at)] = Field(examples=["80%"])
    """`80%` of the target, or working time since the start: `4h`. May lie behind the target: `150%`."""
    of: ClockKind = ClockKind.RESOLVE
    """The clock: `respond`, `arrive` or `resolve`."""
    notice: SlaNoticeConfig | None = None
    """Left out: only the event `workorder.escalated`."""


class SlaPolicyConfig(Section):
    """What is promised for an order, by the name that `then.order.sla` has."""

    hours: Annotated[str, Field(max_length=60)] = ALWAYS
    """A name under `desk.hours`, or `always`: every hour of every day."""
    respond: Target | None = None
    """Until an engineer accepts the order."""
    arrive: Target | None = None
    """Until the engineer is there (`arrive`, or `start`)."""
    resolve: Target | None = None
    """Until the work is done."""
    pause_on: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=50)] = ()
    """Codes of `desk.hold_reasons` during which the clocks stand still; during others they run on."""
    milestones: Annotated[tuple[MilestoneConfig, ...], Field(max_length=20)] = ()
    priorities: tuple[Annotated[str, Field(max_length=20)], ...] = ()
    """Takes orders of these priorities (`P1`) whose rule names no policy; the first policy that fits is taken."""
    types: tuple[Annotated[str, Field(max_length=60)], ...] = ()
    """The same for types of orders; with `priorities`, both must fit."""

    def targets(self) -> dict[ClockKind, str]:
        """Targets as written, of the clocks that orders have."""
        return {kind: written for kind in ClockKind if (written := getattr(self, kind.value)) is not None}

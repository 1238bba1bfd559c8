"""`due`: checks for the linter."""

from collections.abc import Iterator
from datetime import date, timedelta

from gateway.domain.device import Device
from gateway.domain.duration import DAY
from rules.compiled import CalendarSpan
from rules.conditions.due_date.condition import Due
from rules.engine.state.calendar import later
from rules.lint.at_load import rule_at_load, shown
from rules.lint.condition_checks import ConditionChecks
from rules.lint.finding import LintFinding
from rules.lint.subject import LintContext, Subject


def _overlap(subject: Subject, condition: Due, _context: LintContext) -> Iterator[LintFinding]:
    """The next date begins when the stages of this one are over."""
    if condition.repeat is None:
        return
    length, between = (condition.stages[-1][1] - condition.stages[0][1]) // DAY, _shortest(condition.repeat)
    if length >= between:
        yield subject.find("dates-overlap", "due.repeat", told=length, between=between)


def _shortest(span: CalendarSpan) -> int:
    """Smallest number of days in a span."""
    first = [date(year, month, 1) for year in range(2024, 2028) for month in range(1, 13)]
    return min((later(one, span) - one).days for one in first)


def _past(subject: Subject, condition: Due, context: LintContext) -> Iterator[LintFinding]:
    """Dates that are past as the rule comes into force."""
    now = rule_at_load(subject, context)
    if now is None or context.today is None:
        return
    last = timedelta(days=condition.stages[-1][1] // DAY)
    past: list[Device] = []
    for device in now.devices:
        value = next(
            (attrs[condition.date] for _, attrs in now.inventory.fleet.owners(device) if condition.date in attrs), ""
        )
        try:
            day = date.fromisoformat(str(value)[:10])
        except ValueError:
            continue
        if day + last < context.today:
            past.append(device)
    if past:
        yield subject.find("due-at-load", "due.date", date=condition.date, count=len(past), devices=shown(past))


CHECKS = {Due: ConditionChecks("due", (_overlap, _past))}

"""`every`: checks for the linter."""

from collections.abc import Iterator

from gateway.domain.duration import from_us
from rules.conditions.counter_multiple.condition import Every
from rules.engine.state.calendar import later
from rules.lint.at_load import rule_at_load, shown
from rules.lint.condition_checks import ConditionChecks
from rules.lint.finding import LintFinding
from rules.lint.subject import LintContext, Subject


def _never(subject: Subject, condition: Every, _context: LintContext) -> Iterator[LintFinding]:
    """A counter of hours that cannot reach its step within the term."""
    if condition.or_after is None:
        return
    days = condition.or_after.days + condition.or_after.months * 31
    if subject.unit(condition.point) == "h" and condition.step > days * 24:
        yield subject.find("step-never", "every.or_after", days=days, hours=f"{condition.step:g}")


def _past(subject: Subject, condition: Every, context: LintContext) -> Iterator[LintFinding]:
    """Registered longer ago than the term: what was done before this gateway is not known."""
    now, after, today = rule_at_load(subject, context), condition.or_after, context.today
    if now is None or after is None or today is None:
        return
    past = [one for one in now.devices if one.registered and later(from_us(one.registered).date(), after) < today]
    if past:
        yield subject.find("term-at-load", "every.or_after", count=len(past), devices=shown(past))


CHECKS = {Every: ConditionChecks("every", (_never, _past))}

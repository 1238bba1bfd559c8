"""`streak`: checks for the linter."""

from collections.abc import Iterator

from gateway.domain.duration import DAY, format_duration
from rules.compiled import Calendar
from rules.compiled.reads import points_of
from rules.conditions.counting_checks import counted, never_repeated
from rules.conditions.streak.condition import Streak
from rules.lint.condition_checks import ConditionChecks
from rules.lint.finding import LintFinding
from rules.lint.subject import LintContext, Subject
from rules.lint.windows import days_of, window_of


def _on_change(subject: Subject, condition: Streak, _context: LintContext) -> Iterator[LintFinding]:
    return never_repeated(subject, condition.of, "streak")


def _too_long(subject: Subject, condition: Streak, _context: LintContext) -> Iterator[LintFinding]:
    """So many windows or readings take longer than `max_span`."""
    if not condition.max_span:
        return
    read = {slot.name for slot in condition.of.slots}
    closed = [
        one for one in subject.rule.signals if one.name in read and isinstance(getattr(one, "window", None), Calendar)
    ]
    step = max((window_of(one) for one in closed), default=0) or min(
        (every for name in points_of(condition.of) if (every := subject.every(name))), default=0
    )
    least = (condition.length - 1) * step
    if closed and step > 27 * DAY:
        least = round(least * 28 / 31)  # the shortest months
    if least > condition.max_span:
        yield subject.find(
            "streak-never",
            "streak.max_span",
            length=condition.length,
            least=format_duration(least),
            most=format_duration(condition.max_span),
            write=f"max_span: {format_duration(2 * least)}",
        )


def _beyond(subject: Subject, condition: Streak, context: LintContext) -> Iterator[LintFinding]:
    """It reaches further back than readings are kept."""
    if context.retention is None:
        return
    read = {slot.name for slot in condition.of.slots}
    longest = max((window_of(one) for one in subject.rule.signals if one.name in read), default=0)
    every = max((subject.every(name) for name in read), default=0)
    span = max(condition.length * (longest or every), condition.max_span)
    if span > context.retention:
        yield subject.find(
            "streak-beyond-retention",
            "streak.length",
            length=condition.length,
            span=format_duration(span),
            kept=format_duration(context.retention),
            write=f"series: {{retention: {days_of(2 * span)}}}",
        )


CHECKS = {Streak: ConditionChecks("streak", (_on_change, _too_long, _beyond), counted, single=True)}

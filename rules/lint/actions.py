"""Checks of a rule's effects: orders, notices, texts, and their fit with its severity."""

from collections.abc import Iterator

from gateway.domain.alarm import Level
from gateway.domain.duration import format_duration
from gateway.domain.workdays import NO_CALENDAR
from rules.compiled import Levels, Rule
from rules.lint.finding import LintFinding, Severity
from rules.lint.subject import LintContext, Subject


def order_and_notice(subject: Subject) -> Iterator[LintFinding]:
    """Check `then`, `title`, `why`, `active`."""
    rule = subject.rule
    if not rule.why.get("en"):
        yield subject.find("no-why", write="why: what it means, what may come of it, and what to look at first")
    yield from _words(subject)
    if rule.mode == "live" and rule.order is None and rule.notice is None:
        yield subject.find("no-action", write="then: {order: {type: repair, level: minor}}")
    yield from _latched(subject)
    yield from _critical(subject)
    yield from _safety(subject)


def _words(subject: Subject) -> Iterator[LintFinding]:
    """Check `title` and `why`: a text by language needs both. A plain `why` is for installations with one language."""
    rule = subject.rule
    for name, texts in (("title", rule.title), ("why", rule.why)):
        written = subject.get(name)
        if not isinstance(written, dict):
            if name == "why":
                continue
            written = {}
        if not (written.get("en") and written.get("zh")):
            shown = texts.get("en") or texts.get("zh") or rule.id
            write = f"{name}: {{en: {written.get('en') or shown}, zh: {written.get('zh') or shown}}}"
            yield subject.find("one-language", name, write=write, name=name)


def highest(rule: Rule) -> Level:
    """Highest level of the rule's alarms; that of an expression may be any."""
    return max(rule.condition.alarm_levels(), default=Level.NOTICE)


def _latched(subject: Subject) -> Iterator[LintFinding]:
    rule = subject.rule
    for level, prefix in subject.levels():
        if not level.auto_clear and rule.mode == "live" and rule.order is None:
            yield subject.find(
                "latched-alone", f"{prefix}auto_clear", write="then: {order: {type: repair, level: major}}"
            )
            return


def _critical(subject: Subject) -> Iterator[LintFinding]:
    rule = subject.rule
    if highest(rule) is not Level.CRITICAL:
        return
    order, notice = rule.order, rule.notice
    computed = isinstance(rule.condition, Levels) and any(one.level_of for one in rule.condition.levels)
    if notice is not None and not notice.remind and not computed:
        mild = Severity.INFO if order is not None else None
        yield subject.find("critical-once", "then.notice", write="remind: 30m, max: 3", severity=mild)
    if order is None:
        return
    if order.batch_every:
        every = format_duration(order.batch_every)
        yield subject.find("batch-critical", "then.order.batch", every=every, write=f"order: {{type: {order.type}}}")
    if not order.sla and not computed:
        yield subject.find("critical-no-sla", "then.order", write="sla: repair_4h")


def hours(subject: Subject, context: LintContext) -> Iterator[LintFinding]:
    """Check `active` by workdays or holidays of a year that the calendar does not have, or has only by the
    regulation."""
    active = subject.rule.active
    if active is None or active.calendar is None:
        return
    calendar = active.calendar
    if calendar == NO_CALENDAR:
        yield subject.find("calendar-none", "active.days")
        return
    unknown, provisional = calendar.open_years(context.today)
    if unknown:
        yield subject.find("calendar-year", "active.days", year=unknown[0], name=calendar.name)
    elif provisional:
        yield subject.find("calendar-provisional", "active.days", year=provisional[0], name=calendar.name)


def _safety(subject: Subject) -> Iterator[LintFinding]:
    rule = subject.rule
    if rule.notice is None or rule.notice.klass != "safety":
        return
    if rule.active is not None:
        yield subject.find("safety-hours", "active", write="notice: {class: service}")
    if rule.order is not None and rule.order.after:
        yield subject.find(
            "safety-delayed", "then.order.after", after=format_duration(rule.order.after), write="after: 0s"
        )

"""Lengths of time against each other: what is too long, or too short, ever to happen."""

import re
from collections.abc import Iterator, Mapping
from datetime import date

from gateway.domain.duration import DAY, HOUR, MINUTE, format_duration
from rules.compiled import Calendar, CalendarSpan, Due, Every, Sequence, Streak
from rules.compiled.reads import points_of
from rules.engine.state.calendar import later
from rules.lint.finding import LintFinding
from rules.lint.subject import Around, Subject
from rules.lint.windows import window_of

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_WEEK = 7


def spans(subject: Subject, around: Around) -> Iterator[LintFinding]:  # noqa: ARG001 - all checks take both
    """Holds against `active`, `flap` against holds, `max_span` against the length of a streak, waits of a sequence.

    Dates that come again against their stages, terms against steps.
    """
    yield from _hours(subject)
    yield from _flap(subject)
    yield from _streak(subject)
    yield from _wait(subject)
    yield from _votes(subject)
    yield from _dates(subject)
    yield from _term(subject)


def _dates(subject: Subject) -> Iterator[LintFinding]:
    """The next date begins when the stages of this one are over."""
    condition = subject.rule.condition
    if not isinstance(condition, Due) or condition.repeat is None:
        return
    told, between = (condition.stages[-1][1] - condition.stages[0][1]) // DAY, shortest(condition.repeat)
    if told >= between:
        yield subject.find("dates-overlap", "due.repeat", told=told, between=between)


def _term(subject: Subject) -> Iterator[LintFinding]:
    """A counter of hours that cannot reach its step within the term."""
    condition = subject.rule.condition
    if not isinstance(condition, Every) or condition.or_after is None:
        return
    days = condition.or_after.days + condition.or_after.months * 31
    if subject.unit(condition.point) == "h" and condition.step > days * 24:
        yield subject.find("step-never", "every.or_after", days=days, hours=f"{condition.step:g}")


def shortest(span: CalendarSpan) -> int:
    """How many days it has at least."""
    first = [date(year, month, 1) for year in range(2024, 2028) for month in range(1, 13)]
    return min((later(one, span) - one).days for one in first)


def _hours(subject: Subject) -> Iterator[LintFinding]:
    """Outside of `active` what is pending is dropped: a hold must fit into one stretch of it."""
    longest = longest_stretch(subject.get("active"))
    for level, path in subject.levels():
        if longest and level.hold.for_ >= longest:
            place = f"{path}.hold" if path else "hold"
            yield subject.find(
                "hold-beyond-active", place, write=f"hold: {format_duration(longest // 2)}",
                hold=format_duration(level.hold.for_), active=format_duration(longest),
            )  # fmt: skip


def longest_stretch(active: object) -> int:
    """The longest time without a break that `active`, as it is written, is in force, µs; 0 = no end, or unknown."""
    if not isinstance(active, Mapping):
        return 0
    daily, days = active.get("daily"), active.get("days")
    if daily is None:
        return _run(days)
    texts = daily if isinstance(daily, list) else [daily]
    found = [match for match in (_SPAN.fullmatch(str(text).strip()) for text in texts) if match is not None]
    if len(found) != len(texts):
        return 0
    edges = [(int(a) * 60 + int(b), int(c) * 60 + int(d)) for a, b, c, d in (match.groups() for match in found)]
    if {begin for begin, _ in edges} & {end % (DAY // MINUTE) for _, end in edges}:
        return 0  # one goes on where another ends
    return max((((end - begin) % (24 * 60)) or 24 * 60) * MINUTE for begin, end in edges)


def _run(days: object) -> int:
    """Whole days in a row."""
    names = days if isinstance(days, list) else [days]
    if not names or any(name not in _DAYS for name in names):
        return 0
    wanted = {_DAYS.index(name) for name in names}
    if len(wanted) == _WEEK:
        return 0
    return max(
        next(n for n in range(1, _WEEK + 1) if (first + n) % _WEEK not in wanted) for first in wanted
    ) * DAY  # fmt: skip


def _flap(subject: Subject) -> Iterator[LintFinding]:
    """Each raise takes its hold and its `clear_hold`: too few fit."""
    flap = subject.rule.flap
    levels = [level for level, _ in subject.levels()]
    if flap is None or not levels:
        return
    takes = min(level.hold.for_ for level in levels) + min(level.clear_hold for level in levels)
    if flap.raises * takes >= flap.span:
        yield subject.find(
            "flap-never", "flap", raises=flap.raises, span=format_duration(flap.span), takes=format_duration(takes),
            write=f"flap: {{raises: {flap.raises}, in: {format_duration(2 * (flap.raises + 1) * takes)}, "
            f"quiet: {format_duration(flap.quiet)}}}",
        )  # fmt: skip


def _streak(subject: Subject) -> Iterator[LintFinding]:
    condition = subject.rule.condition
    if not isinstance(condition, Streak) or not condition.max_span:
        return
    read = {slot.name for slot in condition.of.slots}
    closed = [one for one in subject.rule.signals if one.name in read and isinstance(_window(one), Calendar)]
    step = max((window_of(one) for one in closed), default=0) or min(
        (every for name in points_of(condition.of) if (every := subject.every(name))), default=0
    )
    least = (condition.length - 1) * step
    if closed and step > 27 * DAY:
        least = round(least * 28 / 31)  # the shortest months
    if least > condition.max_span:
        yield subject.find(
            "streak-never", "streak.max_span", length=condition.length, least=format_duration(least),
            most=format_duration(condition.max_span), write=f"max_span: {format_duration(2 * least)}",
        )  # fmt: skip


def _window(signal: object) -> object:
    return getattr(signal, "window", None)


def _wait(subject: Subject) -> Iterator[LintFinding]:
    """What is waited for in vain must have had the time to come."""
    condition = subject.rule.condition
    if not isinstance(condition, Sequence) or not condition.absent:
        return
    intervals = subject.intervals(condition.second)
    every = max(intervals, default=0)
    if condition.within < every:
        names = ", ".join(sorted(points_of(condition.second)))
        yield subject.find(
            "wait-below-interval", "sequence", within=format_duration(condition.within), points=names,
            every=format_duration(every), write=f"within: {format_duration(_round(3 * every))}",
        )  # fmt: skip


def _votes(subject: Subject) -> Iterator[LintFinding]:
    """A vote that lapses before its next reading comes and goes with every reading."""
    for quorum in subject.rule.quorums:
        every = min(subject.intervals(quorum.of), default=0)
        if 0 < quorum.within < every:
            yield subject.find(
                "vote-below-interval", "when", within=format_duration(quorum.within), every=format_duration(every),
                points=", ".join(sorted(points_of(quorum.of))), write=f"within: {format_duration(3 * every)}",
            )  # fmt: skip


def _round(span: int) -> int:
    return -(-span // HOUR) * HOUR if span > HOUR else span

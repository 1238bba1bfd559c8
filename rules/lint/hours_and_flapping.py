"""Comparison of lengths of time: those too long, or too short, to be reached."""

import re
from collections.abc import Iterator, Mapping

from gateway.domain.duration import DAY, MINUTE, format_duration
from rules.compiled.reads import points_of
from rules.lint.finding import LintFinding
from rules.lint.subject import LintContext, Subject

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_WEEK = 7


def spans(subject: Subject, around: LintContext) -> Iterator[LintFinding]:  # noqa: ARG001 - all checks take both
    """Check holds against `active`, `flap` against holds, votes against intervals."""
    yield from _hours(subject)
    yield from _flap(subject)
    yield from _votes(subject)


def _hours(subject: Subject) -> Iterator[LintFinding]:
    """Check that a hold fits into one stretch of `active`: outside of it a pending alarm is dropped."""
    longest = longest_stretch(subject.get("active"))
    for level, path in subject.levels():
        if longest and level.hold.for_ >= longest:
            place = f"{path}.hold" if path else "hold"
            yield subject.find(
                "hold-beyond-active",
                place,
                write=f"hold: {format_duration(longest // 2)}",
                hold=format_duration(level.hold.for_),
                active=format_duration(longest),
            )


def longest_stretch(active: object) -> int:
    """Longest unbroken stretch of `active`, µs; 0 = no end, or unknown."""
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
        return 0  # one span continues at the end of another
    return max((((end - begin) % (24 * 60)) or 24 * 60) * MINUTE for begin, end in edges)


def _run(days: object) -> int:
    """Longest run of whole days in a row."""
    names = days if isinstance(days, list) else [days]
    if not names or any(name not in _DAYS for name in names):
        return 0
    wanted = {_DAYS.index(name) for name in names}
    if len(wanted) == _WEEK:
        return 0
    return max(next(n for n in range(1, _WEEK + 1) if (first + n) % _WEEK not in wanted) for first in wanted) * DAY


def _flap(subject: Subject) -> Iterator[LintFinding]:
    """Check that enough raises fit into the window: each takes its hold and its `clear_hold`."""
    flap = subject.rule.flap
    levels = [level for level, _ in subject.levels()]
    if flap is None or not levels:
        return
    takes = min(level.hold.for_ for level in levels) + min(level.clear_hold for level in levels)
    if flap.raises * takes >= flap.span:
        yield subject.find(
            "flap-never",
            "flap",
            raises=flap.raises,
            span=format_duration(flap.span),
            takes=format_duration(takes),
            write=f"flap: {{raises: {flap.raises}, in: {format_duration(2 * (flap.raises + 1) * takes)}, "
            f"quiet: {format_duration(flap.quiet)}}}",
        )


def _votes(subject: Subject) -> Iterator[LintFinding]:
    """Check for a vote that lapses before its next reading: the alarm would change with every reading."""
    for quorum in subject.rule.quorums:
        every = min(subject.intervals(quorum.of), default=0)
        if 0 < quorum.within < every:
            yield subject.find(
                "vote-below-interval",
                "when",
                within=format_duration(quorum.within),
                every=format_duration(every),
                points=", ".join(sorted(points_of(quorum.of))),
                write=f"within: {format_duration(3 * every)}",
            )

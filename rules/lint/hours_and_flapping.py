"""Comparison of lengths of time: those too long, or too short, to be reached."""

from collections.abc import Iterator

from gateway.domain.duration import DAY, MINUTE, format_duration
from rules.compiled import Active
from rules.compiled.reads import points_of
from rules.lint.finding import LintFinding
from rules.lint.subject import Subject

_DAY = DAY // MINUTE


def holds_and_hours(subject: Subject) -> Iterator[LintFinding]:
    """Check that a hold fits into one stretch of `active`: outside of it a pending alarm is dropped."""
    longest = longest_stretch(subject.rule.active)
    for level, prefix in subject.levels():
        if longest and level.hold.for_ >= longest:
            hold, active = format_duration(level.hold.for_), format_duration(longest)
            write = f"hold: {format_duration(longest // 2)}"
            yield subject.find("hold-beyond-active", f"{prefix}hold", write=write, hold=hold, active=active)


def longest_stretch(active: Active | None) -> int:
    """Longest unbroken stretch of `active`, µs; 0 = no end, or unknown."""
    if active is None:
        return 0
    if active.spans == ((0, 0),):
        return _longest_run(active)
    if {begin for begin, _ in active.spans} & {end for _, end in active.spans}:
        return 0  # one span continues at the end of another
    return max(((end - begin) % _DAY or _DAY) * MINUTE for begin, end in active.spans)


def _longest_run(active: Active) -> int:
    """Longest run of whole days in a row; 0 = all days, or workdays and holidays."""
    if not active.days or active.workday or active.holiday:
        return 0
    return max(next(n for n in range(1, 8) if (first + n) % 7 not in active.days) for first in active.days) * DAY


def flapping(subject: Subject) -> Iterator[LintFinding]:
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


def votes_and_intervals(subject: Subject) -> Iterator[LintFinding]:
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

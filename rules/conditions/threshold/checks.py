"""`when`, `levels`: hysteresis, holds against sampling intervals, the order of levels."""

import math
from collections.abc import Iterator
from itertools import pairwise

from gateway.domain.duration import format_duration
from rules.compiled import Calendar, LevelRule, Levels, Share, Times
from rules.compiled.reads import points_of
from rules.expr.operators import NEGATED
from rules.expr.syntax_tree import Arithmetic, CallNode, Number, number_text, render
from rules.lint.comparisons import DOWN, UP, Atom, alternatives, atom, walk
from rules.lint.condition_checks import ConditionChecks
from rules.lint.finding import LintFinding, Severity
from rules.lint.missing_and_identity import STEADY
from rules.lint.subject import LintContext, Subject

_MARGIN = 0.05


def thresholds(subject: Subject, _condition: Levels, _context: LintContext) -> Iterator[LintFinding]:
    """Check `when` and `levels`."""
    for level, prefix in subject.levels():
        yield from _hysteresis(subject, level, prefix)
        yield from _holds(subject, level, prefix)
    yield from _severities(subject)


# --- hysteresis
def _hysteresis(subject: Subject, level: LevelRule, prefix: str) -> Iterator[LintFinding]:
    if not level.auto_clear:
        return  # a person ends it
    when, clear = subject.get(f"{prefix}when"), subject.get(f"{prefix}clear")
    edges = [
        one for parts in alternatives(when) if len(parts) == 1 and (one := atom(parts[0])) and _wavers(subject, one)
    ]
    if not edges:
        return
    ends = (
        {}
        if clear is None
        else {one.name: one for parts in alternatives(clear) for part in parts if (one := atom(part)) is not None}
    )
    for edge in edges:
        end = ends.get(edge.name)
        if clear is not None and (end is None or not _same_limit(edge, end)):
            continue
        mild = level.clear_hold > 0  # it cannot change faster
        yield subject.find(
            "no-hysteresis",
            f"{prefix}when" if clear is None else f"{prefix}clear",
            write=f'clear: "{_eased(edge, _spread(subject, edge))}"',
            severity=Severity.INFO if mild else None,
            when=edge.render(),
            name=edge.name,
        )


def _wavers(subject: Subject, one: Atom) -> bool:
    """True for a limit on a gauge, or on a momentary signal."""
    if one.operator not in UP | DOWN:
        return False
    signal = subject.signal(one.name)
    if signal is None:
        spec = subject.spec(one.name)
        steps = spec is not None and not spec.unit and one.value is not None and one.value.is_integer()
        return subject.gauge(one.name) and not steps  # a level or a count changes in steps
    return not isinstance(getattr(signal, "window", None), Calendar) and not isinstance(signal, Share | Times)


def _same_limit(edge: Atom, end: Atom) -> bool:
    """True if the alarm ends at the limit at which it begins."""
    if render(edge.limit) == render(end.limit):
        return True
    return edge.value is not None and edge.value == end.value and edge.literal == end.literal


def _spread(subject: Subject, edge: Atom) -> float:
    """Suggested hysteresis in the unit of the limit: 5 % of it, one digit."""
    limit = edge.limit
    if isinstance(limit, CallNode) and len(limit.arguments) == 2:
        limit = limit.arguments[1]
    size = abs(limit.value) if isinstance(limit, Number) else abs(edge.value or 0.0)
    if not size:
        spec = subject.spec(edge.name)
        low, high = (spec.plausible.min, spec.plausible.max) if spec is not None else (None, None)
        size = high - low if low is not None and high is not None else 20.0
    raw = size * _MARGIN
    digit = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    return float(f"{math.ceil(raw / digit - 1e-9) * digit:.12g}")


def _eased(edge: Atom, spread: float) -> str:
    """Suggested clear condition, `spread` away from the limit."""
    back, sign = NEGATED[edge.operator], -1.0 if edge.operator in UP else 1.0
    if isinstance(edge.limit, Number):
        value = float(f"{edge.limit.value + sign * spread:.12g}")
        return f"{edge.name} {back} {number_text(value, edge.limit.unit)}"
    inner = next((part for part in walk(edge.limit) if isinstance(part, Number)), None)
    moved = Arithmetic("-" if sign < 0 else "+", edge.limit, Number(spread, inner.unit if inner is not None else ""))
    return f"{edge.name} {back} {render(moved)}".replace('"', "'")


# --- holds
def _holds(subject: Subject, level: LevelRule, prefix: str) -> Iterator[LintFinding]:
    intervals, held = subject.intervals(level.when), level.hold
    place = f"{prefix}hold"
    if not held.for_:
        return
    fastest = min(intervals, default=0)
    names = ", ".join(sorted(points_of(level.when)))
    if fastest and held.for_ < fastest:
        yield subject.find(
            "hold-below-interval",
            place,
            write=f"hold: {format_duration(2 * fastest)}",
            points=names,
            hold=format_duration(held.for_),
            every=format_duration(fastest),
        )
    if held.gap is not None and fastest and held.gap < fastest:
        new = f"hold: {{for: {format_duration(held.for_)}, gap: {format_duration(STEADY * fastest)}}}"
        yield subject.find(
            "gap-below-interval",
            place,
            write=new,
            points=names,
            gap=format_duration(held.gap),
            every=format_duration(fastest),
        )
    if held.gap is None and not intervals and points_of(level.when):
        new = f"hold: {{for: {format_duration(held.for_)}, gap: {format_duration(held.for_)}}}"
        yield subject.find("gap-unknown", place, write=new, points=names)


# --- severities
def _severities(subject: Subject) -> Iterator[LintFinding]:
    """Check the order of levels with attributes, by their defaults; the loader checks literal limits."""
    found = [
        (one, path, _edge(subject.get(path)))
        for one, prefix in subject.levels()
        if prefix and (path := f"{prefix}when")
    ]
    for (lower, _, below), (higher, path, above) in pairwise(found):
        if below is None or above is None or below.name != above.name or below.value is None or above.value is None:
            continue
        up = below.operator in UP and above.operator in UP and above.value <= below.value
        down = below.operator in DOWN and above.operator in DOWN and above.value >= below.value
        if (up or down) and not (above.literal and below.literal) and above.value != below.value:
            yield subject.find(
                "level-weaker",
                path,
                high=higher.level.word,
                low=lower.level.word,
                when=above.render(),
                other=below.render(),
                write=f'when: "{_beyond(above, below)}"',
            )


def _edge(when: object) -> Atom | None:
    found = alternatives(when)
    return atom(found[0][0]) if len(found) == 1 and len(found[0]) == 1 else None


def _beyond(above: Atom, below: Atom) -> str:
    """Suggested condition: `above` no weaker than `below`."""
    word = "max" if above.operator in UP else "min"
    return f"{above.name} {above.operator} {word}({render(above.limit)}, {render(below.limit)})".replace('"', "'")


CHECKS = {Levels: ConditionChecks(checks=(thresholds,))}

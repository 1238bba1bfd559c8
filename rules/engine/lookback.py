"""How far back a rule looks: the history that its state may depend on."""

from collections.abc import Iterator

from gateway.domain.duration import DAY, HOUR, MINUTE
from rules.compiled import (
    Baseline,
    Calendar,
    Increase,
    MemberStat,
    PeerStat,
    Period,
    Rate,
    Rule,
    Share,
    Signal,
    Slot,
    SlotKind,
    Stat,
    Swing,
    Times,
)
from rules.compiled.age_limits import oldest
from rules.compiled.reads import OF_SIGNALS, expressions, fed_by, inner_first, operand_of
from rules.engine.state.thing_table import NEVER

MARGIN = HOUR
UNPROMISED = 6 * HOUR  # the longest interval we reckon with between readings of a point that promises none
LONG = 48.0  # hours that we reckon with where a length hangs on readings or attributes
_PERIODS = {
    Period.QUARTER_HOUR: 15 * MINUTE, Period.HOUR: HOUR, Period.DAY: 25 * HOUR, Period.NIGHT: 49 * HOUR,
    Period.WEEK: 8 * DAY, Period.MONTH: 32 * DAY, Period.QUARTER: 93 * DAY, Period.YEAR: 367 * DAY,
}  # fmt: skip


def needs_history(rule: Rule) -> bool:
    """True if the state of a new generation of the rule depends on the past; else the newest values are enough."""
    remembers = any(
        not isinstance(signal, MemberStat | PeerStat) for signal in rule.signals
    )  # members are asked as they are
    began = any(quorum.began_within for quorum in rule.quorums)
    return remembers or began or rule.condition.remembers


def horizon(rule: Rule, every: int) -> int:
    """µs before a moment that a rule's state at this moment may hang on; NEVER = everything.

    `every` is the longest promised interval of its points, µs, 0 = none is promised.
    """
    interval = every or UNPROMISED
    asked = [*expressions(rule), *(quorum.of for quorum in rule.quorums)]
    asked += [signal.of for signal in rule.signals if isinstance(signal, MemberStat)]
    depth = 1 + max((slot.n for one in asked for slot in one.slots if slot.kind is SlotKind.BEFORE), default=0)
    windows = max(_spans(rule.signals, interval), default=0)
    if in_a_row := rule.condition.in_a_row():
        depth += in_a_row
        windows = windows or 3 * interval
    span = windows * depth if windows < NEVER else NEVER
    old = oldest(rule, _numbers)  # what was read last before may be bad
    return min(NEVER, span + old + max(_waits(rule, interval), default=0) + 3 * interval + MARGIN)


def _numbers(slot: Slot) -> tuple[float, ...]:
    """What we reckon with for an attribute that an age is compared with, in hours."""
    return (slot.default, LONG)


def _waits(rule: Rule, interval: int) -> Iterator[int]:
    yield rule.clear_after
    yield max((max(quorum.within, quorum.began_within) for quorum in rule.quorums), default=0)
    yield rule.condition.look_back(interval)


def _spans(signals: tuple[Signal, ...], interval: int) -> Iterator[int]:
    """Of each signal, with those that it is made of."""
    spans: dict[str, int] = {}
    for one in inner_first(signals):
        calendars, of = fed_by(one, signals), operand_of(one)
        slots = () if isinstance(of, str) else [slot for slot in of.slots if slot.kind in OF_SIGNALS]
        inner = max((spans.get(slot.name, 0) * (1 + slot.n) for slot in slots), default=0)
        own = _window(one, max([interval, *(calendar.longest for calendar in calendars)]))
        spans[one.name] = min(own + inner, NEVER)
        yield spans[one.name]


def _window(signal: Signal, interval: int) -> int:
    match signal:
        case Stat(window=window) | Increase(window=window) | Share(window=window) | Times(window=window):
            if isinstance(window, Calendar):
                return 2 * _PERIODS[window.period]  # this one begins where the one before ended
            return window.length + 3 * interval
        case Rate(over=over, max_gap=gap) | Swing(over=over, max_gap=gap):
            return over + gap + 3 * interval
        case Baseline():
            return NEVER  # it never forgets
        case MemberStat() | PeerStat():
            return MINUTE

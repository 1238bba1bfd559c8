"""From a compiled signal to the class that carries it out."""

from rules.compiled import (
    Baseline,
    Calendar,
    Expression,
    Increase,
    MemberStat,
    PeerStat,
    Rate,
    Rule,
    Share,
    Signal,
    SlotKind,
    Stat,
    Swing,
    Times,
)
from rules.compiled.reads import expressions, operand_of
from rules.engine.binding.bound_expression import SlotSource
from rules.engine.state.thing_table import ThingTable
from rules.engine.windows.base import Surroundings
from rules.engine.windows.baseline import BaselineSignal
from rules.engine.windows.calendar_increase import CalendarIncrease
from rules.engine.windows.calendar_share import CalendarShare
from rules.engine.windows.calendar_stat import CalendarStat
from rules.engine.windows.calendar_times import CalendarTimes
from rules.engine.windows.calendar_window import CalendarWindow, WindowContext
from rules.engine.windows.momentary import Momentary
from rules.engine.windows.signal_input import SignalInput
from rules.engine.windows.sliding_increase import SlidingIncrease
from rules.engine.windows.sliding_rate import SlidingRate
from rules.engine.windows.sliding_share import SlidingShare
from rules.engine.windows.sliding_signal import SlidingSignal
from rules.engine.windows.sliding_stat import SlidingStat
from rules.engine.windows.sliding_swing import SlidingSwing
from rules.engine.windows.sliding_times import SlidingTimes


def depth_of(rule: Rule, name: str) -> int:
    """How many closed windows of a signal the rule looks back at."""
    asked = [*expressions(rule), *(quorum.of for quorum in rule.quorums)]
    asked += [of for signal in rule.signals if isinstance(of := operand_of(signal), Expression)]
    back = [s.n for e in asked for s in e.slots if s.kind is SlotKind.BEFORE and s.name == name]
    return 1 + max(back, default=0)


def operator(
    signal: Signal, rule: Rule, zone: str, space: ThingTable, around: Surroundings, source: SlotSource
) -> Momentary | CalendarWindow | None:
    """The operator of a signal on one space; None for one over members, which is not worked out per thing."""
    context = WindowContext(depth_of(rule, signal.name), zone, space, around)
    match signal:
        case Increase(window=Calendar()):
            return CalendarIncrease(signal, context)
        case Increase():
            return SlidingSignal(space, signal, SlidingIncrease(signal, space, around))
        case Rate():
            return SlidingSignal(space, signal, SlidingRate(signal, space, around))
        case MemberStat() | PeerStat():
            return None
    feed = SignalInput(signal.of, space, around, source)
    match signal:
        case Stat(window=Calendar()):
            return CalendarStat(signal, context, feed)
        case Stat():
            return SlidingSignal(space, signal, SlidingStat(signal, space, feed))
        case Swing():
            return SlidingSignal(space, signal, SlidingSwing(signal, space, feed))
        case Share(window=Calendar()):
            return CalendarShare(signal, context, feed)
        case Share():
            return SlidingSignal(space, signal, SlidingShare(signal, space, feed))
        case Times(window=Calendar()):
            return CalendarTimes(signal, context, feed)
        case Times():
            return SlidingSignal(space, signal, SlidingTimes(signal, space, feed))
        case Baseline():
            return BaselineSignal(signal, zone, space, around, feed)

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
from rules.engine.binding.bound_expression import Source
from rules.engine.state.thing_table import Space
from rules.engine.windows.base import Surroundings
from rules.engine.windows.baseline import BaselineSignal
from rules.engine.windows.calendar_increase import CountedIncrease
from rules.engine.windows.calendar_share import SpentShare
from rules.engine.windows.calendar_stat import GatheredStat
from rules.engine.windows.calendar_window import Closing
from rules.engine.windows.momentary import Momentary
from rules.engine.windows.signal_input import Feed
from rules.engine.windows.sliding_windows import SlidingIncrease, SlidingShare, SlidingStat, SlidingSwing, Slope
from rules.engine.windows.times import CalendarTimes, SlidingTimes


def depth_of(rule: Rule, name: str) -> int:
    """How many closed windows of a signal the rule looks back at."""
    asked = [*expressions(rule), *(quorum.of for quorum in rule.quorums)]
    asked += [of for signal in rule.signals if isinstance(of := operand_of(signal), Expression)]
    back = [s.n for e in asked for s in e.slots if s.kind is SlotKind.BEFORE and s.name == name]
    return 1 + max(back, default=0)


def operator(
    signal: Signal, rule: Rule, zone: str, space: Space, around: Surroundings, source: Source
) -> Momentary | Closing | None:
    """The operator of a signal on one space; None for one over members, which is not worked out per thing."""
    depth = depth_of(rule, signal.name)
    match signal:
        case Increase(window=Calendar()):
            return CountedIncrease(signal, depth, zone, space, around)
        case Increase():
            return SlidingIncrease(signal, space, around)
        case Rate():
            return Slope(signal, space, around)
        case MemberStat() | PeerStat():
            return None
    feed = Feed(signal.of, space, around, source)
    match signal:
        case Stat(window=Calendar()):
            return GatheredStat(signal, depth, zone, space, around, feed)
        case Stat():
            return SlidingStat(signal, space, feed)
        case Swing():
            return SlidingSwing(signal, space, feed)
        case Share(window=Calendar()):
            return SpentShare(signal, depth, zone, space, around, feed)
        case Share():
            return SlidingShare(signal, space, feed)
        case Times(window=Calendar()):
            return CalendarTimes(signal, depth, zone, space, around, feed)
        case Times():
            return SlidingTimes(signal, space, feed)
        case Baseline():
            return BaselineSignal(signal, zone, space, around, feed)

"""Possible values of a name in an expression: points by their profile, signals by their definition."""

from math import inf

from gateway.domain.device import PointKind
from rules.compiled import Aggregate, Baseline, Increase, MemberStat, Operand, Rate, Share, Signal, Stat, Swing, Times
from rules.lint.comparisons import Range
from rules.lint.subject import Subject
from rules.lint.windows import slowest, window_of

EVERYTHING = Range()
_CLOCK = {"hour()": Range(0.0, 23.0), "weekday()": Range(1.0, 7.0)}
_OF_THE_VALUES = frozenset({
    Aggregate.MEAN, Aggregate.MIN, Aggregate.MAX, Aggregate.FIRST, Aggregate.LAST, Aggregate.PERCENTILE,
})  # fmt: skip


def reach(subject: Subject, name: str) -> Range:
    """Possible numbers of a name while it is known, canonical; `Range()` = any."""
    if name in _CLOCK:
        return _CLOCK[name]
    if name.startswith("age("):
        return Range(0.0)
    signal = subject.signal(name)
    return point_reach(subject, name) if signal is None else _signal(subject, signal)


def point_reach(subject: Subject, name: str) -> Range:
    """Possible numbers of a point: a reading outside of `plausible` is unknown."""
    spec = subject.spec(name)
    if spec is None or spec.kind is PointKind.STATE:
        return EVERYTHING
    low, high = spec.plausible.min, spec.plausible.max
    return Range(-inf if low is None else low, inf if high is None else high)


def _signal(subject: Subject, signal: Signal) -> Range:
    match signal:
        case Share():
            return Range(0.0, 1.0)
        case Times():
            return Range(0.0, most_times(subject, signal))
        case Increase() | MemberStat(what=Aggregate.COUNT) | Stat(what=Aggregate.COUNT):
            return Range(0.0)
        case Stat(what=what, of=of):
            if what in _OF_THE_VALUES:
                return _operand(subject, of)
            return _wide(subject, of) if what in {Aggregate.SPREAD, Aggregate.STDDEV} else EVERYTHING
        case Swing(of=of):
            return _wide(subject, of)
        case Rate(point=point):
            spec = subject.spec(point)
            return Range(0.0) if spec is not None and spec.kind is PointKind.COUNTER else EVERYTHING
        case Baseline(zscore=False, of=of):
            return _operand(subject, of)
        case _:
            return EVERYTHING


def _operand(subject: Subject, of: Operand) -> Range:
    """Range of a point, or of another signal; an expression may have any value."""
    if isinstance(of, str):
        return point_reach(subject, of)
    named = {signal.name: signal for signal in subject.rule.signals}
    return _signal(subject, named[of.text]) if of.text in named else EVERYTHING


def _wide(subject: Subject, of: Operand) -> Range:
    """Range of the difference between two of its values."""
    found = _operand(subject, of)
    return Range(0.0, found.high - found.low)


def most_times(subject: Subject, signal: Times) -> float:
    """Upper bound of the number of times a condition becomes true in a window: each time needs one true and one false
    reading."""
    every, window = slowest(subject, signal), window_of(signal)
    return window // (2 * every) + 1.0 if every and window else inf

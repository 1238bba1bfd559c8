"""A signal as people write it in `let`, for evidence: `mean: u - w, over: 7d`."""

from gateway.domain.duration import format_duration
from rules.compiled.reads import operand_of
from rules.compiled.signals import (
    Aggregate,
    Baseline,
    Calendar,
    Increase,
    MemberStat,
    PeerStat,
    Period,
    Rate,
    Share,
    Signal,
    Stat,
    Swing,
    Times,
    Window,
)

LONGEST = 200
"""Characters; what is longer is cut."""


def definition(signal: Signal) -> str:
    """The operator with what it is made of, and its window; "" for signals over other things than its own."""
    if isinstance(signal, MemberStat | PeerStat):
        return ""
    of = operand_of(signal)
    text = f"{_operator(signal)}: {of if isinstance(of, str) else of.text}, {_window(signal)}".rstrip(", ")
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _operator(signal: Signal) -> str:
    match signal:
        case Stat(what=Aggregate.PERCENTILE, rank=rank):
            return "median" if rank == 50 else f"percentile({rank:g})"
        case Stat(what=what):
            return what.value
        case Swing(rise=rise):
            return "rise" if rise else "fall"
        case Baseline(zscore=zscore):
            return "zscore" if zscore else "ewma"
    return {Increase: "increase", Rate: "rate", Share: "share", Times: "times"}[type(signal)]


def _window(signal: Signal) -> str:
    match signal:
        case Stat(window=window) | Increase(window=window) | Share(window=window) | Times(window=window):
            return _per(window)
        case Swing(over=over):
            return f"over: {format_duration(over)}"
        case Rate(over=over):
            return f"over: {format_duration(over)}" if over else ""
        case Baseline(half_life=half_life, season=season):
            return f"half_life: {format_duration(half_life)}" + (", season: hour_of_week" if season else "")
    return ""


def _per(window: Window) -> str:
    if not isinstance(window, Calendar):
        return f"over: {format_duration(window.length)}"
    begin, end = (f"{minutes // 60:02d}:{minutes % 60:02d}" for minutes in (window.begin, window.end))
    inside = ""
    if window.period is Period.NIGHT:
        inside = f"({begin}-{end})"
    elif window.period is Period.DAY and window.begin:
        inside = f"(from: {begin})"
    elif window.start != 1:
        inside = f"(from: {window.start})"
    return f"per: {window.period.value}{inside}"

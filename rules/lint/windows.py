"""Checks of signals: windows against the sampling interval and the stored history, baselines without history."""

from collections.abc import Iterator

from gateway.domain.duration import DAY, HOUR, MINUTE, format_duration
from rules.compiled import Baseline, Calendar, Increase, Over, Period, Rate, Share, Signal, Stat, Swing, Times
from rules.compiled.reads import every_point, fed_by
from rules.engine.windows.factory import depth_of
from rules.lint.finding import LintFinding
from rules.lint.subject import LintContext, Subject

FEW = 3  # least number of readings in a window
GOOD = 10
LENGTHS = {
    Period.QUARTER_HOUR: 15 * MINUTE, Period.HOUR: HOUR, Period.DAY: DAY, Period.NIGHT: DAY, Period.WEEK: 7 * DAY,
    Period.MONTH: 31 * DAY, Period.QUARTER: 92 * DAY, Period.YEAR: 366 * DAY,
}  # fmt: skip


def windows(subject: Subject, context: LintContext) -> Iterator[LintFinding]:
    """Check `let`."""
    for signal in subject.rule.signals:
        yield from _few(subject, signal)
        yield from _beyond(subject, signal, context)
        if isinstance(signal, Baseline) and not signal.warmup:
            new = format_duration(max(7 * DAY, 2 * signal.half_life) if not signal.season else 14 * DAY)
            yield subject.find("baseline-cold", f"let.{signal.name}", write=f"warmup: {new}", name=signal.name)


def slowest(subject: Subject, signal: Signal) -> int:
    """Longest promised interval of its points, or of the windows it depends on, µs; 0 = unknown."""
    signals = subject.rule.signals
    if calendars := fed_by(signal, signals):
        return max(LENGTHS[one.period] for one in calendars)
    return max((subject.every(name) for name in every_point(signal, signals)), default=0)


def window_of(signal: Signal) -> int:
    """µs that a signal looks back over, for a calendar window the longest there is; 0 = it has none."""
    match signal:
        case Stat(window=window) | Increase(window=window) | Share(window=window) | Times(window=window):
            return window.length if isinstance(window, Over) else LENGTHS[window.period]
        case Rate(over=over) | Swing(over=over):
            return over
        case _:
            return 0


def _shown(signal: Signal) -> str:
    """`over: 10m`, `per: day`."""
    window = getattr(signal, "window", None)
    return (
        f"per: {window.period.value}" if isinstance(window, Calendar) else f"over: {format_duration(window_of(signal))}"
    )


def _few(subject: Subject, signal: Signal) -> Iterator[LintFinding]:
    length, every = window_of(signal), slowest(subject, signal)
    window = getattr(signal, "window", None)
    if isinstance(window, Calendar) and window.period is Period.NIGHT:
        length = ((window.end - window.begin) % 1440 or 1440) * 60_000_000
    if isinstance(signal, Increase) or not length or not every or length >= FEW * every:
        return
    if isinstance(window, Calendar):
        longer = next((p.value for p in (Period.DAY, Period.WEEK, Period.MONTH) if LENGTHS[p] >= FEW * every), "month")
        write = f"per: {longer}"
    else:
        write = f"over: {format_duration(GOOD * every)}"
    yield subject.find(
        "window-few-readings",
        f"let.{signal.name}",
        write=write,
        name=signal.name,
        window=_shown(signal),
        every=format_duration(every),
    )


def _beyond(subject: Subject, signal: Signal, context: LintContext) -> Iterator[LintFinding]:
    depth = depth_of(subject.rule, signal.name)
    span = window_of(signal) * depth
    if isinstance(signal, Baseline):
        span = signal.warmup
    if context.retention is not None and span > context.retention:
        yield subject.find(
            "window-beyond-retention",
            f"let.{signal.name}",
            name=signal.name,
            span=format_duration(span),
            kept=format_duration(context.retention),
            write=f"series: {{retention: {days_of(2 * span)}}}",
        )


def days_of(span: int) -> str:
    """A duration in whole days, as in rule files."""
    return f"{-(-span // DAY)}d"

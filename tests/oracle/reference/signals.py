"""Signals of `let` (RULES.md section 4): their values, and the moments at which these change."""

import math
import statistics
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise

from oracle.reference import expressions, peers
from oracle.reference.baseline import baseline
from oracle.reference.counters import calendar_increase
from oracle.reference.operands import Operands
from oracle.reference.values import History
from oracle.reference.windows import CLOSE, Row, calendar_window, observed
from oracle.scene import Expr, RuleDef, SignalDef

COVERAGE = 0.9
"""Unless written."""
BASELINES = frozenset({"ewma", "zscore"})
"""Only readings teach them anything."""


class Signals:
    """The signals of a rule on one device. `end`: nothing later than this is asked for."""

    def __init__(self, rule: RuleDef, history: History, start: int, zone: str, end: int) -> None:
        self.rule, self.history, self.start, self.zone, self.end = rule, history, start, zone, end
        self._baselines: dict[str, tuple[list[int], list[float | None]]] = {}
        self._windows: dict[str, list[tuple[int, int]]] = {}
        self._closed: dict[tuple[str, int], float | None] = {}
        self.others: dict[str, Sequence[History]] = {}
        self.operands = Operands(rule, history, start, end, self._of, self.windows)

    def _of(self, node: Expr, t: int) -> float | bool | None:
        found: float | bool | None = expressions.value(node, expressions.Moment(self.history, self.at, t))
        return found

    def at(self, name: str, t: int, n: int = 0) -> float | None:
        """The value at `t`; of a calendar signal that of the last closed window, or of n windows before."""
        signal = self.rule.let[name]
        if signal.operator == "peers":
            return peers.worth(signal, self.others[name], t)
        if signal.per:
            return self._calendar(name, signal, t, n)
        if signal.operator in BASELINES:
            return self._usual(name, signal, t)
        return self._sliding(name, signal, t)

    def _usual(self, name: str, signal: SignalDef, t: int) -> float | None:
        if name not in self._baselines:
            rows = self.operands.told(name)
            worth = baseline(signal, rows, self.operands.reach(signal), self.start, self.zone)
            self._baselines[name] = [at for at, _ in rows], worth
        times, values = self._baselines[name]
        k = bisect_right(times, t)
        return values[k - 1] if k else None

    # --- calendar windows
    @cached_property
    def first(self) -> int:
        """The first reading of the device, from the start of the case."""
        return self.history.times[0] if self.history.times else 0

    def windows(self, per: str) -> list[tuple[int, int]]:
        """Windows that end after the first reading, from the start of the case, in order."""
        if per in self._windows:
            return self._windows[per]
        out, t = self._windows.setdefault(per, []), self.first
        while t <= self.end:
            begin, stop = calendar_window(per, self.zone, self.start + t)
            out.append((begin - self.start, stop - self.start))
            t = stop - self.start
        return out

    def _calendar(self, name: str, signal: SignalDef, t: int, n: int) -> float | None:
        closed = [window for window in self.windows(signal.per) if window[1] <= t]
        if len(closed) <= n:
            return None
        window = closed[-1 - n]
        if (name, window[0]) not in self._closed and signal.operator == "increase":
            coverage = COVERAGE if signal.coverage is None else signal.coverage
            all_of = calendar_increase(signal, self.history, self.windows(signal.per), coverage, self.end)
            self._closed |= {(name, begin): value for begin, value in all_of.items()}
        elif (name, window[0]) not in self._closed:
            rows = self.operands.rows_within(name, self.windows(signal.per))
            self._closed[name, window[0]] = self._over(signal, rows, *window, open_end=True)
        return self._closed.get((name, window[0]))

    # --- sliding windows
    def _sliding(self, name: str, signal: SignalDef, t: int) -> float | None:
        if signal.operator in {"rise", "fall"}:
            return self._swing(name, signal, t)
        return self._over(signal, self.operands.rows(name), t - signal.over, t, open_end=False)

    def _over(self, signal: SignalDef, rows: Sequence[Row], begin: int, end: int, *, open_end: bool) -> float | None:
        """Over [begin, end) of the calendar, or (begin, end] that slides."""
        coverage = COVERAGE if signal.coverage is None else signal.coverage
        past = [(at, value) for at, value in rows if at < end or (at == end and not open_end)]
        if signal.operator == "share":
            return self._share(past, self.operands.reach(signal), begin, end, coverage)
        if signal.operator == "times":
            return times(past, begin, open_end=open_end)
        first = next((at for at, value in past if value is not None), None)
        reach = self.operands.reach(signal)
        if first is None or observed(past, reach, begin, end) / (end - begin) < coverage - CLOSE:
            return None
        inside = [
            0.0 if isinstance(value, str) else float(value)
            for at, value in past
            if value is not None and (begin <= at if open_end else begin < at)
        ]
        return fold(signal, inside)

    def _share(self, rows: Sequence[Row], reach: int, begin: int, end: int, coverage: float) -> float | None:
        """ "fraction of observed time it was true"; a state reported on change holds until the next report."""
        known = observed(rows, reach, begin, end)
        if not known or known / (end - begin) < coverage - CLOSE:
            return None
        return observed([(at, value or None) for at, value in rows], reach, begin, end) / known

    def _swing(self, name: str, signal: SignalDef, t: int) -> float | None:
        """Last minus lowest, highest minus last; unknown over a gap of more than `max_gap` (3 x `every`)."""
        rows = [
            (at, float(value))
            for at, value in self.operands.rows(name)
            if t - signal.over < at <= t and value is not None and not isinstance(value, str)
        ]
        gap = signal.more.get("max_gap") or self.operands.reach(signal) or math.inf
        times = [at for at, _ in rows] + [t]
        if not rows or any(b - a > gap for a, b in pairwise(times)):
            return None
        values = [value for _, value in rows]
        return values[-1] - min(values) if signal.operator == "rise" else max(values) - values[-1]

    # --- when it changes
    def points(self, name: str) -> set[str]:
        """The points whose readings it is judged by; one of closed windows is judged at its closings only."""
        signal = self.rule.let[name]
        return set() if signal.per or signal.operator == "peers" else self.operands.points(signal)

    def changes(self, name: str) -> set[int]:
        """Moments at which it changes with time alone."""
        signal = self.rule.let[name]
        if signal.operator == "peers":
            heard = self.history.times[:1]
            return {t for t in peers.changes(signal, self.others[name]) if heard and heard[0] <= t <= self.end}
        if signal.operator in BASELINES:
            return set()
        if signal.per:
            return {stop for _, stop in self.windows(signal.per) if stop <= self.end}
        return self.operands.changes(name)


def times(rows: Sequence[Row], begin: int, *, open_end: bool) -> float | None:
    """ "how often it became true": true now, and not true when last known; the first known value counts."""
    known: float | str | None = None
    count = 0
    for at, truth in rows:
        if truth is None:
            continue
        if truth and known is not True and (begin <= at if open_end else begin < at):
            count += 1
        known = truth
    return None if known is None else float(count)


def fold(signal: SignalDef, rows: list[float]) -> float | None:
    """What the readings of a window are worth."""
    if signal.operator == "count":
        return float(len(rows))
    if signal.operator == "sum":
        return math.fsum(rows)
    if not rows:
        return None
    match signal.operator:
        case "mean":
            return math.fsum(rows) / len(rows)
        case "min":
            return min(rows)
        case "max":
            return max(rows)
        case "first":
            return rows[0]
        case "last":
            return rows[-1]
        case "spread":
            return max(rows) - min(rows)
        case "stddev":
            return statistics.pstdev(rows)
        case "median":
            return statistics.median(rows)
    if signal.operator.startswith("percentile("):  # between two neighbours on a straight line (decision 031)
        place = (len(rows) - 1) * float(signal.operator[11:-1]) / 100
        low, above = sorted(rows)[math.floor(place)], sorted(rows)[math.ceil(place)]
        return low + (above - low) * (place - math.floor(place))
    raise ValueError(signal.operator)

"""What a signal is made of (RULES.md section 4): a point, an expression, or other signals (decision 062)."""

from collections.abc import Callable
from itertools import pairwise

from oracle.reference import expressions
from oracle.reference.values import History
from oracle.reference.windows import Row, grid
from oracle.scene import Expr, RuleDef, SignalDef

Value = Callable[[Expr, int], float | bool | None]
"""(expression, t) -> its value at `t`."""
Windows = Callable[[str], list[tuple[int, int]]]
"""The windows of a `per`, in order."""


class Operands:
    """The rows that the signals of a rule are made of. Times count from the start of the case."""

    def __init__(self, rule: RuleDef, history: History, start: int, end: int, value: Value, windows: Windows) -> None:
        self.rule, self.history, self.start, self.end = rule, history, start, end
        self.value, self.windows = value, windows
        self._rows: dict[str, list[Row]] = {}

    def inner(self, signal: SignalDef) -> set[str]:
        """The signals it is made of."""
        return expressions.signals_in(signal.of) if isinstance(signal.of, tuple) else set()

    def own_points(self, signal: SignalDef) -> set[str]:
        """The points it reads itself."""
        return expressions.points_in(signal.of) if isinstance(signal.of, tuple) else {signal.of}

    def points(self, signal: SignalDef) -> set[str]:
        """The points whose readings give it a value; none when it is made of closed windows alone."""
        found = self.own_points(signal)
        for name in self.inner(signal):
            if not self.rule.let[name].per:
                found |= self.points(self.rule.let[name])
        return found

    def calendar(self, signal: SignalDef) -> str:
        """The windows at whose ends it gets a value, when it is made of nothing else."""
        if self.points(signal):
            return ""
        found = {self.rule.let[name].per or self.calendar(self.rule.let[name]) for name in self.inner(signal)}
        (per,) = found
        return per

    def reach(self, signal: SignalDef) -> int:
        """A row holds no longer: 3 x `every` of the slowest point, or three windows; 0 = for ever."""
        if per := self.calendar(signal):
            ends = [end for _, end in self.windows(per)]
            return 3 * max([b - a for a, b in pairwise(ends)], default=self.end + 1)
        return 3 * max(self.history.points[name].every for name in self.points(signal))

    def rows(self, name: str) -> list[Row]:
        """In order of time: a value at every frame with one of its points, and when time alone gave it another."""
        if name not in self._rows:
            signal = self.rule.let[name]
            if isinstance(signal.of, str):
                self._rows[name] = self.history.of(signal.of)
            elif per := self.calendar(signal):
                self._rows[name] = self._closed(signal, per)
            else:
                self._rows[name] = self._values(signal)
        return self._rows[name]

    def told(self, name: str) -> list[Row]:
        """The rows that readings brought."""
        points, frames = self.points(self.rule.let[name]), self.history.frames
        return [(at, value) for at, value in self.rows(name) if points & frames.get(at, {}).keys()]

    def _values(self, signal: SignalDef) -> list[Row]:
        points = self.points(signal)
        frames = {t for t in self.history.times if points & self.history.frames[t].keys()}
        out: list[Row] = []
        for t in sorted(frames | self.moments(signal)):
            value = self.value(signal.of, t)
            if t in frames or (value is not None and (not out or value != out[-1][1])):
                out.append((t, value))
        return out

    def moments(self, signal: SignalDef) -> set[int]:
        """When time alone may change what it is made of."""
        found: set[int] = set()
        for name in self.inner(signal):
            per = self.rule.let[name].per
            found |= {end for _, end in self.windows(per)} if per else self.changes(name)
        return {t for t in found if self.history.times and self.history.times[0] <= t <= self.end}

    def changes(self, name: str) -> set[int]:
        """When time alone may change a signal over the last so many minutes."""
        signal = self.rule.let[name]
        if not signal.over:
            return set()  # a baseline: only readings teach it anything
        # what was unknown is in no window: it leaves none
        found = {at + signal.over for at, value in self.rows(name) if value is not None} | self.moments(signal)
        drifts = signal.coverage != 0 or signal.operator == "share"
        overs = {one.over for one in self.rule.let.values() if one.over}
        for step in {grid(over) for over in overs if drifts and self.history.times}:
            first = self.history.times[0]
            found |= set(range(first + step - (self.start + first) % step, self.end + 1, step))
        return {t for t in found if t <= self.end}

    def _closed(self, signal: SignalDef, per: str) -> list[Row]:
        """One value for each window that closed: over the last so many minutes it counts at its end."""
        return [(end, self.value(signal.of, end)) for _, end in self.windows(per) if end <= self.end]

    def rows_within(self, name: str, outer: list[tuple[int, int]]) -> list[Row]:
        """The same for windows of the calendar: it counts where it begins, but in the window that runs."""
        signal = self.rule.let[name]
        per = self.calendar(signal) if isinstance(signal.of, tuple) else ""
        if not per:
            return self.rows(name)
        out: dict[int, float | str | None] = {}
        begins = {end: begin for begin, end in self.windows(per)}
        for end, value in self.rows(name):
            running = next((begin for begin, stop in outer if stop >= end), None)
            if running is not None:
                out[max(begins[end], running)] = value
        return sorted(out.items())

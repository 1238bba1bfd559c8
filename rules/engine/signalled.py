"""Rules with `let` signals: windows close, then the rule is judged at each end."""

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64
from rules.engine.bound import Bound
from rules.engine.runner import Runner
from rules.engine.view import Bools, Held, Prior, Reader, View


def later_too(view: View, need: Bools, carry: Bools) -> Bools:
    """A thing that was looked at once is looked at in all its later frames of the view."""
    if view.unique:
        return need
    count = np.cumsum(need)
    before: NDArray[np.int64] = count[view.first] - need[view.first]
    return carry & (count - before > 0)


class Signalled(Runner):
    """Drives `windows`; a subclass says what a closed window and a frame mean."""

    judged: tuple[int, ...] = ()

    def truth(self, bound: Bound, reader: Reader) -> F64:
        """One truth value per item, by the back end in use."""
        return bound.scalar(reader) if self.common.scalar else bound.vector(reader)

    @abstractmethod
    def window_closed(self, thing: int, end: int, reader: Reader, view: View | None, unit: int) -> None:
        """Signals of `thing` have new values since `end`; `reader` holds the points as of then."""

    def judge_unit(self, view: View, unit: int) -> None:
        """A frame carries points that the condition reads itself."""

    def signal_frames(self, view: View) -> None:
        """Feed the counters of a view to the windows, in order."""
        windows = self.windows
        if windows is None:
            return
        everywhere = np.arange(len(view), dtype=np.int32)
        inside = self.watched[view.thing]
        judged = view.carry(self.judged) & inside
        rows = [view.last(column, known=True) for column in windows.columns]
        fresh = [(row >= 0) & (view.rows.unit[row] == everywhere) & inside for row in rows]
        need, carry = judged.copy(), judged.copy()
        for k, mask in enumerate(fresh):
            carry |= mask
            need |= mask & windows.special(k, view, rows[k], mask)
        need = carry if self.common.scalar else later_too(view, need, carry)
        for k, mask in enumerate(fresh):
            calm = np.flatnonzero(mask & ~need)
            windows.quick(k, view.thing[calm], view.rows.value[rows[k][calm]], view.rows.at[rows[k][calm]])
        for unit in np.flatnonzero(need).tolist():
            new = {k: int(rows[k][unit]) for k in range(len(rows)) if fresh[k][unit]}
            if new:
                self._feed(view, unit, new)
            if judged[unit]:
                self.judge_unit(view, unit)

    def _feed(self, view: View, unit: int, fresh: dict[int, int]) -> None:
        windows, thing = self.windows, int(view.thing[unit])
        assert windows is not None, "called for rules with `let` only"
        at = {k: int(view.rows.at[row]) for k, row in fresh.items()}
        for end in windows.closings(thing, max(at.values()), fresh):
            self.window_closed(thing, end, Prior(view, np.array([unit]), end), view, unit)
        for k, row in fresh.items():
            windows.take(k, thing, float(view.rows.value[row]), at[k])

    def close_windows(self, now: int) -> None:
        """Engine time is `now`."""
        windows = self.windows
        if windows is None or windows.soonest > now:
            return
        for thing in windows.due(now):
            for end in windows.closings(thing, now, None):
                self.window_closed(thing, end, Held(self.space, np.array([thing]), end), None, -1)
        windows.reckon(now)

    def exchange(self, thing: int, point: str, start: float, at: int) -> None:
        """A new meter hangs at `point` since `at` µs and began at `start`."""
        windows = self.windows
        if windows is None or not self.watched[thing]:
            return
        for k, signal in enumerate(windows.signals):
            if signal.point == point:
                for end in windows.closings(thing, at, {k: -1}):
                    self.window_closed(thing, end, Held(self.space, np.array([thing]), end), None, -1)
                windows.exchange(k, thing, start, at)

    def next_due(self) -> int:
        """The earliest timer, µs; NEVER when there is none."""
        return self.soonest if self.windows is None else min(self.soonest, self.windows.soonest)

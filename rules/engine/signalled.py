"""Rules with `let` signals: windows close, then the rule is judged at each end."""

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from rules.compiled import SlotKind
from rules.engine.runner import Runner
from rules.engine.view import Bools, Reader, View


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

    @abstractmethod
    def window_closed(self, thing: int, end: int, reader: Reader, view: View | None, unit: int) -> None:
        """Signals of `thing` have new values since `end`; `reader` holds the points as of then."""

    def judge_unit(self, view: View, unit: int) -> None:
        """A frame carries points that the condition reads, or that its momentary signals are made of."""

    def judge_units(self, view: View, units: NDArray[np.intp]) -> None:
        """Several, between the same closings of their things' windows."""
        for unit in units.tolist():
            self.judge_unit(view, unit)

    def counted(self) -> frozenset[str]:
        """The signals at whose closings the rule is judged."""
        kinds = {SlotKind.SIGNAL, SlotKind.BEFORE}
        return frozenset(s.name for bound in self.bounds() for s in bound.expression.slots if s.kind in kinds)

    def signal_frames(self, view: View) -> bool:
        """Feed the signals. True when the view was judged on the way: its windows close in between."""
        windows = self.windows
        if windows is None:
            return False
        inside = self.watched[view.thing]
        judged = view.carry(self.judged) & inside
        if not windows.windows:
            windows.follow(view, inside, judged)
            return False
        windows.watch_only = self.counted()
        windows.frames(view, inside, judged, self)
        return True

    def close_windows(self, now: int) -> None:
        """Engine time is `now`."""
        if self.windows is not None:
            self.windows.watch_only = self.counted()
            self.windows.close(now, self)

    def exchange(self, thing: int, point: str, start: float, at: int) -> None:
        """A new meter hangs at `point` since `at` µs and began at `start`."""
        if self.windows is not None and self.watched[thing]:
            self.windows.watch_only = self.counted()
            self.windows.exchange(thing, point, start, at, self)

    def next_due(self) -> int:
        due = super().next_due()
        return due if self.windows is None else min(due, self.windows.soonest)

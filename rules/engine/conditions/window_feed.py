"""How the signals of one rule get their readings, and when their windows are closed."""

from collections.abc import Callable

import numpy as np

from gateway.domain.counter import NewMeter
from rules.engine.conditions.context import EvaluatorContext
from rules.engine.conditions.wake_schedule import WakeSchedule
from rules.engine.frames.batch_view import BatchView, Latest
from rules.engine.windows.signal_set import WindowListener


class WindowFeed:
    """`counted` gives the signals at whose closings the rule is judged; `listener` is called when there is something to
    judge.
    """

    def __init__(
        self,
        context: EvaluatorContext,
        wakes: WakeSchedule,
        listener: WindowListener,
        counted: Callable[[], frozenset[str]],
    ) -> None:
        self.context, self.wakes, self.listener, self.counted = context, wakes, listener, counted
        self.windows = context.windows

    def frames(self, view: BatchView, columns: tuple[int, ...]) -> bool:
        """Feed a view; units that carry `columns` are to be judged. True when they were: windows close in between."""
        windows = self.windows
        if windows is not None:
            inside = view.within(self.context.watched)
            judged = view.carry(columns) & inside
            if windows.windows:
                windows.watch_only = self.counted()
                windows.frames(view, inside, judged, self.listener)
                return True
            windows.follow(view, inside, judged)
        if view.moments.any():
            view.leave_out(self.listener.idle(view, np.arange(len(view))))
        return False

    def close(self, now: int) -> None:
        """Engine time is `now` µs: what time alone does, then windows that ended."""
        windows, wakes = self.windows, self.wakes
        wakes.pass_time(now)
        if windows is None:
            return
        windows.watch_only = self.counted()
        waits = wakes.wake <= now if wakes.moments and wakes.moments.closing else None
        windows.close(now, self.listener, waits)
        if waits is not None and waits.any():
            windows.soonest = min(windows.soonest, wakes.awake)
        if wakes.moments and windows.now.handed:
            things = windows.now.given()
            done = np.ones(len(things), np.bool_)
            wakes.wake_later(Latest(self.context.space, things, now), done, done)
            wakes.pass_time(now)

    def exchange(self, thing: int, point: str, meter: NewMeter) -> None:
        """A new meter counts at `point`."""
        if self.windows is not None and self.context.watched[thing]:
            self.windows.watch_only = self.counted()
            self.windows.exchange(thing, point, meter, self.listener)

"""A small engine beside the engine: some devices and rules with the facts of now, fed with history in order."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from gateway.domain.reading import Batch
from gateway.domain.record import Body, RuleSet
from rules.compiled import Rule
from rules.engine.conditions.base import EngineContext
from rules.engine.evaluator import Evaluator
from rules.engine.state.fleet import Fleet
from rules.engine.state.thing_table import NEVER
from rules.engine.transitions import Emitter, PendingTransition
from rules.engine.windows.counter_glitches import Glitch, Glitches

CHUNK = 8192  # rows judged at once where no timer is due between them
TimedFact = tuple[int, Body]
"""(µs, a fact) that the devices lived through."""


def small_world(world: Fleet, devices: Iterable[int], into: Fleet) -> None:
    """The facts about these devices, into an empty world."""
    for point in world.points.values():
        into.set_point(point)
    into.profiles = dict(world.profiles)
    into.sites, into.customers = dict(world.sites), dict(world.customers)
    for device in devices:
        into.set_device(world.devices[device])


class ScratchEngine:
    """`core` judges; what its conditions did is in `made`, in the order in which it happened."""

    def __init__(self, like: Evaluator, devices: Sequence[int], rules: Iterable[tuple[RuleSet, Rule]]) -> None:
        self.devices = devices
        field = EngineContext(
            Emitter(0, ""), downs=like.field.downs.copied(), glitches=Glitches(keep=True), scalar=like.field.scalar
        )  # fmt: skip
        self.core = Evaluator(field, accept_late=0)
        field.completions.load(like.field.completions.state())
        small_world(like.field.world, devices, field.world)
        for fact, rule in rules:
            self.core.book.place(fact, rule)
        for runner in self.core.book.all():
            runner.refresh(range(len(runner.space)), like.now, "")
        field.emitter.made.clear()
        self._begun = False

    @property
    def made(self) -> list[PendingTransition]:
        """Every change so far."""
        return self.core.field.emitter.made

    def replay(self, history: Batch, moments: Sequence[TimedFact], now: int) -> None:
        """Readings sorted by time, and what else happened, up to engine time `now`."""
        self._remember(history, now)
        begin = 0
        for at, body in sorted(moments, key=lambda one: one[0]):
            end = int(np.searchsorted(history.at, at, "right"))
            self.feed(history, begin, end)
            begin = max(begin, end)
            self.until(at)
            self.core.moment(body, at)
        self.feed(history, begin, len(history))
        self.until(now)

    def _remember(self, history: Batch, now: int) -> None:
        """When those spoke that are compared with others, so that what others said in a silence knows its end."""
        downs, world = self.core.field.downs, self.core.field.world
        if not downs.spans or not any(runner.peers is not None for runner in self.core.book.all()):
            return
        component = world.point_component[history.point]
        for device in self.devices:
            mine, row = history.device == device, world.rows[device]
            for thing in row.things:
                place = row.space.things[thing]
                some = mine if not place.component else mine & ((component == 0) | (component == place.component))
                downs.said[place] = np.append(np.unique(history.at[some]), now)

    def feed(self, history: Batch, begin: int, end: int) -> None:
        """Judge the rows [begin, end), timers in between at their time."""
        if begin < end:
            self._begin(int(history.at[begin]))
        while begin < end:
            due = self.core.due()
            first = int(history.at[begin])
            if due < first:
                self.until(first - 1)
                due = max(self.core.due(), first)
            stop = min(end, begin + CHUNK)
            stop = max(begin + 1, min(stop, int(np.searchsorted(history.at, due, "right"))))
            while stop < end and history.frame[stop] == history.frame[stop - 1]:
                stop += 1
            self.core.batch(history.select(np.arange(begin, stop)))
            begin = stop

    def _begin(self, at: int) -> None:
        """The groups are judged for the first time at `at` µs, when history begins."""
        if not self._begun:
            self._begun = True
            for groups in self.core.book.groups.values():
                groups.table.touched = dict.fromkeys(groups.table.touched, at)

    def until(self, now: int) -> None:
        """Fire what is due up to `now`, each at its time."""
        self._begin(now)
        while (due := self.core.due()) <= now:
            self.core.tick(max(due, self.core.now))
            if self.core.due() <= due:
                break  # it waits for more than time
        if now > self.core.now and now < NEVER // 2:
            self.core.tick(now)


def replayed_with_glitches(
    begin: Callable[[], ScratchEngine], rows: Batch, moments: Sequence[TimedFact], now: int
) -> tuple[ScratchEngine, list[Glitch]]:
    """A scratch engine through history up to engine time `now` µs, and the glitches of counters in it.

    When something was booked in a glitch, windows closed with it before it was known to be one: the engine is begun
    once more, and knows.
    """
    scratch = begin()
    scratch.replay(rows, moments, now)
    glitches = scratch.core.field.glitches.fresh
    if any(one.booked for one in glitches):
        known, scratch = scratch.core.field.glitches, begin()
        scratch.core.field.glitches.know(known)
        scratch.replay(rows, moments, now)
    return scratch, glitches

"""A small engine beside the engine: some devices and rules with the facts of now, to replay history."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from gateway.domain.reading import Batch
from gateway.domain.record import RuleSet
from rules.compiled import Rule
from rules.engine.conditions.base import EngineContext
from rules.engine.evaluator import Evaluator
from rules.engine.state.fleet import Fleet
from rules.engine.transitions import Emitter, PendingTransition
from rules.engine.windows.counter_glitches import Glitch, Glitches
from rules.replay import Replay, TimedFact

CHUNK = 8192  # rows judged at once where no timer is due between them


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
        context = EngineContext(Emitter(0, ""), downs=like.context.downs.copied(), glitches=Glitches(keep=True))
        self.core = Evaluator(context, accept_late=0)
        context.completions.load(like.context.completions.state())
        small_world(like.context.world, devices, context.world)
        for fact, rule in rules:
            self.core.installed.place(fact, rule)
        for evaluator in self.core.installed.all():
            evaluator.refresh(range(len(evaluator.space)), like.now, "")
        context.emitter.made.clear()
        self._begun = False
        self._history = Replay(self.core, CHUNK)

    @property
    def made(self) -> list[PendingTransition]:
        """Every change so far."""
        return self.core.context.emitter.made

    def replay(self, history: Batch, facts: Sequence[TimedFact], now: int) -> None:
        """Readings sorted by time, and facts, up to engine time `now`."""
        self._remember(history, now)
        self._begin(min([*history.at[:1].tolist(), *(at for at, _ in facts)], default=now))
        self._history.play(history, facts, now)

    def replay_records(self, batches: Sequence[tuple[int, Batch]], facts: Sequence[TimedFact], now: int) -> None:
        """What came since: batches with the engine time of their records, and facts, up to engine time `now`."""
        self._begin(min([*(at for at, _ in batches), *(at for at, _ in facts)], default=now))
        self._history.play_records(batches, facts, now)

    def _remember(self, history: Batch, now: int) -> None:
        """Note the readings of things that are compared with others, so that the end of a silence is known."""
        downs, world = self.core.context.downs, self.core.context.world
        if not downs.spans or not any(evaluator.context.peers is not None for evaluator in self.core.installed.all()):
            return
        component = world.point_component[history.point]
        for device in self.devices:
            mine, row = history.device == device, world.rows[device]
            for thing in row.things:
                place = row.space.things[thing]
                some = mine if not place.component else mine & ((component == 0) | (component == place.component))
                downs.reading_times[place] = np.append(np.unique(history.at[some]), now)

    def _begin(self, at: int) -> None:
        """The groups are judged for the first time at `at` µs, when history begins."""
        if not self._begun:
            self._begun = True
            for groups in self.core.installed.groups.values():
                groups.table.touched = dict.fromkeys(groups.table.touched, at)


def replayed_with_glitches(
    begin: Callable[[], ScratchEngine], rows: Batch, moments: Sequence[TimedFact], now: int
) -> tuple[ScratchEngine, list[Glitch]]:
    """A scratch engine through history up to engine time `now` µs, and the glitches of counters in it.

    When something was booked in a glitch, windows closed with it before it was known to be one: history is replayed
    once more with these known.
    """
    scratch = begin()
    scratch.replay(rows, moments, now)
    glitches = scratch.core.context.glitches.fresh
    if any(one.booked for one in glitches):
        known, scratch = scratch.core.context.glitches, begin()
        scratch.core.context.glitches.know(known)
        scratch.replay(rows, moments, now)
    return scratch, glitches

"""Which rows of a space a `watch` means: found once for all rules that watch the same."""

from collections.abc import Sequence
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from gateway.domain.device import Life
from rules.compiled import Watch
from rules.engine.state.fleet import Fleet
from rules.engine.state.thing_table import ThingTable, widened

FEW = 64
Bools = NDArray[np.bool_]


def rows(things: Sequence[int]) -> NDArray[np.intp]:
    """Row numbers as an index."""
    if isinstance(things, range):
        return np.arange(things.start, things.stop, things.step, dtype=np.intp)
    return np.fromiter(things, np.intp, len(things))


class WatchScope:
    """One watch on one space. `in_service`: planned devices are not meant either."""

    def __init__(self, world: Fleet, watch: Watch, space: ThingTable, *, in_service: bool) -> None:
        self.world, self.watch, self.space, self.in_service = world, watch, space, in_service
        self.mask: Bools = np.zeros(0, np.bool_)
        self.fresh: Bools = np.zeros(0, np.bool_)
        self.changes = -1
        self.rows = 0

    def inside(self, things: Sequence[int]) -> Bools:
        """bool[capacity] after a change of these rows: shared, so a new array when it differs from the one before."""
        if len(self.mask) != self.space.capacity:
            self.mask = widened(self.mask, self.space.capacity, 0)
            self.fresh = widened(self.fresh, self.space.capacity, 0)
        asked = rows(things)
        if self.rows < len(self.space):  # rows that it has never seen
            asked = np.union1d(asked, np.arange(self.rows, len(self.space)))
            self.rows = len(self.space)
        if len(asked) > FEW:
            if self.changes != self.world.changes:
                self.fresh[:], self.changes = False, self.world.changes
            asked = asked[~self.fresh[asked]]
            self.fresh[asked] = True
        truth = self._judge(asked.tolist())
        if not np.array_equal(self.mask[asked], truth):
            self.mask = self.mask.copy()
            self.mask[asked] = truth
        return self.mask

    def _judge(self, things: Sequence[int]) -> Bools:
        watch, answers = self.watch, dict[int, bool]()
        found = np.zeros(len(things), np.bool_)
        for k, thing in enumerate(things):
            place = self.space.things[thing]
            if place.group:
                found[k] = True  # a group exists as long as members are in it
                continue
            device = self.world.devices[place.device]
            if device.kind != self.space.kind or place.component > device.components:
                continue
            if (place.component > 0) != (watch.each and device.components > 0):
                continue
            if place.device not in answers:
                here = device.life is Life.IN_SERVICE if self.in_service else device.life is not Life.RETIRED
                answers[place.device] = here and (watch.where is None or watch.where(self.world.facts(device)) is True)
            found[k] = answers[place.device]
        return found


class WatchScopes:
    """The scopes in use, shared by the evaluators of equal watches: 2 B per row and distinct watch."""

    def __init__(self, world: Fleet) -> None:
        self.world = world
        self._used: WeakValueDictionary[tuple[Watch, bool, int], WatchScope] = WeakValueDictionary()

    def of(self, watch: Watch, space: ThingTable, *, in_service: bool) -> WatchScope:
        """That of a watch on a space."""
        key = (watch, in_service, id(space))
        found = self._used.get(key)
        if found is None:
            found = self._used[key] = WatchScope(self.world, watch, space, in_service=in_service)
        return found

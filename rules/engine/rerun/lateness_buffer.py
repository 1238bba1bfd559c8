"""Readings of rules with `lateness`: they wait until nothing older may come, then are judged in order (RULES 5).

A frame waits until its device has sent a reading of `lateness` later, or engine time has passed its moment by
`lateness` (for one that took longer to come: its receipt), and timers of these rules are late by as much. Of the
members of a group all wait for engine time, so that readings of one moment are judged at once.
"""

import numpy as np

from gateway.domain.reading import I64, Batch, concat, decode_batch, empty_batch, encode_batch
from gateway.domain.regroup import reframed, runs
from rules.engine.evaluator import Evaluator
from rules.engine.frames.batch_view import Bools
from rules.engine.state.thing_table import LONG_AGO, NEVER


class LatenessBuffer:
    """`evaluator` judges what has waited long enough."""

    def __init__(self, lateness: int, evaluator: Evaluator) -> None:
        self.lateness, self.evaluator = lateness, evaluator
        self.waiting: Batch = empty_batch()  # one frame per moment, in order of receipt
        self._moment = np.zeros(0, np.int64)
        self._on_time: Bools = np.zeros(0, np.bool_)

    def batch(self, batch: Batch, now: int) -> None:
        """Take readings in; judge those whose time has come. `now` is engine time."""
        mine = self._mine(batch)
        if len(mine):
            self._hold(concat([self.waiting, _framed(mine)]))
        self._go(now)

    def tick(self, now: int) -> None:
        """Engine time is `now`: that of these rules is `lateness` behind."""
        self._go(now)
        self.evaluator.tick(now - self.lateness)

    def give_up(self) -> None:
        """Wait for nothing older any more: judge all that waits, in order."""
        batch = self.waiting
        if len(batch):
            order = np.lexsort((batch.frame, self._moment, batch.device))
            self._hold(empty_batch())
            self.evaluator.batch(reframed(batch.select(order)))

    def due(self) -> int:
        """When something may happen, in engine time, µs; NEVER when nothing waits."""
        due = self.evaluator.due()
        waits = int(self._release(self._members()).min(initial=NEVER))
        return min(waits, due + self.lateness if due < NEVER // 4 else NEVER)

    def _mine(self, batch: Batch) -> Batch:
        """Rows of the kinds that the rules watch."""
        world = self.evaluator.context.world
        self.evaluator.admit()
        kinds = {kind for _, rule in self.evaluator.installed.rules.values() for kind in rule.watch.kinds}
        kinds |= {space.kind for space in world.space_list if self.evaluator.installed.of(space.kind)}
        wanted = np.array([space.kind in kinds for space in world.space_list] + [False], np.bool_)
        device = batch.device
        inside = (device >= 0) & (device < len(world.space_of))
        return batch.select(inside & wanted[world.space_of[np.where(inside, device, 0)]])

    def _hold(self, batch: Batch) -> None:
        self.waiting = batch
        self._moment = batch.at.copy()
        np.maximum.at(moments := np.full(batch.frames, LONG_AGO, np.int64), batch.frame, batch.at)
        self._moment = moments[batch.frame]
        self._on_time = batch.received[batch.frame] <= self._moment + self.lateness

    def _members(self) -> Bools:
        """bool[n]: rows of devices that are in groups of these rules, or are compared with others."""
        world = self.evaluator.context.world
        asked = {
            members.space.kind for groups in self.evaluator.installed.groups.values() for members in groups.table.kinds
        }
        asked |= {
            evaluator.space.kind for evaluator in self.evaluator.installed.all() if evaluator.context.peers is not None
        }
        if not asked:
            return np.zeros(len(self.waiting), np.bool_)
        mask = np.array([space.kind in asked for space in world.space_list], np.bool_)
        found: Bools = mask[world.space_of[self.waiting.device]]
        return found

    def _release(self, members: Bools) -> I64:
        """When each row is judged at the latest, in engine time; in a group the clocks of its members are mixed."""
        received = self.waiting.received[self.waiting.frame]
        moment = np.where(members, np.minimum(self._moment, received), self._moment)
        return np.where(self._on_time, moment, received) + self.lateness

    def _go(self, now: int) -> None:
        batch = self.waiting
        if not len(batch):
            return
        newest = np.full(int(batch.device.max()) + 1, LONG_AGO, np.int64)
        np.maximum.at(newest, batch.device, self._moment)
        members = self._members()
        spoken = (self._moment <= newest[batch.device] - self.lateness) & ~(members & self._on_time)
        ripe = (self._release(members) <= now) | spoken
        # what is older than a ripe frame of its device goes with it
        passed = np.full(len(newest), LONG_AGO, np.int64)
        np.maximum.at(passed, batch.device[ripe], self._moment[ripe])
        ripe |= self._moment <= passed[batch.device]
        if not ripe.any():
            return
        rows = np.flatnonzero(ripe)
        order = rows[np.lexsort((batch.frame[rows], self._moment[rows], batch.device[rows]))]
        out = batch.select(order)
        kept = batch.select(~ripe)
        self._hold(reframed(kept))
        self.evaluator.batch(reframed(out))

    def state(self) -> bytes:
        """For the snapshot."""
        return encode_batch(self.waiting)

    def load(self, blob: bytes) -> None:
        """The inverse of `state`."""
        self._hold(decode_batch(blob))


def _framed(batch: Batch) -> Batch:
    """One device per frame, and one moment where a frame brings a point more than once."""
    order = np.lexsort((batch.point, batch.device, batch.frame))
    device, point, frame = batch.device[order], batch.point[order], batch.frame[order]
    twice = ~runs(device, point, frame)
    series = set(zip(frame[twice].tolist(), device[twice].tolist(), strict=True))
    split = np.zeros(len(batch), np.bool_)
    for number, mine in series:
        split |= (batch.frame == number) & (batch.device == mine)
    moment = np.where(split, batch.at, 0)
    order = np.lexsort((moment, batch.device, batch.frame))
    batch = batch.select(order)
    return reframed(batch, runs(batch.frame, batch.device, moment[order]))

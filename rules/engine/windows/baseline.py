"""`ewma` and `zscore`: what is usual, forgotten by half-lives of observed time."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.duration import HOUR
from gateway.domain.reading import F64, I32, I64
from rules.compiled import Baseline
from rules.engine.binding.local_time import local_time_of
from rules.engine.frames.batch_view import BatchView
from rules.engine.state.thing_table import LONG_AGO, NEVER, ThingTable
from rules.engine.windows.base import PointReadings, Rows, StateTable, Surroundings, carried
from rules.engine.windows.momentary import Momentary, Values
from rules.engine.windows.same_moment import SameMoment
from rules.engine.windows.signal_input import SignalInput

SLOTS = 168  # hours of a week
POLYNOMIAL = tuple(np.cumprod([1.0] + [-0.6931471805599453 / k for k in range(1, 19)]).tolist())[::-1]


def halved(x: F64) -> F64:
    """2 ** -x for x >= 0 by additions and multiplications only: the same bits on every machine."""
    whole = np.floor(np.minimum(x, 1100.0))
    part = np.minimum(x, 1100.0) - whole
    found = np.full(len(x), POLYNOMIAL[0])
    for factor in POLYNOMIAL[1:]:
        found *= part
        found += factor
    scaled: F64 = np.ldexp(found, -whole.astype(np.int32))
    return scaled


class Weeks(StateTable):
    """One mean and variance per hour of the local week, made with the first reading of a thing.

    State per thing: seat i32, 4 B, and 2,688 B for a thing that has one.
    """

    arrays = (("seat", -1),)

    def __init__(self, space: ThingTable) -> None:
        super().__init__(space)
        self.seat: I32 = np.zeros(0, np.int32)
        self.slots: F64 = np.full((2, SLOTS, 0), np.nan)
        self.seats = 0

    def seats_of(self, things: Rows) -> I32:
        """The seat of each thing; new ones are given."""
        new = np.unique(things[self.seat[things] < 0])
        if len(new):
            self.seat[new] = np.arange(self.seats, self.seats + len(new))
            self.seats += len(new)
            if self.seats > self.slots.shape[2]:
                wide = np.full((2, SLOTS, max(self.seats, 2 * self.slots.shape[2])), np.nan)
                wide[:, :, : self.slots.shape[2]] = self.slots
                self.slots = wide
        return self.seat[things]

    def forget(self, thing: int) -> None:
        if self.seat[thing] >= 0:
            self.slots[:, :, self.seat[thing]] = np.nan

    def adopt(self, old: Any) -> None:
        super().adopt(old)
        self.slots, self.seats = old.slots, old.seats

    def state(self) -> dict[str, NDArray[Any]]:
        return super().state() | {"slots": self.slots[:, :, : self.seats]}

    def memory(self) -> int:
        return super().memory() + self.slots[:, :, : self.seats].nbytes

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        super().load(state)
        self.slots = np.array(state["slots"])
        self.seats = self.slots.shape[2]

    def take_row(self, thing: int, other: Any, row: int) -> None:
        if other.seat[row] >= 0:
            mine = int(self.seats_of(np.array([thing]))[0])
            self.slots[:, :, mine] = other.slots[:, :, other.seat[row]]
        else:
            self.forget(thing)


class BaselineSignal(Momentary):
    """State: mean, spread (variance), at, since (first reading), and mean, spread, at before the newest reading: 56 B.

    A new reading at a distance of d weighs 1 - 2^(-d / half_life). Silence beyond 3 x every does not age what is known;
    with a season an hour counts only by its own readings. `zscore` compares with the baseline before the reading; a
    baseline that never moved has no standard deviation: 0 on it, unknown beside it.
    """

    arrays = (
        *Momentary.arrays, ("mean", np.nan), ("spread", 0), ("at", LONG_AGO), ("since", LONG_AGO), ("score", np.nan),
    )  # fmt: skip

    def __init__(self, signal: Baseline, zone: str, space: ThingTable, around: Surroundings, feed: SignalInput) -> None:
        super().__init__(space, signal.name, signal.unit, feed.columns, 0)
        self.signal = signal
        self.clock = local_time_of(around.world, space, zone) if signal.season else None
        self.feed, self.of, self.gaps = feed, feed.bound, feed.gaps()
        self.mean: F64 = np.zeros(0)
        self.spread: F64 = np.zeros(0)
        self.at: I64 = np.zeros(0, np.int64)
        self.since: I64 = np.zeros(0, np.int64)
        self.score: F64 = np.zeros(0)
        self.weeks = Weeks(space) if signal.season else None
        self.same = SameMoment(self, ("mean", "spread", "at"))
        self.parts = {"same": self.same} if self.weeks is None else {"same": self.same, "weeks": self.weeks}

    def refresh(self, things: Sequence[int]) -> None:
        if self.clock is not None:
            self.clock.refresh(things)

    def settled(self, view: BatchView, incoming: PointReadings) -> PointReadings:
        return super().settled(
            view, incoming.where(~view.moments[incoming.unit])
        )  # a moment without a reading changes nothing

    def turned(self) -> I64:
        return self.at

    def held(self, things: Rows, t: I64) -> Values:  # noqa: ARG002 - only readings change it
        return self.score[things], (self.at[things] > LONG_AGO).astype(np.float64)

    def take(self, things: Rows, t: I64, incoming: PointReadings) -> Values:  # noqa: ARG002 - only readings change it
        before = self.score[things]
        incoming = incoming.where(~np.isnan(incoming.value))
        incoming = incoming.where(incoming.at >= self.at[incoming.thing])
        score = np.zeros(len(incoming))
        ordinal = incoming.ordinal()
        order = np.argsort(ordinal, kind="stable")
        for turn in np.split(order, np.cumsum(np.bincount(ordinal))[:-1]) if len(incoming) else ():
            score[turn] = self._learn(incoming.thing[turn], incoming.at[turn], incoming.value[turn])
        last = carried(len(things), things, incoming.unit, incoming.thing)
        value = np.where(last >= 0, score[last], before) if len(incoming) else before
        return value, (self.at[things] > LONG_AGO).astype(np.float64)

    def _learn(self, things: Rows, at: I64, x: F64) -> F64:
        """One reading per thing; the signal's value after it."""
        again = at == self.at[things]
        mean, spread, before = (self.same.as_of(name, again, things) for name in ("mean", "spread", "at"))
        slot, seat = np.zeros(0, np.int64), np.zeros(0, np.int32)
        if self.weeks is not None and self.clock is not None:
            slot, seat = self.clock.hour_of_week(things, at), self.weeks.seats_of(things)
            old = self.weeks.slots[:, slot, seat]
            mean = np.where(again, mean, old[0])
            spread = np.where(again, spread, np.nan_to_num(old[1]))
        self.same.note(things, mean=mean, spread=spread, at=before)
        new = np.isnan(mean)
        longest = np.minimum(self.gaps(things), HOUR if self.signal.season else NEVER)
        dt = np.where(before == LONG_AGO, 0, np.minimum(at - before, longest))
        kept = halved(dt / self.signal.half_life)
        off = x - mean
        deviation = np.sqrt(spread)
        score = np.where(deviation > 0, off / np.where(deviation > 0, deviation, 1.0), np.where(off == 0, 0.0, np.nan))
        mean = np.where(new, x, mean + (1 - kept) * off)
        spread = np.where(new, 0.0, kept * (spread + (1 - kept) * off * off))
        self.mean[things], self.spread[things], self.at[things] = mean, spread, at
        since = np.where(before == LONG_AGO, at, self.since[things])
        self.since[things] = since
        if self.weeks is not None:
            self.weeks.slots[0, slot, seat], self.weeks.slots[1, slot, seat] = mean, spread
        found = np.where(at - since >= self.signal.warmup, score if self.signal.zscore else mean, np.nan)
        self.score[things] = found
        return found

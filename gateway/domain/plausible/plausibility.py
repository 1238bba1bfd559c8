"""Abnormal readings become uncertain and are flagged implausible; nothing is deleted (DESIGN section 5).

`min`, `max` are judged where a value is converted (sources, imports); here such a row gets its flag, which separates it
from other uncertain rows. `max_rate`, `stuck_after` need the readings before: they are judged here, for every source.

- too fast: |value - believed| > max_rate * seconds between them, where *believed* is the newest reading that was not
  implausible itself. Of a counter the change is what the counter model books (`gateway.domain.counter`: a rollover, a
  restart, a fall taken back). A wrong value becomes right by the time in which the point could have got there, or when
  `relearn` readings in a row are too fast and agree with each other: then their level is believed.
- stuck: the same value for longer than stuck_after while readings came. A silence longer than stuck_after (and than
  three promised intervals) starts anew.

Order is that of `at`. A row at the newest moment replaces the one before: it is judged from the state before that one,
and a bad row removes it. Late rows are compared with the last two believed readings; those older than both pass. A
clamped row has no event time: it is judged for stuck values, not for rate. Bad rows are no values.

The state is kept in memory only: after a restart the first reading of a point passes, and the time of a stuck value
counts from there. Quality and flag are journaled, so replay is not affected. Imported history is judged batch by batch,
apart from live readings.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.duration import SECOND
from gateway.domain.plausible.limits import TIMED, PlausibilityLimits, PointLookup
from gateway.domain.plausible.recent_values import (
    COLUMNS,
    AcceptedValue,
    Columns,
    Falls,
    RecentValue,
    RecentValues,
    before,
    blank,
)
from gateway.domain.reading import F64, I32, I64, Batch, Flag, Quality
from gateway.domain.record import MeterExchanged

Bools = NDArray[np.bool_]
Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class PlausibilityResult:
    """`hits` bool[n], the implausible rows (None = none); `keys`, `memory`, `falls`: state to store after the batch is
    journaled."""

    batch: Batch
    hits: Bools | None
    keys: I64 | None = None
    memory: Columns | None = None
    falls: dict[int, Falls] = field(default_factory=dict)


class Plausibility:
    """Plausibility of one partition. Call `judge`, then `keep` when the batch is on disk: a refused batch leaves no
    trace."""

    def __init__(self, directory: PointLookup) -> None:
        self._limits = PlausibilityLimits(directory)
        self._recent = RecentValues()

    def judge(self, batch: Batch) -> PlausibilityResult:
        """Judge a batch whose clocks are checked. Returns the same batch when no row is implausible."""
        if not len(batch):
            return PlausibilityResult(batch, None)
        timed = self._limits.timed(batch.point)
        hits = self._out_of_bounds(batch)
        keys = memory = None
        falls: dict[int, Falls] = {}
        if timed is not None:
            watched = timed == TIMED
            imported = (batch.flags & np.uint8(Flag.IMPORTED)) != 0
            watched &= (batch.flags & np.uint8(Flag.RETAINED)) == 0  # unknown event time: no comparison possible
            live, history = np.flatnonzero(watched & ~imported), np.flatnonzero(watched & imported)
            hits = np.zeros(len(batch), np.bool_) if hits is None else hits
            if len(live):
                keys, memory, falls = self._sequence(batch, live, hits, self._recent)
            if len(history):
                self._sequence(batch, history, hits, RecentValues())
        if hits is not None:  # what a person wrote is not doubted
            hits &= (batch.flags & np.uint8(Flag.CORRECTED)) == 0
        if hits is None or not hits.any():
            return PlausibilityResult(batch, None, keys, memory, falls)
        return PlausibilityResult(_marked(batch, hits), hits, keys, memory, falls)

    def keep(self, judged: PlausibilityResult) -> None:
        """Store the state of a batch that is on disk."""
        if judged.keys is not None and judged.memory is not None:
            self._recent.put(judged.keys, judged.memory, judged.falls)

    def exchange(self, fact: MeterExchanged) -> None:
        """A meter was exchanged: the next reading is compared with the first value of the new one. Readings that came
        since are no measure of it: when the exchange lies before them, the next reading passes."""
        key = np.array([(fact.device << 32) | fact.point], np.int64)
        held, fresh = self._recent.get(key), blank(1)
        if fact.at >= int(held["newest"][0]) and not fact.undone:
            for place in ("value", before("value")):
                fresh[place][0] = fact.start
            for place in ("at", before("at")):
                fresh[place][0] = fact.at
        self._recent.put(key, fresh, {int(key[0]): (0.0, (), 0.0, ())})

    def reset(self) -> None:
        """Forget all readings after the gateway's clock was set back: they are later than the next ones."""
        self._recent = RecentValues()

    def _out_of_bounds(self, batch: Batch) -> Bools | None:
        doubtful = np.flatnonzero(batch.quality == Quality.UNCERTAIN)
        if not len(doubtful):
            return None
        hits = np.zeros(len(batch), np.bool_)
        hits[doubtful] = self._outside(batch.point[doubtful], batch.value[doubtful])
        return hits

    def _outside(self, point: I32, value: F64) -> Bools:
        found: Bools = (value < self._limits.low[point]) | (value > self._limits.high[point])
        return found

    def _sequence(
        self, batch: Batch, rows: Rows, hits: Bools, recent: RecentValues
    ) -> tuple[I64, Columns, dict[int, Falls]]:
        """Mark the rows that are too fast, stuck or outside. Returns the new state: keys, columns, falls."""
        key = (batch.device[rows].astype(np.int64) << 32) | batch.point[rows]
        order = np.lexsort((batch.at[rows], key))  # stable: of equal times the last received comes last
        rows, key = rows[order], key[order]
        good = batch.quality[rows] != Quality.BAD
        if not good.all():
            good |= _replacing(key, batch.at[rows], recent)
            rows = rows[good]
        if not len(rows):
            return np.zeros(0, np.int64), recent.get(np.zeros(0, np.int64)), {}
        run = _Run(batch, rows, self._limits, recent)
        outside = self._outside(batch.point[rows], batch.value[rows])
        clamped = (batch.flags[rows] & np.uint8(Flag.CLAMPED)) != 0
        found = run.judge(~outside & ~clamped)
        hits[rows] |= found | outside
        return run.keys, run.memory, run.falls


def _replacing(key: I64, at: I64, recent: RecentValues) -> Bools:
    """bool per row, sorted by key and time: True for a row at the same moment as the row before."""
    again = np.zeros(len(key), np.bool_)
    again[1:] = (key[1:] == key[:-1]) & (at[1:] == at[:-1])
    keys, number = np.unique(key, return_inverse=True)
    found: Bools = again | (at == recent.get(keys)["newest"][number])
    return found


class _Run:
    """Rows sorted by (key, at), cut into one group per key."""

    def __init__(self, batch: Batch, rows: Rows, limits: PlausibilityLimits, recent: RecentValues) -> None:
        self.point = batch.point[rows]
        key = (batch.device[rows].astype(np.int64) << 32) | self.point
        self.at, self.value = batch.at[rows], batch.value[rows]
        self.first = np.ones(len(rows), np.bool_)
        self.first[1:] = key[1:] != key[:-1]
        self.starts = np.flatnonzero(self.first)
        self.group = np.cumsum(self.first) - 1
        self.keys: I64 = key[self.starts]
        self.memory = recent.get(self.keys)
        self.held = recent.falls
        self.falls: dict[int, Falls] = {}
        self.limits = limits
        self.rate, self.rising = limits.rate[self.point], limits.rising[self.point]
        self.stuck, self.silence = limits.stuck[self.point], limits.silence[self.point]

    def judge(self, usable: Bools) -> Bools:
        """bool per row; updates `memory`. Groups with a repeated or late row, a row that is too fast, or a counter with
        a fall, now or earlier, are judged row by row."""
        held = {name: self.memory[name][self.group] for name in COLUMNS}
        before_at = np.where(self.first, held["newest"], np.roll(self.at, 1))
        odd = self.memory["run"] > 0
        if self.held:
            odd |= np.isin(self.keys, np.fromiter(self.held, np.int64, len(self.held)))
        odd[self.group[(self.at <= before_at) | np.isnan(self.value)]] = True
        stuck, since = self._stuck(held, before_at)
        plausible = np.flatnonzero(usable & ~stuck)
        odd[self.group[plausible[self._too_fast(plausible, held)]]] = True
        slow = {int(number): self._row_by_row(int(number), usable) for number in np.flatnonzero(odd)}
        last = np.append(self.starts[1:], len(self.at)) - 1
        earlier = self._after(last - 1, plausible, since)
        now = self._after(last, plausible, since)
        for name in COLUMNS:
            self.memory[name], self.memory[before(name)] = now[name], earlier[name]
        for number, (start, marks, memory) in slow.items():
            stuck[start : start + len(marks)] = marks
            for name in COLUMNS:
                self.memory[name][number] = getattr(memory.now, name)
                self.memory[before(name)][number] = getattr(memory.before, name)
            before_, now_ = memory.before, memory.now
            self.falls[int(self.keys[number])] = now_.shift, now_.falls, before_.shift, before_.falls
        return stuck

    def _stuck(self, held: Columns, before_at: I64) -> tuple[Bools, I64]:
        """(stuck, start of the present value in µs) per row."""
        before = np.where(self.first, held["stand"], np.roll(self.value, 1))
        anew = (self.value != before) | (self.at - before_at > self.silence)
        origin = np.where(anew, self.at, held["since"])
        since: I64 = origin[np.maximum.accumulate(np.where(anew | self.first, np.arange(len(anew)), 0))]
        return self.at - since > self.stuck, since

    def _too_fast(self, rows: Rows, held: Columns) -> Bools:
        """Per row of `rows`, compared with the row before: True if too fast, or a fall of the counter."""
        if not len(rows):
            return np.zeros(0, np.bool_)
        lead = np.ones(len(rows), np.bool_)
        lead[1:] = self.group[rows[1:]] != self.group[rows[:-1]]
        value, at = self.value[rows], self.at[rows]
        then = np.where(lead, held["at"][rows], np.roll(at, 1))
        with np.errstate(over="ignore", invalid="ignore"):
            change = value - np.where(lead, held["value"][rows], np.roll(value, 1))
            falls = self.rising[rows] & (change < 0)
            found: Bools = falls | (np.abs(change) > self.rate[rows] * ((at - then) / SECOND))
        return found

    def _row_by_row(self, number: int, usable: Bools) -> tuple[int, list[bool], RecentValue]:
        start = int(self.starts[number])
        stop = int(self.starts[number + 1]) if number + 1 < len(self.starts) else len(self.at)
        rule = self.limits.rule(int(self.point[start]))
        falls = self.held.get(int(self.keys[number]), (0.0, (), 0.0, ()))
        memory = RecentValue(
            AcceptedValue(**self._held(number, COLUMNS), shift=falls[0], falls=falls[1]),
            AcceptedValue(**self._held(number, map(before, COLUMNS)), shift=falls[2], falls=falls[3]),
        )
        values, times = self.value[start:stop].tolist(), self.at[start:stop].tolist()
        marks = [
            memory.judge(value, at, good, rule)
            for value, at, good in zip(values, times, usable[start:stop].tolist(), strict=True)
        ]
        return start, marks, memory

    def _held(self, number: int, columns: Iterable[str]) -> dict[str, Any]:
        """Stored state of a group, by name of `AcceptedValue`."""
        return {name: self.memory[column][number].item() for name, column in zip(COLUMNS, columns, strict=True)}

    def _after(self, last: Rows, plausible: Rows, since: I64) -> Columns:
        """State of regular groups after their rows up to `last`, one per group: the newest row, the last two believed
        ones. A group without rows keeps its state."""
        memory = {name: self.memory[name].copy() for name in COLUMNS}
        some = np.flatnonzero(last >= self.starts)
        rows = last[some]
        memory["newest"][some], memory["stand"][some], memory["since"][some] = (
            self.at[rows],
            self.value[rows],
            since[rows],
        )
        taken = plausible[plausible <= last[self.group[plausible]]]
        count = np.bincount(self.group[taken], minlength=len(self.starts))
        end = np.cumsum(count)
        one, many = np.flatnonzero(count >= 1), np.flatnonzero(count >= 2)
        memory["prior"][one], memory["prior_at"][one] = memory["value"][one], memory["at"][one]
        newest, second = taken[end[one] - 1], taken[end[many] - 2]
        memory["value"][one], memory["at"][one] = self.value[newest], self.at[newest]
        memory["prior"][many], memory["prior_at"][many] = self.value[second], self.at[second]
        return memory


def _marked(batch: Batch, hits: Bools) -> Batch:
    doubtful = hits & (batch.quality == Quality.GOOD)
    return Batch(
        batch.device,
        batch.point,
        batch.at,
        batch.value,
        np.where(doubtful, np.uint8(Quality.UNCERTAIN), batch.quality),
        np.where(hits, batch.flags | np.uint8(Flag.IMPLAUSIBLE), batch.flags),
        batch.frame,
        batch.received,
    )

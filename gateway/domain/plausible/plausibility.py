"""Abnormal readings become uncertain and are flagged implausible; nothing is deleted (DESIGN section 5).

`min`, `max` are judged where a value is converted (sources, imports); here such a row gets its flag, which separates it
from other uncertain rows. `max_rate`, `stuck_after` need the readings before: they are judged here, for every source.

- too fast: |value - believed| > max_rate * seconds between them (`max_fall` for a gauge that falls), or more than
  `max_step` however long ago, where *believed* is the newest reading that was not implausible itself. Of a counter the
  change is what the counter model books (`gateway.domain.counter`: a rollover, a restart, a fall taken back). A wrong
  value becomes right by the time in which the point could have got there, or when `relearn` readings in a row are too
  fast and agree with each other: then their level is believed.
- fell: a counter with `falls: abnormal` that falls without a rollover or a recorded exchange, until `relearn` readings
  agree.
- spike: a reading that differs by more than `spike` from the believed ones before and after it, in one direction, while
  these two agree. The later one shows it: within one batch it is marked, an earlier one is written once more, marked.
- stuck: the same value for longer than stuck_after while readings came. A silence longer than stuck_after (and than
  three promised intervals) starts anew.

Order is that of `at`. A row at the newest moment replaces the one before: it is judged from the state before that one,
and a bad row removes it. Late rows are compared with the last two believed readings; those older than both pass. A
clamped row has no event time: it is judged for stuck values, not for rate. Bad rows are no values.

Judging a batch out of the journal once more gives the same state: intake keeps it in a file with the number of its
record and repeats what came since, so that a restart changes no mark. Quality and flag are journaled. Imported history
is judged batch by batch, apart from live readings.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from gateway.domain.duration import SECOND
from gateway.domain.plausible.limits import TIMED, PlausibilityLimits, PointLookup
from gateway.domain.plausible.reasons import Abnormal, AbnormalCounts, AbnormalCountsState, Mark
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
from gateway.domain.reading import F64, I32, I64, U8, Batch, Flag, Quality, Reading, batch_of, concat
from gateway.domain.record import MeterExchanged

Bools = NDArray[np.bool_]
Rows = NDArray[np.intp]


class PlausibilityState(Struct, frozen=True):
    """State of `Plausibility`: keys i64 and columns as bytes, falls of counters, counts of marks."""

    key: bytes
    columns: dict[str, bytes]
    falls: dict[int, Falls]
    counts: AbnormalCountsState


@dataclass(frozen=True, slots=True)
class PlausibilityResult:
    """`hits` bool[n], the implausible rows (None = none); `marks`: the same with their reasons, and earlier readings
    that turned out to be spikes. These stand first in `batch`, `again` of them. `keys`, `memory`, `falls`: state to
    store after the batch is journaled."""

    batch: Batch
    hits: Bools | None
    keys: I64 | None = None
    memory: Columns | None = None
    falls: dict[int, Falls] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()
    again: int = 0


class Plausibility:
    """Plausibility of one partition. Call `judge`, then `keep` when the batch is on disk: a refused batch leaves no
    trace."""

    def __init__(self, directory: PointLookup) -> None:
        self._limits = PlausibilityLimits(directory)
        self._recent = RecentValues()
        self.counts = AbnormalCounts()

    def judge(self, batch: Batch) -> PlausibilityResult:
        """Judge a batch whose clocks are checked. Returns the same batch when no row is implausible."""
        if not len(batch):
            return PlausibilityResult(batch, None)
        limit = self._limits.rows(batch)
        timed = self._limits.timed(limit)
        reasons = self._out_of_bounds(batch, limit)
        spikes: list[Reading] = []
        keys = memory = None
        falls: dict[int, Falls] = {}
        if timed is not None:
            watched = timed == TIMED
            imported = (batch.flags & np.uint8(Flag.IMPORTED)) != 0
            watched &= (batch.flags & np.uint8(Flag.RETAINED)) == 0  # unknown event time: no comparison possible
            live, history = np.flatnonzero(watched & ~imported), np.flatnonzero(watched & imported)
            reasons = np.zeros(len(batch), np.uint8) if reasons is None else reasons
            if len(live):
                keys, memory, falls = self._sequence(batch, limit, live, reasons, self._recent, spikes)
            if len(history):
                self._sequence(batch, limit, history, reasons, RecentValues(), spikes)
        if reasons is not None:  # what a person wrote is not doubted
            reasons[(batch.flags & np.uint8(Flag.CORRECTED)) != 0] = Abnormal.NONE
        if (reasons is None or not reasons.any()) and not spikes:
            return PlausibilityResult(batch, None, keys, memory, falls)
        marks = [Mark(one.device, one.point, one.at, one.value, int(Abnormal.SPIKE)) for one in spikes]
        hits: Bools | None = None
        if reasons is not None and reasons.any():
            hits = reasons != Abnormal.NONE
            marks += _marks(batch, reasons)
            batch = _marked(batch, hits)
        whole = concat([batch_of([one] for one in spikes), batch]) if spikes else batch
        return PlausibilityResult(whole, hits, keys, memory, falls, tuple(marks), len(spikes))

    def keep(self, judged: PlausibilityResult) -> None:
        """Store the state of a batch that is on disk."""
        if judged.keys is not None and judged.memory is not None:
            self._recent.put(judged.keys, judged.memory, judged.falls)
        self.counts.add(judged.marks)

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

    def state(self) -> PlausibilityState:
        """For a file; `load` is the inverse."""
        recent = self._recent
        columns = {name: column.tobytes() for name, column in recent.columns.items()}
        return PlausibilityState(recent.key.tobytes(), columns, dict(recent.falls), self.counts.state())

    def load(self, state: PlausibilityState) -> None:
        """Go on from a state. One that does not fit this release is no state."""
        key, empty = np.frombuffer(state.key, np.int64).copy(), blank(0)
        columns = {
            name: np.frombuffer(blob, empty[name].dtype).copy() for name, blob in state.columns.items() if name in empty
        }
        if columns.keys() == empty.keys() and all(len(one) == len(key) for one in columns.values()):
            self._recent.key, self._recent.columns, self._recent.falls = key, columns, dict(state.falls)
        self.counts.load(state.counts)

    def reset(self) -> None:
        """Forget all readings after the gateway's clock was set back: they are later than the next ones."""
        self._recent = RecentValues()

    def _out_of_bounds(self, batch: Batch, limit: I32) -> U8 | None:
        doubtful = np.flatnonzero(self._limits.unjudged(batch))
        if not len(doubtful):
            return None
        reasons = np.zeros(len(batch), np.uint8)
        reasons[doubtful] = self._outside(limit[doubtful], batch.value[doubtful])
        return reasons

    def _outside(self, limit: I32, value: F64) -> U8:
        low = np.where(value < self._limits.low[limit], np.uint8(Abnormal.BELOW_MIN), np.uint8(Abnormal.NONE))
        found: U8 = np.where(value > self._limits.high[limit], np.uint8(Abnormal.ABOVE_MAX), low)
        return found

    def _sequence(
        self, batch: Batch, limit: I32, rows: Rows, reasons: U8, recent: RecentValues, spikes: list[Reading]
    ) -> tuple[I64, Columns, dict[int, Falls]]:
        """Mark the rows that are too fast, stuck or outside; readings of earlier batches that turn out to be spikes are
        added to `spikes`. Returns the new state: keys, columns, falls."""
        key = (batch.device[rows].astype(np.int64) << 32) | batch.point[rows]
        order = np.lexsort((batch.at[rows], key))  # stable: of equal times the last received comes last
        rows, key = rows[order], key[order]
        good = batch.quality[rows] != Quality.BAD
        if not good.all():
            good |= _replacing(key, batch.at[rows], recent)
            rows = rows[good]
        if not len(rows):
            return np.zeros(0, np.int64), recent.get(np.zeros(0, np.int64)), {}
        run = _Run(batch, limit, rows, self._limits, recent)
        outside = self._outside(limit[rows], batch.value[rows])
        clamped = (batch.flags[rows] & np.uint8(Flag.CLAMPED)) != 0
        found = run.judge((outside == Abnormal.NONE) & ~clamped)
        reasons[rows] = np.where(outside != Abnormal.NONE, outside, found)
        received = int(batch.received.max(initial=0))
        spikes += [
            Reading(key >> 32, key & 0xFFFFFFFF, at, value, Quality.UNCERTAIN, Flag.IMPLAUSIBLE, received)
            for key, at, value in run.spikes
        ]
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

    def __init__(self, batch: Batch, limit: I32, rows: Rows, limits: PlausibilityLimits, recent: RecentValues) -> None:
        self.limit = limit[rows]
        key = (batch.device[rows].astype(np.int64) << 32) | batch.point[rows]
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
        self.rate, self.rising = limits.rate[self.limit], limits.rising[self.limit]
        self.fall, self.step = limits.fall[self.limit], np.minimum(limits.step, limits.spike)[self.limit]
        self.spikes: list[tuple[int, int, float]] = []
        """(key, at, value) of readings before this batch."""
        self.stuck, self.silence = limits.stuck[self.limit], limits.silence[self.limit]

    def judge(self, usable: Bools) -> U8:
        """Reason per row; updates `memory`. Groups with a repeated or late row, a row that changes too much, or a
        counter with a fall, now or earlier, are judged row by row."""
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
        reasons: U8 = np.where(stuck, np.uint8(Abnormal.STUCK), np.uint8(Abnormal.NONE))
        last = np.append(self.starts[1:], len(self.at)) - 1
        earlier = self._after(last - 1, plausible, since)
        now = self._after(last, plausible, since)
        for name in COLUMNS:
            self.memory[name], self.memory[before(name)] = now[name], earlier[name]
        for number, (start, marks, memory) in slow.items():
            reasons[start : start + len(marks)] = marks
            for name in COLUMNS:
                self.memory[name][number] = getattr(memory.now, name)
                self.memory[before(name)][number] = getattr(memory.before, name)
            before_, now_ = memory.before, memory.now
            self.falls[int(self.keys[number])] = now_.shift, now_.falls, before_.shift, before_.falls
        return reasons

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
            seconds = (at - then) / SECOND
            found: Bools = falls | (change > self.rate[rows] * seconds) | (-change > self.fall[rows] * seconds)
            found |= np.abs(change) > self.step[rows]
        return found

    def _row_by_row(self, number: int, usable: Bools) -> tuple[int, list[Abnormal], RecentValue]:
        start = int(self.starts[number])
        stop = int(self.starts[number + 1]) if number + 1 < len(self.starts) else len(self.at)
        rule = self.limits.rule(int(self.limit[start]))
        falls = self.held.get(int(self.keys[number]), (0.0, (), 0.0, ()))
        memory = RecentValue(
            AcceptedValue(**self._held(number, COLUMNS), shift=falls[0], falls=falls[1]),
            AcceptedValue(**self._held(number, map(before, COLUMNS)), shift=falls[2], falls=falls[3]),
        )
        values, times = self.value[start:stop].tolist(), self.at[start:stop].tolist()
        marks: list[Abnormal] = []
        for value, at, good in zip(values, times, usable[start:stop].tolist(), strict=True):
            marks.append(memory.judge(value, at, good, rule))
            if memory.spike is not None:
                mine = [k for k in range(len(marks) - 1) if times[k] == memory.spike[0]]
                if mine:
                    marks[mine[-1]] = Abnormal.SPIKE
                else:
                    self.spikes.append((int(self.keys[number]), *memory.spike))
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


def _marks(batch: Batch, reasons: U8) -> list[Mark]:
    rows = np.flatnonzero(reasons)
    columns = (batch.device, batch.point, batch.at, batch.value, reasons)
    return [Mark(*row) for row in zip(*(column[rows].tolist() for column in columns), strict=True)]


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

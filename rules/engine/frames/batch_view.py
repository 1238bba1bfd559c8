"""One batch as the rules see it: units (a thing at a moment) with the value of every point as of that moment."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from gateway.domain.reading import F64, I32, I64, U8
from rules.engine.state.downtime import Downtimes
from rules.engine.state.thing_table import LONG_AGO, ThingTable

Bools = NDArray[np.bool_]
Place = slice | NDArray[np.integer]
NONE_UNKNOWN: Bools = np.zeros(0, np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class ReadingRows:
    """Applied readings of one space: `unit` is non-decreasing; `column`, `unit` i32[n], the rest as in Batch.

    `whole`: the columns of every unit, when all units carry the same ones in the same order; else none.
    """

    column: I32
    unit: I32
    at: I64
    value: F64
    quality: U8
    received: I64
    whole: tuple[int, ...] = ()

    def slice_of(self, column: int) -> slice | None:
        """The rows of a column of whole units; None when units differ, or none carries it."""
        return slice(self.whole.index(column), None, len(self.whole)) if column in self.whole else None


class LastReading(Struct, frozen=True):
    """The newest reading of a point at some moment."""

    value: float
    at: int
    received: int
    quality: int


class Reader(Protocol):
    """Values for expressions: every method gives one entry per item."""

    @property
    def thing(self) -> NDArray[np.integer]:
        """Row of each item in its space."""

    @property
    def t(self) -> I64:
        """Moment of each item, µs."""

    def value(self, column: int) -> F64:
        """Newest value, NaN unknown."""

    def good_at(self, column: int) -> I64:
        """Time of the newest known value."""

    def changed(self, column: int) -> F64:
        """1.0 where this frame gave another value than the known one before."""

    @property
    def now(self) -> I64:
        """The moment of each item for ages, µs: what is judged between readings is judged just after its time."""


class BatchView:
    """Units of one batch and space, ordered by thing, then time; nothing is written to the space yet.

    Units of `moments` carry no reading: something changes there with time alone. They come after readings of that time.
    `readings`: of points that signals read, kept for all rules. `spans`: unit -> the silence (from, to) µs before or
    around it that met a down-time; `open`: moments at which that is open -> (silent since, when it is known) µs.
    """

    def __init__(
        self,
        space: ThingTable,
        thing: NDArray[np.integer],
        t: I64,
        flags: U8,
        rows: ReadingRows,
        head: NDArray[np.integer],
        head_t: I64,
        moments: Bools | None = None,
    ) -> None:
        self.space, self.t, self.flags, self.rows = space, t, flags, rows
        self.thing: NDArray[np.intp] = thing.astype(np.intp, copy=False)
        self.head, self.head_t = head, head_t  # the devices themselves, for what counts as late
        self.moments: Bools = np.zeros(len(thing), np.bool_) if moments is None else moments
        self.now: I64 = t if moments is None else t + moments
        self._idle: Bools | None = None
        self.spans: dict[int, tuple[int, int]] = {}
        self.open: dict[int, tuple[int, int]] = {}
        count = len(thing)
        self.first: I32 = np.arange(count, dtype=np.int32)
        new = np.ones(count, np.bool_)
        np.not_equal(thing[1:], thing[:-1], out=new[1:])
        self.unique = bool(new.all())
        if not self.unique:
            self.first = np.maximum.accumulate(np.where(new, self.first, 0)).astype(np.int32)
        self._of: dict[int, I32] = {}
        self._present: dict[int, Bools] = {}
        self._carry: dict[tuple[int, ...], Bools] = {}
        self._last: dict[tuple[int, bool], I32] = {}
        self._value: dict[int, F64] = {}
        self._within: dict[int, tuple[Bools, Bools]] = {}
        self.readings: dict[tuple[int, bool, int], Any] = {}

    def __len__(self) -> int:
        return len(self.thing)

    def _rows_of(self, column: int) -> I32:
        found = self._of.get(column)
        if found is None:
            mine, count = self.rows.slice_of(column), len(self.rows.column)
            if mine is not None:
                found = np.arange(mine.start, count, mine.step, dtype=np.int32)
            else:
                found = np.flatnonzero(self.rows.column == column).astype(np.int32)
            self._of[column] = found
        return found

    def within(self, watched: Bools) -> Bools:
        """Of which units the thing is `watched`. Shared: not to be written to."""
        found = self._within.get(id(watched))
        if found is None:
            found = self._within[id(watched)] = watched, watched[self.thing]
        return found[1]

    def present(self, column: int) -> Bools:
        """Which units carry a reading of the column."""
        mask = self._present.get(column)
        if mask is None:
            mask = self._present[column] = np.full(len(self), column in self.rows.whole, np.bool_)
            if not self.rows.whole:
                mask[self.rows.unit[self._rows_of(column)]] = True
        return mask

    def carry(self, columns: tuple[int, ...]) -> Bools:
        """Which units carry a reading of any of the columns, or are moments. Shared: not to be written to."""
        mask = self._carry.get(columns)
        if mask is None:
            mask = self.moments.copy() if self._idle is None else self.moments & ~self._idle
            for column in columns if len(self.rows.unit) else ():
                mask |= self.present(column)
            self._carry[columns] = mask
        return mask

    def leave_out(self, idle: Bools) -> None:
        """These moments change nothing: they are not looked at."""
        self._idle = idle
        self._carry.clear()

    def last(self, column: int, *, known: bool = False) -> I32:
        """Row of the newest (known) reading of each unit within the batch, -1 = the space has it."""
        key = (column, known)
        if key in self._last:
            return self._last[key]
        rows = self._rows_of(column)
        unknown = np.isnan(self.rows.value[rows]) if known else NONE_UNKNOWN
        if len(rows) == len(self) and not unknown.any():  # every unit has one
            self._last[key] = rows
            return rows
        if known:
            rows = rows[~unknown]
        found = np.full(len(self), -1, np.int32)
        found[self.rows.unit[rows]] = rows
        if not self.unique:
            index = np.where(found >= 0, np.arange(len(self), dtype=np.int32), -1)
            np.maximum.accumulate(index, out=index)
            found = np.where(index >= self.first, found[index], -1)
        self._last[key] = found
        return found

    def before(self, last: I32) -> I32:
        """`last` one unit earlier, -1 where that is another thing's."""
        shifted = np.full(len(last), -1, np.int32)
        shifted[1:] = np.where(self.first[1:] <= np.arange(len(last) - 1), last[:-1], -1)
        return shifted

    def value(self, column: int) -> F64:
        """Newest value as of each unit."""
        found = self._value.get(column)
        if found is None and (mine := self.rows.slice_of(column)) is not None:
            found = self._value[column] = self.rows.value[mine]
        if found is None:
            row = self.last(column)
            if len(row) and row.min() >= 0:
                found = self.rows.value[row]
            else:
                found = self._newest(row, self.rows.value, self.space.value[column])
            self._value[column] = found
        return found

    def value_before(self, column: int) -> F64:
        """Newest value just before each unit."""
        return self._newest(self.before(self.last(column)), self.rows.value, self.space.value[column])

    def _newest(self, row: I32, rows: NDArray[Any], held: NDArray[Any]) -> NDArray[Any]:
        """Of each unit what its row has, or what the space holds of its thing."""
        found: NDArray[Any] = held[self.thing]
        return np.where(row >= 0, rows[row], found) if len(rows) else found

    def good_at(self, column: int) -> I64:
        """Time of the newest known value as of each unit."""
        return self._newest(self.last(column, known=True), self.rows.at, self.space.good_at[column])

    def read_at(self, column: int) -> I64:
        """Time of the newest reading, known or not, as of each unit."""
        return self._newest(self.last(column), self.rows.at, self.space.at[column])

    def read_at_before(self, column: int) -> I64:
        """Time of the newest reading, known or not, just before each unit."""
        return self._newest(self.before(self.last(column)), self.rows.at, self.space.at[column])

    def good_at_before(self, column: int) -> I64:
        """Time of the newest known value just before each unit."""
        return self._newest(self.before(self.last(column, known=True)), self.rows.at, self.space.good_at[column])

    def changed(self, column: int) -> F64:
        """1.0 where the unit gave another value than the known one before."""
        before = self._newest(self.before(self.last(column, known=True)), self.rows.value, self.space.good[column])
        value = self.value(column)
        other: Bools = self.present(column) & (value != before) & ~np.isnan(value) & ~np.isnan(before)
        return other.astype(np.float64)

    def newest_before(self) -> I64:
        """Newest applied time of each unit's thing before it."""
        held = self.space.newest[self.thing]
        if self.unique:
            return held
        sent = np.maximum.accumulate(np.where(self.moments, -1, np.arange(len(self))))
        shifted = np.append(-1, sent[:-1])
        return np.where(shifted < self.first, held, self.t[shifted])

    def _spoken_after(self, lasts: I64 | None) -> I64:
        """Time of the next frame of each unit's thing from it on; where there is none, up to when silence `lasts`."""
        if not self.moments.any():
            return self.t
        count = len(self)
        later = np.minimum.accumulate(np.where(self.moments, count, np.arange(count))[::-1])[::-1]
        mine = (later < count) & (self.first[np.minimum(later, count - 1)] == self.first)
        longest = self.t if lasts is None else np.maximum(self.t, lasts)
        return np.where(mine, self.t[np.minimum(later, count - 1)], longest)

    def find_spans(self, downs: Downtimes, lasts: I64 | None = None) -> None:
        """Note the silences of the devices that met a down-time of the gateway, and who sent something in the newest.

        `lasts` i64 per unit: up to when a silence after it is known to last, µs.
        """
        if not downs.spans:
            return
        sent = self.head[downs.during_newest(self.head_t)].tolist()
        downs.kept.update(self.space.things[head].device for head in sent)
        self.find_silences(downs, self._spoken_after(lasts))

    def find_silences(self, downs: Downtimes, until: I64) -> None:
        """The silences that met a down-time, each lasting until `until` µs: the unit, or later around a moment."""
        if not downs.spans:
            return
        before = self.newest_before()
        for unit in np.flatnonzero((before < downs.latest) & (before > LONG_AGO)).tolist():
            begin, end = int(before[unit]), int(until[unit])
            if downs.overlap(begin, end):
                self.spans[unit] = (begin, end)

    def silences(self, unit: int) -> list[tuple[int, int]]:
        """The silences of the unit's thing that met a down-time, up to and with this unit."""
        here = range(int(self.first[unit]), unit + 1) if self.spans else ()
        found = {self.spans[other][0]: self.spans[other] for other in here if other in self.spans}
        return list(found.values())

    def seen(self, column: int, unit: int, *, before: bool) -> LastReading | None:
        """The newest reading of a column as of `unit`, or just before it; None when there never was one."""
        row = -1
        if not before:
            row = int(self.last(column)[unit])
        elif unit > self.first[unit]:
            row = int(self.last(column)[unit - 1])
        if row < 0:
            return held(self.space, column, int(self.thing[unit]))
        rows = self.rows
        return LastReading(float(rows.value[row]), int(rows.at[row]), int(rows.received[row]), int(rows.quality[row]))

    def _newest_of(self, column: int, stops: NDArray[np.intp] | None, *, known: bool) -> tuple[Place, Place]:
        """(things, rows) of the newest (known) reading of a column; `stops`: last unit of each, None = it has one."""
        if stops is not None:
            found = self.last(column, known=known)[stops]
            found = found[found >= 0]
        else:
            found = self._rows_of(column)
            found = found[~np.isnan(self.rows.value[found])] if known else found
        return self.thing[self.rows.unit[found]], found

    def commit(self) -> None:
        """Write the newest readings of the batch to the space."""
        space, rows = self.space, self.rows
        stops = None if self.unique else np.flatnonzero(np.append(self.thing[1:] != self.thing[:-1], True))
        things = in_a_row(self.thing) if rows.whole and stops is None else None
        for column in rows.whole or np.flatnonzero(np.bincount(rows.column)).tolist():
            mine: Place | None = rows.slice_of(column)
            thing = things
            if thing is None or mine is None:
                thing, mine = self._newest_of(column, stops, known=False)
            value = rows.value[mine]
            space.value[column][thing] = value
            space.at[column][thing] = rows.at[mine]
            space.received[column][thing] = rows.received[mine]
            space.quality[column][thing] = rows.quality[mine]
            if stops is not None or np.isnan(value).any():
                thing, mine = self._newest_of(column, stops, known=True)
            space.good[column][thing] = rows.value[mine]
            space.good_at[column][thing] = rows.at[mine]
        space.newest[self.thing] = self.t
        space.newest[self.head] = self.head_t
        space.flags[self.thing] = self.flags


def in_a_row(things: NDArray[np.integer]) -> Place:
    """The same rows as a slice, when they follow each other, as those of polls and imports do: faster to write."""
    first, count = int(things[0]) if len(things) else 0, len(things)
    if count and int(things[-1]) - first == count - 1 and bool((things[1:] > things[:-1]).all()):
        return slice(first, first + count)
    return things


def held(space: ThingTable, column: int, thing: int) -> LastReading | None:
    """The newest reading that the space holds; None when there never was one."""
    at = int(space.at[column, thing])
    if at == LONG_AGO:
        return None
    return LastReading(
        float(space.value[column, thing]),
        at,
        int(space.received[column, thing]),
        int(space.quality[column, thing]),
    )


class UnitsAt:
    """Some units of a view."""

    def __init__(self, view: BatchView, units: NDArray[np.intp]) -> None:
        self.view, self.units = view, units
        self.thing, self.t, self.now = view.thing[units], view.t[units], view.now[units]

    def value(self, column: int) -> F64:
        return self.view.value(column)[self.units]

    def good_at(self, column: int) -> I64:
        return self.view.good_at(column)[self.units]

    def changed(self, column: int) -> F64:
        return self.view.changed(column)[self.units]


class UnitsBefore:
    """Units just before their frames are applied: for a window that closes (at `at` µs), or a silence that ended."""

    def __init__(self, view: BatchView, units: NDArray[np.intp], at: int | I64) -> None:
        self.view, self.units = view, units
        self.thing, self.t = view.thing[units], np.full(len(units), at, np.int64)
        self.now = self.t

    def value(self, column: int) -> F64:
        return self.view.value_before(column)[self.units]

    def good_at(self, column: int) -> I64:
        return self.view.good_at_before(column)[self.units]

    def changed(self, column: int) -> F64:  # noqa: ARG002 - nothing has changed yet
        return np.zeros(len(self.units))


class Latest:
    """Things as the space holds them, judged at `at`: after a fact, at a tick."""

    def __init__(self, space: ThingTable, thing: NDArray[np.integer], at: int) -> None:
        self.space, self.thing = space, thing
        self.t = self.now = np.full(len(thing), at, np.int64)

    def value(self, column: int) -> F64:
        found: F64 = self.space.value[column][self.thing]
        return found

    def good_at(self, column: int) -> I64:
        found: I64 = self.space.good_at[column][self.thing]
        return found

    def changed(self, column: int) -> F64:  # noqa: ARG002 - no frame, no change
        return np.zeros(len(self.thing))

"""What the signals of a rule have in common: their state by row, and the readings they are fed with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.domain.device import Point
from gateway.domain.reading import F64, I64
from rules.compiled import Slot
from rules.engine.frames.batch_view import BatchView, Bools, Reader
from rules.engine.state.field import Field
from rules.engine.state.thing_table import NEVER, ThingTable, widened
from rules.engine.windows.counter_glitches import Glitches

Rows = NDArray[np.integer]
EPSILON = 1e-9
Observe = Callable[[str, tuple[int, int], str, float, int, int, float], None]


class Surroundings(Protocol):
    """What signals need of the engine around them."""

    @property
    def world(self) -> Field:
        """Devices, sites, points."""

    @property
    def observe(self) -> Observe | None:
        """Called with each closed window."""

    @property
    def glitches(self) -> Glitches:
        """Falls of counters that were taken back."""


class NoSignals:
    """The source of a rule without `let`."""

    def __init__(self, zone: str) -> None:
        self.zone = zone

    def __call__(self, slot: Slot, reader: Reader) -> F64:  # noqa: ARG002 - it has none
        raise AssertionError(f"{slot.name} is a signal of a rule that has none")

    def columns_of(self, slot: Slot) -> tuple[int, ...]:  # noqa: ARG002 - it has none
        """None."""
        return ()

    def period_of(self, slot: Slot) -> int:  # noqa: ARG002 - it has none
        """None."""
        return 0


class StateTable:
    """State in arrays whose last axis is the row of the thing. `arrays`: (attribute, what a new row holds).

    `parts` are other tables that belong to it; those of a `flat` one stand in a snapshot under the owner's names.
    `derived` arrays are made of others and in no snapshot.
    """

    arrays: tuple[tuple[str, float], ...] = ()
    derived: frozenset[str] = frozenset()
    flat = False

    def __init__(self, space: ThingTable) -> None:
        self.space = space
        self.parts: dict[str, StateTable] = {}

    def grow(self) -> None:
        """Make room for the rows of the space."""
        for name, fill in self.arrays:
            setattr(self, name, widened(getattr(self, name), self.space.capacity, fill))
        for part in self.parts.values():
            part.grow()

    def refresh(self, things: Sequence[int]) -> None:
        """Facts about these things changed."""

    def replaced(self) -> None:
        """Rows hold another state than what was read into them."""

    def forget(self, thing: int) -> None:
        """Reset the row to its initial values."""
        for name, fill in self.arrays:
            getattr(self, name)[..., thing] = fill
        for part in self.parts.values():
            part.forget(thing)
        self.replaced()

    def adopt(self, old: Any) -> None:
        """Take over the whole state of `old`."""
        for name, _ in self.arrays:
            setattr(self, name, getattr(old, name))
        for name, part in self.parts.items():
            part.adopt(old.parts[name])
        self.replaced()

    def state(self) -> dict[str, NDArray[Any]]:
        """All arrays that are not derived, cut to the rows in use."""
        rows = len(self.space)
        found = {name: getattr(self, name)[..., :rows] for name, _ in self.arrays if name not in self.derived}
        for name, part in self.parts.items():
            mark = "" if part.flat else f"{name}."
            found |= {f"{mark}{key}": table for key, table in part.state().items()}
        return found

    def memory(self) -> int:
        """Bytes of the rows in use, with what is derived."""
        rows = len(self.space)
        own = sum(getattr(self, name)[..., :rows].nbytes for name, _ in self.arrays)
        return int(own + sum(part.memory() for part in self.parts.values()))

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """The inverse of `state`."""
        for name, fill in self.arrays:
            if name in self.derived:
                continue
            table = state[name]
            if getattr(self, name).shape[:-1] != table.shape[:-1]:  # rings have grown
                setattr(self, name, np.full((*table.shape[:-1], self.space.capacity), fill, table.dtype))
            getattr(self, name)[..., : table.shape[-1]] = table
        for name, part in self.parts.items():
            part.load(state if part.flat else part_of(state, name))
        self.replaced()

    def take_row(self, thing: int, other: Any, row: int) -> None:
        """Row `row` of `other`, the same signal in another engine, becomes `thing`'s."""
        for name, _ in self.arrays:
            getattr(self, name)[..., thing] = getattr(other, name)[..., row]
        for name, part in self.parts.items():
            part.take_row(thing, other.parts[name], row)
        self.replaced()


def part_of(state: Mapping[str, NDArray[Any]], name: str) -> dict[str, NDArray[Any]]:
    """The arrays of the part `name`, by their own names."""
    mark = f"{name}."
    return {key.removeprefix(mark): table for key, table in state.items() if key.startswith(mark)}


class Declared:
    """Something that profiles declare of points, looked up again when definitions change; `nothing` stands for 0."""

    def __init__(
        self, world: Field, space: ThingTable, points: tuple[str, ...], what: Callable[[Point], int], nothing: int = 0
    ) -> None:
        self.world, self.space, self.points, self.what, self.nothing = world, space, points, what, nothing
        self._mark = (-1, -1, -1)
        self._rows: I64 = np.zeros(0, np.int64)

    def __call__(self, things: Rows) -> I64:
        """The largest of the points, per item; `nothing` where none is declared."""
        mark = (self.world.version, self.world.changes, len(self.space))
        if mark != self._mark:
            self._mark = mark
            self._rows = self._looked_up()
        found: I64 = self._rows[things]
        return found

    def _looked_up(self) -> I64:
        """One per row of the space."""
        most = int(self.space.component.max(initial=0)) + 1
        table = np.zeros((max(1, len(self.world.profiles)), most), np.int64)
        for profile, number in self.world.profiles.items():
            for component in range(most):
                specs = [self.world.spec(profile, name, component) for name in self.points]
                table[number, component] = max((self.what(spec) for spec in specs if spec), default=0)
        found: I64 = np.where(table > 0, table, self.nothing)[self.space.profile, self.space.component]
        return found


class Gaps:
    """Silence longer than this is a gap: as `written`, else 3 x the promised interval of the slowest point, µs."""

    def __init__(self, world: Field, space: ThingTable, points: tuple[str, ...], written: int = 0) -> None:
        self.written = written
        self._declared = Declared(world, space, points, lambda spec: 3 * spec.every, NEVER)

    def __call__(self, things: Rows) -> I64:
        """One per item; NEVER where nothing is promised."""
        return np.full(len(things), self.written, np.int64) if self.written else self._declared(things)


@dataclass(frozen=True, slots=True, eq=False)
class PointReadings:
    """Readings of one point in a view, by thing, then time: `unit` they came in, thing, at i64, value f64.

    `floor` f64, of a counter: where known, the reading takes a fall back, and none before it lies above `floor`.
    """

    unit: NDArray[np.intp]
    thing: Rows
    at: I64
    value: F64
    floor: F64 | None = None

    def __len__(self) -> int:
        return len(self.unit)

    def where(self, mask: Bools) -> "PointReadings":
        """Some of them."""
        if mask.all():
            return self
        floor = None if self.floor is None else self.floor[mask]
        return PointReadings(self.unit[mask], self.thing[mask], self.at[mask], self.value[mask], floor)

    def first(self) -> Bools:
        """Which is the first of its thing."""
        new = np.ones(len(self.unit), np.bool_)
        np.not_equal(self.thing[1:], self.thing[:-1], out=new[1:])
        return new

    def before(self, value: F64, at: I64) -> tuple[F64, I64]:
        """(value, at) of the reading before each: the one in here, else what `value` and `at` hold for its thing."""
        values, times = value[self.thing], at[self.thing]
        later = np.flatnonzero(~self.first())
        values[later], times[later] = self.value[later - 1], self.at[later - 1]
        return values, times

    def ordinal(self) -> NDArray[np.intp]:
        """How many of the same thing come before."""
        number = np.arange(len(self.unit))
        return number - np.maximum.accumulate(np.where(self.first(), number, 0))


def readings(view: BatchView, column: int, inside: Bools, *, known: bool) -> PointReadings:
    """The readings of a column in the units `inside` of a view; `known` leaves out bad ones."""
    key = column, known, id(inside)
    if (kept := view.readings.get(key)) is not None:
        found: PointReadings = kept[1]
        return found
    rows, whole = view.rows, view.rows.slice_of(column)
    if whole is not None and inside.all():
        at, value = np.ascontiguousarray(rows.at[whole]), np.ascontiguousarray(rows.value[whole])
        found = PointReadings(np.arange(len(value)), view.thing, at, value)
        if known:
            found = found.where(~np.isnan(value))
    else:
        row = view.last(column, known=known)
        unit = np.flatnonzero((row >= 0) & inside)
        row = row[unit]
        fresh = rows.unit[row] == unit
        unit, row = unit[fresh], row[fresh]
        found = PointReadings(unit, view.thing[unit], rows.at[row], rows.value[row])
    view.readings[key] = inside, found
    return found


def carried(count: int, thing: Rows, unit: NDArray[np.intp], whose: Rows) -> NDArray[np.intp]:
    """For each of `count` items of `thing` the last row at or before it, else -1; rows: at `unit`, of `whose`."""
    last = np.full(count, -1, np.intp)
    last[unit] = np.arange(len(unit))
    if len(unit) == count:
        return last
    np.maximum.accumulate(last, out=last)
    if len(unit):
        last[(last >= 0) & (whose[last] != thing)] = -1
    return last


def turns(things: Rows, special: Bools) -> I64:
    """How many special items of the same thing came up to and with each item."""
    count = np.cumsum(special, dtype=np.int64)
    first = np.ones(len(things), np.bool_)
    first[1:] = things[1:] != things[:-1]
    start = np.maximum.accumulate(np.where(first, np.arange(len(things)), 0))
    return count - count[start] + special[start]

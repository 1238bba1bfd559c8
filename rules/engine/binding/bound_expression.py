"""An expression bound to one space: where each of its inputs comes from."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.domain.alarm import ReadingSeen, ThresholdSeen
from gateway.domain.device import PointKind
from gateway.domain.duration import HOUR
from gateway.domain.reading import F64, I64
from rules.compiled import Crossing, Expression, Slot, SlotKind
from rules.engine.binding.attribute_columns import fact_of, facts_of
from rules.engine.binding.local_time import local_time_of
from rules.engine.frames.batch_view import Bools, LastReading, Reader
from rules.engine.state.field import Field
from rules.engine.state.thing_table import LONG_AGO, NEVER, ThingTable

NAN = float("nan")
FAR = 2.0**20  # hours
READS = frozenset({
    SlotKind.POINT, SlotKind.CODE, SlotKind.FIELD, SlotKind.AGE, SlotKind.CHANGED, SlotKind.HAS,
    SlotKind.PART,
})  # fmt: skip
OF_FACTS = frozenset({SlotKind.ATTR, SlotKind.ATTR_TEXT, SlotKind.ATTR_PART, SlotKind.TAG})
CLOCKS = frozenset({SlotKind.HOUR, SlotKind.WEEKDAY})


class SlotSource(Protocol):
    """Answers what is no reading and no fact: SIGNAL, BEFORE and QUORUM slots."""

    @property
    def zone(self) -> str:
        """The time zone of the installation."""

    def __call__(self, slot: Slot, reader: Reader) -> F64:
        """One value per item of the reader."""

    def period_of(self, slot: Slot) -> int:
        """From one value of a signal whose windows close to the next, at most, µs; 0 = it has none."""

    def columns_of(self, slot: Slot) -> tuple[int, ...]:
        """The columns whose readings change a momentary value; none for that of a closed window."""


class BoundExpression:
    """`columns` are the points whose readings make it worth evaluating again; `valued` those of them whose values
    it needs, not only their age.
    """

    def __init__(self, expression: Expression, space: ThingTable, world: Field, signal: SlotSource) -> None:
        self.expression, self.space, self.world, self.signal = expression, space, world, signal
        columns: list[int] = []
        aged: list[int] = []
        for slot in expression.slots:
            if slot.kind is SlotKind.AGE:
                aged.append(space.column(slot.name))
            elif slot.kind in READS:
                columns.append(space.column(slot.name))
            elif slot.kind not in OF_FACTS | CLOCKS:
                columns.extend(signal.columns_of(slot))
        self.valued = tuple(dict.fromkeys(columns))
        self.columns = tuple(dict.fromkeys([*columns, *aged]))
        self.clocks = tuple(slot.kind for slot in expression.slots if slot.kind in CLOCKS)
        self.turning = bool(aged or self.clocks)
        self.momentary = not any(slot.kind in {SlotKind.CHANGED, SlotKind.AGE} for slot in expression.slots)
        self.has_signal = any(slot.kind in {SlotKind.SIGNAL, SlotKind.BEFORE} for slot in expression.slots)
        self._inputs = [space.column(slot.name) if slot.kind in READS else -1 for slot in expression.slots]
        self.facts = {
            index: facts_of(world, space, slot) for index, slot in enumerate(expression.slots) if slot.kind in OF_FACTS
        }
        asks_time = any(slot.kind in CLOCKS for slot in expression.slots)
        self.clock = local_time_of(world, space, signal.zone) if asks_time else None
        self._tables: dict[int, tuple[F64, NDArray[np.bool_]]] = {}
        self._mark: dict[int, tuple[int, int, int]] = {}

    # --- facts
    def refresh(self, things: Sequence[int]) -> None:
        """Look the attributes and tags of these things up again."""
        for table in self.facts.values():
            table.refresh(things)
        if self.clock is not None:
            self.clock.refresh(things)

    # --- state texts
    def _tables_of(self, index: int, slot: Slot) -> tuple[F64, NDArray[np.bool_]]:
        """(f64[profile, component, code], which of them have a table of texts): rebuilt when definitions change."""
        mark = (self.world.version, len(self.world.profiles), len(self.space))
        if self._mark.get(index) != mark:
            self._mark[index] = mark
            self._tables[index] = text_tables(self.world, self.space, slot)
        return self._tables[index]

    def _field(self, index: int, slot: Slot, reader: Reader) -> F64:
        value = reader.value(self._inputs[index])
        table, stated = self._tables_of(index, slot)
        place = self.space.profile[reader.thing], self.space.component[reader.thing]
        whole = np.floor(value) == value  # False for NaN
        code = np.where(whole & (value >= 0) & (value < table.shape[2]), value, table.shape[2] - 1).astype(np.intp)
        found = np.where(whole, table[*place, code], NAN)
        numeric = whole & ~stated[place]
        if numeric.any():
            found[numeric] = _by_number(slot, value[numeric])
        return found

    # --- evaluating
    def inputs(self, reader: Reader) -> list[F64]:
        """The value of every slot for every item of `reader`."""
        return [self._slot(index, slot, reader) for index, slot in enumerate(self.expression.slots)]

    def _slot(self, index: int, slot: Slot, reader: Reader) -> F64:
        column = self._inputs[index]
        match slot.kind:
            case SlotKind.POINT:
                return reader.value(column)
            case SlotKind.CODE:
                thing = reader.thing
                table, _ = self._tables_of(index, slot)
                found: F64 = table[self.space.profile[thing], self.space.component[thing], 0]
                return found
            case SlotKind.FIELD | SlotKind.PART:
                return self._field(index, slot, reader)
            case SlotKind.ATTR | SlotKind.ATTR_TEXT | SlotKind.ATTR_PART | SlotKind.TAG:
                fact: F64 = self.facts[index].value[reader.thing]
                return fact
            case SlotKind.HAS:
                return (~np.isnan(reader.value(column))).astype(np.float64)
            case SlotKind.CHANGED:
                return reader.changed(column)
            case SlotKind.AGE:
                good = reader.good_at(column)
                return np.where(good == LONG_AGO, np.nan, (reader.now - good) / HOUR)
            case SlotKind.HOUR | SlotKind.WEEKDAY:
                assert self.clock is not None, "made for expressions that ask"
                return self.clock.read(slot.kind, reader.thing, reader.t)
            case _:
                return self.signal(slot, reader)

    def vector(self, reader: Reader) -> F64:
        """One result per item."""
        return self.expression.vector(self.inputs(reader))

    # --- what turns by itself
    def turns(self, reader: Reader) -> list[I64]:
        """When a comparison with an age turns, the hour or the day, if nothing is read meanwhile, µs; NEVER."""
        found = [self._turn(one, reader) for one in self.expression.crossings or ()]
        return found + [self.clock.following(kind, reader.thing, reader.t) for kind in self.clocks if self.clock]

    def _turn(self, crossing: Crossing, reader: Reader) -> I64:
        slots = self.expression.slots
        now: list[F64] = [np.zeros(0)] * len(slots)
        later = list(now)
        for index in crossing.slots:
            if slots[index].kind is SlotKind.AGE:
                good = reader.good_at(self._inputs[index])
                now[index] = np.where(good == LONG_AGO, np.nan, (reader.t - good) / HOUR)
                later[index] = now[index] + FAR
            else:
                now[index] = later[index] = self._slot(index, slots[index], reader)
        difference = np.broadcast_to(crossing.difference(now), reader.t.shape)
        with np.errstate(all="ignore"):
            wait = -difference / ((crossing.difference(later) - difference) / FAR) * HOUR
        near = np.abs(wait) < NEVER // 2  # not for NaN
        found: I64 = np.where(near, reader.t + np.rint(np.where(near, wait, 0)).astype(np.int64), NEVER)
        return found

    def changing(self, reader: Reader) -> Bools:
        """Where an age is known that makes it change in a way that cannot be foreseen."""
        found = np.zeros(len(reader.thing), np.bool_)
        if self.expression.crossings is None:
            for index, slot in enumerate(self.expression.slots):
                if slot.kind is SlotKind.AGE:
                    found |= reader.good_at(self._inputs[index]) > LONG_AGO
        return found

    # --- evidence
    def thresholds(self, thing: int) -> tuple[ThresholdSeen, ...]:
        """What the expression compares with, for evidence: numbers, then texts and tags as 1 or 0."""
        found: list[ThresholdSeen] = []
        for limit in self.expression.limits:
            if limit.slot < 0:
                found.append(ThresholdSeen(limit.value, limit.unit, "rule"))
                continue
            slot = self.expression.slots[limit.slot]
            if slot.kind is SlotKind.ATTR:
                value, origin = fact_of(self.world, self.space, thing, slot)
                if value == value:
                    found.append(ThresholdSeen(value, slot.unit or limit.unit, origin))
        for slot in self.expression.slots:
            if slot.kind in {SlotKind.ATTR_TEXT, SlotKind.ATTR_PART, SlotKind.TAG}:
                value, origin = fact_of(self.world, self.space, thing, slot)
                if value == value:
                    found.append(ThresholdSeen(value, "", origin))
        return tuple(found)


def text_tables(world: Field, space: ThingTable, slot: Slot) -> tuple[F64, NDArray[np.bool_]]:
    """What the codes of a state point mean to a CODE, FIELD or PART slot.

    CODE: one entry, the code of `slot.text`, -1 when no device of the profile has that text. FIELD: an entry per code
    through the mapping, and one more for any other code; PART: is the text in it? The second array marks profiles
    whose point has texts.
    """
    most = int(space.component.max(initial=0)) + 1
    specs = {
        (number, component): found.values
        for profile, number in world.profiles.items()
        for component in range(most)
        if (found := world.spec(profile, slot.name, component)) is not None
    }
    stated = np.zeros((len(world.profiles), most), np.bool_)
    if slot.kind is SlotKind.CODE:
        table = np.full((len(world.profiles), most, 1), -1.0)
        for place, values in specs.items():
            if slot.text in values:
                table[*place, 0] = values.index(slot.text)
        return table, stated
    mapping = dict(slot.mapping)
    other = mapping.get("*", NAN)
    longest = max((len(values) for values in specs.values()), default=0)
    table = np.full((len(world.profiles), most, longest + 1), other)
    for place, values in specs.items():
        stated[place] = bool(values)
        if slot.kind is SlotKind.PART:
            table[*place, : len(values)] = [float(slot.text in text) for text in values]
        else:
            table[*place, : len(values)] = [mapping.get(text, other) for text in values]
    return table, stated


def _by_number(slot: Slot, value: F64) -> F64:
    """Whole numbers of a point without texts through the mapping."""
    mapping = dict(slot.mapping)
    other = mapping.get("*", NAN)
    unlike, where = np.unique(value, return_inverse=True)
    found: F64 = np.array([mapping.get(f"{number:.0f}", other) for number in unlike.tolist()], np.float64)[where]
    return found


def reading_seen(world: Field, profile: str, name: str, component: int, seen: LastReading) -> ReadingSeen:
    """A reading as evidence: state codes become their text."""
    point = world.spec(profile, name, component)
    value: float | str | None = None if seen.value != seen.value else seen.value
    if point is not None and point.kind is PointKind.STATE and isinstance(value, float):
        code = int(value)
        value = point.values[code] if 0 <= code < len(point.values) else value
    return ReadingSeen(name, value, point.unit if point else "", seen.at, seen.received, seen.quality)

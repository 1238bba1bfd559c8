"""An expression bound to one space: where each of its inputs comes from."""

from collections.abc import Callable, Sequence

import numpy as np

from gateway.domain.alarm import ReadingSeen, ThresholdSeen
from gateway.domain.device import PointKind
from gateway.domain.duration import HOUR
from gateway.domain.reading import F64
from rules.compiled import Expression, Slot, SlotKind
from rules.engine.space import LONG_AGO, Space, widened
from rules.engine.view import Reader, Seen
from rules.engine.world import World

NAN = float("nan")
READS = frozenset({SlotKind.POINT, SlotKind.AGE, SlotKind.CHANGED, SlotKind.HAS})
SignalValue = Callable[[Slot, Reader], F64]
"""A SIGNAL or BEFORE slot -> one value per item of the reader."""


class Bound:
    """`columns` are the points whose readings make it worth evaluating again."""

    def __init__(self, expression: Expression, space: Space, world: World, signal: SignalValue) -> None:
        self.expression, self.space, self.world, self.signal = expression, space, world, signal
        reads = [slot.name for slot in expression.slots if slot.kind in READS]
        self.columns = tuple(dict.fromkeys(space.column(name) for name in reads))
        self.has_signal = any(slot.kind in {SlotKind.SIGNAL, SlotKind.BEFORE} for slot in expression.slots)
        self._inputs = [self._input(slot) for slot in expression.slots]
        self._attr: dict[int, F64] = {}
        self._codes: dict[int, F64] = {}
        self._mark: dict[int, tuple[int, int, int]] = {}

    def _input(self, slot: Slot) -> int:
        return self.space.column(slot.name) if slot.kind in READS else -1

    def refresh(self, things: Sequence[int]) -> None:
        """Look the attributes of these things up again."""
        for index, slot in enumerate(self.expression.slots):
            if slot.kind is not SlotKind.ATTR:
                continue
            table = self._attr.get(index, np.zeros(0))
            if len(table) < self.space.capacity:
                table = self._attr[index] = widened(table, self.space.capacity, np.nan)
            for thing in things:
                device = self.world.devices[self.space.things[thing].device]
                found = self.world.attribute(device, slot.name, slot.unit)
                table[thing] = slot.default if found is None else found[0]

    def _code(self, index: int, slot: Slot) -> F64:
        mark = (self.world.version, len(self.world.profiles), len(self.space))
        if self._mark.get(index) != mark:
            self._mark[index] = mark
            most = int(self.space.component.max(initial=0)) + 1
            table = np.full((len(self.world.profiles), most), -1.0)
            for profile, number in self.world.profiles.items():
                for component in range(most):
                    point = self.world.spec(profile, slot.name, component)
                    if point is not None and slot.text in point.values:
                        table[number, component] = point.values.index(slot.text)
            self._codes[index] = table
        return self._codes[index]

    def inputs(self, reader: Reader) -> list[F64]:
        """The value of every slot for every item of `reader`."""
        found: list[F64] = []
        for index, slot in enumerate(self.expression.slots):
            column = self._inputs[index]
            if slot.kind is SlotKind.POINT:
                found.append(reader.value(column))
            elif slot.kind is SlotKind.CODE:
                thing = reader.thing
                found.append(self._code(index, slot)[self.space.profile[thing], self.space.component[thing]])
            elif slot.kind is SlotKind.ATTR:
                found.append(self._attr[index][reader.thing])
            elif slot.kind is SlotKind.HAS:
                found.append((~np.isnan(reader.value(column))).astype(np.float64))
            elif slot.kind is SlotKind.CHANGED:
                found.append(reader.changed(column))
            elif slot.kind is SlotKind.AGE:
                good = reader.good_at(column)
                found.append(np.where(good == LONG_AGO, np.nan, (reader.t - good) / HOUR))
            else:
                found.append(self.signal(slot, reader))
        return found

    def vector(self, reader: Reader) -> F64:
        """One result per item."""
        return self.expression.vector(self.inputs(reader))

    def scalar(self, reader: Reader) -> F64:
        """The same, item by item through the scalar back end: the reference."""
        inputs = [column.tolist() for column in self.inputs(reader)]
        each = zip(*inputs, strict=True) if inputs else iter([()] * len(reader.thing))
        return np.array([self.expression.scalar(values) for values in each], np.float64)

    def thresholds(self, thing: int) -> tuple[ThresholdSeen, ...]:
        """What the expression compares with, for evidence."""
        found: list[ThresholdSeen] = []
        device = self.world.devices[self.space.things[thing].device]
        for limit in self.expression.limits:
            if limit.slot < 0:
                found.append(ThresholdSeen(limit.value, limit.unit, "rule"))
                continue
            slot = self.expression.slots[limit.slot]
            if slot.kind is not SlotKind.ATTR:
                continue
            near = self.world.attribute(device, slot.name, slot.unit)
            value, origin = near if near is not None else (slot.default, "default")
            if value == value:
                found.append(ThresholdSeen(value, slot.unit or limit.unit, origin))
        return tuple(found)


def reading_seen(world: World, profile: str, name: str, component: int, seen: Seen) -> ReadingSeen:
    """A reading as evidence: state codes become their text."""
    point = world.spec(profile, name, component)
    value: float | str | None = None if seen.value != seen.value else seen.value
    if point is not None and point.kind is PointKind.STATE and isinstance(value, float):
        code = int(value)
        value = point.values[code] if 0 <= code < len(point.values) else value
    return ReadingSeen(name, value, point.unit if point else "", seen.at, seen.received, seen.quality)

"""Attributes and tags of the rows of a space, looked up once for all expressions that read the same."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64
from rules.compiled import Slot, SlotKind
from rules.engine.state.field import Field
from rules.engine.state.thing_table import ThingTable, widened
from rules.engine.state.watch_scope import FEW, rows


class RowTable(ABC):
    """A value for each row of a space, by its attributes."""

    def __init__(self, world: Field, space: ThingTable) -> None:
        self.world, self.space = world, space
        self._fresh: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._changes = -1

    @abstractmethod
    def grow(self, capacity: int) -> None:
        """Make room for that many rows."""

    @abstractmethod
    def look_up(self, things: NDArray[np.intp]) -> None:
        """Read these rows, at least one, from the world."""

    def refresh(self, things: Sequence[int]) -> None:
        """Look these rows up again; many at once only when something changed since."""
        if len(self._fresh) < self.space.capacity:
            self.grow(self.space.capacity)
            self._fresh = widened(self._fresh, self.space.capacity, 0)
        asked = rows(things)
        if len(asked) > FEW:
            if self._changes != self.world.changes:
                self._fresh[:], self._changes = False, self.world.changes
            asked = asked[~self._fresh[asked]]
            self._fresh[asked] = True
        if len(asked):
            self.look_up(asked)


class AttributeColumns(RowTable):
    """value f64[n] of an ATTR, ATTR_TEXT, ATTR_PART or TAG slot. `low`, `high`: no value was ever beyond; `moves`
    counts their changes.
    """

    def __init__(self, world: Field, space: ThingTable, slot: Slot) -> None:
        super().__init__(world, space)
        self.slot = slot
        self.value: F64 = np.zeros(0)
        self.low, self.high, self.moves = np.inf, -np.inf, 0

    def grow(self, capacity: int) -> None:
        self.value = widened(self.value, capacity, np.nan)

    def look_up(self, things: NDArray[np.intp]) -> None:
        found = [fact_of(self.world, self.space, thing, self.slot)[0] for thing in things.tolist()]
        self.value[things] = found
        known = [value for value in found if value == value]
        low, high = min(known, default=np.inf), max(known, default=-np.inf)
        if low < self.low or high > self.high:
            self.low, self.high, self.moves = min(low, self.low), max(high, self.high), self.moves + 1


def facts_of(world: Field, space: ThingTable, slot: Slot) -> AttributeColumns:
    """The table of a slot on a space; all that ask for the same share it."""
    key = id(space), repr(slot)  # a default may be NaN, which equals nothing
    found = world.shared.get(key)
    if not isinstance(found, AttributeColumns):
        found = world.shared[key] = AttributeColumns(world, space, slot)
    return found


def fact_of(world: Field, space: ThingTable, thing: int, slot: Slot) -> tuple[float, str]:
    """(value, where it comes from) of one of these slots for one row; its default when no owner has it."""
    device = world.devices[space.things[thing].device]
    if slot.kind is SlotKind.TAG:
        site = world.sites.get(device.site)
        return float(slot.name in device.tags or (site is not None and slot.name in site.tags)), f"tag {slot.name}"
    if slot.kind is SlotKind.ATTR:
        near = world.attribute(device, slot.name, slot.unit)
        return near if near is not None else (slot.default, "default")
    part = slot.kind is SlotKind.ATTR_PART
    compared = f"{slot.name} contains '{slot.text}'" if part else f"{slot.name} == '{slot.text}'"
    for owner, attrs in world.owners(device):
        if slot.name in attrs:
            written = _written(attrs[slot.name])
            return float(slot.text in written if part else written == slot.text), f"attr {owner} {compared}"
    return slot.default, f"default {compared}"


def _written(value: str | float | bool) -> str:
    """An attribute as a rule writes it: text as it is, `true`, `5`."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else f"{value:.15g}"

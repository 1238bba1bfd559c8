"""The clocks of one transaction: read in bulk, changed in memory, written with the rest."""

from collections.abc import Collection, Sequence
from typing import Protocol

from gateway.domain.sla import ClockKind, FiredMilestone, SlaChanges, SlaClock


class ClockReader(Protocol):
    """The part of the desk's transaction that reads clocks."""

    def clocks(self, orders: Sequence[str]) -> list[SlaClock]:
        """The clocks of these orders."""

    def fired_milestones(self, orders: Sequence[str]) -> list[FiredMilestone]:
        """The milestones of these orders that were reached."""


class ClockRows:
    """Holds no decision. `loaded` and `new` are the orders of the transaction, and those it makes."""

    def __init__(self, reader: ClockReader, loaded: Collection[str], new: Collection[str]) -> None:
        self._reader, self._loaded, self._new = reader, loaded, new
        self._clocks: dict[str, dict[ClockKind, SlaClock]] = {}
        self._fired: dict[str, dict[ClockKind, set[str]]] = {}
        self._inserted: dict[tuple[str, ClockKind], None] = {}
        self._changed: dict[tuple[str, ClockKind], None] = {}
        self._milestones: list[FiredMilestone] = []

    def of(self, order: str) -> tuple[SlaClock, ...]:
        """The clocks of an order; the first question reads those of all loaded orders."""
        if order not in self._clocks:
            missing = [one for one in dict.fromkeys((order, *self._loaded)) if one not in self._clocks]
            self._clocks.update((one, {}) for one in missing)
            stored = [one for one in missing if one not in self._new]
            for clock in self._reader.clocks(stored) if stored else ():
                self._clocks[clock.order][clock.kind] = clock
        return tuple(self._clocks[order].values())

    def put(self, clock: SlaClock, *, new: bool = False) -> None:
        """A new or changed clock."""
        key = (clock.order, clock.kind)
        if new:
            self._inserted[key] = None
            self._clocks.setdefault(clock.order, {})
        elif key not in self._inserted:
            self._changed[key] = None
        self._clocks[clock.order][clock.kind] = clock

    def fired(self, order: str, kind: ClockKind) -> Collection[str]:
        """Names of the milestones of a clock that were reached; the first question reads those of all clocks."""
        if order not in self._fired:
            missing = [one for one in dict.fromkeys((order, *self._clocks)) if one not in self._fired]
            self._fired.update((one, {}) for one in missing)
            stored = [one for one in missing if one not in self._new]
            for one in self._reader.fired_milestones(stored) if stored else ():
                self._fired[one.order].setdefault(one.kind, set()).add(one.name)
        return self._fired[order].get(kind, ())

    def fire(self, milestone: FiredMilestone) -> None:
        """Record that a milestone was reached."""
        self.fired(milestone.order, milestone.kind)
        self._fired[milestone.order].setdefault(milestone.kind, set()).add(milestone.name)
        self._milestones.append(milestone)

    def changes(self) -> SlaChanges:
        """The rows to be written."""
        new = [self._clocks[order][kind] for order, kind in self._inserted]
        changed = [self._clocks[order][kind] for order, kind in self._changed]
        return SlaChanges(new, changed, self._milestones)

"""The columns per thing of one evaluator as one: they grow, go to snapshots and come back together."""

from typing import Any

from numpy.typing import NDArray

from rules.engine.state.thing_table import ThingTable
from rules.engine.windows import SignalSet
from rules.engine.windows.base import StateTable, part_of

WHEN_JUDGED = frozenset({"wake", "opens", "at"})
"""Columns that say when something was judged: they count only with what was judged."""


class StateColumns:
    """`tables`: its own columns, by what they are; a snapshot has them by their own names. `parts`: those of counters
    and peers, in a snapshot as `part.name`. `windows`: those of signals, as `windows.name`.
    """

    def __init__(self, space: ThingTable, windows: SignalSet | None, **tables: StateTable | None) -> None:
        self.space, self.windows, self.room = space, windows, 0
        self.tables = {name: table for name, table in tables.items() if table is not None}
        self.parts: dict[str, StateTable] = {}

    def grow(self) -> bool:
        """Make room for the rows of the space. False = there is."""
        if self.room == self.space.capacity:
            return False
        self.room = self.space.capacity
        for table in (*self.tables.values(), *self.parts.values()):
            table.grow()
        if self.windows is not None:
            self.windows.grow()
        return True

    def adopt(self, old: "StateColumns") -> None:
        """Take over those of the revision before, where it had the same."""
        for name, table in self.tables.items():
            if name in old.tables:
                table.adopt(old.tables[name])
        for name, part in self.parts.items():
            part.adopt(old.parts[name])
        if self.windows is not None and old.windows is not None:
            self.windows.adopt(old.windows)

    def take_row(self, thing: int, other: "StateColumns", row: int) -> None:
        """Row `row` of `other`, of the same rule in another engine, becomes `thing`'s."""
        for name, table in self.tables.items():
            table.take_row(thing, other.tables[name], row)
        for name, part in self.parts.items():
            part.take_row(thing, other.parts[name], row)
        if self.windows is not None and other.windows is not None:
            self.windows.take_row(thing, other.windows, row)

    def forget_inputs(self, thing: int) -> None:
        """Counters, peers and windows of the thing begin anew."""
        for part in self.parts.values():
            part.forget(thing)
        if self.windows is not None:
            self.windows.forget(thing)

    def held(self) -> list[NDArray[Any]]:
        """Arrays [..., n]: what the rule remembers of its things. A moment that changes it has decided something."""
        own = [
            getattr(table, name)
            for table in self.tables.values()
            for name, _ in table.arrays
            if name not in WHEN_JUDGED
        ]
        return own + (self.windows.chain.turned() if self.windows is not None else [])

    def memory(self) -> int:
        """Bytes: own columns with the rows there is room for, all others with those in use."""
        own = sum(getattr(table, name).nbytes for table in self.tables.values() for name, _ in table.arrays)
        signals = () if self.windows is None else self.windows.operators
        return int(own + sum(part.memory() for part in (*self.parts.values(), *signals)))

    def state(self) -> dict[str, NDArray[Any]]:
        """All arrays by name, cut to the rows in use."""
        found = {name: array for table in self.tables.values() for name, array in table.state().items()}
        for part, table in self.parts.items():
            found |= {f"{part}.{name}": array for name, array in table.state().items()}
        if self.windows is not None:
            found |= {f"windows.{name}": array for name, array in self.windows.state().items()}
        return found

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        """The inverse of `state`."""
        for table in self.tables.values():
            table.load(state)
        for name, part in self.parts.items():
            part.load(part_of(state, name))
        if self.windows is not None:
            self.windows.load(part_of(state, "windows"))

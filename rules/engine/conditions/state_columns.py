"""The columns per thing of one evaluator as one: they grow, go to snapshots and come back together."""

from typing import Any

from numpy.typing import NDArray

from rules.engine.state.thing_table import ThingTable
from rules.engine.windows import SignalSet
from rules.engine.windows.base import StateTable, part_of

WHEN_JUDGED = frozenset({"wake", "opens", "at"})
"""Columns that say when something was judged: they count only with what was judged."""


class StateColumns:
    """`tables`: its own columns, by what they are; a snapshot has them by their own names. `parts`: those of counters,
    peers and signals (`windows`), in a snapshot as `part.name`.
    """

    def __init__(self, space: ThingTable, windows: SignalSet | None, **tables: StateTable | None) -> None:
        self.space, self.windows, self.room = space, windows, 0
        self.tables = {name: table for name, table in tables.items() if table is not None}
        self.parts: dict[str, StateTable] = {} if windows is None else {"windows": windows}

    @property
    def every(self) -> dict[str, StateTable]:
        """`tables` and `parts`."""
        return self.tables | self.parts

    def grow(self) -> bool:
        """Make room for the rows of the space. False = there is."""
        if self.room == self.space.capacity:
            return False
        self.room = self.space.capacity
        for table in self.every.values():
            table.grow()
        return True

    def adopt(self, old: "StateColumns") -> None:
        """Take over those of the revision before, where it had the same."""
        before = old.every
        for name, table in self.every.items():
            if name in before:
                table.adopt(before[name])

    def take_row(self, thing: int, other: "StateColumns", row: int) -> None:
        """Row `row` of `other`, of the same rule in another engine, becomes `thing`'s."""
        theirs = other.every
        for name, table in self.every.items():
            table.take_row(thing, theirs[name], row)

    def forget_inputs(self, thing: int) -> None:
        """Counters, peers and windows of the thing begin anew."""
        for part in self.parts.values():
            part.forget(thing)

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
        """Bytes: `tables` with the rows there is room for, `parts` with those in use."""
        own = sum(getattr(table, name).nbytes for table in self.tables.values() for name, _ in table.arrays)
        return int(own + sum(part.memory() for part in self.parts.values()))

    def state(self) -> dict[str, NDArray[Any]]:
        """All arrays by name, cut to the rows in use."""
        found = {name: array for table in self.tables.values() for name, array in table.state().items()}
        for part, table in self.parts.items():
            found |= {f"{part}.{name}": array for name, array in table.state().items()}
        return found

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        """The inverse of `state`."""
        for table in self.tables.values():
            table.load(state)
        for name, part in self.parts.items():
            part.load(part_of(state, name))

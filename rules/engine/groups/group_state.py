"""What a rule on groups keeps besides its members and its evaluator: for edits and snapshots."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from rules.engine.groups.closed_windows import ClosedWindows
from rules.engine.groups.group_table import GroupTable
from rules.engine.groups.placement import Placement


class GroupState:
    """Of `table` and `closed`. A snapshot comes back in three steps, `load`, `load_extra` and `restored`: the rows have
    to be there before the members are placed, whose placing changes what is counted.
    """

    def __init__(self, table: GroupTable, closed: ClosedWindows) -> None:
        self.table, self.closed, self.placement = table, closed, Placement(table, closed)
        self._tables: dict[str, NDArray[Any]] = {}
        self._names: list[str] = []
        self._touched: dict[int, int] = {}
        self._recent = table.recent.state()

    def adopt(self, old: "GroupState") -> None:
        """Take over the state of the revision before."""
        mine, theirs = self.table, old.table
        self.closed.adopt(old.closed)
        mine.touched |= theirs.touched
        mine.clock, mine.recent, mine.looked = theirs.clock, theirs.recent, theirs.looked

    def state(self) -> dict[str, NDArray[Any]]:
        """The rows and their newest values, as arrays by name."""
        table = self.table
        names = msgspec.msgpack.encode((list(table.rows), table.space.names))
        found = {f"groups.{name}": array for name, array in table.space.tables().items()}
        return found | {"groups": np.frombuffer(names, np.uint8), "groups.clock": table.clock[: len(table.rows)]}

    def extra(self) -> bytes:
        """What waits to be judged, and how values came about, encoded."""
        return msgspec.msgpack.encode((self.table.touched, self.closed.state(), self.table.recent.state()))

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        """The inverse of `state`: the groups get the rows that they had, and the members find them."""
        table = self.table
        groups, self._names = msgspec.msgpack.decode(state["groups"].tobytes(), type=tuple[list[str], list[str]])
        table.space.reset()
        table.clear()
        for group in groups:
            table.row_of(group)
        self._tables = {
            name.removeprefix("groups."): array for name, array in state.items() if name.startswith("groups.")
        }
        table.clock[: len(groups)] = self._tables.pop("clock")
        for members in table.kinds:
            for thing in np.flatnonzero(members.group[: len(members.space)] >= 0).tolist():
                device = table.fleet.devices[members.space.things[thing].device]
                members.group[thing] = self.placement.membership(members, device, [thing]).row

    def load_extra(self, blob: bytes) -> None:
        """The inverse of `extra`."""
        self._touched, waiting, self._recent = msgspec.msgpack.decode(blob, type=tuple[dict[int, int], bytes, bytes])
        self.closed.load(waiting)

    def restored(self) -> None:
        """Again after every kind of member: what its `refresh` did is not what happened."""
        self.table.touched = dict(self._touched)
        columns = [self.table.space.column(name) for name in self._names]
        for name, array in self._tables.items():
            self.table.space.fill(name, array, columns)
        self.table.recount()
        self.table.recent.load(self._recent)

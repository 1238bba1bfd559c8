"""What a rule on groups keeps besides its members and its evaluator: for edits and snapshots."""

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from rules.engine.groups.closed_windows import ClosedWindows, ClosedWindowsImage
from rules.engine.groups.group_table import GroupTable
from rules.engine.groups.placement import Placement
from rules.engine.groups.recent_answers import RecentAnswersState
from rules.engine.windows.base import part_of


class GroupsState(Struct, frozen=True, tag="groups"):
    """What groups hold besides arrays. `groups`: their names by row; `columns`: the names of those of their table;
    `touched`: rows that are to be judged -> since when, µs.
    """

    groups: list[str]
    columns: list[str]
    touched: dict[int, int]
    closed: ClosedWindowsImage
    recent: RecentAnswersState


class GroupState:
    """Of `table` and `closed`. A snapshot comes back in two steps, `load` and `restored`: the rows have to be there
    before the members are placed, whose placing changes what is counted.
    """

    def __init__(self, table: GroupTable, closed: ClosedWindows) -> None:
        self.table, self.closed, self.placement = table, closed, Placement(table, closed)
        self._held = self.extra()
        self._tables: dict[str, NDArray[Any]] = {}

    def adopt(self, old: "GroupState") -> None:
        """Take over the state of the revision before."""
        mine, theirs = self.table, old.table
        self.closed.adopt(old.closed)
        mine.touched |= theirs.touched
        mine.clock, mine.recent, mine.looked = theirs.clock, theirs.recent, theirs.looked

    def state(self) -> dict[str, NDArray[Any]]:
        """The newest values of the groups, as arrays by name."""
        table = self.table
        found = {f"groups.{name}": array for name, array in table.space.tables().items()}
        return found | {"groups.clock": table.clock[: len(table.rows)]}

    def extra(self) -> GroupsState:
        """What is no array."""
        table = self.table
        names = list(table.rows), list(table.space.names)
        return GroupsState(*names, table.touched, self.closed.state(), table.recent.state())

    def load(self, state: dict[str, NDArray[Any]], extra: GroupsState) -> None:
        """The inverse of `state` and `extra`: the groups get the rows that they had, and the members find them."""
        table = self.table
        table.space.reset()
        table.clear()
        for group in extra.groups:
            table.row_of(group)
        self._held, self._tables = extra, part_of(state, "groups")
        table.clock[: len(extra.groups)] = self._tables.pop("clock")
        self.closed.load(extra.closed)
        for members in table.kinds:
            for thing in np.flatnonzero(members.group[: len(members.space)] >= 0).tolist():
                device = table.fleet.devices[members.space.things[thing].device]
                members.group[thing] = self.placement.membership(members, device, [thing]).row

    def restored(self) -> None:
        """Again after every kind of member: what its `refresh` did is not what happened."""
        self.table.touched = dict(self._held.touched)
        columns = [self.table.space.column(name) for name in self._held.columns]
        for name, array in self._tables.items():
            self.table.space.fill(name, array, columns)
        self.table.recount()
        self.table.recent.load(self._held.recent)

"""Groups of the same rule in another engine: what they hold becomes ours."""

from rules.engine.groups.aggregate import Key
from rules.engine.groups.group_evaluator import GroupEvaluator


class GroupTransfer:
    """From `theirs` to `mine`: members and groups are matched by what they are; rows may differ."""

    def __init__(self, mine: GroupEvaluator, theirs: GroupEvaluator) -> None:
        self.mine, self.theirs = mine, theirs
        self._rows = [{thing: k for k, thing in enumerate(members.space.things)} for members in theirs.table.kinds]

    def take(self, group: str) -> bool:
        """The whole state of a group. False when they have no such group, or no member of it."""
        mine, theirs = self.mine, self.theirs
        table, others = mine.table, theirs.table
        row, other = table.rows[group], others.rows.get(group, -1)
        if other < 0 or not others.alive[other]:
            return False
        places = self._members(row, other)
        self._space(row, other)
        mine.evaluator.take_row(row, theirs.evaluator, other)
        mine.closed.take(row, theirs.closed, other, places)
        table.clock[row] = others.clock[other]
        table.recent.take(row, others.recent, other)
        table.touched.pop(row, None)
        table.recount()
        return True

    def _members(self, row: int, other: int) -> dict[Key, Key]:
        places: dict[Key, Key] = {}
        for members, twin, rows in zip(self.mine.members, self.theirs.members, self._rows, strict=True):
            for thing in members.table.things_of(row).tolist():
                k = rows.get(members.space.things[thing], -1)
                if k >= 0 and twin.table.group[k] == other:
                    members.take_row(thing, twin, k)
                    places[twin.table.number, k] = members.table.number, thing
        return places

    def _space(self, row: int, other: int) -> None:
        mine, theirs = self.mine.table.space, self.theirs.table.space
        newest = max(int(mine.newest[row]), int(theirs.newest[other]))  # the time of a group does not step back
        for name, table in theirs.tables().items():
            if table.ndim == 2:
                for column, k in theirs.columns.items():
                    own = mine.column(column)
                    getattr(mine, name)[own, row] = table[k, other]
            elif name not in {"profile", "component"}:
                getattr(mine, name)[row] = table[other]
        mine.newest[row] = newest

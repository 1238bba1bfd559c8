"""Aggregates over closed windows: a group has its value once every member has closed the window (RULES section 4)."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct

from gateway.domain.alarm import SignalSeen
from rules.engine.groups.aggregate import Key, aggregate, weight
from rules.engine.groups.group_table import GroupTable
from rules.engine.groups.split_rule import Question
from rules.engine.groups.timeline import GroupMoment
from rules.engine.state.calendar import window, zone_of

NAMED = 20  # members that evidence names


class GroupWindow(Struct, frozen=True):
    """The newest window of an aggregate: its bounds µs, value, covered share, the members that decide first with
    theirs, and how many of each kind were `counted`.
    """

    start: int
    end: int
    value: float
    covered: float
    members: list[tuple[Key, float]]
    counted: dict[int, int] = {}


class ClosedWindowsImage(Struct, frozen=True):
    """For the snapshot."""

    waiting: dict[int, dict[int, list[tuple[int, Key, float]]]]
    formed: list[tuple[int, int, GroupWindow]]
    done: dict[int, int]


class ClosedWindows:
    """`waiting`: group -> window end µs -> (question, member) -> value; bounded by what a gap may hold back. `newest`:
    (question, group) -> its newest window. `done`: group -> end of the newest window that has a value, µs. `awake`:
    groups for which something came since the last call of `complete`. `zone_name`: row of a group -> its time zone.
    """

    def __init__(self, table: GroupTable, zone_name: Callable[[int], str]) -> None:
        self.table, self.zone_name = table, zone_name
        self.waiting: dict[int, dict[int, dict[tuple[int, Key], float]]] = {}
        self.newest: dict[tuple[int, int], GroupWindow] = {}
        self.done: dict[int, int] = {}
        self.awake: set[int] = set()

    def put(self, question: int, row: int, key: Key, end: int, value: float) -> None:
        """A member closed its window that ends at `end` µs. Too late for a value that is there already."""
        if end > self.done.get(row, end - 1):
            self.waiting.setdefault(row, {}).setdefault(end, {})[question, key] = value
            self.awake.add(row)

    def remove(self, question: int, row: int, key: Key) -> None:
        """The member is in this group no longer."""
        for values in self.waiting.get(row, {}).values():
            values.pop((question, key), None)

    def wake(self, rows: Iterable[int]) -> None:
        """A member that these groups were waiting for may be gone."""
        self.awake.update(row for row in rows if row in self.waiting)

    def complete(self) -> Iterator[GroupMoment]:
        """Every group and window end that all its members have closed."""
        awake, self.awake = sorted(self.awake), set()
        for row in awake:
            waiting = self.waiting[row]
            while waiting:
                end = min(waiting)
                asked = [
                    n
                    for n, one in enumerate(self.table.questions)
                    if one.gathered and self._start(n, row, end) is not None
                ]
                if not all(self._complete(n, row, end) for n in asked):
                    break
                values = waiting.pop(end)
                self.done[row] = end
                yield GroupMoment(row, end, self._columns(row, end, asked, values), 0, 0, end, silent=False)
            if not waiting:
                del self.waiting[row]

    def _start(self, n: int, row: int, end: int) -> int | None:
        """Start of the window of question `n` that ends then; None when none does."""
        zone = zone_of(self.zone_name(row))
        assert zone is not None, "a group is in a zone that exists"
        found = [window(zone, calendar, end - 1) for calendar in self.table.questions[n].calendars]
        return min((start for start, stop, _ in found if stop == end), default=None)

    def _complete(self, n: int, row: int, end: int) -> bool:
        return all(members.all_closed(members.numbers.index(n), row, end) for members in self.table.asked(n))

    def _columns(
        self, row: int, end: int, asked: Iterable[int], values: dict[tuple[int, Key], float]
    ) -> dict[int, float]:
        found: dict[int, float] = {}
        for n in asked:
            one = self.table.questions[n]
            assert one.stat is not None, "only aggregates gather windows"
            mine = sorted((key, value) for (question, key), value in values.items() if question == n)
            if not one.components:
                mine = self._votes(n, mine)
            value, covered = aggregate(one.stat, mine, int(self.table.counts[2, n, row]))
            found[self.table.columns[n]] = value
            start = self._start(n, row, end)
            assert start is not None, "only windows that end then are asked for"
            self.newest[n, row] = self._formed(one, mine, GroupWindow(start, end, value, covered, []))
        return found

    @staticmethod
    def _formed(one: Question, mine: Iterable[tuple[Key, float]], formed: GroupWindow) -> GroupWindow:
        """With the members that are known."""
        stat = one.stat
        assert stat is not None, "only aggregates gather windows"
        known = sorted(
            ((key, value) for key, value in mine if value == value), key=lambda one: (weight(stat, one[1]), one[0])
        )
        counted = Counter(key[0] for key, value in known if one.numeric or value == 1.0)
        return msgspec.structs.replace(formed, members=known[:NAMED], counted=dict(counted))

    def _votes(self, n: int, answers: Iterable[tuple[Key, float]]) -> list[tuple[Key, float]]:
        """The answers of components as those of their devices: true if one is, unknown while one could be."""
        kinds = {members.number: members.on(n) for members in self.table.asked(n)}
        devices: dict[Key, list[float]] = {}
        for (number, thing), value in answers:
            devices.setdefault((number, int(kinds[number].voter[thing])), []).append(value)
        found = []
        for key, mine in devices.items():
            whole = len(mine) == kinds[key[0]].size[key[1]]
            value = 1.0 if 1.0 in mine else 0.0 if whole and all(one == 0.0 for one in mine) else float("nan")
            found.append((key, value))
        return found

    def seen(self, n: int, row: int) -> SignalSeen:
        """The newest window of an aggregate, for evidence."""
        stat, formed = self.table.questions[n].stat, self.newest.get((n, row))
        assert stat is not None, "only aggregates gather windows"
        if formed is None:
            return SignalSeen(stat.name, None, stat.unit, 0, 0, 0.0)
        value = None if formed.value != formed.value else formed.value
        return SignalSeen(stat.name, value, stat.unit, formed.start, formed.end, formed.covered)

    # --- edits, snapshot
    def adopt(self, old: "ClosedWindows") -> None:
        """Take over what the revision before waited for and remembered."""
        self.waiting, self.newest, self.done = old.waiting, old.newest, old.done
        self.awake = old.awake

    def take(self, row: int, theirs: "ClosedWindows", other: int, places: Mapping[Key, Key]) -> None:
        """What group `other` of another engine waits for and remembers becomes that of `row`; `places`: their members
        as ours.
        """
        self.waiting.pop(row, None)
        self.awake.discard(row)
        self.done.pop(row, None)
        waiting = {
            end: {(n, places[key]): value for (n, key), value in values.items() if key in places}
            for end, values in theirs.waiting.get(other, {}).items()
        }
        if waiting:
            self.waiting[row] = waiting
            self.awake.add(row)
        if other in theirs.done:
            self.done[row] = theirs.done[other]
        for n in range(len(self.table.questions)):
            self.newest.pop((n, row), None)
            if (formed := theirs.newest.get((n, other))) is not None:
                known = [(places[key], value) for key, value in formed.members if key in places]
                self.newest[n, row] = msgspec.structs.replace(formed, members=known)

    def state(self) -> ClosedWindowsImage:
        """Everything that waits or is remembered."""
        waiting = {
            row: {end: [(n, key, value) for (n, key), value in values.items()] for end, values in ends.items()}
            for row, ends in self.waiting.items()
        }
        formed = [(n, row, one) for (n, row), one in self.newest.items()]
        return ClosedWindowsImage(waiting, formed, self.done)

    def load(self, kept: ClosedWindowsImage) -> None:
        """The inverse of `state`."""
        self.waiting = {
            row: {end: {(n, key): value for n, key, value in values} for end, values in ends.items()}
            for row, ends in kept.waiting.items()
        }
        self.newest = {(n, row): one for n, row, one in kept.formed}
        self.done = kept.done
        self.awake = set(self.waiting)

"""The groups of a rule: their rows, and the counting of what their members say."""

from collections.abc import Callable

from rules.compiled import Rule
from rules.engine.groups.questions import questions_of
from rules.engine.groups.standin import GroupWorld, stand_in_thing
from rules.engine.groups.tally import Key, Tally
from rules.engine.speaker import Field

NAN = float("nan")


class Register:
    """Rows of `space` are the groups, its columns the answers. `tallies`: question -> one per group.

    `alive`: watched devices per group · `touched`: groups to be judged again, and since when µs · `voting`: groups with
    votes that will lapse.
    """

    def __init__(self, rule: Rule, common: Field, interval: Callable[[str], int]) -> None:
        self.rule = rule
        self.questions = questions_of(rule)
        self.space = common.world.group_space(rule.id, rule.watch.group)
        self.world = GroupWorld(common.world, rule.watch.group, interval)
        self.columns = [self.space.column(one.column) for one in self.questions]
        self.momentary = [n for n, one in enumerate(self.questions) if not one.gathered]
        self.touched: dict[int, int] = {}
        self.voting: set[int] = set()
        self.clear()
        for thing in self.space.things:
            self._known(thing.group)

    def clear(self) -> None:
        """No groups."""
        self.rows: dict[str, int] = {}
        self.alive: list[int] = []
        self.tallies: list[list[Tally]] = [[] for _ in self.questions]

    def row_of(self, group: str) -> int:
        """The row of a group; a new one gets the next."""
        if group not in self.rows:
            self.space.add(stand_in_thing(len(self.rows), group), 0)
            self._known(group)
        return self.rows[group]

    def _known(self, group: str) -> None:
        row = self.rows[group] = len(self.rows)
        self.alive.append(0)
        for tallies, one in zip(self.tallies, self.questions, strict=True):
            tallies.append(Tally(one.quorum, one.stat))
        self.world.stand_in(row, group)

    def enter(self, question: int, row: int, key: Key, answer: float, voted: int) -> None:
        """A member more, with what it said so far."""
        self.tallies[question][row].members += 1
        self.change(question, row, key, NAN, answer, voted)

    def leave(self, question: int, row: int, key: Key, answer: float) -> None:
        """A member less."""
        self.change(question, row, key, answer, NAN, 0)
        self.tallies[question][row].members -= 1

    def count(self, row: int, by: int) -> None:
        """Watched devices more or less: without any there is no group."""
        self.alive[row] += by
        self.world.members_changed += 1

    def change(self, question: int, row: int, key: Key, before: float, after: float, at: int) -> None:
        """A member says something else."""
        tally = self.tallies[question][row]
        tally.change(key, before, after, at)
        if tally.timed:
            self.voting.add(row)
        elif row in self.voting and not any(one[row].timed for one in self.tallies):
            self.voting.discard(row)

    def touch(self, row: int, at: int) -> None:
        """Membership or attributes changed at `at` µs: the group is judged again."""
        self.touched[row] = at

    def zero(self) -> None:
        """Nobody has said anything yet."""
        for tallies, one in zip(self.tallies, self.questions, strict=True):
            tallies[:] = [Tally(one.quorum, one.stat) for _ in self.rows]
        self.alive = [0] * len(self.rows)
        self.voting.clear()

    def empty(self, row: int) -> None:
        """Nobody of this group has said anything yet."""
        for tallies, one in zip(self.tallies, self.questions, strict=True):
            tallies[row] = Tally(one.quorum, one.stat)
        self.alive[row] = 0
        self.voting.discard(row)
        self.touched.pop(row, None)

    # --- what it comes to
    def write(self, at: int) -> None:
        """What holds at `at` µs becomes what the space holds of the touched groups."""
        space = self.space
        for row in self.touched:
            for n in self.momentary:
                value, column = self.answer(n, row, at, forget=False), self.columns[n]
                space.value[column, row] = value
                if value == value:
                    space.good[column, row] = value
                    space.good_at[column, row] = space.at[column, row] = space.newest[row]

    def answer(self, n: int, row: int, at: int, *, forget: bool) -> float:
        """Truth of a quorum at `at` µs, or an aggregate. `forget`: no earlier moment will be asked about."""
        tally, one = self.tallies[n][row], self.questions[n]
        if one.quorum is not None:
            return tally.truth(one.quorum, at, forget=forget)
        assert one.stat is not None, "a question belongs to a quorum or to an aggregate"
        return tally.value(one.stat)

    def lapses(self, row: int, at: int) -> bool:
        """Will a vote of the group have lapsed at `at` µs?"""
        return any(
            one.quorum is not None and tallies[row].lapses(one.quorum, at)
            for one, tallies in zip(self.questions, self.tallies, strict=True)
        )

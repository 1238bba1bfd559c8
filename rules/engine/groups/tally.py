"""Counting: what the members of one group say to one question (RULES section 5, `members`; section 4, `members`)."""

from collections.abc import Iterable

from rules.compiled import Aggregate, MemberStat, Quorum
from rules.engine.space import NEVER

NAN = float("nan")
EPSILON = 1e-9
Key = tuple[int, int]
"""(number of the member's kind in its rule, row in the table of that kind)."""
_SHIFT = 1074  # every float is a whole multiple of 2 ** -1074


def verdict(quorum: Quorum, yes: int, unknown: int, members: int) -> float:
    """Three-valued: what is true whatever the unknown would say is true, what could still tip is unknown."""
    if not members:
        return NAN
    most = yes + unknown
    needs: list[float] = [quorum.at_least] if quorum.at_least is not None else []
    if quorum.fraction is not None:
        needs.append(quorum.fraction * members - EPSILON)
    surely = all(yes >= need for need in needs)
    maybe = all(most >= need for need in needs)
    if quorum.at_most is not None:
        surely, maybe = surely and most <= quorum.at_most, maybe and yes <= quorum.at_most
    return 1.0 if surely else NAN if maybe else 0.0


class Tally:
    """One question in one group, kept up answer by answer.

    `members` in service, `known` of them with an answer, `yes` of these true. The total is exact (a whole number of
    2 ** -1074), so that no order of readings and no restart changes a sum.
    """

    __slots__ = ("_exact", "_oldest", "_values", "_votes", "known", "members", "yes")

    def __init__(self, quorum: Quorum | None, stat: MemberStat | None) -> None:
        self.members = self.known = self.yes = 0
        self._exact = 0 if stat is not None and stat.what in {Aggregate.MEAN, Aggregate.SUM} else None
        ranked = stat is not None and stat.what in {Aggregate.MIN, Aggregate.MAX}
        self._values: dict[Key, float] | None = {} if ranked else None
        self._votes: dict[Key, int] | None = {} if quorum is not None and quorum.within else None
        self._oldest = NEVER

    @property
    def timed(self) -> bool:
        """Are there votes that will lapse?"""
        return bool(self._votes)

    def change(self, key: Key, before: float, after: float, at: int) -> None:
        """Member `key` said `before` and says `after` since `at` µs; NaN = unknown."""
        if before == before:
            self._count(before, -1)
        if after == after:
            self._count(after, 1)
        if self._values is not None:
            self._values.pop(key, None)
            if after == after:
                self._values[key] = after
        if self._votes is not None:
            self._votes.pop(key, None)
            if after == 1.0:
                self._votes[key] = at
                self._oldest = min(self._oldest, at)

    def _count(self, value: float, sign: int) -> None:
        self.known += sign
        self.yes += sign * (value == 1.0)
        if self._exact is not None:
            number, part = value.as_integer_ratio()
            self._exact += sign * (number << (_SHIFT + 1 - part.bit_length()))

    def lapses(self, quorum: Quorum, at: int) -> bool:
        """Will a vote have lapsed at `at` µs?"""
        return self.timed and self._oldest < at - quorum.within

    def voting(self, quorum: Quorum, at: int, *, forget: bool) -> int:
        """Votes that count at `at` µs. `forget`: no earlier moment will be asked about."""
        if self._votes is None:
            return self.yes
        floor = at - quorum.within
        if self._oldest >= floor:
            return len(self._votes)
        fresh = {key: t for key, t in self._votes.items() if t >= floor}
        if forget:
            self._votes, self._oldest = fresh, min(fresh.values(), default=NEVER)
        return len(fresh)

    def truth(self, quorum: Quorum, at: int, *, forget: bool) -> float:
        """Does the quorum hold at `at` µs?"""
        votes = self.voting(quorum, at, forget=forget)
        return verdict(quorum, votes, self.members - self.known + self.yes - votes, self.members)

    def value(self, stat: MemberStat) -> float:
        """The aggregate; NaN when too few members are known."""
        if not self.known or self.known < stat.coverage * self.members - EPSILON:
            return NAN
        if stat.what is Aggregate.COUNT:
            return float(self.yes)
        if self._values is not None:
            return (min if stat.what is Aggregate.MIN else max)(self._values.values())
        assert self._exact is not None, "mean and sum keep a total"
        try:
            return self._exact / ((self.known if stat.what is Aggregate.MEAN else 1) << _SHIFT)
        except OverflowError:
            return NAN

    def covered(self) -> float:
        """Share of the members with a known answer."""
        return self.known / self.members if self.members else 0.0


def aggregate(stat: MemberStat, answers: Iterable[tuple[Key, float]], members: int) -> tuple[float, float]:
    """(value, covered share) of answers given all at once."""
    tally = Tally(None, stat)
    tally.members = members
    for key, value in answers:
        tally.change(key, NAN, value, 0)
    return tally.value(stat), tally.covered()

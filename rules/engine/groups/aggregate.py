"""Counts and aggregates of the answers of a group to a question (RULES section 5, `members`; section 4, `members`)."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from gateway.domain.reading import F64
from rules.compiled import Aggregate, MemberStat, Quorum

NAN = float("nan")
EPSILON = 1e-9
Key = tuple[int, int]
"""(number of the member's kind in its rule, row in the table of that kind)."""
_SHIFT = 1074  # every float is a whole multiple of 2 ** -1074


def verdict(quorum: Quorum, yes: ArrayLike, unknown: ArrayLike, members: ArrayLike) -> F64:
    """Three-valued, per item: what is true whatever the unknown would say is true, what could still tip is unknown."""
    votes, size = np.asarray(yes), np.asarray(members)
    most = votes + np.asarray(unknown)
    surely = maybe = size > 0
    if quorum.at_least is not None:
        surely, maybe = surely & (votes >= quorum.at_least), maybe & (most >= quorum.at_least)
    if quorum.fraction is not None:
        need = quorum.fraction * size - EPSILON
        surely, maybe = surely & (votes >= need), maybe & (most >= need)
    if quorum.at_most is not None:
        surely, maybe = surely & (most <= quorum.at_most), maybe & (votes <= quorum.at_most)
    return np.where(surely, 1.0, np.where(maybe | (size <= 0), NAN, 0.0))


def counted(stat: MemberStat, yes: ArrayLike, known: ArrayLike, members: ArrayLike) -> F64:
    """How many `yes` there are, per item; NaN where too few are known."""
    enough = np.asarray(known) >= np.maximum(stat.coverage * np.asarray(members) - EPSILON, 1)
    return np.where(enough, np.asarray(yes, np.float64), NAN)


class GroupAggregate:
    """An aggregate of numbers in one group, kept up answer by answer.

    `known` members with an answer. The total is exact (a whole number of 2 ** -1074), so that no order of readings and
    no restart changes a sum.
    """

    __slots__ = ("_exact", "_values", "known", "stat")

    def __init__(self, stat: MemberStat) -> None:
        self.stat, self.known = stat, 0
        self._exact = 0
        self._values: dict[Key, float] | None = {} if stat.what in {Aggregate.MIN, Aggregate.MAX} else None

    def change(self, key: Key, before: float, after: float) -> None:
        """The answer of member `key` was `before` and is `after`; NaN = unknown."""
        if before == before:
            self._count(before, -1)
        if after == after:
            self._count(after, 1)
        if self._values is not None:
            self._values.pop(key, None)
            if after == after:
                self._values[key] = after

    def _count(self, value: float, sign: int) -> None:
        self.known += sign
        if self._values is None:
            number, part = value.as_integer_ratio()
            self._exact += sign * (number << (_SHIFT + 1 - part.bit_length()))

    @property
    def adds(self) -> bool:
        """True if its value follows from the sum of its answers."""
        return self._values is None

    @property
    def total(self) -> float:
        """The sum of all answers, but of a least or greatest value."""
        try:
            return self._exact / (1 << _SHIFT)
        except OverflowError:
            return NAN

    def value(self, members: int) -> float:
        """The aggregate over so many members; NaN when too few are known."""
        stat = self.stat
        if not self.known or self.known < stat.coverage * members - EPSILON:
            return NAN
        if self._values is not None:
            return (min if stat.what is Aggregate.MIN else max)(self._values.values())
        try:
            return self._exact / ((self.known if stat.what is Aggregate.MEAN else 1) << _SHIFT)
        except OverflowError:
            return NAN


def aggregate(stat: MemberStat, answers: Iterable[tuple[Key, float]], members: int) -> tuple[float, float]:
    """(value, covered share) of answers given all at once."""
    given = [(key, value) for key, value in answers if value == value]
    covered = len(given) / members if members else 0.0
    if stat.what is Aggregate.COUNT:
        return float(counted(stat, sum(value == 1.0 for _, value in given), len(given), members)), covered
    tally = GroupAggregate(stat)
    for key, value in given:
        tally.change(key, NAN, value)
    return tally.value(members), covered


def weight(stat: MemberStat, value: float) -> float:
    """Orders members by what they do to the aggregate, the one that decides first: for `min` the least, else the
    greatest.
    """
    return value if stat.what is Aggregate.MIN else -value

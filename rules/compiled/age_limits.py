"""How old points get before a comparison with their age turns."""

from collections.abc import Callable, Iterable, Iterator
from itertools import product

import numpy as np

from gateway.domain.duration import HOUR
from rules.compiled.expression import Expression, Slot, SlotKind
from rules.compiled.reads import expressions
from rules.compiled.rule import Rule
from rules.compiled.signals import MemberStat, Share, Times

Numbers = Callable[[Slot], Iterable[float]]
"""The numbers, in the canonical unit, that an attribute may have."""

NEVER = 1 << 60  # µs; beyond all times


def oldest(rule: Rule, numbers: Numbers) -> int:
    """The greatest age, µs, at which something in the rule turns by itself; 0 = nothing does."""
    asked = [*expressions(rule), *(quorum.of for quorum in rule.quorums)]
    asked += [signal.of for signal in rule.signals if isinstance(signal, Share | Times | MemberStat)]
    return max((age for one in asked for age in _ages(one, numbers)), default=0)


def _ages(expression: Expression, numbers: Numbers) -> Iterator[int]:
    """Where the sides of each comparison meet, all ages the same; what hangs on readings is left out."""
    slots = expression.slots
    if not any(slot.kind is SlotKind.AGE for slot in slots):
        return
    yield from (round(one.value * HOUR) for one in expression.limits if one.unit == "h" and one.value == one.value)
    for crossing in expression.crossings or ():
        others = [index for index in crossing.slots if slots[index].kind is not SlotKind.AGE]
        if any(slots[index].kind is not SlotKind.ATTR for index in others):
            continue
        for chosen in product(*(numbers(slots[index]) for index in others)):
            columns = [np.full(2, np.nan)] * len(slots)
            for index in crossing.slots:
                columns[index] = np.array([0.0, 1.0])
            for index, number in zip(others, chosen, strict=True):
                columns[index] = np.full(2, number)
            young, old = np.broadcast_to(crossing.difference(columns), 2).tolist()
            if young != old and 0 <= young / (young - old) * HOUR < NEVER:
                yield round(young / (young - old) * HOUR)

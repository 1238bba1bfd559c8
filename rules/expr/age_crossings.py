"""Comparisons with `age` change without a reading: the moments at which they do (RULES section 3)."""

from itertools import product

from rules.compiled import Crossing, Slot, SlotKind
from rules.expr.column_backend import vector
from rules.expr.typed_tree import Choice, Literal, Node, Numeric, Relation, SlotInput, inputs, parts

MOST = 16  # straight parts of one comparison that are followed
_UNKNOWN_BEFORE = frozenset({SlotKind.SIGNAL, SlotKind.BEFORE, SlotKind.QUORUM, SlotKind.CHANGED})


def crossings(node: Node, slots: tuple[Slot, ...]) -> tuple[Crossing, ...] | None:
    """Where the sides of each comparison with an age meet; None when this cannot be computed for one of them."""
    ages = frozenset(index for index, slot in enumerate(slots) if slot.kind is SlotKind.AGE)
    found: list[Crossing] = []
    for one in _comparisons(node, ages):
        straight = _straight(Numeric("-", (one.left, one.right)), ages)
        if straight is None or any(slots[slot].kind in _UNKNOWN_BEFORE for slot in inputs(one)):
            return None
        found += [Crossing(tuple(sorted(inputs(p))), vector(p, False)) for p in straight if inputs(p) & ages]
    return tuple(found) if not _loose(node, ages) else None


def _comparisons(node: Node, ages: frozenset[int]) -> list[Relation]:
    """The comparisons that read an age."""
    own = [node] if isinstance(node, Relation) and inputs(node) & ages else []
    return own + [one for part in parts(node) for one in _comparisons(part, ages)]


def _loose(node: Node, ages: frozenset[int]) -> bool:
    """True if an age, or a number made of one, is outside every comparison, as the value of the expression."""
    if isinstance(node, Relation):
        return False
    if isinstance(node, SlotInput):
        return node.slot in ages
    return any(_loose(part, ages) for part in parts(node))


def _straight(node: Node, ages: frozenset[int]) -> list[Node] | None:
    """Straight lines over time, one of which the number follows at any moment; None when that is not known."""
    if not inputs(node) & ages or isinstance(node, SlotInput | Literal):
        return [node]
    match node:
        case Numeric("abs", (part,)):
            found = _straight(part, ages)
            return None if found is None else [*found, *(Numeric("neg", (one,)) for one in found)]
        case Numeric("min" | "max", several):
            return _joined([_straight(part, ages) for part in several])
        case Choice(_, then, otherwise, False):
            return _joined([_straight(then, ages), _straight(otherwise, ages)])
        case Numeric("neg" | "+" | "-" as function, several):
            return _combined(function, several, ages)
        case Numeric("*", (a, b)) if not (inputs(a) & ages and inputs(b) & ages):
            return _combined("*", (a, b), ages)
        case Numeric("/", (a, b)) if not inputs(b) & ages:
            return _combined("/", (a, b), ages)
        case _:
            return None


def _joined(several: list[list[Node] | None]) -> list[Node] | None:
    found: list[Node] = []
    for one in several:
        if one is None:
            return None
        found += one
    return found if len(found) <= MOST else None


def _combined(function: str, several: tuple[Node, ...], ages: frozenset[int]) -> list[Node] | None:
    choices: list[list[Node]] = []
    for part in several:
        one = _straight(part, ages)
        if one is None:
            return None
        choices.append(one)
    found: list[Node] = [Numeric(function, chosen) for chosen in product(*choices)]
    return found if len(found) <= MOST else None

"""Necessary bounds of a condition: numbers that one of its points, or a term of them, must reach before it is true."""

from collections.abc import Mapping
from dataclasses import replace
from math import inf, nan, nextafter

from rules.compiled import Bar, Slot, SlotKind, Term
from rules.expr.column_backend import vector
from rules.expr.operators import NEGATED, SWAPPED
from rules.expr.typed_tree import Literal, Logic, Node, Not, Numeric, Relation, SlotInput, inputs, signature

MOST = 4


def clauses(node: Node, slots: tuple[Slot, ...], *, true: bool = True) -> tuple[tuple[Bar, ...], ...]:
    """Unless of each of these one bar holds, `node` is not surely true; `true` False: not surely false."""
    match node:
        case Relation():
            bar = _bar(node if true else replace(node, operator=NEGATED[node.operator]), slots)
            return () if bar is None else ((bar,),)
        case Not(part):
            return clauses(part, slots, true=not true)
        case Logic(operator, parts):
            every = [clauses(part, slots, true=true) for part in parts]
            if (operator == "and") == true:  # all parts have to be what is asked for
                return tuple(dict.fromkeys(one for several in every for one in several))
            joined = tuple(dict.fromkeys(bar for several in every for bar in min(several, key=len, default=())))
            return (joined,) if all(every) and len(joined) <= MOST else ()
        case _:
            return ()


def exact(node: Node, slots: tuple[Slot, ...]) -> bool:
    """True if `node` equals its only bar: true where the bar holds, unknown where its point or term is, else false."""
    if not isinstance(node, Relation) or node.operator in ("==", "!="):
        return False
    bar = _bar(node, slots)
    return bar is not None and bar.slot < 0


def _bar(node: Relation, slots: tuple[Slot, ...]) -> Bar | None:
    operator, left, right = node.operator, node.left, node.right
    value = _value(left, slots)
    if value is None:
        operator, left, right = SWAPPED[operator], right, left
        value = _value(left, slots)
    if value is None:
        return None
    if isinstance(right, SlotInput) and slots[right.slot].kind is SlotKind.ATTR and operator != "!=":
        return Bar(value, -1 if operator in ("<", "<=") else 1, nan, right.slot)
    if isinstance(right, Literal):
        return _against(operator, value, right.value)
    if operator in ("<", ">") and isinstance(left, SlotInput) and isinstance(right, SlotInput):
        apart = _value(Numeric("-", (left, right)), slots)  # a > b exactly where a - b > 0, infinite ones too
        return None if apart is None else _against(operator, apart, 0.0)
    return None


def _against(operator: str, value: str | Term, a: float) -> Bar | None:
    """The bar of a comparison with a number."""
    match operator:
        case ">=" | "==":
            return Bar(value, 1, a)
        case ">":
            return Bar(value, 1, nextafter(a, inf))
        case "<=":
            return Bar(value, -1, -a)
        case "<":
            return Bar(value, -1, nextafter(-a, inf))
        case _:
            return None


def _value(node: Node, slots: tuple[Slot, ...]) -> str | Term | None:
    """The point that a node is, or the term of points; None when it depends on anything else."""
    used = sorted(inputs(node))
    if not used or not _arithmetic(node) or any(slots[slot].kind is not SlotKind.POINT for slot in used):
        return None
    if isinstance(node, SlotInput):
        return slots[node.slot].name
    place = {slot: k for k, slot in enumerate(used)}
    return Term(signature(node, slots), tuple(slots[slot].name for slot in used), vector(_moved(node, place), False))


def _arithmetic(node: Node) -> bool:
    return isinstance(node, SlotInput | Literal) or (isinstance(node, Numeric) and all(map(_arithmetic, node.parts)))


def _moved(node: Node, place: Mapping[int, int]) -> Node:
    """The same over other slots."""
    if isinstance(node, SlotInput):
        return SlotInput(place[node.slot])
    return (
        Numeric(node.function, tuple(_moved(part, place) for part in node.parts)) if isinstance(node, Numeric) else node
    )

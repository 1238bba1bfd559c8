"""What must hold before a condition can be true: numbers that one of its points has to reach."""

from math import inf, nextafter

from rules.compiled import Bar, Slot, SlotKind
from rules.expr.ir import Input, Literal, Logic, Node, Relation, Sure

_MIRRORED = {">=": "<=", "<=": ">=", ">": "<", "<": ">", "==": "==", "!=": "!="}
MOST = 4


def bars(node: Node, slots: tuple[Slot, ...]) -> tuple[Bar, ...]:
    """Unless one of these holds, `node` is not surely true. Empty when nothing of the kind is known."""
    match node:
        case Relation():
            bar = _bar(node, slots)
            return () if bar is None else (bar,)
        case Logic("and", parts):
            found = [one for part in parts if (one := bars(part, slots))]
            return min(found, key=len, default=())
        case Logic("or", parts):
            every = [bars(part, slots) for part in parts]
            joined = tuple(dict.fromkeys(bar for one in every for bar in one))
            return joined if all(every) and len(joined) <= MOST else ()
        case Sure(part):
            return bars(part, slots)
        case _:
            return ()


def exact(node: Node, slots: tuple[Slot, ...]) -> bool:
    """Is `node` its only bar: true where it holds, unknown where the point is, else false?"""
    return isinstance(node, Relation) and node.operator not in ("==", "!=") and _bar(node, slots) is not None


def _bar(node: Relation, slots: tuple[Slot, ...]) -> Bar | None:
    operator, left, right = node.operator, node.left, node.right
    if isinstance(left, Literal):
        operator, left, right = _MIRRORED[operator], right, left
    if not isinstance(left, Input) or not isinstance(right, Literal) or slots[left.slot].kind is not SlotKind.POINT:
        return None
    name, a = slots[left.slot].name, right.value
    match operator:
        case ">=" | "==":
            return Bar(name, 1, a)
        case ">":
            return Bar(name, 1, nextafter(a, inf))
        case "<=":
            return Bar(name, -1, -a)
        case "<":
            return Bar(name, -1, nextafter(-a, inf))
        case _:
            return None

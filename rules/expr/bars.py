"""What must hold before a condition can be true: numbers that one of its points has to reach."""

from math import inf, nan, nextafter

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
    if not isinstance(node, Relation) or node.operator in ("==", "!="):
        return False
    bar = _bar(node, slots)
    return bar is not None and bar.slot < 0


def _bar(node: Relation, slots: tuple[Slot, ...]) -> Bar | None:
    operator, left, right = node.operator, node.left, node.right
    if not _is(left, SlotKind.POINT, slots):
        operator, left, right = _MIRRORED[operator], right, left
    if not isinstance(left, Input) or not _is(left, SlotKind.POINT, slots):
        return None
    name = slots[left.slot].name
    if isinstance(right, Input) and _is(right, SlotKind.ATTR, slots) and operator != "!=":
        return Bar(name, -1 if operator in ("<", "<=") else 1, nan, right.slot)
    if not isinstance(right, Literal):
        return None
    a = right.value
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


def _is(node: Node, kind: SlotKind, slots: tuple[Slot, ...]) -> bool:
    return isinstance(node, Input) and slots[node.slot].kind is kind

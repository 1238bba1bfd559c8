"""The typed form of an expression: names are slots, numbers canonical, state texts codes. Both back ends read this."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.fence import Fence
from rules.compiled import Slot, SlotKind
from rules.expr.syntax_tree import number_text


@dataclass(frozen=True, slots=True)
class Literal:
    """A number in the canonical unit, or 1.0 / 0.0 for true / false."""

    value: float


@dataclass(frozen=True, slots=True)
class SlotInput:
    """The value of slot `slot`."""

    slot: int


@dataclass(frozen=True, slots=True)
class Numeric:
    """`function` of numbers: neg abs round (one part), + - * / (two), min max (two or more)."""

    function: str
    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class IsKnown:
    """1.0 when the part has a value, else 0.0; never unknown."""

    part: "Node"


@dataclass(frozen=True, slots=True)
class Within:
    """True if the position (degrees) is inside `fence`; unknown when it is no position."""

    lat: "Node"
    lon: "Node"
    fence: Fence


@dataclass(frozen=True, slots=True)
class Relation:
    """Two numbers (or truth values, or codes) compared: == != < <= > >=; unknown when a part is."""

    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Not:
    """Kleene negation."""

    part: "Node"


@dataclass(frozen=True, slots=True)
class Logic:
    """Kleene `and` / `or` of two or more parts."""

    operator: str
    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Choice:
    """`then` where `condition` is true, `otherwise` where false, unknown where unknown. `boolean`: of truth values."""

    condition: "Node"
    then: "Node"
    otherwise: "Node"
    boolean: bool


Node = Literal | SlotInput | Numeric | IsKnown | Within | Relation | Not | Logic | Choice


def parts(node: Node) -> tuple[Node, ...]:
    """The direct parts of a node."""
    match node:
        case Numeric(_, found) | Logic(_, found):
            return found
        case IsKnown(part) | Not(part):
            return (part,)
        case Relation(_, left, right) | Within(left, right, _):
            return (left, right)
        case Choice(condition, then, otherwise):
            return (condition, then, otherwise)
        case _:
            return ()


def inputs(node: Node) -> set[int]:
    """The slots a node reads."""
    if isinstance(node, SlotInput):
        return {node.slot}
    return {slot for part in parts(node) for slot in inputs(part)}


def signature(node: Node, slots: Sequence[Slot]) -> str:
    """Meaning as text, for a rule's revision: equal for all ways to write one expression."""
    match node:
        case Literal(value):
            return number_text(value)
        case SlotInput(slot):
            return slot_signature(slots[slot])
        case Numeric(function, found) | Logic(function, found):
            return f"({function} {' '.join(signature(part, slots) for part in found)})"
        case IsKnown(part):
            return f"(known {signature(part, slots)})"
        case Within(lat, lon, fence):
            return f"(within {signature(lat, slots)} {signature(lon, slots)} {_shape(fence)})"
        case Not(part):
            return f"(not {signature(part, slots)})"
        case Relation(operator, left, right):
            return f"({operator} {signature(left, slots)} {signature(right, slots)})"
        case Choice(condition, then, otherwise):
            return f"(? {' '.join(signature(part, slots) for part in (condition, then, otherwise))})"


def slot_signature(slot: Slot) -> str:
    """`point:gun_temp:degC`, `before:used:2:m3`, `attr:temp_trip:95:degC`, `code:status:charging`."""
    more = {
        SlotKind.CODE: slot.text,
        SlotKind.ATTR_TEXT: slot.text,
        SlotKind.ATTR_PART: slot.text,
        SlotKind.PART: slot.text,
        SlotKind.FIELD: ",".join(f"{text}={number_text(number)}" for text, number in slot.mapping),
        SlotKind.BEFORE: str(slot.n),
        SlotKind.QUORUM: str(slot.n),
        SlotKind.ATTR: "none" if math.isnan(slot.default) else number_text(slot.default),
    }.get(slot.kind, "")
    return ":".join(part for part in (slot.kind.value, slot.name, more, slot.unit) if part)


def _shape(fence: Fence) -> str:
    if fence.polygon:
        return "[" + " ".join(f"{number_text(lat)},{number_text(lon)}" for lat, lon in fence.polygon) + "]"
    return f"[{number_text(fence.centre[0])},{number_text(fence.centre[1])} {number_text(fence.radius)}]"

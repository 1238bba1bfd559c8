"""Back end of columns: typed form -> NumPy operations over float64 arrays, no row ever touched by Python.

Truth inside is two masks, surely true and surely false; a row in neither is unknown. Only the end makes floats of it.
"""

from collections.abc import Callable, Sequence
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64
from rules.expr.fence_test import Inside, inside, known
from rules.expr.operators import NEGATED
from rules.expr.typed_tree import (
    Choice,
    IsKnown,
    Literal,
    Logic,
    Node,
    Not,
    Numeric,
    Relation,
    SlotInput,
    Within,
    parts,
)

Mask = NDArray[np.bool_]
Vector = Callable[[Sequence[F64]], F64]
_Number = Callable[[Sequence[F64]], Any]  # float64[n], or a float for a literal
_Masks = Callable[[Sequence[F64]], tuple[Any, Any]]  # (true, false): bool[n], or bool for a literal


def rounded(values: Any) -> Any:
    """The nearest whole numbers, halves away from zero."""
    part, whole = np.modf(values)
    return whole + np.copysign(np.abs(part) >= 0.5, values)


_COMPARE: dict[str, Any] = {
    "==": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
}  # fmt: skip
_ONE: dict[str, Any] = {"neg": np.negative, "abs": np.absolute, "round": rounded}
_TWO: dict[str, Any] = {"+": np.add, "-": np.subtract, "*": np.multiply, "min": np.minimum, "max": np.maximum}


def vector(node: Node, boolean: bool) -> Vector:
    """Columns of the slots -> float64[n]; NaN = unknown. `node` reads at least one slot.

    The result may be one of the columns itself: read it, do not write to it.
    """
    if not boolean:
        return _quiet(node, _number(node))
    if isinstance(node, Relation) and isinstance(node.left, SlotInput) and isinstance(node.right, Literal):
        return _bound(_COMPARE[node.operator], node.left.slot, node.right.value)
    return _quiet(node, _settle(_masks(node)))


def _quiet(node: Node, run: _Number) -> Vector:
    """Arithmetic may overflow or meet NaN: expected here, and it must not warn."""
    if not _calculates(node):
        return run

    def quiet(columns: Sequence[F64]) -> F64:
        with np.errstate(all="ignore"):
            result: F64 = run(columns)
        return result

    return quiet


def _calculates(node: Node) -> bool:
    return isinstance(node, Numeric | Within) or any(_calculates(part) for part in parts(node))


def _bound(compare: Any, slot: int, value: float) -> Vector:
    """`point >= literal`, the common case: one comparison, one NaN test."""

    def run(columns: Sequence[F64]) -> F64:
        column = columns[slot]
        result: F64 = compare(column, value).astype(np.float64)
        np.copyto(result, nan, where=np.isnan(column))
        return result

    return run


def _settle(masks: _Masks) -> Vector:
    def run(columns: Sequence[F64]) -> F64:
        true, false = masks(columns)
        result: F64 = np.asarray(true).astype(np.float64)
        np.copyto(result, nan, where=np.logical_not(np.logical_or(true, false)))
        return result

    return run


def _number(node: Node) -> _Number:
    match node:
        case Literal(value):
            return lambda _: value
        case SlotInput(slot):
            return lambda columns: columns[slot]
        case Numeric("/", (above, below)):
            return _ratio(_number(above), _number(below))
        case Numeric(function, (only,)) if function in _ONE:
            return _apply_one(_ONE[function], _number(only))
        case Numeric(function, several):
            return _fold(_TWO[function], [_number(part) for part in several])
        case Choice(condition, then, otherwise, False):
            return _choose(_masks(condition), _number(then), _number(otherwise))
        case _:
            return _settle(_masks(node))


def _apply_one(function: Any, inner: _Number) -> _Number:
    return lambda columns: function(inner(columns))


def _fold(function: Any, several: Sequence[_Number]) -> _Number:
    """min and max of one part are the part; NumPy's carry NaN through."""
    first, *more = several

    def run(columns: Sequence[F64]) -> Any:
        result = first(columns)
        for part in more:
            result = function(result, part(columns))
        return result

    return run


def _ratio(above: _Number, below: _Number) -> _Number:
    def run(columns: Sequence[F64]) -> Any:
        divisor = below(columns)
        result = np.divide(above(columns), divisor)
        if isinstance(divisor, np.ndarray):
            np.copyto(result, nan, where=divisor == 0.0)
            return result
        return result if divisor else np.full_like(result, nan)

    return run


def _choose(condition: _Masks, then: _Number, otherwise: _Number) -> _Number:
    def run(columns: Sequence[F64]) -> Any:
        true, false = condition(columns)
        return np.where(true, then(columns), np.where(false, otherwise(columns), nan))

    return run


def _masks(node: Node) -> _Masks:
    match node:
        case Literal(value):
            return lambda _: (value == 1.0, value == 0.0)
        case SlotInput(slot):
            return lambda columns: (columns[slot] == 1.0, columns[slot] == 0.0)
        case IsKnown(part):
            return _known(_number(part))
        case Within(lat, lon, fence):
            return _within(_number(lat), _number(lon), inside(fence, np.rint))
        case Relation(operator, left, right):
            return _relation(operator, _number(left), _number(right))
        case Not(part):
            inner = _masks(part)
            return lambda columns: inner(columns)[::-1]
        case Logic(operator, several):
            return _logic(operator == "and", [_masks(part) for part in several])
        case Choice(condition, then, otherwise):
            return _branch(_masks(condition), _masks(then), _masks(otherwise))
        case Numeric():
            raise ValueError("a number is no truth value")


def _known(inner: _Number) -> _Masks:
    def run(columns: Sequence[F64]) -> tuple[Mask, Mask]:
        unknown: Mask = np.isnan(inner(columns))
        return ~unknown, unknown

    return run


def _within(lat: _Number, lon: _Number, test: Inside) -> _Masks:
    def run(columns: Sequence[F64]) -> tuple[Any, Any]:
        y, x = lat(columns), lon(columns)
        good, true = known(y, x), test(y, x)
        return true & good, np.logical_not(true) & good

    return run


def _relation(operator: str, left: _Number, right: _Number) -> _Masks:
    test, opposite = _COMPARE[operator], _COMPARE[NEGATED[operator]]
    unequal = operator in {"==", "!="}  # NumPy calls NaN unequal to everything; here it is unknown

    def run(columns: Sequence[F64]) -> tuple[Any, Any]:
        a, b = left(columns), right(columns)
        true, false = test(a, b), opposite(a, b)
        if unequal:
            known = (a == a) & (b == b)
            true, false = true & known, false & known
        return true, false

    return run


def _logic(conjunction: bool, several: Sequence[_Masks]) -> _Masks:
    for_true, for_false = (np.logical_and, np.logical_or) if conjunction else (np.logical_or, np.logical_and)
    first, *more = several

    def run(columns: Sequence[F64]) -> tuple[Any, Any]:
        true, false = first(columns)
        for part in more:
            also_true, also_false = part(columns)
            true, false = for_true(true, also_true), for_false(false, also_false)
        return true, false

    return run


def _branch(condition: _Masks, then: _Masks, otherwise: _Masks) -> _Masks:
    def run(columns: Sequence[F64]) -> tuple[Any, Any]:
        (is_true, is_false), (then_true, then_false), (else_true, else_false) = (
            condition(columns), then(columns), otherwise(columns),
        )  # fmt: skip
        return (
            np.logical_or(np.logical_and(is_true, then_true), np.logical_and(is_false, else_true)),
            np.logical_or(np.logical_and(is_true, then_false), np.logical_and(is_false, else_false)),
        )

    return run

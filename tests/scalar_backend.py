"""The reference of expressions: typed form -> a closure over the slot values of one row, plain Python."""

from collections.abc import Callable, Sequence
from math import copysign, modf, nan
from operator import eq, ge, gt, le, lt, ne

from rules.expr.fence_test import Inside, inside, known
from rules.expr.typed_tree import Choice, IsKnown, Literal, Logic, Node, Not, Numeric, Relation, SlotInput, Within

Scalar = Callable[[Sequence[float]], float]
TESTS: dict[str, Callable[[float, float], bool]] = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


def scalar(node: Node) -> Scalar:
    """Slot values -> float; NaN = unknown, truth is 1.0 or 0.0. Never raises."""
    match node:
        case Literal(value):
            return lambda _: value
        case SlotInput(slot):
            return lambda row: row[slot]
        case Numeric(function, parts):
            return _numeric(function, [scalar(part) for part in parts])
        case IsKnown(part):
            return _known(scalar(part))
        case Within(lat, lon, fence):
            return _within(scalar(lat), scalar(lon), inside(fence, _whole))
        case Relation(operator, SlotInput(slot), Literal(value)):
            return _bound(TESTS[operator], slot, value)
        case Relation(operator, left, right):
            return _relation(TESTS[operator], scalar(left), scalar(right))
        case Not(part):
            inner = scalar(part)
            return lambda row: 1.0 - inner(row)  # NaN stays NaN
        case Logic(operator, parts):
            return _logic([scalar(part) for part in parts], 0.0 if operator == "and" else 1.0)
        case Choice(condition, then, otherwise):
            return _choice(scalar(condition), scalar(then), scalar(otherwise))


def rounded(value: float) -> float:
    """The nearest whole number, halves away from zero; infinity and NaN stay what they are."""
    part, whole = modf(value)
    return whole + copysign(1.0 if abs(part) >= 0.5 else 0.0, value)


def _bound(test: Callable[[float, float], bool], slot: int, value: float) -> Scalar:
    def run(row: Sequence[float]) -> float:
        x = row[slot]
        if x != x:
            return nan
        return 1.0 if test(x, value) else 0.0

    return run


def _relation(test: Callable[[float, float], bool], left: Scalar, right: Scalar) -> Scalar:
    def run(row: Sequence[float]) -> float:
        a, b = left(row), right(row)
        if a != a or b != b:
            return nan
        return 1.0 if test(a, b) else 0.0

    return run


def _known(inner: Scalar) -> Scalar:
    def run(row: Sequence[float]) -> float:
        value = inner(row)
        return 1.0 if value == value else 0.0

    return run


def _whole(value: float) -> float:
    return round(value, 0)


def _within(lat: Scalar, lon: Scalar, test: Inside) -> Scalar:
    def run(row: Sequence[float]) -> float:
        y, x = lat(row), lon(row)
        if not known(y, x):
            return nan
        return 1.0 if test(y, x) else 0.0

    return run


def _logic(parts: Sequence[Scalar], decides: float) -> Scalar:
    """`decides`: the value of one part that settles the whole: false for `and`, true for `or`."""
    rest = 1.0 - decides

    def run(row: Sequence[float]) -> float:
        result = rest
        for part in parts:
            value = part(row)
            if value == decides:
                return decides
            if value != value:
                result = nan
        return result

    return run


def _choice(condition: Scalar, then: Scalar, otherwise: Scalar) -> Scalar:
    def run(row: Sequence[float]) -> float:
        truth = condition(row)
        if truth != truth:
            return nan
        return then(row) if truth else otherwise(row)

    return run


def _numeric(function: str, parts: Sequence[Scalar]) -> Scalar:
    first, *more = parts
    if function in {"min", "max"}:
        return _extreme(parts, min if function == "min" else max)
    match function:
        case "neg":
            return lambda row: -first(row)
        case "abs":
            return lambda row: abs(first(row))
        case "round":
            return lambda row: rounded(first(row))
    second = more[0]
    match function:
        case "+":
            return lambda row: first(row) + second(row)
        case "-":
            return lambda row: first(row) - second(row)
        case "*":
            return lambda row: first(row) * second(row)
        case "/":
            return _ratio(first, second)
    raise ValueError(f"no function {function!r}")


def _ratio(above: Scalar, below: Scalar) -> Scalar:
    def run(row: Sequence[float]) -> float:
        divisor = below(row)
        return above(row) / divisor if divisor else nan

    return run


def _extreme(parts: Sequence[Scalar], pick: Callable[[Sequence[float]], float]) -> Scalar:
    def run(row: Sequence[float]) -> float:
        values = [part(row) for part in parts]
        return nan if any(value != value for value in values) else pick(values)

    return run

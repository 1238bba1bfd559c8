"""Parts of an expression that are constant are worked out once, when it is checked."""

from math import isfinite

from rules.expr.column_backend import vector
from rules.expr.expression_error import fail
from rules.expr.expression_type import Measure, Typed
from rules.expr.typed_tree import Literal, Node, parts


def folded(node: Node, measure: Measure, at: int) -> Typed:
    """`node`, or the literal it always is. Raises ExpressionError at `at` when that is no finite number."""
    found = parts(node)
    if not found or not all(isinstance(part, Literal) for part in found):
        return node, measure
    value = float(vector(node, False)(()))
    if not isfinite(value):
        raise fail("rules.expr.division", at)
    return Literal(value), measure

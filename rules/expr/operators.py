"""Comparison operators and three-valued logic, for values that may be unknown (None)."""

from collections.abc import Callable, Mapping, Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import Any

COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
SWAPPED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""`a < b` is `b > a`."""
NEGATED = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
"""`not a < b` is `a >= b`, where both are known."""


def kleene(values: Sequence[bool | None], operator: str) -> bool | None:
    """`and`, `or` of truth values; None where the unknown ones decide."""
    decides = operator == "or"
    if decides in values:
        return decides
    return None if None in values else not decides

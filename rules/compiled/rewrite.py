"""The same part of a rule with other slots."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

from rules.compiled.expression import Expression, Slot


def rewritten(part: Any, slot: Callable[[Slot], Slot]) -> Any:
    """The same condition, levels or expression, every slot as `slot` makes it."""
    if isinstance(part, Expression):
        return replace(part, slots=tuple(slot(one) for one in part.slots))
    if isinstance(part, tuple):
        return tuple(rewritten(one, slot) for one in part)
    if is_dataclass(part) and not isinstance(part, type):
        return replace(part, **{one.name: rewritten(getattr(part, one.name), slot) for one in fields(part)})
    return part

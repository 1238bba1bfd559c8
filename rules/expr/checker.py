"""The checker, as the functions of expressions use it."""

from typing import Protocol

from gateway.domain.device import PointSpec
from rules.compiled import Slot
from rules.expr.expression_type import Typed
from rules.expr.name_scope import Dimension, NameScope, SignalType
from rules.expr.syntax_tree import Syntax
from rules.expr.typed_tree import SlotInput


class ExpressionChecker(Protocol):
    """Types of nodes, inputs by slot, and points and signals by name. Methods raise ExpressionError."""

    scope: NameScope

    def slot(self, slot: Slot) -> SlotInput:
        """The input that reads `slot`."""

    def value(self, node: Syntax, expect: Dimension | None = None) -> Typed:
        """The type of any node."""

    def number(self, node: Syntax, expect: Dimension | None = None) -> Typed:
        """The type of a node that is a number."""

    def point(self, name: str, at: int) -> PointSpec:
        """The point of that name; `at` is its place in the text."""

    def signal(self, name: str, at: int) -> SignalType:
        """The signal of that name."""

    def align(self, left: Syntax, right: Syntax, at: int, expect: Dimension | None = None) -> tuple[Typed, Typed]:
        """Both sides in one unit."""

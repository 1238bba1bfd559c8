"""`unless`: which points only the veto reads. Their readings are no evidence for what the condition holds (RULES 5)."""

from collections.abc import Iterable

from rules.compiled import Rule
from rules.compiled.reads import signal_points
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.frames.batch_view import BatchView
from rules.engine.state.thing_table import LONG_AGO, ThingTable


class Veto:
    """`columns` are read by `unless` alone, `evidence` by its other `conditions` and signals."""

    def __init__(
        self, rule: Rule, space: ThingTable, unless: BoundExpression | None, conditions: Iterable[BoundExpression]
    ) -> None:
        others = {space.column(name) for signal in rule.signals for name in signal_points(signal)}
        others |= {column for bound in conditions if bound is not unless for column in bound.columns}
        asked = () if unless is None else unless.columns
        self.space = space
        self.columns = tuple(column for column in asked if column not in others)
        self.evidence = tuple(space.column(name) for name in rule.points if space.column(name) not in self.columns)

    def alone(self, view: BatchView, unit: int) -> bool:
        """True if the unit carries points of the veto alone, and is not the first that its thing ever sent."""
        if not self.columns or not view.carry(self.columns)[unit] or view.carry(self.evidence)[unit]:
            return False
        return int(view.first[unit]) != unit or int(self.space.newest[view.thing[unit]]) > LONG_AGO

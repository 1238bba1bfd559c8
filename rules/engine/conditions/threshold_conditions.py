"""The expressions of a rule with levels: when each is met, when it clears, and what keeps it from being raised."""

from collections.abc import Sequence

from gateway.domain.reading import F64
from rules.compiled import LevelRule, Levels
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.conditions.context import EvaluatorContext, columns_of
from rules.engine.conditions.unless import Veto
from rules.engine.frames.batch_view import Reader
from rules.engine.state.thing_table import NEVER


class ThresholdConditions:
    """`levels`, the lowest first, and per level `when` and `clear` (None: it clears when `when` is false).

    `judged` are the columns of all expressions, `asked` those of them that not only the veto reads.
    """

    def __init__(self, context: EvaluatorContext) -> None:
        rule = context.rule
        assert isinstance(rule.condition, Levels), "factory.py gives rules with levels to this class only"
        self.context = context
        self.levels: tuple[LevelRule, ...] = tuple(sorted(rule.condition.levels, key=lambda level: level.level))
        self.when = [context.bind(level.when) for level in self.levels]
        self.clear = [context.bind_if(level.clear) for level in self.levels]
        self.level_of = context.bind_if(self.levels[0].level_of)
        self.unless = context.bind_if(rule.unless)
        of_state = [bound for bound in (*self.when, *self.clear, self.level_of) if bound is not None]
        self.all = [*of_state, *([] if self.unless is None else [self.unless])]
        self.judged = columns_of(self.all)
        self.veto = Veto(rule, context.space, self.unless, self.all)
        self.asked = tuple(column for column in self.judged if column not in self.veto.columns)
        self._valued = tuple(dict.fromkeys(column for bound in of_state for column in bound.valued))

    def gap(self, j: int, thing: int) -> int:
        """How long silence may be inside a hold of level `j`, µs: as written, else 3 x every, else without end.

        The silence of points of which only the age is asked is what the hold is about.
        """
        written = self.levels[j].hold.gap
        return written if written is not None else 3 * self.context.every(thing, self._valued) or NEVER

    def clears(self, j: int, reader: Reader, when: F64) -> F64:
        """Truth of clearing level `j` per item: its own condition, else that `when` is false."""
        own = self.clear[j]
        return 1.0 - when if own is None else self.context.truth(own, reader)

    def truths(self, reader: Reader) -> tuple[list[F64], list[F64]]:
        """Those of raising and of clearing, one per level, one entry per item each."""
        when = self.met(reader)
        return when, [self.clears(j, reader, column) for j, column in enumerate(when)]

    def met(self, reader: Reader) -> list[F64]:
        """The truths of raising, one per level."""
        return [self.context.truth(bound, reader) for bound in self.when]

    def clearer(self, level: int) -> BoundExpression | None:
        """The expression by which an alarm of this level clears."""
        found: Sequence[int] = [
            j for j, rule in enumerate(self.levels) if rule.level == level or self.level_of is not None
        ]
        return self.clear[found[0]] or self.when[found[0]] if found else None

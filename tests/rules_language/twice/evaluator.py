"""`twice` is carried out as a streak of two."""

from dataclasses import replace

from rules.conditions.twice.condition import Twice

from rules.conditions.streak.condition import Streak
from rules.conditions.streak.evaluator import EVALUATORS as STREAK
from rules.engine.conditions.base import ConditionEvaluator, EvaluatorContext


def _evaluator(context: EvaluatorContext) -> ConditionEvaluator:
    twice = context.rule.condition
    assert isinstance(twice, Twice)
    streak = replace(context.rule, condition=Streak(twice.of, 2, twice.level, clear=twice.clear))
    return STREAK[Streak](EvaluatorContext(streak, context.zone, context.space, context.common))


EVALUATORS = {Twice: _evaluator}

"""Which evaluator carries out a threshold rule."""

from rules.compiled import Levels
from rules.engine.conditions.base import ConditionEvaluator, EvaluatorContext
from rules.engine.conditions.per_identity import PerIdentityEvaluator
from rules.engine.conditions.threshold import ThresholdEvaluator


def _chosen(context: EvaluatorContext) -> ConditionEvaluator:
    return PerIdentityEvaluator(context) if context.rule.identity else ThresholdEvaluator(context)


EVALUATORS = {Levels: _chosen}

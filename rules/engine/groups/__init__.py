"""Rules on groups (`watch: {group: site}`): the members answer, the group is judged."""

from rules.engine.groups.group_evaluator import GroupEvaluator

__all__ = ["GroupEvaluator"]

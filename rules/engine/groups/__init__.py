"""Rules on groups (`watch: {group: site}`): the members answer, the group is judged."""

from rules.engine.groups.group_evaluator import GroupEvaluator, group_runners
from rules.engine.groups.members import Members

__all__ = ["GroupEvaluator", "Members", "group_runners"]

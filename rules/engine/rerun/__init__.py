"""Judging the past again: late readings, and history for a rule that is new (RULES section 5). Pure.

The engine asks (`Engine.wanted`), the runtime, or a test, looks the history up and journals a `Rerun` fact, and the
engine judges it beside the present: `answer` makes those facts.
"""

from gateway.domain.wanted import HistoryRequest, LookingBack
from rules.engine.late.history_answers import MOST_ROWS, Asks, History, answer, answer_one, told_so_far

__all__ = ["MOST_ROWS", "Asks", "History", "HistoryRequest", "LookingBack", "answer", "answer_one", "told_so_far"]

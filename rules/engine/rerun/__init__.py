"""Judging the past again: late readings, and history for a rule that is new (RULES section 5). Pure.

The engine asks (`Engine.wanted`), the runtime, or a test, looks the history up and journals a `Rerun` fact, and the
engine judges it beside the present: `answer` makes those facts.
"""

from gateway.domain.history_request import HistoryJob, HistoryRequest
from rules.engine.late.history_answers import (
    MOST_ROWS,
    History,
    RequestingEngine,
    answer,
    answer_one,
    history_in_memory,
)

__all__ = [
    "MOST_ROWS",
    "History",
    "HistoryJob",
    "HistoryRequest",
    "RequestingEngine",
    "answer",
    "answer_one",
    "history_in_memory",
]

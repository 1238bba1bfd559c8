"""Re-evaluation after late readings, and warm-up of a new rule, both from stored history (RULES section 5). Pure.

The engine opens requests (`Engine.wanted`); the runtime, or a test, looks the history up and journals a `Rerun` fact,
which `answer` makes, and the engine replays it beside the present.
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

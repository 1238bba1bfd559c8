"""A rule after loading: names resolved, units checked, numbers canonical. The loader makes these, the engine runs them.

Durations are µs, state points their codes. Nothing here knows where a rule came from or how it is run.
"""

from rules.compiled.condition import Condition
from rules.compiled.conditions.counter_multiple import Every
from rules.compiled.conditions.due_date import Due
from rules.compiled.conditions.m_of_n import Votes
from rules.compiled.conditions.sequence import Sequence
from rules.compiled.conditions.silence import Silence
from rules.compiled.conditions.streak import Streak
from rules.compiled.conditions.threshold import LevelRule, Levels
from rules.compiled.expression import (
    AttrTest,
    Bar,
    ComparedNumber,
    Crossing,
    Expression,
    Names,
    Slot,
    SlotKind,
    Term,
    TextOf,
    Vocabulary,
)
from rules.compiled.rule import Budget, Quiet, Rule, RulePolicy, Watch
from rules.compiled.signals import (
    Aggregate,
    Baseline,
    Calendar,
    Increase,
    MemberStat,
    Operand,
    Over,
    PeerStat,
    Period,
    Rate,
    Share,
    Signal,
    Stat,
    Swing,
    Times,
    Window,
)
from rules.compiled.timing import Active, CalendarSpan, Flap, Hold, Inhibit, Quorum

__all__ = [
    "Active",
    "Aggregate",
    "AttrTest",
    "Bar",
    "Baseline",
    "Budget",
    "Calendar",
    "CalendarSpan",
    "ComparedNumber",
    "Condition",
    "Crossing",
    "Due",
    "Every",
    "Expression",
    "Flap",
    "Hold",
    "Increase",
    "Inhibit",
    "LevelRule",
    "Levels",
    "MemberStat",
    "Names",
    "Operand",
    "Over",
    "PeerStat",
    "Period",
    "Quiet",
    "Quorum",
    "Rate",
    "Rule",
    "RulePolicy",
    "Sequence",
    "Share",
    "Signal",
    "Silence",
    "Slot",
    "SlotKind",
    "Stat",
    "Streak",
    "Swing",
    "Term",
    "TextOf",
    "Times",
    "Vocabulary",
    "Votes",
    "Watch",
    "Window",
]  # fmt: skip

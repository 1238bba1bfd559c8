"""A rule after loading: names resolved, units checked, numbers canonical. The loader makes these, the engine runs them.

Durations are µs, state points their codes. Nothing here depends on where a rule came from or how it is run.
"""

from rules.compiled.condition import Condition
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
from rules.compiled.threshold import LevelRule, Levels
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
    "Share",
    "Signal",
    "Slot",
    "SlotKind",
    "Stat",
    "Swing",
    "Term",
    "TextOf",
    "Times",
    "Vocabulary",
    "Watch",
    "Window",
]  # fmt: skip

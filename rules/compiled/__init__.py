"""A rule after loading: names resolved, units checked, numbers canonical. The loader makes these, the engine runs them.

Durations are µs, state points their codes. Nothing here knows where a rule came from or how it is run.
"""

from rules.compiled.condition import (
    Active,
    Condition,
    Due,
    Every,
    Flap,
    Hold,
    Inhibit,
    LevelRule,
    Quorum,
    Sequence,
    Silence,
    Span,
    Streak,
    Votes,
)
from rules.compiled.expression import (
    AttrTest,
    Bar,
    Crossing,
    Expression,
    Limit,
    Names,
    Slot,
    SlotKind,
    Term,
    TextOf,
    Vocabulary,
)
from rules.compiled.rule import (
    Budget,
    NoticeTemplate,
    OrderTemplate,
    Policy,
    Quiet,
    Rule,
    Watch,
)
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

__all__ = [
    "Active", "Aggregate", "AttrTest", "Bar", "Baseline", "Budget", "Calendar", "Condition", "Crossing", "Due", "Every",
    "Expression", "Flap", "Hold", "Increase", "Inhibit", "LevelRule", "Limit", "MemberStat", "Names", "NoticeTemplate",
    "Operand", "OrderTemplate",
    "Over", "PeerStat", "Period", "Policy", "Quiet", "Quorum", "Rate", "Rule", "Sequence", "Share", "Signal",
    "Silence", "Slot", "SlotKind", "Span", "Stat", "Streak", "Swing", "Term", "TextOf", "Times", "Vocabulary", "Votes",
    "Watch", "Window",
]  # fmt: skip

"""What an edit of a rule means for its state (RULES section 5, Edits)."""

from enum import Enum, auto

from rules.compiled import Rule, Silence, SlotKind, Streak
from rules.compiled.reads import expressions


class Edit(Enum):
    """Classes of edits."""

    TEXT = auto()  # title, why, then: the state goes on
    THRESHOLD = auto()  # thresholds, holds: judged again, firing until clear
    GENERATION = auto()  # signals, scope, windows: old episodes close, a new generation starts
    SILENTLY = auto()  # shadow <-> live: a new generation without a word about the old one


def _reads(rule: Rule) -> set[tuple[str, str]]:
    kinds = {SlotKind.CODE, SlotKind.ATTR}
    return {(slot.kind.value, slot.name) for e in expressions(rule) for slot in e.slots if slot.kind not in kinds}


def classify(old: Rule, new: Rule) -> Edit:
    """How far `new` is from `old`, two revisions of one rule that both are not off."""
    if old.mode != new.mode:
        return Edit.SILENTLY
    if old.watch != new.watch or old.signals != new.signals:
        return Edit.GENERATION
    a, b = old.condition, new.condition
    same_timing = (old.clear_after, old.downtime) == (new.clear_after, new.downtime)
    if a == b and same_timing:
        return Edit.TEXT
    if isinstance(a, tuple) and isinstance(b, tuple):
        return Edit.THRESHOLD if _reads(old) == _reads(new) else Edit.GENERATION
    if isinstance(a, Silence) and isinstance(b, Silence):
        return Edit.THRESHOLD if (a.points, a.all_of) == (b.points, b.all_of) else Edit.GENERATION
    if isinstance(a, Streak) and isinstance(b, Streak):
        return Edit.THRESHOLD if _reads(old) == _reads(new) else Edit.GENERATION
    return Edit.GENERATION

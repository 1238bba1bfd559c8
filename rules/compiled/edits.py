"""What an edit of a rule means for its state (RULES section 5, Edits): one classification for engine and loader."""

from dataclasses import replace
from enum import StrEnum

from rules.compiled.expression import SlotKind
from rules.compiled.reads import expressions
from rules.compiled.rule import Rule


class Edit(StrEnum):
    """Classes of edits, the mildest first."""

    SAME = "same"  # nothing
    TEXT = "text"  # title, why, then, owner, what comes after the condition: the state goes on
    THRESHOLD = "threshold"  # thresholds, holds: judged again, firing until clear
    GENERATION = "generation"  # signals, scope, windows: old episodes close, a new generation starts
    RESTART_SILENT = "silently"  # shadow <-> live: a new generation without a word about the old one


_CONSTANT = {SlotKind.CODE, SlotKind.ATTR, SlotKind.ATTR_TEXT, SlotKind.ATTR_PART, SlotKind.TAG, SlotKind.FIELD}


def _reads(rule: Rule) -> set[tuple[str, str, int]]:
    """What the conditions look at; thresholds out of attributes and state tables may change."""
    slots = [slot for one in expressions(rule) for slot in one.slots]
    return {(slot.kind.value, slot.name, slot.n) for slot in slots if slot.kind not in _CONSTANT}


def classify(old: Rule, new: Rule) -> Edit:
    """How far `new` is from `old`, two revisions of one rule that both are not off."""
    if old.mode != new.mode:
        return Edit.RESTART_SILENT
    if old.revision and old.revision == new.revision:  # the same meaning, perhaps in other words
        return Edit.SAME if replace(old, source=new.source) == new else Edit.TEXT
    if (old.watch, old.signals, old.quorums, old.identity) != (new.watch, new.signals, new.quorums, new.identity):
        return Edit.GENERATION
    if old.lateness != new.lateness:
        return Edit.GENERATION  # its readings wait for another time
    timing = (old.clear_after, old.downtime, old.unless, old.active)
    if old.condition == new.condition and timing == (new.clear_after, new.downtime, new.unless, new.active):
        return Edit.SAME if replace(old, source=new.source) == new else Edit.TEXT
    same = type(old.condition) is type(new.condition) and new.condition.same_state(old.condition)
    if not same or _reads(old) != _reads(new):
        return Edit.GENERATION
    return Edit.THRESHOLD

"""`streak` and `votes`: conditions over several windows or readings."""

from gateway.domain.alarm import Level
from gateway.domain.duration import SECOND
from rules.compiled import Expression, SlotKind, Streak, Votes
from rules.format.build import Build
from rules.format.fields import Fields

MOST_VOTES = 64
_OF_SIGNALS = frozenset({SlotKind.SIGNAL, SlotKind.BEFORE})
_FIXED = frozenset({SlotKind.ATTR, SlotKind.ATTR_TEXT, SlotKind.ATTR_PART, SlotKind.TAG, SlotKind.CODE})


def streak(rule: Fields, holder: Fields, build: Build, level: Level) -> Streak | None:
    """`length` consecutive windows or readings."""
    table = holder.table_of("streak", 'streak: {of: "used <= 0.001 m3", length: 3}')
    if table is None:
        return None
    fields = Fields(table, holder.at("streak"), holder.notes, ("of", "length", "unknown", "max_span"))
    fields.require("of", 'of: "used <= 0.001 m3"')
    fields.require("length", "length: 3")
    length = fields.whole("length", 1, 1000, 1)
    skips = fields.choice("unknown", ("breaks", "skips"), "breaks") == "skips"
    span = fields.duration("max_span", 0, least=SECOND)
    of, clear = build.condition_at(fields, "of"), build.condition_at(rule, "clear")
    if of is None or (rule.has("clear") and clear is None):
        return None
    _one_sort(fields, of.expression, build)
    return Streak(of.expression, length, level, skips, span, clear.expression if clear else None)


def votes(rule: Fields, holder: Fields, build: Build, level: Level) -> Votes | None:
    """N of the last M readings."""
    table = holder.table_of("votes", 'votes: {of: "battery < 3.1 V", need: 3, last: 5}')
    if table is None:
        return None
    fields = Fields(table, holder.at("votes"), holder.notes, ("of", "need", "last"))
    fields.require("of", 'of: "battery < 3.1 V"')
    fields.require("need", "need: 3")
    fields.require("last", "last: 5")
    need, last = fields.whole("need", 1, MOST_VOTES, 1), fields.whole("last", 1, MOST_VOTES, 1)
    of, clear = build.condition_at(fields, "of"), build.condition_at(rule, "clear")
    if fields.has("need") and fields.has("last") and need > last:
        fields.wrong("need", "rules.votes.need", need=need, last=last, write=f"last: {need}")
    if of is None or (rule.has("clear") and clear is None):
        return None
    _one_sort(fields, of.expression, build)
    return Votes(of.expression, need, last, level, clear.expression if clear else None)


def _one_sort(fields: Fields, of: Expression, build: Build) -> None:
    """Readings, or windows that close together: else nobody could say what comes after what."""
    if build.scope is None:
        return
    types = {name: kind.closes for name, kind in build.scope.signals.items()}
    windows = {slot.name: types.get(slot.name) for slot in of.slots if slot.kind in _OF_SIGNALS}
    closed = {name: window for name, window in windows.items() if window is not None}
    rows = [slot.name for slot in of.slots if slot.kind not in _FIXED and slot.name not in closed]
    if closed and rows:
        fields.wrong("of", "rules.streak.mixed", point=rows[0], signal=min(closed))
    different = {closed[name]: name for name in sorted(closed)}
    if len(different) > 1:
        first, second, *_ = different.values()
        fields.wrong("of", "rules.streak.calendars", first=first, second=second)

"""What a rule means, apart from how it is written: the ground of its revision and of what an edit does to open alarms.

Parts: `scope` (what is watched, signals, points: a change starts a new generation), `condition` (thresholds and times:
a change re-evaluates), `action` (levels, order, notice, mode: a change keeps the state). RULES section 5, "Edits".
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from rules.compiled import Condition, Due, Expression, LevelRule, Rule, Silence, Streak
from rules.compiled.reads import points


class Edit(StrEnum):
    """What an edit does to the state of a rule."""

    NOTHING = "nothing"  # the meaning is the same; titles and whys may differ
    ACTION = "action"  # state is kept
    CONDITION = "condition"  # re-evaluated with the last values; what fires goes on until clear
    SCOPE = "scope"  # a new generation


def points_read(rule: Rule) -> tuple[str, ...]:
    """The points a rule reads, by its signals too; sorted."""
    return tuple(sorted(points(rule)))


def meaning_of(rule: Rule, meanings: Mapping[str, str]) -> Mapping[str, object]:
    """`meanings` holds what each expression text means. Plain values only."""
    action: dict[str, object] = {
        "mode": rule.mode,
        "order": msgspec.to_builtins(rule.order),
        "notice": msgspec.to_builtins(rule.notice),
    }
    return {
        "id": rule.id,
        "scope": {
            "kinds": sorted(rule.watch.kinds), "each": rule.watch.each, "where": rule.watch.where_text,
            "signals": msgspec.to_builtins(sorted(rule.signals, key=lambda signal: signal.name)),
            "form": type(rule.condition).__name__, "reads": list(points_read(rule)),
        },
        "condition": {
            "of": _condition(rule.condition, meanings), "clear_after": rule.clear_after, "downtime": rule.downtime,
        },
        "action": {**action, "levels": _levels(rule.condition)},
    }  # fmt: skip


def compare(old: Mapping[str, object], new: Mapping[str, object]) -> Edit:
    """The strongest difference between two meanings of one rule."""
    for part, edit in (("scope", Edit.SCOPE), ("condition", Edit.CONDITION), ("action", Edit.ACTION)):
        if old[part] != new[part]:
            return edit
    return Edit.NOTHING


def _levels(condition: Condition) -> list[int]:
    if isinstance(condition, tuple):
        return [int(level.level) for level in condition]
    return [] if isinstance(condition, Due) else [int(condition.level)]


def _condition(condition: Condition, meanings: Mapping[str, str]) -> object:
    """Without the levels, which are an action."""
    match condition:
        case Silence(points, all_of, limit):
            longer = meanings[limit.text] if isinstance(limit, Expression) else limit
            return [sorted(points), all_of, longer]
        case Streak(of, length, _, skips, span, clear):
            return [meanings[of.text], length, skips, span, clear and meanings[clear.text]]
        case tuple() as levels:
            return [_level(level, meanings) for level in levels]
        case _:
            raise NotImplementedError(type(condition).__name__)


def _level(level: LevelRule, meanings: Mapping[str, str]) -> list[object]:
    clear = level.clear and meanings[level.clear.text]
    return [meanings[level.when.text], level.hold.for_, level.hold.gap, clear, level.clear_hold, level.auto_clear]

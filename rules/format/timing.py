"""The keys of timing that any form may have: when it is in force, how often it may raise, who its parent is."""

import re

from gateway.domain.duration import SECOND, format_duration
from rules.compiled import Active, Flap, Inhibit
from rules.format.fields import LONGEST, Fields, duration_of, guess
from rules.format.tree import Items, Scalar, show

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK = 7 * 86_400_000_000
_DAILY = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})", re.ASCII)
_MINUTES = 24 * 60
NO_MISSING = ("silent", "due")
"""Forms for which missing data means something else already."""


def active(rule: Fields) -> Active | None:
    """`active: {daily: 22:00-06:00, days: [fri]}`."""
    table = rule.table_of("active", "active: {daily: 22:00-06:00, days: [mon, fri]}")
    if table is None:
        return None
    fields = Fields(table, rule.at("active"), rule.notes, ("daily", "days"))
    if not table.entries:
        rule.wrong("active", "rules.active.empty", write="active: {daily: 22:00-06:00}")
    begin, end = _daily(fields)
    return Active(begin, end, _days(fields))


def _daily(fields: Fields) -> tuple[int, int]:
    tree = fields.get("daily")
    if tree is None:
        return 0, 0
    match = _DAILY.fullmatch(show(tree))
    begin, end = (int(match[k]) * 60 + int(match[k + 1]) for k in (1, 3)) if match else (-1, -1)
    sound = match and int(match[2]) < 60 and int(match[4]) < 60 and 0 <= begin < _MINUTES and end <= _MINUTES
    if not sound or begin == end:
        fields.wrong("daily", "rules.active.daily", value=show(tree), write="daily: 22:00-06:00")
        return 0, 0
    return begin, end % _MINUTES


def _days(fields: Fields) -> tuple[int, ...]:
    tree = fields.get("days")
    if tree is None:
        return ()
    found: list[int] = []
    for name in fields.names("days"):
        word = name.strip().lower()[:3]
        if word not in DAYS or name.strip().lower() not in {word, *_LONG}:
            fields.wrong("days", "rules.value.choice", value=name, options=" | ".join(DAYS), write="days: [mon, fri]")
        elif DAYS.index(word) in found:
            fields.wrong("days", "rules.value.twice", value=name)
        else:
            found.append(DAYS.index(word))
    if isinstance(tree, Items) and len(found) == len(DAYS):
        return ()
    return tuple(sorted(found))


_LONG = frozenset({"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"})


def flap(rule: Fields) -> Flap | None:
    """`flap: {raises: 4, in: 1h, quiet: 2h}`."""
    table = rule.table_of("flap", "flap: {raises: 4, in: 1h, quiet: 2h}")
    if table is None:
        return None
    fields = Fields(table, rule.at("flap"), rule.notes, ("raises", "in", "quiet"))
    for key, write in (("raises", "raises: 4"), ("in", "in: 1h"), ("quiet", "quiet: 2h")):
        fields.require(key, write)
    span, quiet = (fields.duration(key, SECOND, least=SECOND) for key in ("in", "quiet"))
    return Flap(fields.whole("raises", 1, 1000, 1), span, quiet)


def inhibit(rule: Fields, rule_id: str) -> Inhibit | None:
    """`inhibit: {by: gateway.offline, same: [site], settle: 90s}`."""
    table = rule.table_of("inhibit", "inhibit: {by: gateway.offline, same: [site], settle: 90s}")
    if table is None:
        return None
    fields = Fields(table, rule.at("inhibit"), rule.notes, ("by", "same", "settle"))
    fields.require("by", "by: gateway.offline")
    fields.require("same", "same: [site]")
    by, same = fields.word("by"), fields.names("same")
    if by and by == rule_id:
        fields.wrong("by", "rules.inhibit.itself", value=by)
    return Inhibit(by, same, fields.duration("settle", 0))


def stale_after(rule: Fields) -> int:
    """µs, 0 = never."""
    return rule.duration("stale_after", 0, least=SECOND)


def lateness_of(fields: Fields, default: int = 0) -> int:
    """How long the engine waits for readings out of order, µs; at most a week, for it holds them back in memory."""
    found = fields.duration("lateness", default)
    if found > _WEEK:
        fields.wrong("lateness", "rules.value.range", value=show(fields.get("lateness") or Scalar("")),
                     span=f"0s … {format_duration(_WEEK)}")  # fmt: skip
        return default
    return found


def missing_of(fields: Fields, default: str = "keep") -> int:
    """`keep` -> 0, `clear_after 7d` -> µs."""
    text = show(fields.get("missing") or Scalar(default))
    if text == "keep":
        return 0
    word, _, rest = text.partition(" ")
    span = duration_of(Scalar(rest.strip())) if word == "clear_after" and rest else None
    if span is None or not 0 < span <= LONGEST:
        after = guess(Scalar(rest.strip())) if rest else format_duration(_WEEK)
        fields.wrong("missing", "rules.value.missing", value=text, write=f"missing: clear_after {after}")
        return 0
    return span

"""Meaning of a rule, independent of how it is written; the revision is a hash of it.

Two texts of one meaning (`85 degC`, `185 degF`) are one revision; titles, whys and owners are no part of it.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import partial
from operator import attrgetter

from msgspec import to_builtins

from rules.compiled import Active, Aggregate, Expression, Rule, Signal
from rules.compiled.reads import points


def points_read(rule: Rule) -> tuple[str, ...]:
    """The points a rule reads, by its signals too; sorted."""
    return tuple(sorted(points(rule)))


def meaning_of(rule: Rule, meanings: Mapping[str, str]) -> Mapping[str, object]:
    """`meanings` holds what each expression text means. Plain values only."""
    meaning = partial(_meaning, meanings=meanings)
    return {
        "id": rule.id,
        "scope": {
            "kinds": sorted(rule.watch.kinds),
            "each": rule.watch.each,
            "where": rule.watch.where_text,
            "group": rule.watch.group,
            "signals": [_signal(one, meanings) for one in sorted(rule.signals, key=attrgetter("name"))],
            "form": rule.condition.word,
            "reads": list(points_read(rule)),
            "lateness": rule.lateness,
            "identity": [meanings[one.name] for one in rule.identity],
        },
        "condition": {
            "of": rule.condition.meaning(meaning),
            "clear_after": rule.clear_after,
            "downtime": rule.downtime,
            "unless": meaning(rule.unless),
            "active": _active(rule.active),
            "quorums": [
                [meaning(one.of), one.at_least, one.at_most, one.fraction, one.within, one.began_within, one.components]
                for one in rule.quorums
            ],
        },
        "action": {
            "mode": rule.mode,
            "order": rule.order and {**to_builtins(rule.order), "skill_of": None},
            "notice": to_builtins(rule.notice),
            "levels": rule.condition.levels_meaning(meaning),
            "skill": rule.skill_of and meanings[rule.skill_of.name],
            "flap": to_builtins(rule.flap),
            "inhibit": to_builtins(rule.inhibit),
            "stale_after": rule.stale_after,
        },
    }


def _meaning(expression: Expression | None, meanings: Mapping[str, str]) -> str | None:
    return None if expression is None else meanings[expression.text]


def _active(active: Active | None) -> object:
    """Of one span and days of the week as it always was, so that rules from before mean the same."""
    if active is None:
        return None
    if len(active.spans) == 1 and not active.months and active.calendar is None:
        return {"begin": active.spans[0][0], "end": active.spans[0][1], "days": list(active.days)}
    calendar = active.calendar and replace(active.calendar, name="", provisional=())
    return to_builtins(replace(active, calendar=calendar))


def _signal(signal: Signal, meanings: Mapping[str, str]) -> object:
    """A signal, with what an expression inside it means."""
    out: dict[str, object] = {"type": type(signal).__name__}
    for field in fields(signal):
        value = getattr(signal, field.name)
        if isinstance(value, Expression):
            out[field.name] = meanings.get(value.text, value.text)
        elif field.name != "where" and (field.name != "rank" or out["what"] == Aggregate.PERCENTILE):
            out[field.name] = to_builtins(value)
    return out

"""Checks of rules side by side: overlapping rules, parents that are not live, quiet times without effect."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from rules.compiled import Levels
from rules.expr.syntax_tree import Syntax
from rules.lint.code_comparisons import codes
from rules.lint.comparisons import DOWN, UP, Range, alternatives, atom, number_of, ranges, states
from rules.lint.condition_checks import checks_of
from rules.lint.finding import LintFinding
from rules.lint.inventory import RuleInventory
from rules.lint.subject import LintContext, Subject


@dataclass(frozen=True, slots=True)
class Trigger:
    """One way in which a rule raises: comparisons that must all be true, or (`form`) a stateful form over one thing.

    `ranges`, `texts` by subject of a comparison: a point, or the definition of a signal. `whole`: it has no other
    conditions.
    """

    whole: bool
    ranges: Mapping[str, Range]
    texts: Mapping[str, frozenset[str]]
    shown: str
    form: str = ""

    @property
    def keys(self) -> Iterator[str]:
        """Keys for grouping: overlapping triggers have one of them in common."""
        yield from (self.form,) if self.form else (*self.ranges, *self.texts)


def overlaps(subjects: Sequence[Subject], context: LintContext) -> Iterator[LintFinding]:
    """Pairs of rules in force that raise on the same thing for the same reason. A rule with `in_force_only` appears
    only beside one that is checked."""
    live = [one for one in subjects if one.rule.mode == "live" and not one.stand_alone and not one.rule.watch.group]
    by_key: dict[str, list[tuple[Subject, Trigger]]] = {}
    for one in live:
        for trigger in _triggers(one):
            for key in trigger.keys:
                by_key.setdefault(key, []).append((one, trigger))
    reported: set[str] = set()  # each rule once, with the first overlap
    for found in by_key.values():
        for i, (second, trigger) in enumerate(found):
            if second.rule.id in reported or second.in_force_only:
                continue
            others = (*found[:i], *(one for one in found[i + 1 :] if one[0].in_force_only))
            other = next((first for first, before in others if _doubled(first, before, second, trigger, context)), None)
            if other is not None:
                reported.add(second.rule.id)
                yield _finding(other, second, trigger)


def _doubled(first: Subject, one: Trigger, second: Subject, other: Trigger, context: LintContext) -> bool:
    if first.rule.id == second.rule.id or not _agree(one, other):
        return False
    return _meet(first, second, context.inventory) and not _tied(first, second)


def _agree(one: Trigger, other: Trigger) -> bool:
    """True if one trigger implies the other, or both compare the same names with overlapping ranges."""
    if one.form or other.form:
        return one.form == other.form
    if not (one.whole and other.whole):
        return False
    if one.ranges.keys() == other.ranges.keys() and one.texts.keys() == other.texts.keys():
        return all(_side(one.ranges[name], other.ranges[name]) for name in one.ranges) and all(
            not one.texts[name].isdisjoint(other.texts[name]) for name in one.texts
        )
    return _within(one, other) or _within(other, one)


def _side(one: Range, other: Range) -> bool:
    """True if the ranges overlap and bound the value from the same side."""
    same = (one.low > -inf and other.low > -inf) or (one.high < inf and other.high < inf)
    return same and not one.meet(other).empty


def _within(narrow: Trigger, wide: Trigger) -> bool:
    """True if `wide` is true wherever `narrow` is."""
    return all(
        name in narrow.ranges and narrow.ranges[name].inside(left) for name, left in wide.ranges.items()
    ) and all(name in narrow.texts and narrow.texts[name] <= left for name, left in wide.texts.items())


def _finding(first: Subject, second: Subject, trigger: Trigger) -> LintFinding:
    fault, other = (one.rule.order.fault if one.rule.order else one.rule.id for one in (first, second))
    write = f"inhibit: {{by: {first.rule.id}, same: [code], settle: 90s}}"
    if isinstance(first.rule.condition, Levels) and isinstance(second.rule.condition, Levels) and fault == other:
        write = "levels: {minor: {when: ..}, major: {when: ..}}"
    both = first.rule.order is not None and second.rule.order is not None
    return second.find(
        "overlap-one-order" if both and fault == other else "overlap",
        "",
        other=first.rule.id,
        place=f"{first.file}:{first.line}",
        name=trigger.shown,
        fault=fault if fault == other else f"{fault} / {other}",
        write=write,
    )


def _triggers(subject: Subject) -> Iterator[Trigger]:
    """All triggers of the rule."""
    yield from (Trigger(True, {}, {}, name, shown) for name, shown in subject.rule.condition.occasions())
    for _, prefix in subject.levels():
        for parts in alternatives(subject.get(f"{prefix}when")):
            yield _comparisons(subject, parts)
    form = checks_of(subject)
    for _, found in form.conditions(subject.get(form.key)) if form.single else ():
        for parts in alternatives(found):
            yield _comparisons(subject, parts)


def _comparisons(subject: Subject, parts: tuple[Syntax, ...]) -> Trigger:
    found = ranges(parts, subject.unit)
    for one in filter(None, map(atom, parts)):
        if not one.literal and one.operator in UP | DOWN:  # a limit per device: by its default, or any
            limit = number_of(one.limit, subject.unit(one.name))
            found[one.name] = _beyond(one.operator in UP, limit).meet(found.get(one.name, Range()))
    named = {_meaning(subject, name): left for name, left in found.items()}
    texts = dict(states(parts))
    read = {*found, *texts}
    for one in filter(None, map(atom, parts)):
        if (coded := codes(one, subject)) is not None:
            point, fitting = coded
            texts.pop(one.name, None)
            read.add(one.name)
            texts[point] = texts.get(point, fitting) & fitting
    whole = all(one is not None and one.name in read for one in map(atom, parts))
    return Trigger(whole, named, texts, ", ".join((*found, *texts)))


def _beyond(up: bool, limit: float | None) -> Range:
    most = sys.float_info.max
    return Range(low=-most if limit is None else limit) if up else Range(high=most if limit is None else limit)


def _meaning(subject: Subject, name: str) -> str:
    """Subject of a name: a point's name; for a signal its definition without its name."""
    signal = subject.signal(name)
    return name if signal is None else repr(replace(signal, name=""))


def _meet(first: Subject, second: Subject, inventory: RuleInventory | None) -> bool:
    """True if both watch a common thing. Without lists: the same kinds with the same `where`, or one without any."""
    a, b = first.rule, second.rule
    kinds = set(a.watch.kinds) & set(b.watch.kinds)
    if inventory is not None and (inventory.numbers(a) or inventory.numbers(b)):
        return not inventory.numbers(a).isdisjoint(inventory.numbers(b))
    return bool(kinds) and (
        a.watch.where_text == b.watch.where_text or not a.watch.where_text or not b.watch.where_text
    )


def _tied(first: Subject, second: Subject) -> bool:
    """True if one rule is inhibited by the other, or either has an `unless`."""
    for one, other in ((first.rule, second.rule), (second.rule, first.rule)):
        if one.inhibit is not None and one.inhibit.by == other.id:
            return True
    return any(one.get("unless") is not None for one in (first, second))


def parents(subjects: Sequence[Subject]) -> Iterator[LintFinding]:
    """Rules that are inhibited by a rule that is not live."""
    rules: Mapping[str, Subject] = {one.rule.id: one for one in subjects}
    for one in subjects:
        parent = rules.get(one.rule.inhibit.by) if one.rule.inhibit is not None else None
        if parent is not None and not one.in_force_only and one.rule.mode == "live" and parent.rule.mode != "live":
            yield one.find(
                "parent-not-live", "inhibit", parent=parent.rule.id, mode=parent.rule.mode, write="mode: live"
            )


def quiets(subjects: Sequence[Subject], quiet: bool) -> Iterator[LintFinding]:
    """Rules of class safety beside a `quiet`, which does not apply to them."""
    if not quiet:
        return
    for one in subjects:
        if one.rule.notice is not None and one.rule.notice.klass == "safety" and not one.stand_alone:
            yield one.find("safety-quiet", "then.notice")

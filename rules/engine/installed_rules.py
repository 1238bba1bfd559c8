"""The rules in force and their evaluators: installing, editing, removing (RULES section 5, Edits)."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from gateway.domain.alarm import Change, Evidence, Level, Thing
from gateway.domain.record import RuleSet
from rules.compiled import Rule
from rules.compiled.edits import Edit, classify
from rules.engine.conditions.base import ConditionEvaluator, EngineContext, kept_windows
from rules.engine.conditions.factory import evaluator_of
from rules.engine.groups import GroupEvaluator
from rules.engine.groups.split_rule import kinds_of, questions_of
from rules.engine.lookback import needs_history
from rules.engine.state.thing_table import LONG_AGO
from rules.engine.transitions import PendingTransition, plan_of

SET_BACK = "clock_set_back"
AlarmLevels = dict[tuple[Thing, tuple[str, ...]], int]


class BuiltRule(NamedTuple):
    """The evaluators of a rule in the order in which they are called, and its groups if it is about groups."""

    evaluators: list[ConditionEvaluator]
    groups: GroupEvaluator | None = None


NOTHING = BuiltRule([])


class InstalledRules:
    """`rules`: id -> (fact, rule), `evaluators`: id -> one per kind of device.

    `waiting`: rules that want history before they judge, id -> record that installed them; they have no evaluators yet.
    `groups`: the groups of rules on groups, by rule id. `standing`: rule id -> level of the alarms that were on when
    it began anew because the clock was set back, by thing and identity, until it has judged.
    """

    def __init__(self, common: EngineContext) -> None:
        self.rules: dict[str, tuple[RuleSet, Rule]] = {}
        self.evaluators: dict[str, list[ConditionEvaluator]] = {}
        self.waiting: dict[str, int] = {}
        self.groups: dict[str, GroupEvaluator] = {}
        self.standing: dict[str, AlarmLevels] = {}
        self._versions: dict[str, int] = {}
        self._of: dict[str, list[ConditionEvaluator]] = {}
        self._split: tuple[list[ConditionEvaluator], list[ConditionEvaluator]] | None = None
        self._context = common

    def all(self) -> Iterable[ConditionEvaluator]:
        """Every evaluator."""
        return (evaluator for evaluators in self.evaluators.values() for evaluator in evaluators)

    def split(self) -> tuple[list[ConditionEvaluator], list[ConditionEvaluator]]:
        """(Those of which a tick before their `soonest` wants nothing, all others), found once for many ticks."""
        if self._split is None:
            plain: tuple[list[ConditionEvaluator], list[ConditionEvaluator]] = [], []
            for evaluator in self.all():
                # answers of members come before the timers of their groups
                plain[bool(evaluator.rule.watch.group) or not evaluator.only_soonest()].append(evaluator)
            self._split = plain
        return self._split

    def of(self, kind: str) -> list[ConditionEvaluator]:
        """Those of one kind of device."""
        found = self._of.get(kind)
        if found is None:
            found = self._of[kind] = [evaluator for evaluator in self.all() if evaluator.space.kind == kind]
        return found

    def flush(self) -> None:
        """A record is complete: rules on groups judge what their members answered in it."""
        for groups in self.groups.values():
            groups.flush()

    def version(self, kind: str) -> int:
        """Rises whenever the evaluators of a kind change."""
        return self._versions.get(kind, 0)

    def place(self, fact: RuleSet, rule: Rule, *, waiting: int | None = None) -> None:
        """A rule with evaluators that have no state yet: of a snapshot, or of a scratch engine."""
        self.rules[fact.id] = (fact, rule)
        if waiting is not None:
            self.waiting[fact.id] = waiting
        self._put(fact.id, NOTHING if waiting is not None else self._built(fact, rule))

    def _put(self, rule: str, built: BuiltRule | None) -> list[ConditionEvaluator]:
        """These are the rule's evaluators (None = it is gone); the ones before."""
        evaluators, groups = built or (None, None)
        before = self.evaluators.pop(rule, [])
        self._split = None
        self.groups.pop(rule, None)
        if evaluators is not None:
            self.evaluators[rule] = evaluators
        if groups is not None:
            self.groups[rule] = groups
        self._context.world.forget_groups(rule, None if groups is None else groups.table.space)
        for kind in {evaluator.space.kind for evaluator in (*before, *(evaluators or ()))}:
            self._versions[kind] = self._versions.get(kind, 0) + 1
            self._of.pop(kind, None)
        return before

    def install(self, fact: RuleSet, rule: Rule, at: int, seq: int) -> Edit | None:
        """A revision takes effect at `at` µs by record `seq`: what kind of edit; None: it is in force."""
        old = self.rules.get(fact.id)
        if old is not None and (old[0].source, old[0].zone) == (fact.source, fact.zone):
            return None
        awaited = self.waiting.pop(fact.id, None) is not None
        self.rules[fact.id] = (fact, rule)
        if rule.mode == "off":
            self._put(fact.id, NOTHING)
            self.standing.pop(fact.id, None)
            return Edit.RESTART_SILENT
        edit = Edit.RESTART_SILENT
        if old is not None and old[1].mode != "off" and not awaited:
            edit = Edit.GENERATION if old[0].zone != fact.zone else classify(old[1], rule)
        asks = edit in (Edit.RESTART_SILENT, Edit.GENERATION) and needs_history(rule) and self._has_readings(rule)
        if asks:
            self.waiting[fact.id] = seq
        built = NOTHING if asks else self._built(fact, rule)
        evaluators, before = built.evaluators, self._put(fact.id, built)
        pairs = {evaluator.space.kind: evaluator for evaluator in before}
        for evaluator in evaluators:
            self._succeed(pairs.pop(evaluator.space.kind, None), evaluator, edit, at)
        if edit is Edit.GENERATION:
            for evaluator in pairs.values():
                end_all(evaluator, at)
        return edit

    def _has_readings(self, rule: Rule) -> bool:
        """True if any device of its kinds has sent a reading. Else there can be no history."""
        kinds = kinds_of(rule, questions_of(rule))
        spaces = (self._context.world.space(kind) for kind in kinds)
        return any(bool((space.newest[: len(space)] > LONG_AGO).any()) for space in spaces)

    def cold(self, rule: str, at: int) -> None:
        """A waiting rule begins with what is there."""
        for evaluator in self.begin(rule):
            evaluator.refresh(range(len(evaluator.space)), at, "")
            evaluator.revalue(range(len(evaluator.space)), at)

    def begin(self, rule: str) -> list[ConditionEvaluator]:
        """A rule waits no longer: its evaluators, without state."""
        del self.waiting[rule]
        fact, compiled = self.rules[rule]
        self._put(rule, self._built(fact, compiled))
        return self.evaluators[rule]

    def anew(self, rule: str, at: int, seq: int) -> None:
        """As if installed at `at` µs by record `seq`; its alarms stand until it has judged."""
        fact, compiled = self.rules[rule]
        self.standing.setdefault(rule, {}).update(on_of(self.evaluators[rule]))
        if needs_history(compiled) and self._has_readings(compiled):
            self.waiting[rule] = seq
            self._put(rule, NOTHING)
            return
        self._put(rule, self._built(fact, compiled))
        for evaluator in self.evaluators[rule]:
            evaluator.refresh(range(len(evaluator.space)), at, "")
            evaluator.revalue(range(len(evaluator.space)), at)

    def settle(self, rule: str, at: int) -> None:
        """A rule that began anew has judged: alarms that were on all the while are not raised again, others end."""
        left, emitter = self.standing.pop(rule, None), self._context.emitter
        if left is None:
            return
        made: list[PendingTransition] = []
        for one in emitter.made:
            mine = one.rule.id == rule and one.change is Change.RAISED and not one.late
            level = left.pop((one.thing, one.identity), None) if mine else None
            if level is None:
                made.append(one)
            elif one.level != level:
                up = one.level > level
                made.append(replace(one, change=Change.LEVEL_UP if up else Change.LEVEL_DOWN))
        compiled = self.rules[rule][1]
        plan, why = plan_of(compiled), Evidence()
        for (thing, identity), level in sorted(left.items()):
            end = PendingTransition(
                at, thing, Change.CLEARED, Level(level), why, SET_BACK, identity=identity, rule=compiled, plan=plan
            )
            made.append(end)
        emitter.made = made

    def _succeed(self, old: ConditionEvaluator | None, new: ConditionEvaluator, edit: Edit, at: int) -> None:
        things = range(len(new.space))
        if old is not None and edit in (Edit.SAME, Edit.TEXT):
            new.adopt(old)
            for bound in new.bounds():
                bound.refresh(things)
            return
        if old is not None and edit is Edit.THRESHOLD:
            new.edited(old, at)
            return
        inherited = kept_windows(old, new) if old is not None else None
        if old is not None and edit is Edit.GENERATION:
            end_all(old, at)
        if inherited is not None:
            new.load_windows(inherited)  # counters go on: only what is made of them is new
        new.refresh(things, at, "rule_changed")
        new.revalue(things, at)

    def _built(self, fact: RuleSet, rule: Rule) -> BuiltRule:
        if rule.mode == "off":
            return NOTHING
        if rule.watch.group:
            groups = GroupEvaluator(rule, fact.zone, self._context)
            return BuiltRule(list(groups.evaluators()), groups)
        spaces = [self._context.world.space(kind) for kind in dict.fromkeys(rule.watch.kinds)]
        return BuiltRule([evaluator_of(rule, fact.zone, space, self._context) for space in spaces])

    def drop(self, rule: str) -> list[ConditionEvaluator]:
        """The rule was deleted: its open alarms stay as they are, only the state goes. Its last evaluators."""
        self.waiting.pop(rule, None)
        self.standing.pop(rule, None)
        self.rules.pop(rule, None)
        return self._put(rule, None)


def on_of(evaluators: Iterable[ConditionEvaluator]) -> AlarmLevels:
    """The alarms of a rule that are on, and their levels."""
    return {
        (Thing(0, 0, thing.group) if thing.group else thing, identity): level
        for evaluator in evaluators
        for row, thing in enumerate(evaluator.space.things)
        for identity, level in evaluator.on(row)
    }


def end_all(evaluator: ConditionEvaluator, at: int) -> None:
    """Every alarm of this rule is over, because the rule is another one now."""
    for thing in np.flatnonzero(evaluator.watched[: len(evaluator.space)]).tolist():
        evaluator.end(thing, at, "rule_changed")

"""`inhibit`: an alarm waits `settle`; when a parent is on by then it is part of the parent's episode (RULES section 5).

A child raised at T is held until engine time T + settle + the parent's lateness. When it clears by then, nothing was.
When a parent alarm at the same place was on at T + settle at the latest: one MERGED note, and silence for its changes
and its end. When the parent clears at P the child is decided again, as if raised at P (a silent one: P + longer_than).
In a chain (a by b, b by c) the note of a waits until b itself is raised or merged: it names an alarm that is known.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from msgspec.structs import replace

from gateway.domain.alarm import Change, Parent, Thing
from rules.compiled import Inhibit, Rule
from rules.engine.alarms.deadlines import AlarmDeadlines
from rules.engine.alarms.open_parents import OpenParents, Place, Same, Who
from rules.engine.alarms.place import place_of
from rules.engine.state.fleet import Fleet
from rules.engine.state.thing_table import NEVER
from rules.engine.transitions import AlarmKey, PendingTransition, plan_of

Name = TypeVar("Name")
Again = Callable[[Rule, Thing, int], int]
"""(rule, thing, P) -> when a child that was merged until P is raised of itself, µs."""


@dataclass(slots=True)
class InhibitedAlarm:
    """An alarm that is held or merged: its raise was not emitted. `made`: the raise, `change`: its newest level change.

    `at` event time of the raise to come; `due` engine time when it is decided; `parent` while merged (then no `due`);
    `again`: it was merged before; `note` µs: event time of a MERGED note that waits for its parent.
    """

    made: PendingTransition
    at: int
    due: int
    place: Place
    change: PendingTransition | None = None
    parent: AlarmKey | None = None
    again: bool = False
    note: int | None = None

    @property
    def newest(self) -> PendingTransition:
        """With the level of now."""
        return self.change or self.made


class Inhibitor:
    """Children by alarm; those that are held by the place where a parent may appear, merged ones by their parent."""

    def __init__(self, world: Fleet, again: Again) -> None:
        self.world, self.again = world, again
        self.rules: dict[str, Rule] = {}
        self.parents = OpenParents(world)
        self.children: dict[str, dict[Who, InhibitedAlarm]] = {}
        self.timers = AlarmDeadlines()
        self._held: dict[tuple[str, Same, Place], dict[AlarmKey, None]] = {}
        self._merged: dict[AlarmKey, dict[AlarmKey, None]] = {}
        self._circular: frozenset[str] | None = None

    # --- rules
    def rule_changed(self, rule: Rule) -> tuple[list[InhibitedAlarm], bool]:
        """A rule, or its new revision, is in force: (children to be decided anew, are its parent's alarms unknown?)."""
        old = self.rules.get(rule.id)
        before = old.inhibit if old is not None else None
        displaced, fresh = [], False
        if before != rule.inhibit:
            displaced = self.forget(rule.id)
            self._circular = None
            if rule.inhibit is not None:
                fresh = self.parents.use(rule.inhibit.by, rule.inhibit.same)
                if rule.inhibit.by in self.rules:
                    self.parents.fit(self.rules[rule.inhibit.by], rule.inhibit.same)
            if before is not None:
                self.parents.unuse(before.by, before.same)
        self.rules[rule.id] = rule
        if old is not None and (old.revision, old.source) != (rule.revision, rule.source):
            for child in [*displaced, *self.children.get(rule.id, {}).values()]:
                child.made = replace(child.made, rule=rule, plan=plan_of(rule))
                child.change = child.change and replace(child.change, rule=rule, plan=plan_of(rule))
        return displaced, fresh

    def rule_gone(self, rule: str) -> list[AlarmKey]:
        """A rule is no longer in force: its children are forgotten. Returns its alarms that were parents until now."""
        old = self.rules.pop(rule, None)
        if old is None:
            return []
        self.forget(rule)
        if old.inhibit is not None:
            self._circular = None
            self.parents.unuse(old.inhibit.by, old.inhibit.same)
        return self.parents.drop(rule)

    def forget(self, rule: str) -> list[InhibitedAlarm]:
        """Forget all children of a rule: those there were."""
        return [child for who in list(self.children.get(rule, ())) if (child := self._pop((rule, *who))) is not None]

    def _inhibit(self, rule: Rule) -> Inhibit | None:
        if self._circular is None:
            self._circular = frozenset(_circles({r.id: r.inhibit.by for r in self.rules.values() if r.inhibit}))
        return None if rule.id in self._circular else rule.inhibit

    def _serves(self, rule: Rule) -> bool:
        """True if the parent of this rule is in force, and live when the rule is."""
        parent = self.rules.get(rule.inhibit.by) if rule.inhibit is not None else None
        return parent is not None and (parent.mode == "live" or rule.mode != "live")

    def step_back(self, to: int) -> None:
        """The clock was set back to `to` µs: nothing was raised later, and nothing waits longer for that."""
        self.parents.step_back(to)
        for rule, children in self.children.items():
            for who, child in children.items():
                ahead = max(0, child.at - to)
                child.at, child.note = child.at - ahead, None if child.note is None else min(child.note, to)
                child.made = replace(child.made, at=min(child.made.at, to))
                child.change = child.change and replace(child.change, at=min(child.change.at, to))
                if child.parent is None and ahead:
                    child.due -= ahead
                    self.timers.set((rule, *who), child.due)

    # --- changes of conditions
    def apply(self, made: PendingTransition) -> list[PendingTransition]:
        """The transitions that this change makes now: itself, none, or first the raise that was held."""
        if made.change is Change.RAISED:
            self._pop(made.key)
            return self.hold(made, made.at)
        child = self.children.get(made.rule.id, {}).get(made.key[1:])
        if child is None:
            return [made]
        if made.change in (Change.CLEARED, Change.WITHDRAWN):
            self._pop(made.key)
            outlived = child.parent is None and made.change is Change.CLEARED and made.at > child.due
            return [*_raise_of(child), made] if outlived else []
        child.change = made if made.level != child.made.level else None
        return []

    def hold(self, made: PendingTransition, at: int, *, again: bool = False) -> list[PendingTransition]:
        """A raise as of `at` µs: emitted when nothing inhibits it, merged into a parent that is on, else held."""
        inhibit = self._inhibit(made.rule)
        place = None if inhibit is None else place_of(self.world, made.rule, made.thing, inhibit.same)
        if inhibit is None or place is None:
            return [replace(made, at=at) if again else made, *self._notes(made.key)]
        child = InhibitedAlarm(made, at, 0, place, again=again)
        self.children.setdefault(made.rule.id, {})[made.key[1:]] = child
        return self._decide(made.key, child, inhibit, at)

    def _decide(self, key: AlarmKey, child: InhibitedAlarm, inhibit: Inhibit, noted: int) -> list[PendingTransition]:
        """Into a parent that is on (the note is of `noted` µs), else it is held."""
        rule = child.made.rule
        latest = child.at + inhibit.settle
        if self._serves(rule):
            parent = self.parents.find(inhibit.by, inhibit.same, child.place, latest)
            if parent is not None:
                return self._merge(key, child, parent, noted)
        by = self.rules.get(inhibit.by)
        child.due = latest + (by.lateness if by is not None else 0)
        self.timers.set(key, child.due)
        self._held.setdefault((inhibit.by, inhibit.same, child.place), {})[key] = None
        return []

    def release_due(self, now: int) -> list[PendingTransition]:
        """Held raises whose time has come."""
        found = []
        for key in self.timers.pop_due(now):
            child = self._pop(key)
            if child is not None:
                found += [*_raise_of(child), *self._notes(key)]
        return found

    # --- changes of parents
    def parent_changed(self, made: PendingTransition) -> list[PendingTransition]:
        """The condition of a rule that others are inhibited by changed: notes of children that merge."""
        self.parents.note(made)
        if made.change is Change.RAISED:
            return list(self._gather(made))
        if made.change in (Change.CLEARED, Change.WITHDRAWN):
            return list(self.release(made.key, made.at, withdrawn=made.change is Change.WITHDRAWN))
        return []

    def _gather(self, made: PendingTransition) -> Iterator[PendingTransition]:
        for same, place in self.parents.places(made.key):
            for key in list(self._held.get((made.rule.id, same, place), ())):
                child = self.children[key[0]][key[1:]]
                inhibit = child.made.rule.inhibit
                if inhibit is not None and made.at <= child.at + inhibit.settle and self._serves(child.made.rule):
                    at = min(child.at, made.at) if child.again else child.at
                    yield from self._merge(key, child, made.key, at)

    def release(self, parent: AlarmKey, at: int, *, withdrawn: bool) -> Iterator[PendingTransition]:
        """The episode of `parent` ended at `at` µs: its children are decided again."""
        for key in self._merged.pop(parent, {}):
            child = self.children[key[0]][key[1:]]
            inhibit = child.made.rule.inhibit
            assert inhibit is not None, "a rule without `inhibit` has no children here"
            child.parent, child.note = None, None
            if withdrawn:  # it never was
                child.at, child.again = child.made.at, False
            else:
                child.at = max(child.made.at, self.again(child.made.rule, child.made.thing, at))
                child.again = True
            yield from self._decide(key, child, inhibit, max(child.made.at, at))

    # --- help
    def _merge(self, key: AlarmKey, child: InhibitedAlarm, parent: AlarmKey, at: int) -> list[PendingTransition]:
        """Part of `parent` from now on: the note of it, and of what waited for it; none while the parent is unknown."""
        self._unhold(key, child)
        child.parent, child.due, child.note = parent, NEVER, at
        self._merged.setdefault(parent, {})[key] = None
        return [] if self._unknown(parent) else [self._noted(child, parent), *self._notes(key)]

    def _noted(self, child: InhibitedAlarm, parent: AlarmKey) -> PendingTransition:
        above = list(self._above(parent))
        behind = max(map(self.parents.since, above)), len(above)
        at, child.note = child.note, None
        assert at is not None, "asked only for a note that waits"
        return replace(child.newest, change=Change.MERGED, at=at, parent=Parent(*parent), reason="", behind=behind)

    def _unknown(self, alarm: AlarmKey) -> bool:
        """True if it waits itself, or for the note of it."""
        child = self.children.get(alarm[0], {}).get(alarm[1:])
        return child is not None and (child.parent is None or child.note is not None)

    def _notes(self, parent: AlarmKey) -> Iterator[PendingTransition]:
        """`parent` is known now: the notes of its children that waited, and of theirs."""
        for key in list(self._merged.get(parent, ())):
            child = self.children[key[0]][key[1:]]
            if child.note is not None:
                yield self._noted(child, parent)
                yield from self._notes(key)

    def _above(self, parent: AlarmKey) -> Iterator[AlarmKey]:
        """A parent, what it is merged into itself, and so on."""
        yield parent
        while (child := self.children.get(parent[0], {}).get(parent[1:])) is not None and child.parent is not None:
            parent = child.parent
            yield parent

    def _unhold(self, key: AlarmKey, child: InhibitedAlarm) -> None:
        self.timers.drop(key)
        inhibit = child.made.rule.inhibit
        if inhibit is not None:
            _remove(self._held, (inhibit.by, inhibit.same, child.place), key)

    def _pop(self, key: AlarmKey) -> InhibitedAlarm | None:
        children = self.children.get(key[0], {})
        child = children.pop(key[1:], None)
        if child is None:
            return None
        if not children:
            del self.children[key[0]]
        if child.parent is not None:
            _remove(self._merged, child.parent, key)
        else:
            self._unhold(key, child)
        return child

    def load(self, child: InhibitedAlarm) -> None:
        """Put back a child of a snapshot."""
        key, inhibit = child.made.key, child.made.rule.inhibit
        self.children.setdefault(key[0], {})[key[1:]] = child
        if child.parent is not None:
            self._merged.setdefault(child.parent, {})[key] = None
        elif inhibit is not None:
            self.timers.set(key, child.due)
            self._held.setdefault((inhibit.by, inhibit.same, child.place), {})[key] = None


def _raise_of(child: InhibitedAlarm) -> list[PendingTransition]:
    """A held raise as it is emitted: as of T with what was seen then, or, decided again, with the level of now."""
    if child.again:
        return [replace(child.newest, change=Change.RAISED, at=child.at, reason="")]
    if child.change is None:
        return [child.made]
    up = child.change.level > child.made.level
    return [child.made, replace(child.change, change=Change.LEVEL_UP if up else Change.LEVEL_DOWN)]


def _remove(index: dict[Name, dict[AlarmKey, None]], name: Name, key: AlarmKey) -> None:
    bucket = index.get(name)
    if bucket is not None:
        bucket.pop(key, None)
        if not bucket:
            del index[name]


def _circles(by: dict[str, str]) -> Iterable[str]:
    """Rules that inhibit themselves, through others or not: none of them would ever be reported."""
    for start in by:
        seen, rule = set(), start
        while rule in by and rule not in seen:
            seen.add(rule)
            rule = by[rule]
        if rule == start and start in seen:
            yield start

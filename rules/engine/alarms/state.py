"""The state of the alarm pipeline as values for the snapshot, and back."""

from collections import deque
from typing import Any

from msgspec import Struct

from gateway.domain.alarm import AlarmPlan, Level, Thing
from gateway.domain.record import PolicySet
from rules.compiled import Rule
from rules.engine.alarms.flapping import FlapFilter, FlappingAlarm
from rules.engine.alarms.inhibition import InhibitedAlarm, Inhibitor
from rules.engine.alarms.quiet_and_limits import Policies
from rules.engine.transitions import AlarmKey, ConditionChange, PendingTransition, plan_of

Pairs = dict[str, list[tuple[int, int]]]


class KeptTransition(ConditionChange, frozen=True, kw_only=True):
    """A PendingTransition: its rule by id, its plan only when it is not the rule's as written."""

    rule: str
    plan: AlarmPlan | None


class KeptInhibited(Struct, frozen=True, array_like=True):
    """A Child."""

    made: KeptTransition
    at: int
    due: int
    place: tuple[str, ...]
    change: KeptTransition | None
    parent: AlarmKey | None
    again: bool
    note: int | None = None


class KeptOpenParent(Struct, frozen=True, array_like=True):
    """An open alarm of a parent."""

    rule: str
    thing: Thing
    identity: tuple[str, ...]
    at: int
    places: list[tuple[tuple[str, ...], tuple[str, ...]]]


class KeptFlapping(Struct, frozen=True, array_like=True):
    """A Flapping alarm."""

    rule: str
    thing: Thing
    identity: tuple[str, ...]
    times: list[int]
    count: int
    on: bool
    level: Level
    last: int
    end: KeptTransition | None


class PipelineState(Struct, frozen=True):
    """All of it."""

    now: int
    policy: PolicySet | None
    parents: list[KeptOpenParent]
    children: list[KeptInhibited]
    flaps: list[KeptFlapping]
    alarms: Pairs
    orders: Pairs


def state_of(policies: Policies, inhibitor: Inhibitor, flaps: FlapFilter, now: int) -> PipelineState | None:
    """None when there is nothing to keep."""
    state = PipelineState(
        now,
        policies.fact,
        [
            KeptOpenParent(rule, thing, identity, alarm.at, list(alarm.places.items()))
            for rule, alarms in inhibitor.parents.open.items()
            for (thing, identity), alarm in alarms.items()
        ],
        [
            KeptInhibited(kept_transition(c.made), c.at, c.due, c.place, _kept_or(c.change), c.parent, c.again, c.note)
            for children in inhibitor.children.values()
            for c in children.values()
        ],
        [
            KeptFlapping(rule, thing, identity, a.times, a.count, a.on, a.level, a.last, _kept_or(a.end))
            for rule, alarms in flaps.alarms.items()
            for (thing, identity), a in alarms.items()
        ],
        {name: list(spent) for name, spent in policies.alarms.spent.items()},
        {name: list(spent) for name, spent in policies.orders.spent.items()},
    )
    idle = state == PipelineState(now, None, [], [], [], {}, {})
    return None if idle else state


def load(state: PipelineState, policies: Policies, inhibitor: Inhibitor, flaps: FlapFilter) -> int:
    """Fill an empty pipeline whose rules are installed; returns engine time, µs."""
    if state.policy is not None:
        policies.set(state.policy)
    policies.alarms.spent = {name: deque(spent) for name, spent in state.alarms.items()}
    policies.orders.spent = {name: deque(spent) for name, spent in state.orders.items()}
    for parent in state.parents:
        inhibitor.parents.load(parent.rule, (parent.thing, parent.identity), parent.at, parent.places)
    rules = inhibitor.rules
    for child in state.children:
        made = pending_transition(child.made, rules[child.made.rule])
        change = pending_transition(child.change, made.rule) if child.change is not None else None
        inhibitor.load(
            InhibitedAlarm(made, child.at, child.due, child.place, change, child.parent, child.again, child.note)
        )
    for flap in state.flaps:
        written = rules[flap.rule].flap
        assert written is not None, "an edit that takes `flap` away forgets the rule's alarms"
        end = pending_transition(flap.end, rules[flap.rule]) if flap.end is not None else None
        alarm = FlappingAlarm(flap.times, flap.count, flap.on, flap.level, flap.last, end)
        flaps.load((flap.rule, flap.thing, flap.identity), alarm, written)
    return state.now


def kept_transition(made: PendingTransition) -> KeptTransition:
    """A change as it is kept."""
    plan = None if made.plan == plan_of(made.rule) else made.plan
    return KeptTransition(**_change_of(made), rule=made.rule.id, plan=plan)


def _kept_or(made: PendingTransition | None) -> KeptTransition | None:
    return None if made is None else kept_transition(made)


def pending_transition(kept: KeptTransition, rule: Rule) -> PendingTransition:
    """The inverse of `kept_transition`."""
    return PendingTransition(**_change_of(kept), rule=rule, plan=kept.plan or plan_of(rule))


def _change_of(made: ConditionChange) -> dict[str, Any]:
    return {name: getattr(made, name) for name in ConditionChange.__struct_fields__}

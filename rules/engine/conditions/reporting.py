"""What a runner says of a change: the transition with its evidence, its plan, and whether it is its hour."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from gateway.domain.alarm import AlarmPlan, Change, Evidence, Level, ReadingSeen, SignalSeen
from gateway.domain.device import Device
from gateway.domain.reading import F64, Flag
from rules.compiled import Rule
from rules.engine.alarms import AlarmPipeline
from rules.engine.binding.bound_expression import BoundExpression, SlotSource, reading_seen
from rules.engine.binding.text_value import TextValue
from rules.engine.frames.batch_view import BatchView, Latest, Reader, UnitsAt, UnitsBefore, held
from rules.engine.peers.peer_columns import Peers
from rules.engine.state.active_hours import ActiveHours
from rules.engine.state.completions import Completions
from rules.engine.state.downtime import Downtimes
from rules.engine.state.fleet import Fleet
from rules.engine.state.reevaluations import Reevaluations
from rules.engine.state.thing_table import ThingTable
from rules.engine.state.watch_scope import WatchScopes
from rules.engine.transitions import Emitter, PendingTransition, plan_of
from rules.engine.windows import NoSignals, SignalSet
from rules.engine.windows.counter_glitches import Glitches

Observe = Callable[[str, tuple[int, int], str, float, int, int, float], None]
"""A closed window: (rule, (device, component), signal, value, start µs, end µs, coverage)."""
OPENS = frozenset({Change.RAISED, Change.LEVEL_UP, Change.LEVEL_DOWN})


@dataclass(slots=True)
class EngineContext:
    """What all runners of an engine share. `scalar` = judge by the scalar back end, the reference; `spoke`: when any
    member of a group spoke last, µs (None: things speak for themselves); `unsure`: until when a member of it may still
    turn out to have spoken before a moment that has passed at engine time, both µs.
    """

    emitter: Emitter
    world: Fleet = field(default_factory=Fleet)
    downs: Downtimes = field(default_factory=Downtimes)
    reevaluations: Reevaluations = field(default_factory=Reevaluations)
    glitches: Glitches = field(default_factory=Glitches)
    completions: Completions = field(default_factory=Completions)
    scalar: bool = False
    observe: Observe | None = None
    spoke: Callable[[int], int] | None = None
    unsure: Callable[[int, int], int] | None = None
    after: AlarmPipeline = field(init=False)
    scopes: WatchScopes = field(init=False)

    def __post_init__(self) -> None:
        self.after = AlarmPipeline(self.emitter, self.world)
        self.scopes = WatchScopes(self.world)


class Speaker:
    """One rule on one space, as far as talking goes.

    `decided`: thing -> µs of the newest change that a tick or a fact decided, until a newer reading comes.
    """

    def __init__(self, rule: Rule, zone: str, space: ThingTable, common: EngineContext) -> None:
        self.rule, self.zone, self.space, self.common = rule, zone, space, common
        self.plan = plan_of(rule)
        self.columns: tuple[int, ...] = tuple(space.column(name) for name in rule.points)
        self.windows = SignalSet(rule, zone, space, common) if rule.signals else None
        self.peers: Peers | None = None
        self.signal: SlotSource = self.source()
        self.schedule = None if rule.active is None else ActiveHours(rule.active)
        skill = None if rule.order is None else rule.order.skill_of
        self.skill = None if skill is None else TextValue(skill, space, common.world, self.signal)
        self.decided: dict[int, int] = {}
        self._every: dict[tuple[int, tuple[int, ...]], int] = {}
        self._version = -1

    def place(self, things: Sequence[int], watched: NDArray[np.bool_]) -> None:
        """Attributes of these things changed: those that are compared with others find them anew."""
        if self.peers is not None:
            self.peers.regroup(things, watched)

    def source(self) -> SlotSource:
        """Who answers for signals."""
        return self.windows if self.windows is not None else NoSignals(self.zone)

    # --- about its things
    def device(self, thing: int) -> Device | None:
        """The device of a row; None for a group."""
        return self.common.world.devices.get(self.space.things[thing].device)

    def local(self, thing: int) -> str:
        """The name of its time zone; a group is where its site is, if it is one."""
        world, device, place = self.common.world, self.device(thing), self.space.things[thing]
        if device is not None:
            return world.zone(device, self.zone)
        site = world.sites.get(place.group) if self.rule.watch.group == "site" else None
        return site.timezone if site is not None and site.timezone else self.zone or "UTC"

    def every(self, thing: int, columns: tuple[int, ...]) -> int:
        """The longest promised interval of these points, µs; 0 when none is promised."""
        world = self.common.world
        if self._version != world.version:
            self._every, self._version = {}, world.version
        key = (int(self.space.profile[thing]), columns)
        if key not in self._every:
            device = self.device(thing)
            specs = [world.spec(device.profile, self.space.names[column]) for column in columns] if device else []
            self._every[key] = max((spec.every for spec in specs if spec is not None), default=0)
        return self._every[key]

    def one(self, thing: int, at: int, view: BatchView | None, unit: int, *, before: bool = False) -> Reader:
        """A single thing: as of a unit, just before it, or as the space holds it."""
        if view is None:
            return Latest(self.space, np.array([thing]), at)
        units = np.array([unit])
        return UnitsBefore(view, units, at) if before else UnitsAt(view, units)

    def truth(self, bound: BoundExpression, reader: Reader) -> F64:
        """One truth value per item, by the back end in use."""
        return bound.scalar(reader) if self.common.scalar else bound.vector(reader)

    # --- decisions without a reading
    def decide_without(self, thing: int, at: int) -> None:
        """A tick or a fact decided about the thing, as of `at` µs, with the readings there were."""
        self.decided[thing] = max(at, self.decided.get(thing, at))

    def take_decided(self, thing: int, other: "Speaker", row: int) -> None:
        """The thing is row `row` of the same rule in another engine."""
        self.decided.pop(thing, None)
        if row in other.decided:
            self.decided[thing] = other.decided[row]

    def overtaken(self, thing: int, t: int, *, moment: bool = False) -> bool:
        """Is a reading of the thing at `t` µs no newer than what was decided without it? Of a `moment`: is it older?

        Then the rule is not judged by it here: a second look at the past decides, with all readings in order (RULES 5).
        """
        until = self.decided.get(thing)
        if until is None:
            return False
        if moment:
            return t < until
        if t > until:
            del self.decided[thing]
            return False
        self.reevaluate(thing, t)
        return True

    def reevaluate(self, thing: int, since: int) -> None:
        """What this rule decided about the thing at or after `since` µs has to be decided again."""
        place = self.space.things[thing]
        subject = place.device if place.device > 0 else (self.rule.id, place.group)
        self.common.reevaluations.add(subject, self.rule.id, since)

    def reevaluate_later(self, thing: int, since: int, until: int) -> None:
        """The same of a thing that is compared with others, once engine time is `until` µs."""
        self.common.reevaluations.add_later(self.space.things[thing].device, self.rule.id, since, until)

    def reevaluate_soon(self, thing: int, since: int) -> None:
        """The same of a thing alone that is compared with others, not more often than once a minute."""
        self.common.reevaluations.add_soon(self.space.things[thing].device, self.rule.id, since)

    # --- saying it
    def emit(
        self,
        thing: int,
        at: int,
        change: Change,
        level: int,
        bound: BoundExpression | None,
        view: BatchView | None,
        unit: int,
        *,
        before: bool = False,
        reason: str = "",
        text: str = "",
        count: int = 1,
    ) -> None:
        """Hand a transition over, with what was seen: as of `unit` of `view`, just `before` it, or as held."""
        if view is None:
            self.decide_without(thing, at)
        flags = int(view.flags[unit]) if view is not None else int(self.space.flags[thing])
        evidence = Evidence(
            bound.expression.text if bound is not None else text,
            self.readings(thing, view, unit, before=before),
            self.signals_seen(thing, at, view, unit, before=before),
            bound.thresholds(thing) if bound is not None else (),
        )
        plan = self.plan if self.skill is None or change not in OPENS else self._skilled(thing, at, view, unit, before)
        self.common.emitter.add(
            PendingTransition(
                at, self.rule, plan, self.space.things[thing], change, Level(level), evidence, reason,
                bool(flags & Flag.IMPORTED), bool(flags & Flag.CLOCK_SUSPECT), self.identity(thing), count=count,
                muted=self.schedule is not None and not self.schedule.inside(self.local(thing), at),
            )
        )  # fmt: skip

    def identity(self, thing: int) -> tuple[str, ...]:  # noqa: ARG002 - most alarms need no more than their thing
        """What the alarm key holds besides the thing."""
        return ()

    def _skilled(self, thing: int, at: int, view: BatchView | None, unit: int, before: bool) -> AlarmPlan:
        """The plan with its skill as of now; what the rule says when it is unknown: an order is never held back."""
        assert self.skill is not None, "asked only when there is one"
        skill = self.skill.read(self.one(thing, at, view, unit, before=before))
        order = self.plan.order
        return self.plan if skill is None or order is None else replace(self.plan, order=replace(order, skill=skill))

    def readings(self, thing: int, view: BatchView | None, unit: int, *, before: bool) -> tuple[ReadingSeen, ...]:
        """The newest readings of the points the rule reads."""
        device, component = self.device(thing), self.space.things[thing].component
        if device is None:
            return ()
        found = []
        for column in self.columns:
            seen = held(self.space, column, thing) if view is None else view.seen(column, unit, before=before)
            if seen is not None:
                found.append(reading_seen(self.common.world, device.profile, self.space.names[column], component, seen))
        return tuple(found)

    def signals_seen(
        self, thing: int, at: int, view: BatchView | None, unit: int, *, before: bool
    ) -> tuple[SignalSeen, ...]:
        """The signals of the rule, for evidence."""
        own = self.windows.seen(thing, at, view, unit, before=before) if self.windows is not None else ()
        return own if self.peers is None else (*own, *self.peers.seen(thing, view, unit, before=before))

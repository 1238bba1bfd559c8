"""What the evaluators of an engine share, and what the pieces of one evaluator share."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from gateway.domain.device import Device
from gateway.domain.reading import F64
from rules.compiled import Expression, Rule
from rules.engine.alarms import AlarmPipeline
from rules.engine.binding.bound_expression import BoundExpression, SlotSource
from rules.engine.conditions.decided import Decided
from rules.engine.conditions.openings import Openings
from rules.engine.conditions.rule_downtime import RuleDowntime
from rules.engine.frames.batch_view import Bools, Reader
from rules.engine.peers.peer_columns import Peers
from rules.engine.state.completions import Completions
from rules.engine.state.downtime import Downtimes
from rules.engine.state.field import Field
from rules.engine.state.fleet import Fleet
from rules.engine.state.reevaluations import Reevaluations
from rules.engine.state.thing_table import NEVER, ThingTable
from rules.engine.state.watch_scope import WatchScopes
from rules.engine.transitions import Emitter, PendingTransition
from rules.engine.windows import NoSignals, SignalSet
from rules.engine.windows.counter_glitches import Glitches

Observe = Callable[[str, tuple[int, int], str, float, int, int, float], None]
"""A closed window: (rule, (device, component), signal, value, start µs, end µs, coverage)."""
Completed = Callable[[PendingTransition], PendingTransition] | None
"""Completes transitions with what only the owner of a table has; None = nothing is added."""
NO_ROOM: Bools = np.zeros(0, np.bool_)


@dataclass(slots=True)
class EngineContext:
    """What all evaluators of an engine share."""

    emitter: Emitter
    world: Fleet = field(default_factory=Fleet)
    downs: Downtimes = field(default_factory=Downtimes)
    reevaluations: Reevaluations = field(default_factory=Reevaluations)
    glitches: Glitches = field(default_factory=Glitches)
    completions: Completions = field(default_factory=Completions)
    observe: Observe | None = None
    after: AlarmPipeline = field(init=False)
    scopes: WatchScopes = field(init=False)

    def __post_init__(self) -> None:
        self.after = AlarmPipeline(self.emitter, self.world)
        self.scopes = WatchScopes(self.world)


class EvaluatorContext:
    """One rule on one table of things: what all pieces of its evaluator share.

    `watched` bool[capacity], shared by rules that watch the same, never written to; `soonest` µs: no timer of it is due
    earlier. `columns` are the points the rule reads. `whole`: the context of the rule whose texts are evaluated apart
    (`identity`), which has the signals; else this one. `world`: what is known of its things; `complete`: what
    is added to its transitions.
    """

    def __init__(
        self,
        rule: Rule,
        zone: str,
        space: ThingTable,
        common: EngineContext,
        whole: "EvaluatorContext | None" = None,
        *,
        field: Field | None = None,
        complete: Completed = None,
    ) -> None:
        self.rule, self.zone, self.space, self.common = rule, zone, space, common
        self.whole = self if whole is None else whole
        self.world: Field = (common.world if field is None else field) if whole is None else whole.world
        self.complete: Completed = complete if whole is None else whole.complete
        self.observe, self.glitches = common.observe, common.glitches
        self.columns: tuple[int, ...] = tuple(space.column(name) for name in rule.points)
        self.windows = SignalSet(rule, zone, space, self) if rule.signals else None
        own: SlotSource = self.windows if self.windows is not None else NoSignals(zone)
        self.signal: SlotSource = own if whole is None else whole.signal
        self.peers: Peers | None = None
        self.decided = Decided(rule.id, space, common.reevaluations)
        self.hours = None if rule.active is None else Openings(rule.active, space, self.local)
        self.downtime = RuleDowntime(rule, space, common.downs, self.world, self.every)
        self.watched: Bools = NO_ROOM
        self.soonest = NEVER
        self._every: dict[tuple[int, tuple[int, ...]], int] = {}
        self._version = -1
        if whole is not None:
            self.decided.until = whole.decided.until

    # --- about its things
    def device(self, thing: int) -> Device | None:
        """The device of a row; None for a group."""
        return self.world.devices.get(self.space.things[thing].device)

    def local(self, thing: int) -> str:
        """The name of its time zone; a group is where its site is, if it is one."""
        world, device, place = self.world, self.device(thing), self.space.things[thing]
        if device is not None:
            return world.zone(device, self.zone)
        site = world.sites.get(place.group) if self.rule.watch.group == "site" else None
        return site.timezone if site is not None and site.timezone else self.zone or "UTC"

    def every(self, thing: int, columns: tuple[int, ...]) -> int:
        """The longest promised interval of these points, µs; 0 when none is promised."""
        world = self.world
        if self._version != world.version:
            self._every, self._version = {}, world.version
        key = (int(self.space.profile[thing]), columns)
        if key not in self._every:
            device = self.device(thing)
            specs = [world.spec(device.profile, self.space.names[column]) for column in columns] if device else []
            self._every[key] = max((spec.every for spec in specs if spec is not None), default=0)
        return self._every[key]

    # --- expressions
    def bind(self, expression: Expression) -> BoundExpression:
        """An expression on the table of the rule."""
        return BoundExpression(expression, self.space, self.world, self.signal)

    def bind_if(self, expression: Expression | None) -> BoundExpression | None:
        """The same; None for none."""
        return None if expression is None else self.bind(expression)

    def truth(self, bound: BoundExpression, reader: Reader) -> F64:
        """One truth value per item: 1.0, 0.0, NaN unknown."""
        return bound.vector(reader)

    def off_hours(self, thing: int, t: int) -> bool:
        """True if `t` is outside the rule's `active`."""
        return self.hours is not None and not self.hours.inside(thing, t)

    def reopenings(self, now: int) -> Iterator[tuple[int, int]]:
        """(thing, opening) of all whose hours began by engine time `now` µs and that were not judged since."""
        return iter(()) if self.hours is None else self.hours.reopenings(self.watched, now)

    def timer(self, due: int) -> None:
        """Something is due at `due` µs."""
        self.soonest = min(self.soonest, due)


def columns_of(bounds: Sequence[BoundExpression | None]) -> tuple[int, ...]:
    """The columns that any of these expressions reads, each once."""
    return tuple(dict.fromkeys(column for bound in bounds if bound is not None for column in bound.columns))

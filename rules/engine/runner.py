"""One rule on one space: what levels, silence and streaks have in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.alarm import Change, Evidence, Level, ReadingSeen, SignalSeen
from gateway.domain.device import Life
from gateway.domain.reading import F64, Flag
from rules.compiled import Rule, Slot
from rules.engine.after import After
from rules.engine.bound import Bound, reading_seen
from rules.engine.downs import Downs
from rules.engine.emit import Emitter, Made, plan_of
from rules.engine.space import NEVER, Space, widened
from rules.engine.view import Reader, View, held
from rules.engine.windows import Windows
from rules.engine.world import World

Observe = Callable[[str, tuple[int, int], str, float, int, int, float], None]
"""A closed window: (rule, (device, component), signal, value, start µs, end µs, coverage)."""


@dataclass(slots=True)
class Field:
    """What all runners of an engine share. `scalar` = judge by the scalar back end, the reference."""

    emitter: Emitter
    world: World = field(default_factory=World)
    downs: Downs = field(default_factory=Downs)
    scalar: bool = False
    observe: Observe | None = None
    after: After = field(init=False)

    def __post_init__(self) -> None:
        self.after = After(self.emitter, self.world)


class Runner(ABC):
    """Base of the three kinds. A subclass keeps its state in arrays whose last axis is the row of the thing."""

    arrays: tuple[tuple[str, float], ...] = ()

    def __init__(self, rule: Rule, zone: str, space: Space, common: Field) -> None:
        self.rule, self.zone, self.space, self.common = rule, zone, space, common
        self.plan = plan_of(rule)
        self.watched: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.soonest = NEVER
        self.columns: tuple[int, ...] = tuple(space.column(name) for name in rule.points)
        self.windows = Windows(rule, zone, space, common.world, common.observe) if rule.signals else None
        self._every: dict[tuple[int, int], int] = {}

    # --- which things
    def covers(self, thing: int) -> bool:
        """Is this row one of the rule's things? Retired devices are nobody's."""
        place = self.space.things[thing]
        device = self.common.world.devices[place.device]
        watch = self.rule.watch
        if device.life is Life.RETIRED or device.kind != self.space.kind or place.component > device.components:
            return False
        if (place.component > 0) != (watch.each and device.components > 0):
            return False
        return watch.where is None or watch.where(self.common.world.facts(device)) is True

    def grow(self) -> None:
        """Make room for the rows of the space."""
        if len(self.watched) == self.space.capacity:
            return
        self.watched = widened(self.watched, self.space.capacity, 0)
        for name, fill in self.arrays:
            setattr(self, name, widened(getattr(self, name), self.space.capacity, fill))
        if self.windows is not None:
            self.windows.grow()

    def refresh(self, things: Sequence[int], at: int, reason: str) -> None:
        """Attributes or membership of these rows changed at `at` µs; those that left end with `reason`."""
        self.grow()
        for bound in self.bounds():
            bound.refresh(things)
        for thing in things:
            inside = self.covers(thing)
            if self.watched[thing] and not inside:
                self.end(thing, at, reason)
            self.watched[thing] = inside

    @abstractmethod
    def bounds(self) -> Sequence[Bound]:
        """Its expressions."""

    # --- what a subclass does
    @abstractmethod
    def frames(self, view: View) -> None:
        """Judge the units of a view."""

    @abstractmethod
    def tick(self, now: int) -> None:
        """Engine time is `now`: fire what is due."""

    @abstractmethod
    def revalue(self, things: Sequence[int], at: int) -> None:
        """Judge the newest values again: a threshold changed at `at` µs."""

    @abstractmethod
    def end(self, thing: int, at: int, reason: str) -> None:
        """Forget the thing; an open alarm is cleared with `reason`."""

    def unlatch(self, thing: int, at: int) -> None:  # noqa: B027 - most kinds have nothing to do
        """The desk lets a latched alarm clear. Only levels latch."""

    def closed(self, thing: int, at: int) -> None:  # noqa: B027 - only some forms end by a fact
        """A person closed the work order of this thing's episode."""

    def cycle(self, thing: int, reading: float, at: int) -> None:  # noqa: B027 - only `every` counts cycles
        """A maintenance cycle of this thing was completed at counter `reading` (canonical unit)."""

    def adopt(self, old: "Runner") -> None:
        """Take over the whole state of `old`, a runner of the same shape."""
        self.grow()
        self.watched, self.soonest = old.watched, old.soonest
        for name, _ in self.arrays:
            setattr(self, name, getattr(old, name))
        if self.windows is not None and old.windows is not None:
            self.windows.adopt(old.windows)

    def kept_windows(self, new: "Runner") -> dict[str, NDArray[Any]] | None:
        """The running windows, when the next generation has the same watch, signals and zone."""
        same = (self.rule.watch, self.rule.signals, self.zone) == (new.rule.watch, new.rule.signals, new.zone)
        if not same or self.windows is None:
            return None
        return {name: table.copy() for name, table in self.windows.state().items()}

    def load_windows(self, kept: dict[str, NDArray[Any]]) -> None:
        """Go on with the windows of the generation before."""
        self.grow()
        if self.windows is not None:
            self.windows.load(kept)

    def next_due(self) -> int:
        """The earliest timer, µs; NEVER when there is none."""
        return self.soonest

    # --- help
    def every(self, thing: int, columns: Sequence[int]) -> int:
        """The longest promised interval of these points, µs; 0 when none is promised."""
        world = self.common.world
        number = int(self.space.profile[thing])
        key = (number, hash(columns) if isinstance(columns, tuple) else -1)
        if self._every.get((-1, -1)) != world.version:
            self._every = {(-1, -1): world.version}
        if key not in self._every:
            profile = self.common.world.devices[self.space.things[thing].device].profile
            specs = [world.spec(profile, self.space.names[column]) for column in columns]
            self._every[key] = max((spec.every for spec in specs if spec is not None), default=0)
        return self._every[key]

    def emit(
        self, thing: int, at: int, change: Change, level: int, bound: Bound | None, view: View | None, unit: int,
        *, before: bool = False, reason: str = "", text: str = "",
    ) -> None:  # fmt: skip
        """Hand a transition over, with what was seen: as of `unit` of `view`, just `before` it, or as held."""
        flags = int(view.flags[unit]) if view is not None else int(self.space.flags[thing])
        evidence = Evidence(
            bound.expression.text if bound is not None else text,
            self._readings(thing, view, unit, before=before),
            self._signals(thing),
            bound.thresholds(thing) if bound is not None else (),
        )
        self.common.emitter.add(
            Made(
                at, self.rule, self.plan, self.space.things[thing], change, Level(level), evidence, reason,
                bool(flags & Flag.IMPORTED), bool(flags & Flag.CLOCK_SUSPECT),
            )
        )  # fmt: skip

    def _readings(self, thing: int, view: View | None, unit: int, *, before: bool) -> tuple[ReadingSeen, ...]:
        profile = self.common.world.devices[self.space.things[thing].device].profile
        component = self.space.things[thing].component
        found = []
        for column in self.columns:
            seen = held(self.space, column, thing) if view is None else view.seen(column, unit, before=before)
            if seen is not None:
                found.append(reading_seen(self.common.world, profile, self.space.names[column], component, seen))
        return tuple(found)

    def _signals(self, thing: int) -> tuple[SignalSeen, ...]:
        return self.windows.seen(thing) if self.windows is not None else ()

    def signal(self, slot: Slot, reader: Reader) -> F64:
        """Value of a SIGNAL or BEFORE slot for every item."""
        assert self.windows is not None, "an expression with a signal belongs to a rule with `let`"
        return self.windows.value(slot, reader)

    # --- snapshot
    def extra(self) -> bytes:
        """State that is no array, encoded; empty = none."""
        return b""

    def load_extra(self, blob: bytes) -> None:  # noqa: B027 - most kinds have none
        """The inverse of `extra`."""

    def state(self) -> dict[str, NDArray[Any]]:
        """All arrays, cut to the rows in use."""
        used = len(self.space)
        held_state = {name: getattr(self, name)[..., :used] for name, _ in self.arrays}
        if self.windows is not None:
            held_state |= {f"windows.{name}": table for name, table in self.windows.state().items()}
        return held_state

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        """The inverse of `state`, after `refresh` of all rows."""
        self.grow()
        for name, _ in self.arrays:
            getattr(self, name)[..., : state[name].shape[-1]] = state[name]
        if self.windows is not None:
            own = {name.removeprefix("windows."): t for name, t in state.items() if name.startswith("windows.")}
            self.windows.load(own)
        self.soonest = -NEVER

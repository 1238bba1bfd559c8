"""Signals alone: a world, one space, the `let` of a rule, and everything that comes out of it."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
from engine_lab import POINTS, T0, S, charger, meter, rule
from numpy.typing import NDArray
from row_by_row import row_by_row, single

from gateway.domain.device import Device, Site
from gateway.domain.engine_status import ReadingCounts
from gateway.domain.reading import Reading, batch_of
from rules.compiled import Rule, Slot, SlotKind
from rules.engine.frames.at import At
from rules.engine.frames.batch_view import BatchView, Latest, Reader, UnitsAt
from rules.engine.frames.frames import Late, views
from rules.engine.state.fleet import Fleet
from rules.engine.windows import SignalSet
from rules.engine.windows.counter_glitches import Glitches


@dataclass
class LintContext:
    """What signals need of the engine."""

    world: Fleet = field(default_factory=Fleet)
    observe: None = None
    glitches: Glitches = field(default_factory=Glitches)


def let(text: str, kind: str = "gas_meter") -> Rule:
    """A rule with one signal `x: {...}`."""
    watch = f"{{kind: {kind}, each: connector}}" if kind == "charger" else f"{{kind: {kind}}}"
    return rule(f'  let: {{x: {text}}}\n  when: "x > 2 * x"', watch)


class SignalLab:
    """Feeds one rule's signals; `now` = (device, seconds, value) at every unit, `closed` = the same at window ends."""

    def __init__(
        self,
        one: Rule,
        devices: Iterable[Device] = (),
        sites: Iterable[Site] = (),
        *,
        scalar: bool = False,
        zone: str = "UTC",
    ) -> None:
        self.around, self.scalar = LintContext(), scalar
        self.world, self.rule, self.zone = self.around.world, one, zone
        for site in sites:
            self.world.sites[site.code] = site
        for point in POINTS.values():
            self.world.set_point(point)
        for device in devices or (meter(1),):
            self.world.set_device(device)
        self.space = self.world.space(one.watch.kinds[0])
        self.name = one.signals[0].name
        self.now: list[tuple[int, float, float]] = []
        self.closed: list[tuple[int, float, float]] = []
        self.fresh()

    def fresh(self) -> None:
        """Signals without state."""
        self.signals = SignalSet(self.rule, self.zone, self.space, self.around)
        self.signals.grow()
        self.signals.refresh(range(len(self.space)))

    def restart(self) -> None:
        """Lose the signals and load what they had said of themselves."""
        state = {name: np.array(table) for name, table in self.signals.state().items()}
        self.fresh()
        self.signals.load(state)

    # --- what a runner is to signals
    def judge_units(self, view: BatchView, units: NDArray[np.intp]) -> None:
        found = self.value(UnitsAt(view, units))
        for unit, value in zip(units.tolist(), found.tolist(), strict=True):
            self.now.append((self.space.things[view.thing[unit]].device, (int(view.t[unit]) - T0) / S, value))

    def idle(self, view: BatchView, units: NDArray[np.intp]) -> NDArray[np.bool_]:
        return np.zeros(len(units), np.bool_)

    def window_closed(self, here: At, reader: Reader) -> None:
        self.closed.append((self.space.things[here.thing].device, (here.t - T0) / S, float(self.value(reader)[0])))

    def windows_closed(self, reader: Latest) -> None:
        for thing, end in zip(reader.thing.tolist(), reader.t.tolist(), strict=True):
            self.window_closed(At(thing, end), Latest(self.space, np.array([thing]), end))

    def windows_ended(self, things: Sequence[int], end: int) -> None:
        assert all(self.space.things[thing].device >= 0 for thing in things)

    # --- the script
    def value(self, reader: Reader) -> NDArray[np.float64]:
        """The signal for every item."""
        return self.signals(Slot(SlotKind.SIGNAL, self.name), reader)

    def read(self, *frames: Sequence[Reading]) -> None:
        """One batch."""
        with self.path():
            self._read(*frames)

    def path(self) -> AbstractContextManager[None]:
        """By columns, or the reference."""
        return row_by_row() if self.scalar else nullcontext()

    def _read(self, *frames: Sequence[Reading]) -> None:
        for view in views(self.world, batch_of(frames), ReadingCounts(), Late(0)):
            if view.space is not self.space:
                continue
            parts = [single(view, unit) for unit in range(len(view))] if self.scalar else [view]
            for part in parts:
                inside = np.ones(len(part), np.bool_)
                self.signals.frames(part, inside, inside, self)
                part.commit()
            if self.scalar:
                view.space.newest[view.head] = view.head_t

    def tick(self, at: float) -> None:
        """Engine time is T0 + `at` seconds."""
        with self.path():
            self.signals.close(T0 + round(at * S), self)

    def at(self, at: float, thing: int = 0) -> float:
        """The value between readings, T0 + `at` seconds."""
        with self.path():
            return float(self.value(Latest(self.space, np.array([thing]), T0 + round(at * S)))[0])

    def values(self) -> list[float | None]:
        """What it was worth, unit by unit; None = unknown."""
        return [None if value != value else value for _, _, value in self.now]


__all__ = ["SignalLab", "charger", "let", "meter"]
